"""What a request carries to be let in: a token for good, or a session that is opened anew when the server forgot it."""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipelines.errors import ConfigError
from pipelines.project.secret import Secret

Headers = Mapping[str, Secret]


@dataclass(frozen=True, slots=True)
class Session:
    """The headers of a session, and how many seconds it lasts (None where the server does not tell)."""

    headers: Mapping[str, str | Secret]
    seconds: float | None = None


Given = str | Secret | Callable[[], Session | Mapping[str, str | Secret]]
"""A Kobo token, or whatever opens a session and gives it, or its headers."""

MARGIN = 300.0
"""So many seconds before its end a session is no longer used, but for no more than a tenth of its time."""


SHOWN = 80
"""How many characters of a server's own words are repeated."""


class Credentials:
    """The headers that let us in; shared by threads."""

    def __init__(self, given: Given, *, named: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._named = named
        self._clock, self._until = clock, math.inf
        self.renewable = callable(given)
        self._open = given if callable(given) else lambda: {"Authorization": _token(given)}
        self._lock = threading.Lock()
        self._headers: Headers | None = None

    def headers(self, *, refused: Headers | None = None) -> Headers:
        """The headers of now; those of a new session where these very ones were `refused`, or will soon be.

        A session that another thread has renewed meanwhile is taken as it is: many threads open one session, not many.
        """
        with self._lock:
            if self._headers is None or self._headers is refused or self._clock() >= self._until:
                self._headers = self._opened()
            return self._headers

    def words(self, said: bytes) -> str:
        """The beginning of what a server `said`, fit to be shown: harmless to a terminal, and nothing at all where it
        gives back what lets us in.
        """
        text = " ".join(re.sub(r"[^ -~]+", " ", said.decode("utf-8", "replace")).split())
        secrets = [Secret(secret.reveal().rpartition(" ")[2]) for secret in (self._headers or {}).values()]
        return "" if any(secret.appears_in(text) for secret in secrets) else text[:SHOWN]

    def _opened(self) -> Headers:
        """The headers of a new session, whose time runs from before it was asked for."""
        start = self._clock()
        given = self._open()
        session = given if isinstance(given, Session) else Session(given)
        seconds = session.seconds
        self._until = math.inf if seconds is None else start + seconds - min(MARGIN, seconds / 10)
        return {name: self._fit(value) for name, value in session.headers.items()}

    def _fit(self, value: str | Secret) -> Secret:
        """`value` as a secret that a header can carry; ConfigError, without it, for one that would break the header."""
        secret = value if isinstance(value, Secret) else Secret(value)
        if not secret.is_made_of(r"[ -~]"):
            raise ConfigError(f"the token of source '{self._named}' holds what no header can carry: copy it again.")
        return secret


def _token(given: str | Secret) -> Secret:
    return Secret(f"Token {given.reveal() if isinstance(given, Secret) else given}")
