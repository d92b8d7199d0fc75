"""Fetch the content of submissions from an ODK Central server: by the table where many of one time are wanted, else one
by one; always while what came before is archived.

Which are wanted is decided in central_sync.py. XML is taken for whatever the tables do not tell in full: what was
edited (by which version?), what is encrypted, and every form whose columns could mean two questions.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import Element

from pipelines.archive.archive import Submission
from pipelines.archive.outline import Outline
from pipelines.sources.central import TRIES, Central
from pipelines.sources.central_answers import IndexRow, root_id_of, utc
from pipelines.sources.central_export import Exported, UnfitError, read_export
from pipelines.sources.retry import Unreached

ROWS_OF_A_TABLE = 2000
"""As many submissions are asked for in one zip: few enough that one is archived while the next is made."""

WORTH_A_TABLE = 20
"""A table is fetched where more than one in so many of its submissions is wanted; one by one is thirty times slower."""

AT_ONCE = 2
"""As many stretches are under way at a time: one is being made, one is being read."""

AHEAD = 4
"""As many stretches have come or are under way while another is archived: the server is never kept waiting."""

FEW = 10
"""So many are asked for one by one, however small the table: the server writes down every export in its audit log."""


@dataclass(frozen=True, slots=True)
class Content:
    """A submission's content; `files_expected` as the tables say, None where nobody said; `sealed` is encrypted."""

    submission: Submission
    files_expected: int | None = None
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Submissions that were sent one after another, and those of them that are `wanted`."""

    rows: Sequence[IndexRow]
    wanted: Sequence[IndexRow]

    @property
    def is_worth_a_table(self) -> bool:
        return len(self.wanted) > FEW and len(self.wanted) * WORTH_A_TABLE > len(self.rows)


class Contents:
    """The contents of one form; `outline` is that of all its versions that are archived."""

    def __init__(self, central: Central, form: str, outline: Outline, parallel: int) -> None:
        self._central, self._form, self._outline = central, form, outline
        self._pool = ThreadPoolExecutor(parallel)
        self._names: Mapping[int, str] | None = None

    def of(self, wanted: Collection[str], index: Sequence[IndexRow]) -> Iterator[list[Content]]:
        """The content of the submissions with these server ids, some at a time; one that was deleted meanwhile does not
        come.
        """
        parted = (_Stretch(rows, [row for row in rows if row.server_id in wanted]) for rows in _stretches(index))
        waiting = [stretch for stretch in parted if stretch.wanted]
        with TemporaryDirectory(prefix="cccm-") as folder, self._pool, ThreadPoolExecutor(AT_ONCE) as ahead:
            coming = deque(
                ahead.submit(self._fetched, stretch, Path(folder) / f"{number}.zip")
                for number, stretch in enumerate(waiting[:AHEAD])
            )
            for number in range(len(waiting)):
                content = coming.popleft().result()
                for following in waiting[number + AHEAD : number + AHEAD + 1]:
                    coming.append(ahead.submit(self._fetched, following, Path(folder) / f"{number + AHEAD}.zip"))
                yield content

    def _fetched(self, stretch: _Stretch, file: Path) -> list[Content]:
        found = self._out_of_tables(stretch, file) if stretch.is_worth_a_table else {}
        singly = [row for row in stretch.wanted if row.server_id not in found]
        if singly and self._names is None:
            self._names = self._central.submitters(self._form)
        return [*found.values(), *filter(None, self._pool.map(self._single, singly))]

    def _out_of_tables(self, stretch: _Stretch, file: Path) -> dict[str, Content]:
        """The wanted submissions that the tables tell in full, by server id."""
        try:
            exported = _persistently(lambda: list(read_export(self._downloaded(stretch, file), self._outline)))
        except UnfitError:
            return {}
        finally:
            file.unlink(missing_ok=True)
        told = {one.submission.server_id: one for one in exported if not (one.edited or one.sealed)}
        return {
            row.server_id: Content(told[row.server_id].submission, told[row.server_id].files_expected)
            for row in stretch.wanted
            if row.server_id in told
        }

    def _downloaded(self, stretch: _Stretch, file: Path) -> Path:
        file.unlink(missing_ok=True)
        self._central.export(self._form, file, stretch.rows[0].sent_at, stretch.rows[-1].sent_at)
        return file

    def _single(self, row: IndexRow) -> Content | None:
        """The content of one submission, out of its XML; what is none is kept as it came."""
        found = self._central.submission(self._form, row.server_id)
        if found is None:
            return None
        raw, tree = found
        return self._content(row, raw, Element("none") if tree is None else tree)

    def _content(self, row: IndexRow, raw: str, tree: Element) -> Content:
        names = self._names or {}
        submission = Submission(
            root_id=root_id_of(row.server_id),
            raw=raw,
            raw_kind="odk_xml",
            instance_id=root_id_of(_instance_id(tree)) or row.instance_id,
            server_id=row.server_id,
            form_version=tree.get("version", ""),
            submitted_at=utc(row.sent_at),
            submitted_by=names.get(row.submitter, "") if row.submitter is not None else "",
            validation_status=row.status,
        )
        return Content(submission, sealed=tree.get("encrypted") == "yes")


def _stretches(index: Sequence[IndexRow]) -> Iterator[list[IndexRow]]:
    """The submissions of `index` by the time they were sent; those of one moment are not parted."""
    rows: list[IndexRow] = []
    for _, same in groupby(sorted(index, key=_sent), key=lambda row: row.sent_at):
        if len(rows) >= ROWS_OF_A_TABLE:
            yield rows
            rows = []
        rows.extend(same)
    if rows:
        yield rows


def _sent(row: IndexRow) -> tuple[str, str]:
    return row.sent_at, row.server_id


def _persistently(read: Callable[[], list[Exported]]) -> list[Exported]:
    """What `read` gives; tried anew where what was downloaded is not whole, which only reading it shows."""
    for left in reversed(range(TRIES)):
        try:
            return read()
        except Unreached:
            if not left:
                raise
    raise AssertionError


def _instance_id(tree: Element) -> str:
    """The instance id that stands in a submission's meta, whatever its namespace."""
    meta = next((node for node in tree if node.tag.rpartition("}")[2] == "meta"), ())
    return next(((node.text or "").strip() for node in meta if node.tag.rpartition("}")[2] == "instanceID"), "")
