"""Count again what was counted when it was archived: the sum of each document's bytes, its answers, their digest.

It runs in processes of its own, a stretch of rows at a time, for counting is Python and one core is not enough. What is
asked of an archive besides is verify.py.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from hashlib import sha256
from itertools import starmap
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from pipelines.archive.leaves import count_and_digest
from pipelines.archive.outline import Outlines, outlines_in
from pipelines.store.duck import Connection, connect, plain_errors

ROWS_OF_A_STRETCH = 4000
ROWS_AT_A_TIME = 500
SHOWN = 5
"""How many wrong documents are named."""

STRETCH = """
SELECT source, asset, form_version, root_id, revision, encode(raw), raw_kind, raw_sha256, n_answers, digest
FROM submission WHERE rowid BETWEEN ? AND ?
"""


@dataclass(frozen=True, slots=True)
class Recount:
    """What was counted: revisions, bytes, answers, documents that cannot be read (and could not before), and which
    documents are not what was archived, in a few words each.
    """

    revisions: int = 0
    size: int = 0
    answers: int = 0
    unreadable: int = 0
    wrong: tuple[str, ...] = ()

    def __add__(self, other: "Recount") -> "Recount":
        return Recount(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def recount(path: Path, rows: int, processes: int) -> Recount:
    """Count every document of the archive at `path` again, which has `rows` of them, in so many `processes`."""
    stretches = [(path, first, first + ROWS_OF_A_STRETCH - 1) for first in range(0, rows, ROWS_OF_A_STRETCH)]
    if len(stretches) < 2 or processes < 2:
        return sum(starmap(recount_stretch, stretches), Recount())
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(recount_stretch, *zip(*stretches, strict=True)), Recount())


def recount_stretch(path: Path, first: int, last: int) -> Recount:
    """Count the documents in the rows `first` to `last` again."""
    total = Recount()
    damaged = plain_errors(f"{path} is damaged", "put back the last backup with `cccm restore FILE`")
    with damaged, connect(path, read_only=True) as con:
        con.execute("SET threads = 1")
        outlines = outlines_in(con)
        for page in _pages(con, first, last):
            total += _counted_again(page, outlines)
    return total


class _Document(NamedTuple):
    """One row of STRETCH."""

    source: str
    asset: str
    form_version: str
    root_id: str
    revision: int
    raw: bytes
    raw_kind: str
    raw_sha256: str
    n_answers: int | None
    digest: int | None


def _pages(con: Connection, first: int, last: int) -> Iterator[list[_Document]]:
    cursor = con.execute(STRETCH, [first, last])
    while page := cursor.fetchmany(ROWS_AT_A_TIME):
        yield list(starmap(_Document, page))


def _counted_again(page: Sequence[_Document], outlines: Outlines) -> Recount:
    counted = [_counted(document, outlines) for document in page]
    answers = [count for count, _ in counted if count is not None]
    found = zip(page, map(_wrong, page, counted), strict=True)
    named = (f"submission {one.root_id}, revision {one.revision}: {wrong}" for one, wrong in found if wrong)
    size = sum(len(document.raw) for document in page)
    return Recount(len(page), size, sum(answers), len(page) - len(answers), tuple(named))


def _wrong(document: _Document, counted: tuple[int | None, int | None]) -> str:
    """What is wrong with a document; empty where it is what was archived."""
    if sha256(document.raw).hexdigest() != document.raw_sha256:
        return "its bytes are not those that were archived"
    right = counted == (document.n_answers, document.digest)
    return "" if right else "its answers do not come to what was counted"


def _counted(document: _Document, outlines: Outlines) -> tuple[int | None, int | None]:
    """How many answers, and their digest; (None, None) for a document that cannot be read, as when it was archived."""
    outline = outlines.of(document.source, document.asset, document.form_version, document.raw_kind)
    try:
        return count_and_digest(document.root_id, document.raw.decode(), document.raw_kind, outline)
    except (ValueError, RecursionError):
        return None, None
