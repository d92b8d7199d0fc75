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


class Patience:
    """How a client asks again; its threads share it: while the server wants to be left alone, all keep still."""

    def __init__(
        self,
        limits: Limits,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._sleep, self._clock = limits, sleep, clock
        self._still_until = 0.0

    def persistently(self, ask: Callable[[], Answer], *, attempts: int | None = None) -> Answer:
        """What `ask` gives in the end; its last error where it never gave anything, or where waiting costs too much."""
        until = self._clock() + self._limits.budget
        left = attempts or self._limits.attempts
        number = 0
        while True:
            self._keep_still()
            try:
                return ask()
            except MayPass as failure:
                wait = self._wait(failure, number)
                number += 1
                if number == left or self._clock() + wait >= until:
                    raise
            self._sleep(wait)

    def _keep_still(self) -> None:
        wait = self._still_until - self._clock()
        if wait > 0:
            self._sleep(wait)

    def _wait(self, failure: MayPass, number: int) -> float:
        """Full jitter, so that many clients do not come back at one moment; never sooner than the server asked for."""
        limits = self._limits
        own = random.uniform(0, min(limits.longest_wait, limits.first_wait * 2**number))  # noqa: S311 - no secret
        asked = min(failure.asked_wait or 0.0, limits.longest_asked_wait)
        if asked:
            self._still_until = max(self._still_until, self._clock() + asked)
        return max(own, asked)


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
