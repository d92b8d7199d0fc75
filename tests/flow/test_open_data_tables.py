"""Every table of real rounds that others published is read whole: each row, each cell, whatever wrote the file."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import xlrd

from pipelines.sources.table_file import read_table

REPOSITORY = Path(__file__).parents[2]
OPEN = REPOSITORY.parent / "shared" / "data"
LINE = re.compile(r"\| (\S+\.(?:csv|tsv)) \| \d+ \| (\d+)x(\d+) (\S+) delim='(.*?)'")
BOOK = re.compile(r"\| (\S+\.xls) \| \d+ \| (.*?) \|")


@dataclass(frozen=True)
class Listed:
    """A file as the index of the data describes it."""

    path: Path
    rows: int
    columns: int
    encoding: str
    delimiter: str


def _index() -> list[tuple[Path, str]]:
    """(folder, line) of each line of the index; none where the data is not beside the repository."""
    index = OPEN / "INDEX.md"
    lines = index.read_text(encoding="utf-8").splitlines() if index.exists() else []
    folder, found = OPEN, []
    for line in lines:
        if line.startswith("### "):
            folder = OPEN / "open" / line[4:].strip().replace("/", "__")
        found.append((folder, line))
    return found


def _texts() -> Iterator[Listed]:
    for folder, line in _index():
        if match := LINE.match(line):
            name, rows, columns, encoding, delimiter = match.groups()
            yield Listed(folder / name, int(rows), int(columns), encoding, delimiter.replace("\\t", "\t"))


def _sheets() -> Iterator[tuple[Path, str]]:
    for folder, line in _index():
        if match := BOOK.match(line):
            for sheet in re.findall(r"(\S+) [1-9]\d*x\d+", match[2]):
                yield folder / match[1], sheet


TEXTS, SHEETS = list(_texts()), list(_sheets())
absent = pytest.mark.skipif(not TEXTS, reason="shared/data with published rounds is not beside this repository")


@absent
@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.path.name)
def test_a_published_text_is_read_whole(file: Listed) -> None:
    raw = list(
        csv.reader(io.StringIO(file.path.read_bytes().decode(file.encoding), newline=""), delimiter=file.delimiter)
    )
    assert (len(raw) - 1, len(raw[0])) == (file.rows, file.columns)
    raw = [row + [""] * (len(raw[0]) - len(row)) for row in raw]
    table = read_table(file.path, encoding=file.encoding, delimiter=file.delimiter)
    assert read_table(file.path, encoding="auto", delimiter=file.delimiter) == table
    kept = [number for number in range(len(raw[0])) if any(row[number].strip() for row in raw)]
    assert len(table.headers) == len(kept)
    said = [tuple(row[number] for number in kept) for row in raw[1:]]
    while not any(cell.strip() for cell in said[-1]):
        said.pop()
    assert list(table.rows) == said


@absent
@pytest.mark.parametrize(("path", "sheet"), SHEETS, ids=lambda part: str(getattr(part, "name", part)))
def test_a_published_old_workbook_is_read_as_another_reader_reads_it(path: Path, sheet: str) -> None:
    there = xlrd.open_workbook(path).sheet_by_name(sheet)
    rows = [[_text(cell) for cell in there.row(number)] for number in range(there.nrows)]
    table = read_table(path, sheet=sheet)
    assert [row for row in map(_said, table.rows) if row] == [row for row in map(_said, rows[1:]) if row]
    assert [header for header in table.headers if "#" not in header] == _said(rows[0])


def _said(row: Sequence[str]) -> list[str]:
    return [cell.strip() for cell in row if cell.strip()]


def _text(cell: xlrd.sheet.Cell) -> str:
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    return str(int(cell.value)) if cell.ctype == xlrd.XL_CELL_NUMBER and cell.value.is_integer() else str(cell.value)


@absent
def test_an_old_workbook_says_the_same_as_the_new_one() -> None:
    folder = OPEN / "open" / "mhkhan27__AFG_2020_Surge"
    old, new = sorted(folder.glob("AFG2003a_Tool_1_HH*"))
    assert (old.suffix, new.suffix) == (".xls", ".xlsx")
    assert _labels(old) == _labels(new)


def _labels(path: Path) -> list[tuple[str, str]]:
    table = read_table(path, sheet="survey")
    places = [table.headers.index(name) for name in ("type", "name")]
    return [(row[places[0]].strip(), row[places[1]].strip()) for _, row in table.numbered()]
