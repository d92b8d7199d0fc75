"""The stand-in server without a network between: its web application, asked directly, for tests that ask very often."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette

from pipelines.sources.client import Downloaded
from pipelines.sources.refusal import refusal


class InProcess:
    """What sources/ needs of a Client; `before` is called before each request, with its number."""

    def __init__(self, app: Starlette, token: str, before: Callable[[int], None] = lambda _: None) -> None:
        self.app, self.token, self.before = app, token, before
        self.requests = 0

    def get_bytes(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        self.requests += 1
        self.before(self.requests)
        status, body = self.ask("GET", path, params)
        if status != 200:
            raise refusal(status, {}, body, path)
        return body

    def download(self, path: str, into: Path, *, media: bool) -> Downloaded:
        raise NotImplementedError(path)

    def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: bytes = b"",
        kind: str = "application/json",
    ) -> tuple[int, bytes]:
        """Status and body of the answer; nothing in the application waits for anything, so one push runs it through."""
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = {"authorization": f"Token {self.token}", "host": "server.test", "content-type": kind}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": urlencode(params or {}).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "server": ("server.test", 80),
            "client": ("client.test", 1),
        }
        running = self.app(scope, receive, send)
        try:
            running.send(None)
        except StopIteration:
            pass
        else:
            raise AssertionError("the application waits for something")
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
