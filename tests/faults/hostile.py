"""A server that misbehaves on purpose, between our client and a real one: what of a request goes wrong is a script's.

It speaks on raw sockets, because what is to be tested (bodies cut short, bytes that drip, resets in the middle of a
header) is what every library of servers prevents. A script is asked for each request; where it gives no fault, the
request goes to the upstream server and its answer comes back as it is.

    def script(method, path, params, nth):          # nth: 1 for the first request of this method and path
        return cut(0.5) if path.endswith("/data/") and nth == 2 else None

    with Hostile(upstream, script) as hostile:
        Client(hostile.url, ...)

A fault is a function of an `Exchange`; those below are the ones that a network or a server is known for.
"""

import json
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

PATIENCE = 10
"""No test waits longer than this (seconds) for anything here."""


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


@dataclass(frozen=True)
class Reply:
    """What a server answers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, **framing: str) -> bytes:
        """Status line and headers; `framing` says how the end of the body is told (content_length, …)."""
        said = {**self.headers, **{name.replace("_", "-"): value for name, value in framing.items()}}
        lines = [f"HTTP/1.1 {self.status} Answer", *(f"{name}: {value}" for name, value in said.items())]
        return "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")

    def whole(self) -> bytes:
        return self.head(content_length=str(len(self.body))) + self.body


class Exchange:
    """One request, and the socket that waits for its answer."""

    def __init__(self, hostile: "Hostile", sock: socket.socket, request: Request) -> None:
        self._hostile, self.sock, self.request = hostile, sock, request

    def upstream(self) -> Reply:
        """What the real server answers."""
        return self._hostile.forward(self.request)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """Drop the connection without a goodbye."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def wait(self) -> None:
        """Say nothing more until the client, or the server, has gone."""
        self.sock.settimeout(0.05)
        until = time.monotonic() + PATIENCE
        while not self._hostile.closing and time.monotonic() < until:
            try:
                if not self.sock.recv(1024):
                    return
            except TimeoutError:
                continue
            except OSError:
                return


Fault = Callable[[Exchange], None]
Script = Callable[[str, str, Mapping[str, str], int], Fault | None]


def never(method: str, path: str, params: Mapping[str, str], nth: int) -> None:
    """The script of a server that does as it should."""


class Hostile:
    """The server; a context manager that serves while it is open."""

    def __init__(self, upstream: str = "", script: Script = never, *, tls: ssl.SSLContext | None = None) -> None:
        self._upstream, self.script, self.tls = upstream, script, tls
        self._lock = threading.Lock()
        self._asked: Counter[tuple[str, str]] = Counter()
        self.requests: list[Request] = []
        self.connections = 0
        self.closing = False

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listening.settimeout(0.1)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closing = True
        self._accepting.join()
        self._listening.close()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """The path of every request so far."""
        return [request.path for request in self.requests]

    def forward(self, request: Request) -> Reply:
        """What the upstream server answers; it is told that the whole exchange goes by our own address."""
        dropped = {"host", "connection", "accept-encoding", "content-length"}
        headers = {name: value for name, value in request.headers.items() if name not in dropped}
        connection = HTTPConnection(urlsplit(self._upstream).netloc, timeout=PATIENCE)
        try:
            connection.request(request.method, request.target, request.body or None, headers)
            answer = connection.getresponse()
            body = answer.read()
            unframed = {"content-length", "transfer-encoding", "connection"}
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in unframed}
            return Reply(answer.status, body, kept)
        finally:
            connection.close()

    def _accept(self) -> None:
        while not self.closing:
            try:
                sock, _ = self._listening.accept()
            except TimeoutError:
                continue
            with self._lock:
                self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, HTTPException), sock:
            sock.settimeout(PATIENCE)
            spoken = self.tls.wrap_socket(sock, server_side=True) if self.tls else sock
            with spoken:
                request = _received(spoken)
                if request is None:
                    return
                exchange = Exchange(self, spoken, request)
                (self._fault_of(request) or whole)(exchange)

    def _fault_of(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            self._asked[request.method, request.path] += 1
            nth = self._asked[request.method, request.path]
        return self.script(request.method, request.path, request.params, nth)


def _received(sock: socket.socket) -> Request | None:
    """The request that a client sent; None where it went away before it had said it."""
    said = b""
    while b"\r\n\r\n" not in said:
        piece = sock.recv(65536)
        if not piece:
            return None
        said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += sock.recv(65536)
    return Request(method, target, headers, body)


def whole(exchange: Exchange) -> None:
    """No fault: the upstream's answer, as it is."""
    exchange.send(exchange.upstream().whole())


def answer(status: int, body: bytes | str = b"", **headers: str) -> Fault:
    """Another answer than the upstream's; `retry_after="5"` is the header Retry-After."""
    sent = body.encode() if isinstance(body, str) else body
    named = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return lambda exchange: exchange.send(Reply(status, sent, named).whole())


def changed(change: Callable[[Any], Any]) -> Fault:
    """The upstream's JSON, changed."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.upstream()
        body = json.dumps(change(json.loads(reply.body))).encode() if reply.status == 200 else reply.body
        exchange.send(Reply(reply.status, body, reply.headers).whole())

    return fault


def rewritten(change: Callable[[bytes], bytes]) -> Fault:
    """The upstream's body, changed as bytes."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.upstream()
        exchange.send(Reply(reply.status, change(reply.body), reply.headers).whole())

    return fault


Framing = Literal["length", "close", "chunked"]


def cut(part: float = 0.5, framing: Framing = "length") -> Fault:
    """The upstream's answer with only a `part` of its body, then the end of the connection."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.upstream()
        sent = reply.body[: int(len(reply.body) * part)]
        if framing == "length":
            exchange.send(reply.head(content_length=str(len(reply.body))) + sent)
        elif framing == "close":
            exchange.send(reply.head() + sent)
        else:
            exchange.send(reply.head(transfer_encoding="chunked") + b"%x\r\n" % len(sent) + sent + b"\r\n")

    return fault


def wrong_chunk(exchange: Exchange) -> None:
    """A chunk whose length is no number."""
    exchange.send(exchange.upstream().head(transfer_encoding="chunked") + b"zz\r\n{}\r\n0\r\n\r\n")


def reset(when: Literal["before", "head", "body"]) -> Fault:
    """The connection dropped: before anything is answered, within the head, within the body."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.upstream()
        head = reply.head(content_length=str(len(reply.body)))
        exchange.send({"before": b"", "head": head[: len(head) // 2], "body": head + reply.body[:20]}[when])
        time.sleep(0.02)  # what was sent is to arrive before the reset overtakes it
        exchange.reset()

    return fault


def stalled(when: Literal["before", "head", "body"]) -> Fault:
    """Silence for ever: before anything is answered, after the head, within the body."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.upstream()
        head = reply.head(content_length=str(len(reply.body)))
        exchange.send({"before": b"", "head": head, "body": head + reply.body[:20]}[when])
        exchange.wait()

    return fault


def dripping(every: float, *, head: bool = False) -> Fault:
    """A byte `every` so many seconds: of the body, or of the `head` already."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.upstream()
        data = reply.whole()
        at_once = 0 if head else len(data) - len(reply.body)
        exchange.send(data[:at_once])
        for byte in data[at_once:]:
            exchange.send(bytes([byte]))
            time.sleep(every)

    return fault


def gzip_bomb(megabytes: int) -> Fault:
    """A small answer that is `megabytes` of JSON once it is decompressed."""

    def fault(exchange: Exchange) -> None:
        packer = zlib.compressobj(9, wbits=31)
        body = packer.compress(b'{"padding": "')
        body += b"".join(packer.compress(b"0" * 1_000_000) for _ in range(megabytes))
        body += packer.compress(b'"}') + packer.flush()
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        exchange.send(Reply(200, body, headers).whole())

    return fault


def onwards(exchange: Exchange) -> None:
    """A redirect to the very address that was asked for."""
    exchange.send(Reply(302, b"", {"Location": exchange.request.target}).whole())


def redirect(location: str, status: int = 302) -> Fault:
    """Ask over there."""
    return answer(status, b"", Location=location)


def at(nth: int, fault: Fault, *, path: str = "") -> Script:
    """The script of a server that fails once: at the `nth` request of each path that ends in `path`."""
    return lambda _method, asked, _params, number: fault if number == nth and asked.endswith(path) else None


def always(fault: Fault, *, path: str = "") -> Script:
    """The script of a server that fails at every request whose path ends in `path`."""
    return lambda _method, asked, _params, _number: fault if asked.endswith(path) else None


@contextmanager
def hostile(upstream: str, script: Script = never) -> Iterator[Hostile]:
    """A hostile server before `upstream`, while the context lasts."""
    with Hostile(upstream, script) as server:
        yield server
