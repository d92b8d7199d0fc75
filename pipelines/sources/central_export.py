"""Read the zipped tables that ODK Central writes of many submissions at once: each submission's own rows, as sent.

A table's head names questions by their groups, joined by hyphens. Where a head could mean two questions the tables are
not taken at all (UnfitError): those submissions are read one by one. What the archive counts in such a document is
archive/odk.py.
"""

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import msgspec

from pipelines.archive.archive import Submission
from pipelines.archive.odk import CSV_ENVELOPE, place_of
from pipelines.archive.outline import Outline
from pipelines.errors import ServerError
from pipelines.sources.central_answers import root_id_of, status_of, utc
from pipelines.sources.retry import Unreached

LARGEST_CELL = 256_000_000
"""Python's csv takes no cell above 128 kB unless it is told to."""


class UnfitError(Exception):
    """These tables cannot be led back to questions beyond doubt."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A submission out of the tables. An `edited` or `sealed` (encrypted) one wants its XML: the tables do not tell the
    version of an edit, nor hold what is encrypted.
    """

    submission: Submission
    files_expected: int
    edited: bool
    sealed: bool


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    head: list[str]
    rows: list[list[str]]

    @property
    def is_main(self) -> bool:
        return "PARENT_KEY" not in self.head

    @property
    def opening(self) -> str:
        """How the table begins in a submission's document."""
        return f"{msgspec.json.encode(self.name).decode()}:[{msgspec.json.encode(self.head).decode()}"


def read_export(file: Path, outline: Outline) -> Iterator[Exported]:
    """The submissions in `file`; UnfitError before the first of them, and Unreached where the file is not whole."""
    tables = _tables(file)
    if [table.is_main for table in tables].count(True) != 1 or not all(_fits(table, outline) for table in tables):
        raise UnfitError
    main = next(table for table in tables if table.is_main)
    return _submissions(main, [(table.opening, _by_submission(table)) for table in tables if not table.is_main])


def _tables(file: Path) -> list[_Table]:
    csv.field_size_limit(LARGEST_CELL)
    try:
        with ZipFile(file) as opened:
            tables = [_table(opened, name) for name in opened.namelist() if name.endswith(".csv")]
    except (BadZipFile, zlib.error, EOFError, csv.Error) as error:
        raise Unreached("The server's tables arrived cut or damaged; run the sync again.") from error
    except UnicodeDecodeError as error:
        raise ServerError("The server's tables hold bytes that are no UTF-8; ask its administrator.") from error
    return [table for table in tables if table.head]


def _table(opened: ZipFile, name: str) -> _Table:
    with opened.open(name) as entry, TextIOWrapper(entry, encoding="utf-8", newline="") as text:
        reader = csv.reader(text, strict=True)
        head = next(reader, [])
        return _Table(name, head, list(reader))


def _fits(table: _Table, outline: Outline) -> bool:
    """Whether every column and row of `table` means one thing."""
    needed = {"KEY", "SubmissionDate"} if table.is_main else {"KEY", "PARENT_KEY"}
    if len(set(table.head)) < len(table.head) or not needed <= set(table.head):
        return False
    ours = CSV_ENVELOPE if table.is_main else needed
    repeat = place_of(table.rows[0][table.head.index("KEY")])[0] if table.rows and not table.is_main else ""
    keys = [(repeat, head) for head in table.head if head not in ours]
    known = all(key in outline.columns and key not in outline.disputed for key in keys)
    return (known or not table.rows) and all(len(row) == len(table.head) for row in table.rows)


def _by_submission(table: _Table) -> dict[str, str]:
    """The rows of a table of a repeat as JSON, those of each submission together."""
    place = table.head.index("KEY")
    found: dict[str, list[str]] = {}
    for row in table.rows:
        found.setdefault(row[place].partition("/")[0], []).append(msgspec.json.encode(row).decode())
    return {server_id: ",".join(rows) for server_id, rows in found.items()}


def _submissions(main: _Table, others: list[tuple[str, dict[str, str]]]) -> Iterator[Exported]:
    opening = main.opening
    for row in main.rows:
        cells = dict(zip(main.head, row, strict=True))
        key = cells["KEY"]
        pieces = [f"{opening},{msgspec.json.encode(row).decode()}]"]
        pieces += [f"{other},{rows[key]}]" for other, rows in others if key in rows]
        yield _exported(cells, f"{{{','.join(pieces)}}}")


def _exported(cells: dict[str, str], raw: str) -> Exported:
    submission = Submission(
        root_id=root_id_of(cells["KEY"]),
        raw=raw,
        raw_kind="odk_csv",
        instance_id=root_id_of(cells["KEY"]),  # nobody has edited it, or its XML is taken
        server_id=cells["KEY"],
        form_version=cells.get("FormVersion", ""),
        submitted_at=utc(cells["SubmissionDate"]),
        submitted_by=cells.get("SubmitterName", ""),
        validation_status=status_of(cells.get("ReviewState", "")),
    )
    files = cells.get("AttachmentsExpected", "")
    edited = cells.get("Edits", "") != "0" or "/" in cells["KEY"]
    return Exported(submission, int(files) if files.isdecimal() else 0, edited, bool(cells.get("Status", "")))
