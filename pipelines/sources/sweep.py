"""One look at everything that an asset has on its server: what stands, what differs, what is there at all.

Requests are made by several threads, documents prepared by another; what they bring is judged and archived by one.
Which parts are looked at is sync.py, what may be marked as deleted tombstones.py.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from pipelines.archive.archive import Run
from pipelines.archive.prepared import Prepared
from pipelines.archive.submission import Standing
from pipelines.errors import ServerError
from pipelines.sources.kobo import Kobo, Seen, lists_of
from pipelines.sources.kobo_row import NamedFiles
from pipelines.sources.ranges import Range, one_ahead, read_parts

MANY = 100
"""Where more rows of a page than this, and more than half, differ, they are read as a range and not one by one."""

Progress = Callable[[int], None]
"""Called with how many submissions have been seen so far."""

Part = Range | tuple[int, ...]
"""What one request asks for: the next page of a range, or the submissions with these `_id`."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one request showed, and what follows from it: what is to be asked after it, which of its rows are known to
    stand or differ, and which of the wanted ones it did not show.
    """

    seen: Seen
    rest: Sequence[Part] = ()
    full: bool = True
    present: Sequence[int] = ()
    differs: Sequence[int] = ()
    missing: Sequence[int] = ()


@dataclass(slots=True)
class Sweep:
    """What was found so far: `present` are the `_id` that the server has, `holders` says whose a root id is."""

    run: Run
    kobo: Kobo
    named_files: NamedFiles
    progress: Progress
    parallel: int
    always_full: bool = False
    known: dict[int, Standing] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)
    present: set[int] = field(default_factory=set)
    differs: list[int] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    not_given: list[int] = field(default_factory=list)
    unshown: int = 0
    doubles: int = 0
    _unclear: dict[int, str] = field(default_factory=dict)

    def expect(self, standing: Iterable[Standing]) -> None:
        """Take what the archive holds for what should be there."""
        for one in standing:
            if one.server_id.isdecimal():
                self.known[int(one.server_id)] = one
                self.keys[int(one.server_id)] = one.root_id
                self.holders[one.root_id] = int(one.server_id)

    def read(self, ranges: Iterable[Range]) -> None:
        """Look at `ranges`, archive what was read whole, and fetch what differs."""
        self._look_at(ranges)
        read_whole = self.run.counts.seen + len(self._unclear)
        self.run.note_unchanged(max(len(self.present) - len(self.differs) - read_whole, 0))
        self.fetch(self.differs)

    def fetch(self, server_ids: Sequence[int]) -> None:
        """Archive the submissions with these `_id`, however few the server gives at a time."""
        self.not_given = []
        self._look_at(lists_of(server_ids))
        shown = self.shown(self.not_given)
        if shown:
            message = f"The server lists {len(shown)} submissions of asset {self.run.asset} that it does not give"
            raise ServerError(f"{message}; sync again.")
        self.present.difference_update(self.not_given)
        if self._unclear:
            self.fetch(self._settled())

    def shown(self, server_ids: Sequence[int]) -> set[int]:
        """Which of these `_id` the light index shows, asked for one by one."""
        found: set[int] = set()
        for some in lists_of(server_ids):
            missing = some
            while missing:
                seen = self.kobo.chosen(self.run.asset, missing, light=True)
                self.unshown += seen.unshown
                found.update(seen.ids)
                missing = tuple(sorted(set(missing).difference(seen.ids))) if seen.ids else ()
        return found

    def gone(self) -> dict[int, str]:
        """`_id` and root id of what we hold as current and the server does not show."""
        return {holder: root_id for root_id, holder in self.holders.items() if holder not in self.present}

    def _look_at(self, parts: Iterable[Part]) -> None:
        pages = read_parts(parts, self._ask, lambda _, look: look.rest, parallel=self.parallel)
        with closing(pages):
            looks = (look for _, look in pages)
            read = one_ahead(looks, self._read) if self.parallel > 1 else map(self._read, looks)
            for look, whole in read:
                self._keep(look, whole)

    def _ask(self, part: Part) -> Look:
        """What the server shows of `part`; in any thread."""
        if isinstance(part, tuple):
            return _of_list(part, self.kobo.chosen(self.run.asset, part))
        seen = self.kobo.rows(self.run.asset, part, light=not part.full)
        return self._of_full(part, seen) if part.full else self._of_index(part, seen)

    def _of_full(self, part: Range, seen: Seen) -> Look:
        stands = sum(one in self.known for one in seen.ids) * 2 > len(seen.ids)
        rest = part.rest(seen.ids, full=self.always_full or part.up_to is None or not stands)
        return Look(seen, [rest] if rest else [], present=seen.ids)

    def _of_index(self, part: Range, seen: Seen) -> Look:
        """What a page of the light index says; where most of it differs, it is to be read whole."""
        ids = seen.ids
        differs = [row.server_id for row in self.kobo.index_rows(seen) if not row.shows(self.known.get(row.server_id))]
        few = len(differs) <= MANY or len(differs) * 2 <= len(ids)
        rest = part.rest(ids, full=not few)
        onwards = [rest] if rest else []
        if few:
            return Look(seen, onwards, full=False, present=ids, differs=differs)
        return Look(seen, [Range(part.above, ids[-1], full=True), *onwards], full=False)

    def _read(self, look: Look) -> tuple[Look, list[Prepared]]:
        """A page, let go of, and its submissions under the keys that we know them by: older servers did not send a root
        id, and a key must not move.
        """
        told = replace(look, seen=look.seen.told)
        if not look.full:
            return told, []
        sent = self.kobo.submissions(look.seen, self.named_files)
        keyed = [
            replace(one, root_id=self.keys[number]) if number in self.keys else one
            for number, one in zip(look.seen.ids, sent, strict=True)
        ]
        return told, self.run.counting.prepared(keyed)

    def _keep(self, look: Look, whole: Sequence[Prepared]) -> None:
        """Archive what was read whole; what may be one thing with something else waits until all was seen."""
        self.unshown = max(self.unshown, look.seen.unshown)
        clear = [one for one in whole if self._claims_its_key(one)]
        if clear:
            self.run.record_prepared(clear)
        self.versions.update(one.submission.form_version for one in whole)
        self.present.update(look.present)
        self.differs.extend(look.differs)
        self.not_given.extend(look.missing)
        self.progress(len(self.present))

    def _claims_its_key(self, one: Prepared) -> bool:
        """Whether no other submission holds the root id of this one, which then holds it."""
        number = int(one.submission.server_id)
        if self.holders.setdefault(one.submission.root_id, number) == number:
            return True
        self._unclear[number] = one.submission.root_id
        return False

    def _settled(self) -> list[int]:
        """What came under the root id of another, under a key of its own now: it is another thing where that other is
        still there, else the same one come back under another number.
        """
        for number, root_id in self._unclear.items():
            double = self.holders[root_id] in self.present
            self.doubles += double
            key = f"{root_id}#{number}" if double else root_id
            self.holders[key], self.keys[number] = number, key
        settled = list(self._unclear)
        self._unclear.clear()
        return settled


def _of_list(asked: Sequence[int], seen: Seen) -> Look:
    """What was shown of submissions that were asked for by name; the rest is asked for again, while any come."""
    missing = tuple(sorted(set(asked).difference(seen.ids)))
    if not seen.ids:
        return Look(seen, missing=missing)
    return Look(seen, [missing] if missing else [], present=seen.ids)
