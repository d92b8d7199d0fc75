"""Read one table of data, a workbook's sheet or delimited text, as the texts that stand in its cells.

No cell is interpreted here: what a header means, which texts mean "no answer" and how dates are written stands in the
layout (crosswalk.yml). Which letters the bytes of a text are is text_encoding.py; XLSForms are read in forms/.
"""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, WorksheetNotFound

from pipelines.errors import ConfigError, DataError
from pipelines.sources.text_encoding import decoded

MAX_BYTES = 500_000_000
"""Larger than any export a cluster has seen; what a workbook would unpack to is held against it before it is opened."""

MAX_CELL = 2**31 - 1
"""The csv module refuses a cell of more than 128 kB otherwise; Python lets us set this for the whole process only."""

WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""How the files of xlsx, xlsb and ods, and those of xls, begin, whatever their names say."""

Cell = int | float | str | bool | date | datetime | time | timedelta


@dataclass(frozen=True, slots=True)
class Table:
    """The headers, each once, and below them every row up to the last that says anything, as wide as the headers.

    `header_row` is the number of the row of headers as a spreadsheet shows it.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    header_row: int = 1

    def numbered(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """(number as a spreadsheet shows it, cells) of each row that says anything."""
        for number, row in enumerate(self.rows, start=self.header_row + 1):
            if _says_anything(row):
                yield number, row


def read_table(path: Path, *, encoding: str = "utf-8-sig", delimiter: str = ",", sheet: str = "") -> Table:
    """The table in the file at `path`: of a workbook the named sheet, or the first; of a text, with this delimiter."""
    return table_of(read_bytes(path), str(path), encoding=encoding, delimiter=delimiter, sheet=sheet)


def read_bytes(path: Path) -> bytes:
    """The whole file at `path`."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} is larger than {MAX_BYTES // 10**6} MB: export it in parts.")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): put the file there, readable for us.") from error


def table_of(content: bytes, named: str, *, encoding: str, delimiter: str, sheet: str) -> Table:
    """The table in the bytes of a file that messages call `named`."""
    if content.startswith(WORKBOOK_STARTS):
        return _laid_out(_rows_of_workbook(content, named, sheet), named)
    return _laid_out(_rows_of_text(decoded(content, named, encoding), named, delimiter), named)


def _laid_out(rows: Sequence[Sequence[str]], named: str) -> Table:
    """`rows` parted into headers and what stands below them, without the empty rows and columns around."""
    first = next((number for number, row in enumerate(rows) if _says_anything(row)), None)
    if first is None:
        raise DataError(f"{named} is empty: export it again.")
    last = max(number for number, row in enumerate(rows) if _says_anything(row))
    body = rows[first + 1 : last + 1]
    width = max(_width(row) for row in rows[first : last + 1])
    written = [header.strip() for header in rows[first][:width]]
    written += [""] * (width - len(written))
    kept = [column for column in range(width) if written[column] or any(_cell(row, column) for row in body)]
    headers = _each_once([written[column] or f"column {_letters(column)}" for column in kept])
    return Table(headers, tuple(tuple(_cell(row, column) for column in kept) for row in body), first + 1)


def _says_anything(row: Sequence[str]) -> bool:
    return any(cell.strip() for cell in row)


def _width(row: Sequence[str]) -> int:
    """How many cells `row` has up to its last that says anything."""
    return max((number for number, cell in enumerate(row, start=1) if cell.strip()), default=0)


def _cell(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _each_once(headers: Sequence[str]) -> tuple[str, ...]:
    """`headers` with a second "name" called "name#2", so that no column hides another."""
    times: Counter[str] = Counter()
    taken = set(headers)
    unique: list[str] = []
    for header in headers:
        times[header] += 1
        name = header
        while times[header] > 1 and name in taken:
            name = f"{header}#{times[header]}"
            times[header] += name in taken
        taken.add(name)
        unique.append(name)
    return tuple(unique)


def _letters(column: int) -> str:
    """The letters that a spreadsheet shows above the column: 0 is A, 26 is AA."""
    letters, rest = "", column + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _rows_of_text(text: str, named: str, delimiter: str) -> list[list[str]]:
    if re.match(r"\s*<(!doctype|html|table|\?xml)", text[:200], re.IGNORECASE):
        raise DataError(f"{named} is a web page and no table: export it as .xlsx or .csv.")
    csv.field_size_limit(MAX_CELL)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except (TypeError, ValueError):
        raise ConfigError(f"{named}: {delimiter!r} cannot part cells: write one sign, such as ',' or ';'.") from None
    rows: list[list[str]] = []
    try:
        rows.extend(reader)
    except csv.Error:
        raise DataError(
            f"{named}, row {len(rows) + 1}: a quotation mark is not closed, or closed too early: export it again."
        ) from None
    _refuse_shifted(rows, named)
    return rows


def _refuse_shifted(rows: Sequence[Sequence[str]], named: str) -> None:
    """A row longer than its headers holds an unquoted delimiter: every cell behind it would land in a wrong column."""
    first = next((number for number, row in enumerate(rows) if _says_anything(row)), 0)
    for number, row in enumerate(rows[first + 1 :], start=first + 2):
        if _width(row) > len(rows[first]):
            raise DataError(
                f"{named}, row {number}: it has {_width(row)} cells below {len(rows[first])} headers: put the text "
                "that holds the delimiter in quotation marks, or correct 'delimiter' in the layout."
            )


def _rows_of_workbook(content: bytes, named: str, sheet: str) -> list[list[str]]:
    _refuse_bomb(content, named)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        if not (sheet or book.sheet_names):
            raise DataError(f"{named} has no sheet: export it again.")
        found = book.get_sheet_by_name(sheet) if sheet else book.get_sheet_by_index(0)
        return [[text_of(cell) for cell in row] for row in found.to_python(skip_empty_area=False)]
    except WorksheetNotFound:
        there = ", ".join(book.sheet_names)
        raise ConfigError(f"{named} has no sheet {sheet!r}: write one of {there} as 'sheet' of the layout.") from None
    except PasswordError:
        raise DataError(f"{named} is locked by a password: save it without one.") from None
    except CalamineError:
        raise DataError(f"{named} cannot be opened as a workbook: it is broken, or cut; export it again.") from None


def _refuse_bomb(content: bytes, named: str) -> None:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        if sum(part.file_size for part in parts.infolist()) > MAX_BYTES:
            raise DataError(f"{named} unpacks to more than {MAX_BYTES // 10**6} MB: export it in parts.")


def text_of(cell: Cell) -> str:
    """What stands in a workbook's cell, as text: a whole number without a point, dates and times as ISO 8601."""
    match cell:
        case str():
            return cell
        case bool():
            return "TRUE" if cell else "FALSE"
        case int():
            return str(cell)
        case float():
            return str(int(cell)) if cell.is_integer() else format(Decimal(repr(cell)), "f")
        case timedelta():
            hours, seconds = divmod(round(cell.total_seconds()), 3600)
            return f"{hours}:{seconds // 60:02}:{seconds % 60:02}"
        case _:
            return cell.isoformat()
