"""Ask again what may go well the next time: with full jitter, so often, so long, and not before the server wants it.

Whether a failure may pass is decided where it is met (refusal.py); here it is waited for.
"""

import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

from pipelines.errors import CccmError, ServerError, TransientError
from pipelines.sources.limits import Limits

Answer = TypeVar("Answer")


class MayPass(CccmError):
    """A failure that may not come again; `asked_wait` is what the server wants us to wait (seconds), if it said so."""

    asked_wait: float | None = None


class Unreached(MayPass, TransientError):
    """Nothing whole came back: the network failed, or the server was too busy to answer."""


class Unwell(MayPass, ServerError):
    """The server answered that it has a problem of its own."""


def persistently(
    ask: Callable[[], Answer],
    limits: Limits,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    """What `ask` gives in the end; its last error where it never gave anything, or where waiting costs too much."""
    until = clock() + limits.budget
    for attempt in range(limits.attempts):
        try:
            return ask()
        except MayPass as failure:
            wait = _wait(failure, attempt, limits)
            if attempt + 1 == limits.attempts or clock() + wait >= until:
                raise
        sleep(wait)
    raise AssertionError


def _wait(failure: MayPass, attempt: int, limits: Limits) -> float:
    """Full jitter, so that many clients do not come back at one moment; never sooner than the server asked for."""
    own = random.uniform(0, min(limits.longest_wait, limits.first_wait * 2**attempt))  # noqa: S311 - no secret
    return max(own, min(failure.asked_wait or 0.0, limits.longest_asked_wait))


def asked_wait(retry_after: str, date: str) -> float | None:
    """The seconds that a Retry-After header means; a time is read against the server's own clock in `date`.

    None where it says nothing, or nothing sensible: a negative number, a time that is over.
    """
    if retry_after.strip().isdecimal():
        return float(retry_after.strip()[:9])
    try:
        wait = (parsedate_to_datetime(retry_after) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return wait if wait > 0 else None
