"""What a server says is weighed before it is believed: sizes, keys, redirects, certificates, and its silence."""

import re
import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.defs.syncing import sync as sync_one
from pipelines.demo import data
from pipelines.errors import ConfigError, ServerError, TransientError
from pipelines.project import Project, Source, SourceAsset
from pipelines.sources.client import Client, Limits
from pipelines.sources.sync import Wish
from pipelines.store.duck import connect, read_rows
from tests.faults.certificates import Authority
from tests.faults.hostile import (
    Exchange,
    Fault,
    Hostile,
    Reply,
    always,
    answer,
    dripping,
    gzip_bomb,
    redirect,
    rewritten,
)
from tests.faults.world import FORM, QUICK, ROWS, TOKEN, World, content, last_run, sync, world
from tests.house.modules import REPOSITORY


@pytest.fixture(scope="module")
def camps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as camps:
        yield camps


@pytest.fixture
def server() -> Iterator[Hostile]:
    with Hostile() as hostile:
        yield hostile


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def asking(url: str, **more: object) -> Client:
    return Client(url, TOKEN, named="kobo", limits=QUICK, retry=False, **more)  # type: ignore[arg-type]


# F-01: how often


def test_f01_a_busy_server_is_asked_six_times_and_no_more(server: Hostile) -> None:
    server.script = always(answer(429, Retry_After="86400"))
    client = Client(server.url, TOKEN, named="kobo", limits=replace(QUICK, attempts=Limits().attempts))
    with pytest.raises(TransientError, match="too busy"):
        client.get_bytes("/api/")
    assert len(server.requests) == 6


# F-05: nobody there


def test_f05_a_server_that_is_not_there_is_named_without_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(TransientError, match=re.escape(closed)) as refused:
        asking(closed).get_bytes("/api/", {"query": "an answer"})

    def nobody(*_args: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(TransientError, match="no server of this name") as unknown:
        asking("https://kobo.example.org").get_bytes("/api/", {"query": "an answer"})
    assert "an answer" not in str(refused.value) + str(unknown.value)


def test_f05_a_server_that_takes_no_connection_is_waited_for_in_vain() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        limits = Limits(connect=0.1, silence=0.2, deadline=0.2)
        client = Client(f"http://127.0.0.1:{full.getsockname()[1]}", TOKEN, named="kobo", limits=limits, retry=False)
        with pytest.raises(TransientError):
            client.get_bytes("/api/")
        for one in waiting:
            one.close()


# F-12, F-13: one submission that nobody can read


USUAL = '"families":"7"'
ODD = {
    "f12_a_key_twice": ('"families":"7", "families": "8"', False),
    "f13_a_lone_surrogate": ('"families":"\\ud800"', False),
    "f13_a_number_of_5000_digits": ('"families":' + "7" * 5000, True),
    "f13_a_number_beyond_measure": ('"families":1e999', True),
    "f13_no_number": ('"families":NaN', True),
    "f13_nested_deeper_than_python_reads": ('"families":' + "[" * 100_000 + "]" * 100_000, False),
}


@pytest.mark.parametrize("odd", ODD)
def test_f12_f13_one_odd_submission_is_kept_as_sent_and_holds_nobody_back(
    camps: World, tmp_path: Path, odd: str
) -> None:
    sent, readable = ODD[odd]
    script = always(rewritten(lambda body: body.replace(USUAL.encode(), sent.encode())), path="/data/")
    archive = tmp_path / "camps.duckdb"
    with Hostile(camps.url, script) as hostile:
        report = sync(hostile.url, archive)
    assert report.counts.new == ROWS
    with connect(archive, read_only=True) as con:
        rows = read_rows(con, "SELECT raw, n_answers FROM submission ORDER BY server_id::INTEGER")
    assert [sent in row["raw"] for row in rows] == [number == 7 for number in range(1, ROWS + 1)]
    assert [row["n_answers"] is None for row in rows] == [number == 7 and not readable for number in range(1, ROWS + 1)]
    sync(camps.url, archive, wish=Wish(full=True))
    sync(camps.url, tmp_path / "fault-free.duckdb")
    healed = [row for row in content(archive) if row.get("gone_why") != "replaced"]
    assert [row.get("raw") for row in healed] == [row.get("raw") for row in content(tmp_path / "fault-free.duckdb")]


def test_f14_bytes_that_are_no_letters_are_named_by_their_place(server: Hostile) -> None:
    server.script = always(answer(200, b'{"a": "\xd8\xae\xff"}'))
    with pytest.raises(ServerError, match="first at byte 9"):
        asking(server.url).get_bytes("/api/")


def test_f14_a_byte_order_mark_and_a_wrong_charset_change_nothing(server: Hostile) -> None:
    said = '{"a": "خيمة"}'.encode()
    server.script = always(answer(200, b"\xef\xbb\xbf" + said, Content_Type="application/json; charset=latin-1"))
    assert asking(server.url).get_bytes("/api/") == said


# F-15, F-16, F-17: too much, too slowly


def test_f15_a_gzip_bomb_is_left_before_it_fills_the_memory(server: Hostile) -> None:
    server.script = always(gzip_bomb(300))
    program = """
        import resource, sys
        from pipelines.errors import ServerError
        from pipelines.sources.client import Client, Limits
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        client = Client(sys.argv[1], "token", named="kobo", retry=False, limits=Limits(body=32_000_000))
        before = peak()
        try:
            client.get_bytes("/api/")
        except ServerError as error:
            print(error)
        print(peak() - before)
    """
    words = [sys.executable, "-c", textwrap.dedent(program), server.url]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    sentence, growth = done.stdout.splitlines()
    assert "more than 32,000,000 bytes" in sentence
    assert int(growth) < 64_000_000


def test_f16_no_drip_holds_a_request_beyond_its_time(server: Hostile) -> None:
    def script(exchange: Exchange) -> None:
        exchange.upstream = lambda: Reply(200, b'{"a": 1}' * 100)  # type: ignore[method-assign]
        dripping(0.05)(exchange)

    server.script = always(script)
    with pytest.raises(TransientError, match="too long"):
        asking(server.url).get_bytes("/api/")


# F-18, F-19: pages and counts


def test_f18_a_server_that_gives_ever_smaller_pages_is_read_to_the_end(
    camps: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(_method: str, _path: str, _params: Mapping[str, str], nth: int) -> Fault | None:
        monkeypatch.setattr(data, "LARGEST_PAGE", max(1, 7 - 2 * nth))
        return None

    with Hostile(camps.url, script) as hostile:
        assert sync(hostile.url, tmp_path / "camps.duckdb").counts.new == ROWS


# F-30: certificates


def test_f30_a_certificate_of_a_known_authority_is_believed(authority: Authority) -> None:
    with Hostile("", always(answer(200, "{}")), tls=authority.server()) as server:
        assert asking(server.url, ca_file=authority.file).get_bytes("/api/") == b"{}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"valid_days": -1}, "expired"),
        ({"self_signed": True}, "self-signed"),
        ({"host": "kobo.example.org"}, "mismatch"),
    ],
)
def test_f30_any_other_certificate_is_refused_before_a_word_is_said(
    authority: Authority, wrong: dict[str, object], said: str
) -> None:
    with Hostile("", always(answer(200, "{}")), tls=authority.server(**wrong)) as server:  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=said):
            asking(server.url, ca_file=authority.file).get_bytes("/api/")
        with pytest.raises(ConfigError, match="certificate is refused"):
            asking(server.url).get_bytes("/api/")
        assert server.requests == []


def test_f30_a_server_that_knows_only_old_tls_is_refused(authority: Authority) -> None:
    old = authority.server()
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with Hostile("", always(answer(200, "{}")), tls=old) as server:
        with pytest.raises(ConfigError, match="no TLS that is safe"):
            asking(server.url, ca_file=authority.file).get_bytes("/api/")
        assert server.requests == []


def test_f30_a_certificate_swapped_in_the_middle_of_a_run_is_refused(authority: Authority) -> None:
    with Hostile("", always(answer(200, "{}")), tls=authority.server()) as server:
        client = asking(server.url, ca_file=authority.file)
        client.get_bytes("/api/")
        server.tls = authority.server(self_signed=True)
        with pytest.raises(ConfigError, match="self-signed"):
            client.get_bytes("/api/")
        assert len(server.requests) == 1


def test_f30_nothing_can_switch_the_check_of_certificates_off() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "pipelines").rglob("*.py")]
    assert [
        text for text in texts if re.search("CERT_NONE|verify *= *False|check_hostname|assert_hostname", text)
    ] == []


def test_f30_an_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ca_file"):
        asking("https://kobo.example.org", ca_file=tmp_path / "none.pem")


# F-31: redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_f31_a_redirect_on_the_same_server_is_followed_with_its_query(server: Hostile, status: int) -> None:
    server.script = lambda *call: redirect("../new/?a=1", status) if "old" in call[1] else answer(200, "{}")
    assert asking(server.url).get_bytes("/api/old/") == b"{}"
    assert [request.target for request in server.requests] == ["/api/old/", "/api/new/?a=1"]


@pytest.mark.parametrize(("hops", "followed"), [(3, True), (4, False), (20, False)])
def test_f31_three_redirects_are_followed_and_no_fourth(server: Hostile, hops: int, followed: bool) -> None:
    def script(_method: str, path: str, _params: Mapping[str, str], _nth: int) -> Fault:
        at = int(path.strip("/"))
        return redirect(f"/{at + 1}/") if at < hops else answer(200, "{}")

    server.script = script
    client = asking(server.url)
    if followed:
        assert client.get_bytes("/0/") == b"{}"
    else:
        with pytest.raises(ConfigError, match="redirects elsewhere"):
            client.get_bytes("/0/")
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_f31_a_redirect_to_another_server_is_refused_and_nobody_is_asked_there(server: Hostile, status: int) -> None:
    with Hostile() as other:
        server.script = always(redirect(f"{other.url}/api/", status))
        with pytest.raises(ConfigError, match="redirects elsewhere"):
            asking(server.url).get_bytes("/api/")
        assert (other.connections, other.requests) == (0, [])


def test_f31_a_redirect_from_https_to_http_is_refused(authority: Authority) -> None:
    with Hostile() as plain, Hostile("", tls=authority.server()) as secure:
        secure.script = always(redirect(f"http://127.0.0.1:{secure.port}/api/"))
        with pytest.raises(ConfigError, match="redirects elsewhere"):
            asking(secure.url, ca_file=authority.file).get_bytes("/api/")
        assert (len(secure.requests), plain.connections) == (1, 0)


# Files that lie elsewhere


@pytest.fixture
def stores(authority: Authority) -> Iterator[tuple[Hostile, Hostile]]:
    """A server that keeps its files elsewhere, and where it keeps them."""
    with Hostile("", tls=authority.server()) as files, Hostile("", tls=authority.server()) as kobo:
        kobo.script = always(redirect(f"{files.url}/bucket/photo?signature=abc"))
        files.script = always(answer(200, b"\xff\xd8 a photo", Content_Type="image/jpeg"))
        yield kobo, files


def test_a_file_may_lie_on_a_listed_host_which_gets_no_credentials(
    authority: Authority, stores: tuple[Hostile, Hostile], tmp_path: Path
) -> None:
    kobo, files = stores
    client = asking(kobo.url, ca_file=authority.file, media_hosts=[f"127.0.0.1:{files.port}"])
    got = client.download("/photo/", tmp_path / "photo", media=True)
    assert (got.size, (tmp_path / "photo").read_bytes()) == (10, b"\xff\xd8 a photo")
    assert files.requests[0].target == "/bucket/photo?signature=abc"
    assert set(files.requests[0].headers) == {"host", "user-agent", "accept", "accept-encoding"}


@pytest.mark.parametrize(("listed", "media"), [(False, True), (True, False)])
def test_a_file_on_another_host_is_refused_where_it_is_not_listed_or_no_file(
    authority: Authority, stores: tuple[Hostile, Hostile], tmp_path: Path, listed: bool, media: bool
) -> None:
    kobo, files = stores
    client = asking(kobo.url, ca_file=authority.file, media_hosts=[f"127.0.0.1:{files.port}"] if listed else [])
    with pytest.raises(ConfigError, match="redirects elsewhere"):
        client.download("/photo/", tmp_path / "photo", media=media)
    assert (files.connections, list(tmp_path.iterdir())) == (0, [])


def test_a_host_of_files_sends_nobody_on(authority: Authority, stores: tuple[Hostile, Hostile], tmp_path: Path) -> None:
    kobo, files = stores
    files.script = always(redirect(f"{files.url}/again"))
    client = asking(kobo.url, ca_file=authority.file, media_hosts=[f"127.0.0.1:{files.port}"])
    with pytest.raises(ConfigError, match="redirects elsewhere"):
        client.download("/photo/", tmp_path / "photo", media=True)
    assert len(files.requests) == 1


# F-54: one of several


def test_f54_one_asset_that_fails_holds_no_other_back(
    camps: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOBO_TOKEN", TOKEN)
    tools = ("camps", "tents", "wells")
    for asset in tools:
        camps.stand_in.deploy(asset, FORM, "<h/>")
    project = Project(tmp_path / "cluster", tmp_path / "data")
    with Hostile(camps.url, always(answer(404), path="/assets/tents/")) as hostile:
        source = Source(name="kobo", kind="kobo", url=hostile.url, token_env="KOBO_TOKEN")
        outcomes = [sync_one(project, source, SourceAsset(tool=tool, asset=tool), Wish()) for tool in tools]
    assert [(outcome.step, outcome.error and outcome.error.error_class) for outcome in outcomes] == [
        ("archive/kobo/camps", None),
        ("archive/kobo/tents", "config"),
        ("archive/kobo/wells", None),
    ]
    assert [last_run(project.archive_file(tool)) for tool in tools] == [(True, None), (False, "config"), (True, None)]
