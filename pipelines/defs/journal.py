"""What the steps of a run tell whoever started it in this process: progress while it goes, outcomes when it is done.

Dagster's event log tells the same to the UI; this is for the terminal.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pipelines.errors import CccmError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to: `anew` says whether it did anything; `figures` are for a table, `error` for a sentence."""

    step: str
    anew: bool
    figures: dict[str, int | str] = field(default_factory=dict)
    warning: str = ""
    error: CccmError | None = None


@dataclass(slots=True)
class Journal:
    """Where the steps write."""

    outcomes: list[Outcome] = field(default_factory=list)
    on_progress: Callable[[str, int | None], None] = lambda _step, _done: None

    def add(self, outcome: Outcome) -> Outcome:
        """Keep `outcome`."""
        self.outcomes.append(outcome)
        return outcome


_open: ContextVar[Journal | None] = ContextVar("journal", default=None)


def journal() -> Journal:
    """The journal of this run; one that nobody reads where nobody asked for it."""
    return _open.get() or Journal()


@contextmanager
def keep_journal(on_progress: Callable[[str, int | None], None]) -> Iterator[Journal]:
    """Yield a journal that the steps of this block write to; `on_progress` gets a step and how far it is."""
    kept = Journal(on_progress=on_progress)
    token = _open.set(kept)
    try:
        yield kept
    finally:
        _open.reset(token)
