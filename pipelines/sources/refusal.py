"""Where an answer or its absence becomes an error of ours: the one place that reads a status, or a failure of the net.

Each sentence names the server and the path, never the query (answers' texts stand there) nor what carries a secret.
What the body of a good answer must be is body.py.
"""

import re
import ssl
from collections.abc import Callable, Mapping

from urllib3 import exceptions as net

from pipelines.errors import AuthError, CccmError, ConfigError, ServerError
from pipelines.sources.retry import MayPass, Unreached, Unwell, asked_wait

BUSY = frozenset({408, 425, 429})
UNWELL = frozenset({500, 502, 503, 504})
"""Statuses that may be different the next time: the server has no time for us, or a problem of its own."""

Words = Callable[[bytes], str]
"""What may be shown of a server's own words; empty where they give a secret away."""


class NotThere(ConfigError):
    """The server knows nothing at this path, or shows it to nobody with our credentials (404)."""


def refusal(status: int, headers: Mapping[str, str], body: bytes, where: str) -> CccmError:
    """The error that an answer with a `status` other than the wanted ones is."""
    if status in {401, 403}:
        return AuthError(
            f"{where} refused the token or password ({status}); set it anew (Account Settings > Security in Kobo)."
        )
    if status == 404:
        return NotThere(f"{where} is not there, or not shared with our account (404); check the asset's uid.")
    if status in BUSY:
        return _waiting(Unreached(f"{where} is too busy to answer ({status}); try again later."), headers)
    if status in UNWELL or _kobo_ran_out_of_time(status, body):
        problem = Unwell(f"{where} answered {status}; the server has a problem of its own: try again later.")
        return _waiting(problem, headers)
    if 300 <= status < 400:
        return ConfigError(f"{where} redirects elsewhere ({status}); write the server's real address in sources.yml.")
    return ServerError(f"{where} answered {status}, which it should not; ask the server's administrator.")


def _kobo_ran_out_of_time(status: int, body: bytes) -> bool:
    """Kobo answers a query that its database had no time for as if the query were wrong."""
    return status == 400 and b"Unsupported query" in body[:200]


def _waiting(problem: MayPass, headers: Mapping[str, str]) -> MayPass:
    problem.asked_wait = asked_wait(headers.get("Retry-After", ""), headers.get("Date", ""))
    return problem


def failure(error: Exception, where: str, host: str) -> CccmError:
    """The error that a failure of network or TLS is: `host` names the server, `where` also the path.

    It is made new and raised outside of any `except`, so that nothing that knows the request hangs on it.
    """
    if isinstance(error, net.SSLError):
        return _tls(error, host)
    if isinstance(error, net.NameResolutionError):
        return Unreached(f"{host}: no server of this name is known here; check the address and the network.")
    if isinstance(error, net.ConnectTimeoutError | net.NewConnectionError):
        return Unreached(f"{host} does not answer; check the address and that the server is up.")
    if isinstance(error, net.TimeoutError):
        return Unreached(f"{where} took too long to answer; try again later.")
    if isinstance(error, net.LocationValueError):
        return ConfigError(f"{host} is no address that can be asked; correct it in sources.yml.")
    return Unreached(f"{where} broke off its answer; run the sync again.")


def _tls(error: net.SSLError, host: str) -> CccmError:
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = cause.verify_message.rstrip(".").lower() or "it cannot be checked"
        return ConfigError(
            f"{host} does not prove that it is the server we mean: its certificate is refused ({why}); have it mended, "
            "or name the authority it comes from as ca_file in sources.yml."
        )
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return Unreached(f"{host} broke off while the connection was secured; try again later.")
    return ConfigError(f"{host} speaks no TLS that is safe (1.2 or later); have the server mended.")


def web_page(where: str, body: bytes, words: Words) -> ServerError:
    """The error that a web page is where data was asked for: a login, a maintenance page, another address."""
    title = re.search(rb"<title[^>]*>([^<]{1,200})", body[:10_000], re.IGNORECASE)
    said = words(title.group(1)) if title else ""
    shown = f" ('{said}')" if said else ""
    return ServerError(
        f"{where} answered with a web page (HTML){shown} instead of JSON; check the address in sources.yml."
    )
