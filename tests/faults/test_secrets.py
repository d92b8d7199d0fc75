"""A secret is read late, shown never, sent to one server only; whatever fails, it is nowhere to be found afterwards."""

import copy
import http.client
import io
import json
import logging
import pickle
import re
import subprocess
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import pytest
import typer
from rich.traceback import Traceback

from pipelines import cli
from pipelines.cli import refreshing
from pipelines.errors import AuthError, CccmError, ConfigError, ServerError
from pipelines.project import Source
from pipelines.project.secret import Secret, disguises
from pipelines.sources.client import Client
from pipelines.sources.kobo import Kobo
from tests import guard
from tests.faults.hostile import Exchange, Fault, Hostile, Reply, always, answer, changed, cut, never, redirect, reset
from tests.faults.world import ASSET, QUICK, ROWS, TOKEN, World, given_away, sync, world
from tests.flow.cluster import Cluster, Done
from tests.flow.tiny import add_form, tiny_project
from tests.house.modules import REPOSITORY, modules


@pytest.fixture(scope="module")
def camps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as camps:
        yield camps


def forms() -> list[bytes]:
    return [form.encode() for form in disguises(TOKEN)]


# K-01, K-02: where a secret is, and what it shows of itself


def test_k01_a_password_is_read_from_the_environment_or_from_a_file_of_our_own(tmp_path: Path) -> None:
    file = tmp_path / "central.password"
    file.write_text("opén sesame \n", encoding="utf-8")
    file.chmod(0o600)
    source = Source(name="central", kind="odk_central", email_env="EMAIL", password_env="PW", password_file=file)
    assert source.password({}) == Secret("opén sesame")
    assert source.password({"PW": "other"}) == Secret("other")
    assert source.email({"EMAIL": "imo@example.org"}) == Secret("imo@example.org")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        source.password({})
    with pytest.raises(ConfigError, match="has no email: set the environment variable EMAIL"):
        source.email({})


def test_k01_no_command_and_no_run_takes_a_secret() -> None:
    names: list[str] = []

    def collect(command: object) -> None:
        names.extend(name for parameter in getattr(command, "params", ()) for name in parameter.opts)
        for below in getattr(command, "commands", {}).values():
            collect(below)

    collect(typer.main.get_command(cli.app))
    assert [name for name in names if re.search("token|secret|password|email|key", name)] == []


def test_k02_a_secret_shows_nothing_of_itself() -> None:
    secret = Secret(TOKEN)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>30}", str([secret]), str(vars(Client))]
    assert {text.strip() for text in shown[:4]} == {"***"}
    assert not any(secret.appears_in(text) for text in shown)
    assert secret.reveal() == TOKEN
    with pytest.raises(ConfigError):
        pickle.dumps(secret)
    with pytest.raises(ConfigError):
        copy.deepcopy(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert not hasattr(secret, "__dict__")


def test_k02_only_the_client_reveals_a_secret() -> None:
    revealing = {str(module) for module in modules() if ".reveal()" in module.text}
    assert revealing == {
        "pipelines/sources/client.py",
        "pipelines/sources/credentials.py",
        "pipelines/sources/exchange.py",
    }


# K-03, K-04: a canary in every failure


def reflecting(status: int, body: bytes) -> Fault:
    """A server that writes back, in `body`, what we sent to be let in."""

    def fault(exchange: Exchange) -> None:
        said = exchange.request.headers["authorization"].encode()
        headers = {"Content-Type": "application/json"}
        exchange.send(Reply(status, body.replace(b"SAID", said), headers).whole())

    return fault


FAILING = {
    "refused": answer(401),
    "forbidden": answer(403, '{"detail": "no"}'),
    "gone": answer(404),
    "unwell": answer(503),
    "a web page that shows the token": reflecting(200, b"<html><title>Debug: SAID</title></html>"),
    "a refusal that shows the token": reflecting(200, b'{"detail": "SAID"}'),
    "an error that shows the token": reflecting(500, b"Traceback: SAID"),
    "a redirect elsewhere": redirect(f"https://evil.example.net/?token={TOKEN}"),
    "reset": reset("body"),
    "cut": cut(0.5, "close"),
    "no shape": changed(lambda page: {**page, "results": None}),
}


QUICK_ONES = ("refused", "a web page that shows the token")


EVERY_ONE = pytest.param(tuple(FAILING), marks=pytest.mark.long, id="every one")


@pytest.fixture(scope="module", params=[pytest.param(QUICK_ONES, id="two of them"), EVERY_ONE])
def failed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, camps: World
) -> tuple[Path, list[Done]]:
    """The folder of a cluster that was run through one failure after the other, with every log there is, and what was
    printed: the failures of a server, then two of the program itself.
    """
    folder = tmp_path_factory.mktemp("canary")
    project = tiny_project(folder)
    add_form(project, "camps", camps.version, [["integer", "families", "Families", "public"]])
    with pytest.MonkeyPatch.context() as patch, Hostile(camps.url) as hostile, everything_logged(folder):
        (project.xlsforms / "sources.yml").write_text(
            f"sources:\n  kobo:\n    kind: kobo\n    url: {hostile.url}\n    token_env: CANARY\n"
            f"    tools: {{camps: {ASSET}}}\n"
        )
        (folder / "errors").mkdir()
        patch.setattr(tempfile, "tempdir", str(folder / "errors"))
        patch.setattr("pipelines.sources.client.LIMITS", QUICK)
        cluster = Cluster(project, hostile.port)
        done = []
        for name in request.param:
            hostile.script = always(FAILING[name], path="/data/")
            done.append(cluster.cccm("sync", CANARY=TOKEN))
        hostile.script = never
        patch.setattr(Kobo, "asset", _stumbling)
        done.append(cluster.cccm("sync", CANARY=TOKEN))
        patch.setattr(refreshing, "refresh_and_show", _stumbling)
        done.append(cluster.cccm("sync", CANARY=TOKEN))
    return folder, done


@contextmanager
def everything_logged(folder: Path) -> Iterator[None]:
    """Keep what every library logs, down to the least, in a file of `folder`."""
    handler = logging.FileHandler(folder / "everything.log")
    level = logging.root.level
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logging.root.setLevel(level)
        logging.root.removeHandler(handler)
        handler.close()


def _stumbling(*_args: object, **_more: object) -> None:
    """An error of the program that nobody foresaw."""
    raise ZeroDivisionError


def test_k03_no_failure_leaves_the_token_anywhere(failed: tuple[Path, list[Done]]) -> None:
    folder, done = failed
    assert {one.code for one in done} == {2}
    assert (folder / "everything.log").stat().st_size > 1000
    assert len(list((folder / "errors").iterdir())) == 1
    assert (folder / "data" / "dagster").is_dir()
    assert given_away(folder, *(one.out + one.err for one in done)) == []


def test_k03_each_failure_is_a_sentence_without_a_traceback(failed: tuple[Path, list[Done]]) -> None:
    for one in failed[1]:
        assert "error:" in one.err
        assert "Traceback" not in one.err + one.out


def test_k03_the_scan_finds_a_token_in_each_guise(tmp_path: Path) -> None:
    for number, form in enumerate(sorted(disguises(TOKEN))):
        (tmp_path / str(number)).write_bytes(b"\x00\xff" + form.encode() + b"\x00")
    assert len(given_away(tmp_path)) == len(disguises(TOKEN)) > 6


def test_k04_an_error_knows_nothing_of_the_request_it_comes_from() -> None:
    with Hostile("", always(answer(500))) as server, pytest.raises(ServerError) as raised:
        Client(server.url, TOKEN, named="kobo", limits=QUICK, retry=False).get_bytes("/api/")
    error: BaseException = raised.value
    assert error.__cause__ is error.__context__ is None
    with io.StringIO() as printed:
        from rich.console import Console  # noqa: PLC0415

        shown = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
        Console(file=printed, width=200).print(shown)
        text = printed.getvalue() + "".join(traceback.format_exception(error))
    assert "status" in text
    assert not Secret(TOKEN).appears_in(text)


# K-05, K-06: logs and fixtures


def test_k05_no_debugging_of_libraries_prints_what_lets_us_in(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 9)
    caplog.set_level(logging.DEBUG)
    printed = io.StringIO()
    with Hostile("", always(answer(200, "{}"))) as server, redirect_stdout(printed), redirect_stderr(printed):
        Client(server.url, TOKEN, named="kobo").get_bytes("/api/")
        assert TOKEN in server.requests[0].headers["authorization"]
    assert "urllib3" in caplog.text
    assert not Secret(TOKEN).appears_in(printed.getvalue() + caplog.text)


def test_k06_nothing_that_looks_like_a_secret_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    paths = [REPOSITORY / name for name in listed.decode().split("\0") if name and name != "uv.lock"]
    looks = re.compile(rb"(?i:token|bearer|password)[\"' :=]{1,4}[0-9a-f]{32,}\b|\bghp_\w{30,}|\bAKIA[0-9A-Z]{16}\b")
    assert [str(path) for path in paths if path.is_file() and looks.search(path.read_bytes())] == []


# K-07: the least that is needed


def test_k07_an_account_that_may_do_more_than_read_is_named(camps: World, tmp_path: Path) -> None:
    cluster = Cluster(tiny_project(tmp_path), 0)
    add_form(cluster.project, "camps", camps.version, [["integer", "families", "Families", "public"]])
    (cluster.project.xlsforms / "sources.yml").write_text(
        f"sources:\n  kobo: {{kind: kobo, url: '{camps.url}', token_env: CANARY, tools: {{camps: {ASSET}}}}}\n"
    )
    wide = cluster.cccm("sources", CANARY=TOKEN)
    assert (wide.code, "delete_submissions" in wide.out) == (1, True)
    assert "accounts that may only view submissions" in wide.err
    with Hostile(camps.url, always(changed(_only_viewing), path=f"/assets/{ASSET}/")) as hostile:
        file = cluster.project.xlsforms / "sources.yml"
        file.write_text(file.read_text().replace(camps.url, hostile.url))
        assert cluster.answer("sources", CANARY=TOKEN)[0]["beyond reading"] == ""
        closed = cluster.cccm("sources", CANARY="nobody")
    assert (closed.code, "refused the token" in closed.err) == (2, True)
    assert given_away(tmp_path, wide.out + wide.err + closed.out + closed.err) == []


def _only_viewing(asset: dict[str, object]) -> dict[str, object]:
    return {**asset, "effective_permissions": [{"codename": "view_asset"}, {"codename": "view_submissions"}]}


# K-08: another secret


def test_k08_a_new_token_in_the_file_is_used_by_the_next_run(camps: World, tmp_path: Path) -> None:
    file = tmp_path / "kobo.token"
    file.touch(mode=0o600)
    source = Source(name="kobo", kind="kobo", token_file=file)
    with Hostile(camps.url) as hostile:
        for token in ("token-of-yesterday", TOKEN):
            file.write_text(token)
            with suppress(AuthError):
                Client(hostile.url, source.token({}), named="kobo", limits=QUICK).get_bytes("/me/")
        sent = [request.headers["authorization"] for request in hostile.requests]
    assert sent == ["Token token-of-yesterday", f"Token {TOKEN}"]


# K-10 to K-13: one server, and nobody else

LEADING_ASTRAY = {
    "another port": "http://127.0.0.1:1/api/",
    "another name of this machine": "http://localhost:PORT/api/",
    "a dot behind the host": "http://127.0.0.1.:PORT/api/",
    "an address as one number": "http://2130706433:PORT/api/",
    "an address in octal": "http://0177.0.0.1:PORT/api/",
    "an address of IPv6 that is one of IPv4": "http://[::ffff:127.0.0.1]:PORT/api/",
    "a user": "http://imo@127.0.0.1:PORT/api/",
    "a user that looks like a host": "http://127.0.0.1:PORT@evil.example.net/api/",
    "another scheme": "https://127.0.0.1:PORT/api/",
    "a host without scheme": "//evil.example.net/api/",
    "backslashes": "\\\\evil.example.net\\api",
    "a slash and a backslash": "/\\evil.example.net/api/",
    "letters that look alike in ASCII": "http://xn--kbo-8cd.example.org/api/",
    "the machine's own cloud": "http://169.254.169.254/latest/meta-data/",
    "a private network": "http://10.0.0.1/api/",
}


@pytest.mark.parametrize("how", LEADING_ASTRAY)
def test_k10_k11_no_redirect_leads_away_and_no_connection_is_made(how: str, tmp_path: Path) -> None:
    with Hostile() as server, guard.connections() as made:
        location = LEADING_ASTRAY[how].replace("PORT", str(server.port))
        server.script = always(redirect(location))
        client = Client(server.url, TOKEN, named="kobo", limits=QUICK, media_hosts=["media.example.org"])
        with pytest.raises(ConfigError, match="redirects elsewhere"):
            client.get_bytes("/api/")
        with pytest.raises(ConfigError, match="redirects elsewhere"):
            client.download("/photo/", tmp_path / "photo", media=True)
        assert set(made) == {("127.0.0.1", server.port)}
        assert server.paths() == ["/api/", "/photo/"]


def test_k10_no_address_in_an_answer_is_followed(camps: World, tmp_path: Path) -> None:
    evil = "http://169.254.169.254/api/"

    def led(page: dict[str, object]) -> dict[str, object]:
        return {**page, "next": evil, "previous": evil, "root": evil, "url": evil, "download_url": evil}

    with Hostile(camps.url, always(changed(led))) as hostile, guard.connections() as made:
        assert sync(hostile.url, tmp_path / "camps.duckdb").counts.new == ROWS
        ours = {hostile.port, int(camps.url.rpartition(":")[2])}
    assert {port for _, port in made} == ours


def test_k11_a_request_carries_what_is_needed_and_nothing_else() -> None:
    def script(_method: str, path: str, *_: object) -> Fault:
        cookie = {"Set-Cookie": "sessionid=of-another; Path=/"}
        return redirect("/new/") if path == "/old/" else answer(200, "{}", **cookie)

    with Hostile("", script) as server:
        client = Client(server.url, TOKEN, named="kobo", limits=QUICK)
        client.get_bytes("/first/")
        client.get_bytes("/old/")
        headers = [set(request.headers) for request in server.requests]
    assert headers == [{"host", "user-agent", "accept-encoding", "accept", "authorization"}] * 3


def test_k11_neither_proxies_nor_netrc_of_the_machine_are_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login imo password of-netrc\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with Hostile() as proxy, Hostile("", always(answer(200, "{}"))) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        Client(server.url, TOKEN, named="kobo", limits=QUICK).get_bytes("/api/")
        assert server.requests[0].headers["authorization"] == f"Token {TOKEN}"
        assert proxy.connections == 0


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a header without end", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
        ("headers without number", b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: x\r\n" % n for n in range(500)) + b"\r\n"),
        ("no HTTP at all", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}"),
    ],
)
def test_k12_a_head_beyond_measure_is_an_error_of_ours(name: str, head: bytes) -> None:
    with (
        Hostile("", always(lambda exchange: exchange.send(head))) as server,
        pytest.raises(CccmError) as raised,
    ):
        Client(server.url, TOKEN, named="kobo", limits=QUICK, retry=False).get_bytes("/api/")
    assert raised.value.error_class in {"transient", "server"}, name


def test_k13_a_test_that_speaks_to_the_world_fails() -> None:
    with pytest.raises(CccmError):
        Client("http://192.0.2.1", TOKEN, named="kobo", limits=QUICK, retry=False).get_bytes("/api/")
    assert guard.strayed == ["192.0.2.1:80"]
    guard.strayed.clear()
