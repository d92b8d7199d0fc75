"""Parts of an asset by `_id`, and how they are read: several at a time, in no more pages than needed, and provably
to their end.

Nothing here knows what stands on a page; that is kobo.py, and what is made of it sweep.py.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

Part = TypeVar("Part")
Page = TypeVar("Page")


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
    """Each page as it arrives, with the part it was asked for; `rest` says what is to be asked after it.

    At most `parallel` requests are under way, and as many pages wait: what follows a page is asked for as that page is
    handed over. With one at a time there are no threads: each page is dealt with before the next is asked for.
    """
    waiting = deque(parts)
    if parallel == 1:
        while waiting:
            part = waiting.popleft()
            page = ask(part)
            waiting.extendleft(rest(part, page))
            yield part, page
        return
    asked: dict[Future[Page], Part] = {}
    with ThreadPoolExecutor(parallel, thread_name_prefix="pull") as pool:
        try:
            while waiting or asked:
                _ask_more(pool, ask, waiting, asked, parallel)
                done, _ = wait(asked, return_when=FIRST_COMPLETED)
                first = next(iter(done))
                part, page = asked.pop(first), first.result()
                waiting.extendleft(rest(part, page))
                _ask_more(pool, ask, waiting, asked, parallel)
                yield part, page
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ask_more(
    pool: ThreadPoolExecutor,
    ask: Callable[[Part], Page],
    waiting: deque[Part],
    asked: dict[Future[Page], Part],
    parallel: int,
) -> None:
    while waiting and len(asked) < parallel:
        part = waiting.popleft()
        asked[pool.submit(ask, part)] = part
