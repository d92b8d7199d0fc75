"""One request and its answer: let in by our credentials, redirects followed by hand, every failure an error of ours.

A redirect leads to another path of the same origin, three times at most. Only a file may lie elsewhere: on a host that
sources.yml names under media_hosts, which is asked over https, once, without our credentials. What is made of the
answer's body is client.py.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin

from urllib3.exceptions import HTTPError

from pipelines.errors import CccmError
from pipelines.sources.credentials import Credentials, Headers
from pipelines.sources.limits import Limits
from pipelines.sources.origin import Origin, origin_of
from pipelines.sources.refusal import failure, refusal
from pipelines.sources.wire import Response, Wire

Result = TypeVar("Result")

OURS = {"User-Agent": "cccm", "Accept-Encoding": "gzip, deflate"}
"""What every request carries; to it come those of its kind and the credentials, and nothing else."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
REFUSED = 10_000
"""How much of the body of a refusal is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked: `target` is path and query on the origin; `wanted` the statuses that are no error."""

    target: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    wanted: frozenset[int] = frozenset({200})
    media: bool = False
    seconds: float


class Exchange:
    """Requests to one origin, one at a time in each thread."""

    def __init__(
        self,
        origin: Origin,
        credentials: Credentials,
        *,
        named: str,
        limits: Limits,
        media_hosts: Collection[str] = (),
        ca_file: Path | None = None,
    ) -> None:
        self._origin, self._credentials, self._named, self._limits = origin, credentials, named, limits
        self._media = frozenset(origin_of(f"https://{host}", where=f"source '{named}'") for host in media_hosts)
        self._wire = Wire(ca_file)
        self._lock = threading.Lock()
        self.requests = 0
        self.words = credentials.words

    def answer(self, ask: Ask) -> Response:
        """The head of a wanted answer, its body still to be read; an error of ours for any other."""
        until = time.monotonic() + ask.seconds
        carried = self._credentials.headers()
        response, origin = self._followed(ask, carried, until)
        if response.status == 401 and self._credentials.renewable and origin is self._origin:
            response.close()
            response, origin = self._followed(ask, self._credentials.headers(refused=carried), until)
        if response.status not in ask.wanted:
            raise self._refusal(response, origin, ask.target)
        return response

    def plainly(self, step: Callable[[], Result], target: str) -> Result:
        """What `step` gives; a failure of the network as an error of ours, which does not know the request."""
        try:
            return step()
        except HTTPError as error:
            problem = failure(error, self.where(target), str(self._origin))
        raise problem

    def where(self, target: str) -> str:
        """How an error names what was asked: without the query."""
        path = target.partition("?")[0].removeprefix(self._origin.base)
        return f"{self._origin}{path} (source '{self._named}')"

    def _followed(self, ask: Ask, carried: Headers, until: float) -> tuple[Response, Origin]:
        """The answer behind the redirects, and whose it is; the redirect itself where it may not be followed."""
        target = ask.target
        for _ in range(self._limits.redirects):
            response = self._send(self._origin, ask, target, carried, until)
            if response.status not in REDIRECTS or ask.method != "GET":
                return response, self._origin
            whither = urljoin(self._origin.address(target), response.headers.get("Location", ""))
            stored = self._stored(whither) if ask.media else None
            onwards = self._origin.target_of(whither)
            if stored is None and onwards is None:
                return response, self._origin
            response.close()
            if stored is not None:
                origin, target = stored
                return self._send(origin, ask, target, {}, until), origin
            target = str(onwards)
        return self._send(self._origin, ask, target, carried, until), self._origin

    def _stored(self, url: str) -> tuple[Origin, str] | None:
        """Where a file lies that is kept on one of the media hosts; None for any other address."""
        for origin in self._media:
            if (target := origin.target_of(url)) is not None and url.startswith("https:"):
                return origin, target
        return None

    def _send(self, origin: Origin, ask: Ask, target: str, carried: Headers, until: float) -> Response:
        with self._lock:
            self.requests += 1
        headers = {**OURS, **ask.headers, **{name: secret.reveal() for name, secret in carried.items()}}
        send = self._wire.send
        return self.plainly(
            lambda: send(ask.method, origin, target, headers, limits=self._limits, until=until, body=ask.body), target
        )

    def _refusal(self, response: Response, origin: Origin, target: str) -> CccmError:
        """What an unwanted status means; a media host that refuses knows no token of ours, but has lost the file."""
        body = self.plainly(lambda: response.read(REFUSED, decode_content=True), target)
        response.close()
        foreign = origin is not self._origin and response.status in {401, 403}
        return refusal(404 if foreign else response.status, response.headers, body, self.where(target))
