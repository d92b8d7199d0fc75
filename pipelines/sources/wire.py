"""Bytes to and from a server: connections, TLS, and the clock that no answer can stretch.

A timeout of the socket bounds one silence, not a request: a server that gives a byte now and then holds it for ever.
So every read here, of head and body alike, gets what is left of the request's own time. Of requests it is the adapter
that sends, without a session around it: no cookie, proxy, netrc or redirect is known at this level, and Python's debug
output of requests (which prints their headers) is off for good.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError

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


class _Adapter(HTTPAdapter):
    """requests' way to a server, on our connections."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class Wire:
    """Connections, kept open and shared between threads; certificates are checked always."""

    def __init__(self, ca_file: Path | None = None) -> None:
        if ca_file and not ca_file.is_file():
            raise ConfigError(f"{ca_file}, the ca_file of sources.yml, is not there; put the certificates there.")
        machine = ssl.get_default_verify_paths()
        self._trusted: str | bool = str(ca_file) if ca_file else machine.cafile or machine.capath or True
        self._adapter = _Adapter(pool_maxsize=CONNECTIONS)

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

        What urllib3 raises, here and while the body is read, is for the caller; what requests makes of it stays here,
        for it knows the request.
        """
        _allowance.set((until, limits.silence))
        left = max(0.001, until - time.monotonic())
        length = {} if body is None else {"Content-Length": str(len(body))}
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, origin.address(target), body
        request.headers = CaseInsensitiveDict({**headers, **length})
        times = (min(limits.connect, left), min(limits.silence, left))
        try:
            answer: Response = self._adapter.send(request, stream=True, timeout=times, verify=self._trusted).raw
        except requests.RequestException as error:
            cause = _cause(error)
        else:
            return answer
        raise cause


def _cause(error: requests.RequestException) -> HTTPError:
    """What urllib3 said, of which requests made `error`."""
    said = error.args[0] if error.args else error
    if isinstance(said, MaxRetryError) and said.reason is not None:
        said = said.reason
    return said if isinstance(said, HTTPError) else ProtocolError(type(said).__name__)
