"""Bytes to and from a server: connections, TLS, and the clock that no answer can stretch.

A timeout of the socket bounds one silence, not a request: a server that gives a byte now and then holds it for ever.
So every read here, of head and body alike, gets what is left of the request's own time. No cookie, proxy, netrc or
redirect is known at this level, and Python's debug output of requests (which prints their headers) is off for good.
"""

import http.client
import io
import socket
import time
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Timeout

from pipelines.errors import ConfigError
from pipelines.sources.limits import Limits
from pipelines.sources.origin import Origin

Response = urllib3.BaseHTTPResponse

CONNECTIONS = 16
"""As many as are kept open to one server."""

_allowance: ContextVar[tuple[float, float]] = ContextVar("_allowance")
"""When the request of this thread must be over (monotonic), and how long a silence may last."""


class _Bounded(io.RawIOBase):
    """What a socket receives, until the time of the request is over."""

    def __init__(self, stream: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._stream, self._sock = stream, sock
        self._until, self._silence = _allowance.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time of this request is over")
        self._sock.settimeout(min(left, self._silence))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp = io.BufferedReader(_Bounded(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _BoundedResponse
    debuglevel = 0  # its own, so that a debuglevel set on http.client shows no header of ours


class _TlsConnection(HTTPSConnection):
    response_class = _BoundedResponse
    debuglevel = 0


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Wire:
    """Connections, kept open and shared between threads; certificates are checked always."""

    def __init__(self, ca_file: Path | None = None) -> None:
        if ca_file and not ca_file.is_file():
            raise ConfigError(f"{ca_file}, the ca_file of sources.yml, is not there; put the certificates there.")
        trusted = str(ca_file) if ca_file else None
        self._pools = urllib3.PoolManager(maxsize=CONNECTIONS, cert_reqs="CERT_REQUIRED", ca_certs=trusted)
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(
        self,
        method: str,
        origin: Origin,
        target: str,
        headers: Mapping[str, str],
        *,
        limits: Limits,
        until: float,
        body: bytes | None = None,
    ) -> Response:
        """The head of the answer, which is over `until` (monotonic) at the latest, as is its body, still to be read.

        Whatever urllib3 raises, here and while the body is read, is for the caller.
        """
        _allowance.set((until, limits.silence))
        left = max(0.001, until - time.monotonic())
        pool = self._pools.connection_from_host(origin.host, origin.port, origin.scheme)
        return pool.urlopen(
            method,
            target,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=True,
            timeout=Timeout(connect=min(limits.connect, left), read=min(limits.silence, left)),
        )
