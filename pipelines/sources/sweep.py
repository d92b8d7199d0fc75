"""One look at everything that an asset has on its server: what stands, what differs, what is there at all.

Requests are made and documents prepared by several threads; what they bring is judged and archived by one. Which parts
are looked at is sync.py, what may be marked as deleted tombstones.py.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from pipelines.archive.archive import Run
from pipelines.archive.record import Prepared, prepared
from pipelines.archive.submission import Standing
from pipelines.errors import ServerError
from pipelines.sources.kobo import Kobo, Seen, lists_of
from pipelines.sources.kobo_row import IndexRow, NamedFiles
from pipelines.sources.ranges import Range, read_parts

MANY = 100
"""Where more rows of a page than this, and more than half, differ, they are read as a range and not one by one."""

Progress = Callable[[int], None]
"""Called with how many submissions have been seen so far."""

Part = Range | tuple[int, ...]
"""What one request asks for: the next page of a range, or the submissions with these `_id`."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one request showed: the index's rows, or whole submissions; and what the server counts and did not show."""

    ids: tuple[int, ...]
    unshown: int
    index: tuple[IndexRow, ...] = ()
    whole: tuple[Prepared, ...] = ()


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
    _preparing: Lock = field(
        default_factory=Lock
    )  # one at a time: they would only wait for each other, and hold memory

    def expect(self, standing: Iterable[Standing]) -> None:
        """Take what the archive holds for what should be there."""
        for one in standing:
            if one.server_id.isdecimal():
                self.known[int(one.server_id)] = one
                self.keys[int(one.server_id)] = one.root_id
                self.holders[one.root_id] = int(one.server_id)

    def read(self, ranges: Iterable[Range]) -> None:
        """Look at `ranges`, archive what was read whole, and fetch what differs."""
        for _, look in self._looks(ranges):
            self._keep(look)
        read_whole = self.run.counts.seen + len(self._unclear)
        self.run.note_unchanged(max(len(self.present) - len(self.differs) - read_whole, 0))
        self.fetch(self.differs)

    def fetch(self, server_ids: Sequence[int]) -> None:
        """Archive the submissions with these `_id`, however few the server gives at a time."""
        self.not_given = []
        for _, look in self._looks(lists_of(server_ids)):
            self._keep(look)
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

    def _looks(self, parts: Iterable[Part]) -> Iterator[tuple[Part, Look]]:
        return read_parts(parts, self._ask, self._after, parallel=self.parallel)

    def _ask(self, part: Part) -> Look:
        """What the server shows of `part`; in any thread."""
        if isinstance(part, tuple):
            return self._whole(self.kobo.chosen(self.run.asset, part))
        if part.full:
            return self._whole(self.kobo.rows(self.run.asset, part))
        seen = self.kobo.rows(self.run.asset, part, light=True)
        return Look(seen.ids, seen.unshown, index=tuple(self.kobo.index_rows(seen)))

    def _whole(self, seen: Seen) -> Look:
        """The submissions of a page under the keys that we know them by: older servers did not send a root id, and a
        key must not move.
        """
        with self._preparing:
            sent = self.kobo.submissions(seen, self.named_files)
            keyed = [
                replace(one, root_id=self.keys[number]) if number in self.keys else one
                for number, one in zip(seen.ids, sent, strict=True)
            ]
            return Look(seen.ids, seen.unshown, whole=tuple(prepared(one) for one in keyed))

    def _after(self, part: Part, look: Look) -> list[Part]:
        """What is to be asked after `look`."""
        ids = look.ids
        if isinstance(part, tuple):
            missing = tuple(sorted(set(part).difference(ids)))
            if not ids:
                self.not_given.extend(missing)
            return [missing] if ids and missing else []
        if part.full:
            stands = sum(one in self.known for one in ids) * 2 > len(ids)
            rest = part.rest(ids, full=self.always_full or part.up_to is None or not stands)
            return [rest] if rest else []
        differs = [row.server_id for row in look.index if not row.shows(self.known.get(row.server_id))]
        if len(differs) <= MANY or len(differs) * 2 <= len(ids):
            self.differs.extend(differs)
            self.present.update(ids)
            rest = part.rest(ids)
            return [rest] if rest else []
        rest = part.rest(ids, full=True)
        return [Range(part.above, ids[-1], full=True), *([rest] if rest else [])]

    def _keep(self, look: Look) -> None:
        """Archive what was read whole; what may be one thing with something else waits until all was seen."""
        self.unshown = max(self.unshown, look.unshown)
        clear = [one for one in look.whole if self._claims_its_key(one)]
        if clear:
            self.run.record_prepared(clear)
        self.versions.update(one.submission.form_version for one in look.whole)
        self.present.update(look.ids if look.whole else ())
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
