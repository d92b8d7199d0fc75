"""The one HTTP client: our origin, our token, and the one place where a status becomes an error.

A URL that a server gives is never followed; callers pass paths, and redirects are refused. What a particular server
answers is that server's module.
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec
import requests
import stamina

from pipelines.errors import AuthError, CccmError, ConfigError, ServerError, TransientError

CONNECT_SECONDS, READ_SECONDS = 10, 130
"""Kobo gives a query 120 seconds (SYNCHRONOUS_REQUEST_TIME_LIMIT); we wait a little longer than it does."""

stamina.instrumentation.set_on_retry_hooks([])  # what fails in the end is said once, by us

ATTEMPTS = 4
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be different the next time."""


class NotThere(ConfigError):
    """The server knows nothing at this path, or shows it to nobody with our token (404)."""


class Client:
    """Requests to one server, with our token."""

    def __init__(self, url: str, token: str, *, named: str, retry: bool = True) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            message = f"xlsforms/sources.yml, source '{named}': '{url}' is no http(s) address; write one."
            raise ConfigError(message)
        self._origin = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._named = named
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"Authorization": f"Token {token}", "Accept": "application/json"})
        self._attempts = ATTEMPTS if retry else 1

    def __repr__(self) -> str:
        return f"Client({self._origin!r})"

    def get_bytes(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """The JSON body at `path` as sent; an error of ours for anything else."""
        once = stamina.retry(on=TransientError, attempts=self._attempts, wait_initial=0.3, wait_max=20, timeout=300)
        fetch: Callable[[], bytes] = once(lambda: self._get(path, dict(params or {})))
        return fetch()

    def _get(self, path: str, params: dict[str, str]) -> bytes:
        try:
            response = self._session.get(
                self._origin + path, params=params, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False
            )
        except requests.exceptions.ConnectionError as error:
            message = f"{self._origin} ({self._named}) does not answer; check the address and that the server is up."
            raise TransientError(message) from error
        except requests.exceptions.RequestException as error:
            message = f"{self._origin} ({self._named}) broke off its answer for {path}; run the sync again."
            raise TransientError(message) from error
        problem = self._problem(response, path)
        if problem:
            raise problem
        return response.content

    def _problem(self, response: requests.Response, path: str) -> CccmError | None:
        where = f"{self._origin}{path} (source '{self._named}')"
        status = response.status_code
        if status == 200:
            return None if self._is_json(response) else _not_json(where, response)
        if status in {401, 403}:
            return AuthError(
                f"{where} refused the token ({status}); set it anew (Account Settings > Security in Kobo)."
            )
        if status == 404:
            return NotThere(f"{where} is not there, or not shared with our account (404); check the asset's uid.")
        if status in PASSING:
            return TransientError(f"{where} answered {status}; the server has a problem of its own: try again later.")
        if 300 <= status < 400:
            return ConfigError(
                f"{where} redirects elsewhere ({status}); write the server's real address in sources.yml."
            )
        return ServerError(f"{where} answered {status}, which it should not; ask the server's administrator.")

    @staticmethod
    def _is_json(response: requests.Response) -> bool:
        try:
            msgspec.json.decode(response.content, type=msgspec.Raw)
        except msgspec.DecodeError:
            return False
        return True


def _not_json(where: str, response: requests.Response) -> CccmError:
    kind = response.headers.get("Content-Type", "unknown").split(";")[0]
    if "html" in kind:
        return ServerError(
            f"{where} answered with a web page (HTML) instead of JSON; check the address in sources.yml."
        )
    return TransientError(f"{where} answered with {kind} that is no whole JSON document; run the sync again.")
