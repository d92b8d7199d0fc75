"""The one address that a source's requests go to, and what is left of an address that a server gives.

A server may name other addresses in its answers (`next`, `download_url`, `Location`). None of them is followed: its
path and query are, on the origin from sources.yml, and only where scheme, host and port are the very same.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from pipelines.errors import ConfigError, ServerError

PORTS = {"http": 80, "https": 443}

UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
"""What stands in no address: programs disagree on what it means there, and that is how one is led astray."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port, and the path below which the server lies there ("" mostly)."""

    scheme: str
    host: str
    port: int
    base: str = ""

    def __str__(self) -> str:
        return self.address(self.base)

    def address(self, target: str) -> str:
        """The whole address of a `target`, a path and query on this origin."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{target}"

    def path_of(self, url: str) -> str:
        """The path and query of a `url` that a server gave, as we ask for it; ServerError for another origin's."""
        target = self.target_of(url)
        if target is None or (self.base and not (target + "/").startswith(f"{self.base}/")):
            raise ServerError(
                f"{self} gave an address on another server, which we do not follow; ask its administrator."
            )
        return target.removeprefix(self.base) or "/"

    def target_of(self, url: str) -> str | None:
        """The path and query of `url` as they stand on this origin, base and all; None where it is another's."""
        parts = None if UNFIT.search(url) else _split(url)
        if parts is None or not self._holds(parts):
            return None
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def _holds(self, parts: SplitResult) -> bool:
        """Whether `parts` are a path on this origin, or a whole address with this very origin."""
        if not parts.path.startswith("/"):
            return False
        if not parts.scheme and not parts.netloc:
            return not parts.path.startswith("//")
        port = parts.port or PORTS.get(parts.scheme)
        own = "@" not in parts.netloc and (parts.scheme, parts.hostname, port) == (self.scheme, self.host, self.port)
        return own and not parts.path.startswith("//")


def origin_of(url: str, *, where: str) -> Origin:
    """The origin that `url` names; ConfigError, beginning with `where`, for what is no address of a server."""
    parts = None if UNFIT.search(url) else _split(url)
    if parts is None or parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc or parts.query:
        raise ConfigError(f"{where}: '{url}' is no http(s) address; write it as https://kobo.example.org.")
    return Origin(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], parts.path.rstrip("/"))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        stands = parts.port != 0
    except ValueError:
        return None
    return parts if stands else None
