"""What the HTTP client takes for an answer, and what it says of everything else."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.errors import AuthError, ConfigError, ServerError, TransientError
from pipelines.project.secret import Secret
from pipelines.sources.client import Client, Limits, NotThere
from tests.faults.hostile import Exchange, Fault, Hostile, Reply, answer, redirect

TOKEN = "canary-token-4f0c"
QUICK = Limits(first_wait=0.001, longest_wait=0.001, silence=2, deadline=2, connect=2)

Serve = Callable[[Fault], Hostile]


@pytest.fixture
def server() -> Iterator[Hostile]:
    with Hostile() as hostile:
        yield hostile


def client_of(server: Hostile, **more: object) -> Client:
    return Client(server.url, TOKEN, named="kobo", limits=QUICK, **more)  # type: ignore[arg-type]


def test_a_document_comes_as_it_was_sent(server: Hostile) -> None:
    body = '{"results": [{"a": 12.70, "b": "٣٥"}]}'.encode()
    server.script = lambda *_: answer(200, body)
    client = client_of(server)
    assert client.get_bytes("/api/", {"query": '{"_id":{"$gt":1}}'}) == body
    assert server.requests[0].params == {"query": '{"_id":{"$gt":1}}'}
    assert server.requests[0].headers["authorization"] == f"Token {TOKEN}"
    assert client.requests == 1


def test_the_path_of_the_address_is_kept(server: Hostile) -> None:
    server.script = lambda *_: answer(200, "{}")
    client = Client(f"{server.url}/kobo/", TOKEN, named="kobo")
    client.get_bytes("/api/v2/")
    assert server.paths() == ["/kobo/api/v2/"]
    assert client.path_of(f"{server.url}/kobo/api/v2/?start=3") == "/api/v2/?start=3"


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (answer(401), AuthError, "refused the token"),
        (answer(403), AuthError, "refused the token"),
        (answer(404), NotThere, "is not there"),
        (answer(418), ServerError, "answered 418"),
        (answer(200, b"<html><title>Log in</title></html>"), ServerError, "web page .*'Log in'"),
        (answer(200, b""), TransientError, "nothing at all"),
        (answer(200, b'{"a": '), TransientError, "cut short"),
        (answer(200, b'{"a": }'), ServerError, "no JSON"),
        (answer(200, b'{"detail": "Busy"}'), ServerError, "refusal .'Busy'"),
    ],
)
def test_anything_else_is_an_error_that_says_what_it_is(
    server: Hostile, fault: Fault, error: type[Exception], said: str
) -> None:
    server.script = lambda *_: fault
    with pytest.raises(error, match=said) as raised:
        client_of(server, retry=False).get_bytes("/api/", {"query": "an answer"})
    assert "an answer" not in str(raised.value)
    assert TOKEN not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None


def test_what_may_pass_is_asked_again_and_what_may_not_is_not(server: Hostile) -> None:
    server.script = lambda *call: answer(503) if call[3] < 3 else answer(200, "{}")
    client = client_of(server)
    assert client.get_bytes("/api/") == b"{}"
    assert client.requests == 3
    server.script = lambda *_: answer(404)
    with pytest.raises(NotThere):
        client.get_bytes("/other/")
    assert client.requests == 4


def test_an_answer_that_still_stands_is_not_sent_again(server: Hostile) -> None:
    def script(exchange: Exchange) -> None:
        known = exchange.request.headers.get("if-none-match") == '"v1"'
        clock = {"Date": "Wed, 18 Nov 2026 09:00:00 GMT"}
        exchange.send(Reply(304, b"", clock).whole() if known else Reply(200, b"[]", {"ETag": '"v1"', **clock}).whole())

    server.script = lambda *_: script
    client = client_of(server)
    first = client.ask("/forms/")
    again = client.ask("/forms/", etag=first.etag)
    assert (first.status, first.body, first.etag) == (200, b"[]", '"v1"')
    assert (again.status, again.body) == (304, b"")
    assert str(again.date) == "2026-11-18 09:00:00"


def test_a_session_that_the_server_forgot_is_opened_anew_once(server: Hostile) -> None:
    opened: list[str] = []

    def session() -> dict[str, Secret]:
        opened.append(f"session-{len(opened) + 1}")
        return {"Authorization": Secret(f"Bearer {opened[-1]}")}

    def only_the_second(exchange: Exchange) -> None:
        good = exchange.request.headers["authorization"] == "Bearer session-2"
        exchange.send(Reply(200, b"{}").whole() if good else Reply(401).whole())

    server.script = lambda *_: only_the_second
    client = Client(server.url, session, named="central", limits=QUICK)
    client.get_bytes("/v1/projects")
    client.get_bytes("/v1/projects")
    assert opened == ["session-1", "session-2"]
    server.script = lambda *_: answer(401)
    with pytest.raises(AuthError):
        client.get_bytes("/v1/projects")
    assert (opened[2:], client.requests) == (["session-3"], 5)


def test_a_password_is_sent_and_a_post_is_not_repeated(server: Hostile) -> None:
    server.script = lambda *call: answer(503) if call[3] == 1 else answer(201, '{"token": "t"}')
    client = Client(server.url, dict, named="central", limits=QUICK)
    with pytest.raises(ServerError):
        client.post_json("/v1/sessions", {"password": Secret("open sesame")})
    assert client.post_json("/v1/sessions", {"password": Secret("open sesame")}) == b'{"token": "t"}'
    assert [json.loads(request.body) for request in server.requests] == [{"password": "open sesame"}] * 2
    assert "authorization" not in server.requests[0].headers


def test_a_file_comes_whole_or_not_at_all(server: Hostile, tmp_path: Path) -> None:
    photo = bytes(range(256)) * 4000
    server.script = lambda *_: answer(200, photo, Content_Type="image/jpeg")
    got = client_of(server).download("/photo/", tmp_path / "photo")
    assert (tmp_path / "photo").read_bytes() == photo
    assert (got.size, got.content_type, got.counted) == (len(photo), "image/jpeg", True)
    assert (tmp_path / "photo").stat().st_mode & 0o777 == 0o600
    short = Reply(200, photo).head(content_length=str(len(photo))) + photo[:-1]
    server.script = lambda *_: lambda exchange: exchange.send(short)
    with pytest.raises(TransientError, match="broke off"):
        client_of(server).download("/photo/", tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["photo"]


def test_a_redirect_is_followed_on_our_own_server_only(server: Hostile) -> None:
    server.script = lambda *call: redirect("/new/?a=1") if call[1] == "/old/" else answer(200, "{}")
    assert client_of(server).get_bytes("/old/") == b"{}"
    assert [request.target for request in server.requests] == ["/old/", "/new/?a=1"]
    server.script = lambda *_: redirect("https://evil.example.org/new/")
    with pytest.raises(ConfigError, match="redirects elsewhere"):
        client_of(server).get_bytes("/old/")


def test_no_client_shows_its_token(server: Hostile) -> None:
    client = client_of(server)
    assert repr(client) == f"Client('{server.url}')"
    assert TOKEN not in repr(vars(client))


def test_threads_share_one_client_and_open_one_session(server: Hostile) -> None:
    opened: list[int] = []

    def session() -> dict[str, str]:
        opened.append(len(opened))
        return {"Authorization": f"Bearer session-{len(opened)}"}

    def said_back(exchange: Exchange) -> None:
        stale = exchange.request.headers["authorization"] == "Bearer session-1"
        body = json.dumps({"n": exchange.request.params["n"]}).encode()
        exchange.send(Reply(401).whole() if stale else Reply(200, body).whole())

    server.script = lambda *_: said_back
    client = Client(server.url, session, named="central", limits=QUICK)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: client.get_bytes("/n/", {"n": str(n)}), range(64)))
    assert [json.loads(answer)["n"] for answer in answers] == [str(n) for n in range(64)]
    assert len(opened) == 2
    assert client.requests == len(server.requests)
