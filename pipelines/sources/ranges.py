"""Parts of an asset by `_id`, and how they are read: several at a time, in no more pages than needed, and provably
to their end.

Nothing here knows what stands on a page; that is kobo.py, and what is made of it sweep.py.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition
from typing import Generic, TypeVar

Part = TypeVar("Part")
Page = TypeVar("Page")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Range:
    """Every `_id` above `above`, up to and including `up_to` (None: to whatever end there is).

    `full` says whether the rows are read whole or only what the light index shows of them.
    """

    above: int
    up_to: int | None = None
    full: bool = False

    def rest(self, ids: Sequence[int], *, full: bool | None = None) -> "Range | None":
        """What is left to read after a page that showed `ids`, in order; None where this range is proven read.

        The proof is its last `_id` at the end of a page, or a page with nothing on it. A short page proves nothing: a
        server may give less than it was asked for.
        """
        if not ids or ids[-1] == self.up_to:
            return None
        return Range(ids[-1], self.up_to, self.full if full is None else full)


def cut_at(bounds: Sequence[int], above: int = 0, *, full: bool) -> list[Range]:
    """The ranges from `above` to each of `bounds` in turn."""
    lower = [above, *bounds]
    return [Range(low, high, full) for low, high in zip(lower, bounds, strict=False) if low < high]


def cut_at_known(known: Sequence[int], page: int, *, full: bool) -> list[Range]:
    """Ranges of `page` known rows each, ending at a known row: one that still stands closes its range by itself."""
    bounds = [known[min(end, len(known)) - 1] for end in range(page, len(known) + page, page)] if known else []
    return cut_at(bounds, full=full)


def read_parts(
    parts: Iterable[Part],
    ask: Callable[[Part], Page],
    rest: Callable[[Part, Page], Iterable[Part]],
    *,
    parallel: int,
) -> Generator[tuple[Part, Page], None, None]:
    """Each page as it arrives, with the part it was asked for; `rest`, called in any thread, says what is to be asked
    after it.

    At most `parallel` requests are under way, one less for each page but one that waits; what follows a page is asked
    for as soon as it came, whatever the caller does meanwhile. With one at a time there are no threads: each page is
    dealt with before the next is asked for.
    """
    if parallel > 1:
        yield from _in_threads(_Pull(deque(parts), ask, rest, most=parallel + 1), parallel)
        return
    waiting = deque(parts)
    while waiting:
        part = waiting.popleft()
        page = ask(part)
        waiting.extendleft(rest(part, page))
        yield part, page


def _in_threads(pull: "_Pull[Part, Page]", parallel: int) -> Generator[tuple[Part, Page], None, None]:
    with ThreadPoolExecutor(parallel, thread_name_prefix="pull") as pool:
        threads = [pool.submit(pull.work) for _ in range(parallel)]
        try:
            yield from pull.pages()
        finally:
            pull.stop()
        for thread in threads:
            thread.result()


@dataclass(slots=True)
class _Pull(Generic[Part, Page]):
    """What is asked for by several threads: the parts that wait, and the pages that came and were not taken yet."""

    waiting: deque[Part]
    ask: Callable[[Part], Page]
    rest: Callable[[Part, Page], Iterable[Part]]
    most: int
    came: deque[tuple[Part, Page]] = field(default_factory=deque)
    under_way: int = 0
    stopped: bool = False
    changed: Condition = field(default_factory=Condition)

    def work(self) -> None:
        """Ask for part after part, until nothing is left or another thread has failed."""
        well = False
        try:
            while (part := self._next()) is not None:
                page = self.ask(part)
                self._add(part, page, self.rest(part, page))
            well = True
        finally:
            if not well:
                self.stop()

    def pages(self) -> Iterator[tuple[Part, Page]]:
        """What came, until nothing more will."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.stopped or self.came or self._nothing_left())
                if self.stopped or not self.came:
                    return
                one = self.came.popleft()
                self.changed.notify_all()
            yield one

    def stop(self) -> None:
        """Ask for nothing any more."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

    def _next(self) -> Part | None:
        with self.changed:
            self.changed.wait_for(lambda: self.stopped or self._has_room() or self._nothing_left())
            if self.stopped or not self.waiting:
                return None
            self.under_way += 1
            return self.waiting.popleft()

    def _add(self, part: Part, page: Page, more: Iterable[Part]) -> None:
        with self.changed:
            self.waiting.extendleft(more)
            self.came.append((part, page))
            self.under_way -= 1
            self.changed.notify_all()

    def _has_room(self) -> bool:
        return bool(self.waiting) and self.under_way + len(self.came) < self.most

    def _nothing_left(self) -> bool:
        return not self.waiting and not self.under_way


def one_ahead(pages: Iterable[Page], make: Callable[[Page], Made]) -> Iterator[Made]:
    """What `make` makes of each page, in another thread, while the caller is busy with the one before."""
    with ThreadPoolExecutor(1, thread_name_prefix="make") as pool:
        before: Future[Made] | None = None
        for page in pages:
            coming = pool.submit(make, page)
            if before:
                yield before.result()
            before = coming
        if before:
            yield before.result()
