"""Cells stay what they are: text is text, numbers are numbers, dates are dates, and the same content the same bytes."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.cell.cell import Cell as Read

from pipelines.errors import DiskError
from pipelines.products.workbook import Cell, Column, Styled, first_day, month_name, new_book

DAY = date(2026, 12, 3)
HOSTILE = (
    '=HYPERLINK("http://evil.example","click")',
    "=cmd|'/C calc'!A0",
    "+1",
    "-2",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "|x",
    "%0",
    "{=1+1}",
    "http://evil.example",
    "mailto:x@evil.example",
    "00123",
    "1e5",
    "=",
)


def written(path: Path, *values: Cell | Styled) -> list[Read]:
    with new_book(path, "A title", DAY) as book:
        sheet = book.sheet("One", "A subtitle")
        for row, value in enumerate(values):
            book.put(sheet, row + 3, 0, value)
    cells = load_workbook(path)["One"]
    return [cells.cell(row + 4, 1) for row in range(len(values))]


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_never_a_formula_a_link_or_a_number(tmp_path: Path, text: str) -> None:
    (cell,) = written(tmp_path / "a.xlsx", text)
    assert (cell.data_type, cell.hyperlink) == ("s", None)
    assert str(cell.value).replace("_x000D_", "\r").strip() == text.strip()  # so does Excel read a carriage return


@pytest.mark.parametrize("text", HOSTILE[:10])
def test_text_that_looks_like_a_formula_stays_text_when_somebody_edits_it(tmp_path: Path, text: str) -> None:
    (cell,) = written(tmp_path / "a.xlsx", text)
    assert cell.quotePrefix is True


def test_text_across_merged_cells_and_in_headings_is_text_too(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with new_book(path, "=1+1", DAY) as book:
        sheet = book.sheet("One", "=2+2", title="=3+3")
        book.band(sheet, 3, (0, 2), "=4+4", "label")
        book.figures(sheet, 4, [("=5+5", 0, 1, "=6+6")])
        book.table(sheet, 6, [Column("=7+7", 10)], [["=8+8"], [Styled("=9+9", "gap")]])
    cells = [cell for row in load_workbook(path)["One"].iter_rows() for cell in row if cell.value is not None]
    assert [(cell.value, cell.data_type) for cell in cells] == [
        (text, "s") for text in ("=3+3", "=2+2", "=4+4", "=5+5", "=6+6", "=7+7", "=8+8", "=9+9")
    ]


def test_each_value_is_written_as_what_it_is(tmp_path: Path) -> None:
    cells = written(tmp_path / "a.xlsx", "مخيم", 12, Decimal("-1.5"), date(2026, 11, 1), True, False, None, "")
    assert [(cell.value, cell.data_type) for cell in cells] == [
        ("مخيم", "s"),
        (12, "n"),
        (-1.5, "n"),
        (datetime.fromisoformat("2026-11-01"), "d"),
        ("yes", "s"),
        ("no", "s"),
        (None, "n"),
        (None, "n"),
    ]


def test_a_text_too_long_for_a_cell_is_cut_where_one_sees_it_and_not_dropped(tmp_path: Path) -> None:
    fits, too_long, emojis = written(tmp_path / "a.xlsx", "a" * 32_767, "b" * 32_768, "🏕" * 20_000)
    assert fits.value == "a" * 32_767
    assert (str(too_long.value)[:3], str(too_long.value)[-2:]) == ("bbb", "b…")
    assert (str(emojis.value)[-2:], len(str(emojis.value).encode("utf-16-le")) // 2 <= 32_767) == ("🏕…", True)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path / "a.xlsx", "x", 1, DAY)
    written(tmp_path / "b.xlsx", "x", 1, DAY)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    assert load_workbook(tmp_path / "a.xlsx").properties.created == datetime.fromisoformat("2026-12-03")


def test_a_page_is_landscape_and_as_wide_as_the_paper(tmp_path: Path) -> None:
    written(tmp_path / "a.xlsx", "x")
    page = load_workbook(tmp_path / "a.xlsx")["One"]
    assert (page.page_setup.orientation, page.page_setup.paperSize) == ("landscape", 9)
    assert (page.page_setup.fitToWidth or 1, page.page_setup.fitToHeight) == (1, 0)


def test_a_workbook_that_fails_half_way_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyError), new_book(tmp_path / "a.xlsx", "A title", DAY) as book:
        book.put(book.sheet("One", ""), 3, 0, "text", "no such style")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskError, match=r"a\.xlsx cannot be written .*: make room, or correct its permissions\."),
        new_book(tmp_path / "none" / "a.xlsx", "A title", DAY) as book,
    ):
        book.sheet("One", "")


def test_months_in_words() -> None:
    assert (month_name("2026-11"), month_name("round 3")) == ("November 2026", "round 3")
    assert (first_day("2026-11"), first_day("2026-13"), first_day(None)) == (date(2026, 11, 1), None, None)
