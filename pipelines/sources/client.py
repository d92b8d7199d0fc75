"""The one HTTP client: one origin, our credentials, whole answers or an error of ours.

A URL that a server gives is never followed: `path_of` leaves its path, which is asked on our own origin. Addresses are
origin.py, connections and time wire.py, redirects exchange.py, bodies body.py, errors refusal.py, asking again is
retry.py. What a particular server answers is that server's module.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from pipelines.project.secret import Secret
from pipelines.sources.body import pieces, whole_json
from pipelines.sources.credentials import Credentials, Given
from pipelines.sources.exchange import Ask, Exchange
from pipelines.sources.limits import Limits
from pipelines.sources.origin import origin_of
from pipelines.sources.refusal import NotThere
from pipelines.sources.retry import Patience
from pipelines.sources.wire import Response
from pipelines.whole_file import unwritable

__all__ = ["Answer", "Client", "Downloaded", "Limits", "NotThere"]

Params = Mapping[str, str] | None

JSON = "application/json"

LIMITS = Limits()
"""What a request may cost where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: `date` is its own clock (UTC without zone), `body` is empty where the status is 304."""

    status: int
    body: bytes
    etag: str = ""
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was received; `counted` where the server said how long it is, so that none of it can be missing."""

    size: int
    sha256: str
    content_type: str
    counted: bool
    etag: str = ""
    date: datetime | None = None


class Client:
    """Requests to one server, with our credentials; several threads may use it at once."""

    def __init__(
        self,
        url: str,
        credentials: Given,
        *,
        named: str,
        retry: bool = True,
        limits: Limits | None = None,
        media_hosts: Collection[str] = (),
        ca_file: Path | None = None,
    ) -> None:
        """`credentials` is a Kobo token, or whatever opens a session and gives its headers: it is called for the first
        request, and again when the server has refused what it gave (401), once for each request.
        """
        self._origin = origin_of(url, where=f"xlsforms/sources.yml, source '{named}'")
        limits = limits or LIMITS
        self._limits = limits if retry else replace(limits, attempts=1)
        self._patience = Patience(self._limits)
        self._exchange = Exchange(
            self._origin,
            Credentials(credentials, named=named),
            named=named,
            limits=self._limits,
            media_hosts=media_hosts,
            ca_file=ca_file,
        )

    def __repr__(self) -> str:
        return f"Client('{self._origin}')"

    @property
    def requests(self) -> int:
        """How many requests were made, those that failed and those that a redirect asked for among them."""
        return self._exchange.requests

    def path_of(self, url: str) -> str:
        """The path and query of a `url` that the server gave; ServerError where it is another server's."""
        return self._origin.path_of(url)

    def get_bytes(self, path: str, params: Params = None) -> bytes:
        """The JSON document at `path` as sent, whole; an error of ours for anything else."""
        return self.ask(path, params).body

    def get_text(self, path: str, params: Params = None, *, accept: str) -> bytes:
        """The body at `path` as sent, of the type `accept` (XML, CSV), whole; an error of ours for anything else."""
        return self.ask(path, params, accept=accept).body

    def ask(self, path: str, params: Params = None, *, etag: str = "", accept: str = JSON) -> Answer:
        """The answer at `path`: 304 without a body where `etag` still stands, otherwise the whole body (200)."""
        ask = Ask(
            target=self._target(path, params),
            headers={"Accept": accept} | ({"If-None-Match": etag} if etag else {}),
            wanted=frozenset({200, 304} if etag else {200}),
            seconds=self._limits.deadline,
        )
        return self._patience.persistently(lambda: self._read(ask, accept))

    def post_json(self, path: str, payload: object, *, again: bool = False) -> bytes:
        """The JSON that the server answers to `payload`, in which a Secret is sent as what it is.

        `again` says that the server may receive it twice without harm; otherwise a failure is not tried anew.
        """
        ask = Ask(
            method="POST",
            target=self._target(path, None),
            headers={"Accept": JSON, "Content-Type": JSON},
            body=msgspec.json.encode(payload, enc_hook=_revealed),
            wanted=frozenset({200, 201}),
            seconds=self._limits.deadline,
        )
        attempts = self._limits.attempts if again else 1
        return self._patience.persistently(lambda: self._read(ask, JSON), attempts=attempts).body

    def download(self, path: str, into: Path, params: Params = None, *, media: bool = False) -> Downloaded:
        """Write what lies at `path` into the new file `into` (mode 0600); where it does not come whole, there is none.

        `media` may lie on another server: one redirect to an https host among `media_hosts` is followed, without our
        credentials.
        """
        ask = Ask(
            target=self._target(path, params),
            headers={"Accept": "*/*"},
            media=media,
            seconds=self._limits.file_deadline,
        )
        return self._patience.persistently(lambda: self._save(ask, into))

    def _target(self, path: str, params: Params) -> str:
        """`path` and `params` as they stand in a request."""
        query = urlencode(params or {})
        joined = f"{path}{'&' if '?' in path else '?'}{query}" if query else path
        return self._origin.base + joined

    def _read(self, ask: Ask, accept: str) -> Answer:
        response = self._exchange.answer(ask)
        where = self._exchange.where(ask.target)
        body = self._exchange.plainly(lambda: b"".join(pieces(response, self._limits.body, where)), ask.target)
        response.release_conn()
        if accept == JSON and response.status != 304:
            body = whole_json(
                body, _content_type(response), where, limit=self._limits.depth, words=self._exchange.words
            )
        return Answer(response.status, body, response.headers.get("ETag", ""), _date(response))

    def _save(self, ask: Ask, into: Path) -> Downloaded:
        response = self._exchange.answer(ask)
        try:
            size, digest = self._exchange.plainly(lambda: self._written(response, ask, into), ask.target)
        except OSError as error:
            raise unwritable(into, error) from error
        finally:
            response.close()
        counted = "Content-Length" in response.headers or "chunked" in response.headers.get("Transfer-Encoding", "")
        etag = response.headers.get("ETag", "")
        return Downloaded(size, digest, _content_type(response), counted, etag, _date(response))

    def _written(self, response: Response, ask: Ask, into: Path) -> tuple[int, str]:
        """Size and SHA-256 of what was written to `into`, a new file that stays only if all of it came."""
        size, digest = 0, sha256()
        into.touch(mode=0o600, exist_ok=False)
        try:
            with into.open("wb") as file:
                for piece in pieces(response, self._limits.file, self._exchange.where(ask.target)):
                    size += file.write(piece)
                    digest.update(piece)
        except BaseException:
            into.unlink(missing_ok=True)
            raise
        return size, digest.hexdigest()


def _content_type(response: Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _date(response: Response) -> datetime | None:
    """The server's clock as its answer shows it, UTC without zone."""
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def _revealed(value: object) -> str:
    """What msgspec cannot write by itself: a Secret in a body that is sent."""
    if isinstance(value, Secret):
        return value.reveal()
    message = f"{type(value).__name__} is nothing that JSON knows"
    raise NotImplementedError(message)
