"""Write a workbook: cells that stay what they are, one look for all products, pages that can be printed.

Everything a product puts into a cell goes through `Book.put`, so that text is text even where it begins with an equals
sign. What stands in the sheets belongs to the products.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs
from xlsxwriter.worksheet import Worksheet

from pipelines.products.look import STYLES
from pipelines.whole_file import unwritable

Sheet: TypeAlias = Worksheet
Cell = str | int | Decimal | float | bool | date | None

A4, A3 = 9, 8
LONGEST_TEXT = 32_767
LOOKS_LIKE_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")

HEADS = {
    **dict.fromkeys(("count", "count_bold", "change", "percent", "estimate"), "head_count"),
    **dict.fromkeys(("centre", "names"), "head_centre"),
    **dict.fromkeys(("arabic", "arabic_wrap"), "head_arabic"),
}
WRAPPED = {
    **dict.fromkeys(("wrap", "arabic_wrap", "names", "gap"), 1.2),
    **dict.fromkeys(("head", "head_centre"), 1.0),
    "wrap_bold": 1.1,
    "head_count": 0.95,
}
"""Styles whose text runs on over several lines, each with the letters that fit into one unit of a column's width."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, its width in characters, and the style of its cells."""

    title: str
    width: float
    style: str = "text"

    @property
    def head(self) -> str:
        """The style of its heading."""
        return HEADS.get(self.style, "head")


@dataclass(frozen=True, slots=True)
class Styled:
    """A value that looks otherwise than its column."""

    value: Cell
    style: str


Row = Sequence[Cell | Styled]


@dataclass(slots=True)
class Book:
    """A workbook that is being written."""

    workbook: xlsxwriter.Workbook
    title: str
    _formats: dict[tuple[str, bool], Format] = field(default_factory=dict)

    def sheet(self, name: str, subtitle: str, *, paper: int = A4, title: str = "", landscape: bool = True) -> Sheet:
        """A new sheet with its title and subtitle on top, ready to be printed on one page's width."""
        sheet = self.workbook.add_worksheet(name)
        sheet.hide_gridlines(2)
        sheet.set_paper(paper)
        if landscape:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.set_footer(f"&L&8{self.title.replace('&', '&&')}&C&8&A&R&8&P / &N")
        sheet.set_row(0, 28)
        self.put(sheet, 0, 0, title or self.title, "title")
        self.put(sheet, 1, 0, subtitle, "subtitle")
        return sheet

    def put(self, sheet: Sheet, row: int, column: int, value: Cell | Styled, style: str = "text") -> None:
        """Write one value as what it is; text never becomes a formula, a link or a number."""
        shown = value if isinstance(value, Styled) else Styled(value, style)
        form = self.format(shown.style)
        match shown.value:
            case None | "":
                sheet.write_blank(row, column, None, form)
            case bool(yes):
                sheet.write_string(row, column, "yes" if yes else "no", form)
            case int() | float() | Decimal() as number:
                sheet.write_number(row, column, float(number), form)
            case date() as day:
                dated = form if "num_format" in STYLES[shown.style] else self.format("day")
                sheet.write_datetime(row, column, day, dated)
            case str(text):
                quoted = text.startswith(LOOKS_LIKE_A_FORMULA)
                sheet.write_string(row, column, _shortened(text), self.format(shown.style, quoted=quoted))

    def band(self, sheet: Sheet, row: int, columns: tuple[int, int], value: Cell, style: str) -> None:
        """Write `value` across the columns first to last of one row."""
        first, last = columns
        if last > first:
            sheet.merge_range(row, first, row, last, "", self.format(style))
        self.put(sheet, row, first, value, style)

    def table(self, sheet: Sheet, top: int, columns: Sequence[Column], rows: Iterable[Row]) -> int:
        """Write headings at `top` and the rows below them; the number of the first row after them."""
        heads = [Column(column.title, column.width, column.head) for column in columns]
        for number, column in enumerate(columns):
            sheet.set_column(number, number, column.width)
        self.rows(sheet, top, heads, [[column.title for column in columns]])
        return self.rows(sheet, top + 1, columns, rows)

    def rows(self, sheet: Sheet, top: int, columns: Sequence[Column], rows: Iterable[Row]) -> int:
        """Write `rows` from `top` on; the number of the first row after them."""
        for values in rows:
            for number, (column, value) in enumerate(zip(columns, values, strict=True)):
                self.put(sheet, top, number, value, column.style)
            lines = max(map(_lines, columns, values))
            if lines > 1:
                sheet.set_row(top, 11.5 * lines + 4)
            top += 1
        return top

    def figures(self, sheet: Sheet, row: int, figures: Iterable[tuple[str, int, int, Cell]]) -> None:
        """Write the main figures over two rows: each with its label, across its columns first to last."""
        for label, first, last, value in figures:
            self.band(sheet, row, (first, last), label, "label")
            self.band(sheet, row + 1, (first, last), value, "figure_change" if "hange" in label else "figure")
        sheet.set_row(row + 1, 24)

    def format(self, style: str, *, quoted: bool = False) -> Format:
        """The format of `style`; `quoted` also keeps the text a text when somebody edits the cell."""
        if (style, quoted) not in self._formats:
            extra = {"quote_prefix": True} if quoted else {}
            self._formats[style, quoted] = self.workbook.add_format({**STYLES[style], **extra})
        return self._formats[style, quoted]


@contextmanager
def new_book(path: Path, title: str, as_of: date) -> Iterator[Book]:
    """Yield a workbook that lies at `path` when the block ends; the same content gives the same bytes."""
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    workbook = xlsxwriter.Workbook(str(path), options)
    workbook.set_properties({"title": title, "created": datetime.combine(as_of, time(), tzinfo=UTC)})
    workbook.set_size(2400, 1400)
    yield Book(workbook, title)
    try:
        workbook.close()
    except FileCreateError as error:
        raise unwritable(path, error) from error


def cells(sheet: str, first: tuple[int, int], last: tuple[int, int]) -> str:
    """The cells from `first` to `last` (row, column) of a sheet, as charts name them."""
    return f"'{sheet}'!{xl_range_abs(*first, *last)}"


def month_name(period: str) -> str:
    """`period` in words: 2026-11 is November 2026; what is no month stays as it is."""
    day = first_day(period)
    return f"{MONTHS[day.month - 1]} {day.year}" if day else period


def first_day(period: str | None) -> date | None:
    """The first day of the month `period`; none where it is no month."""
    try:
        return date.fromisoformat(f"{period}-01")
    except ValueError:
        return None


def day_name(day: date) -> str:
    """`day` in words: 3 December 2026."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def _lines(column: Column, value: Cell | Styled) -> int:
    """How many lines `value` takes in its column."""
    one = value if isinstance(value, Styled) else Styled(value, column.style)
    if one.style not in WRAPPED or not isinstance(one.value, str):
        return 1
    return max(1, len(textwrap.wrap(one.value, max(1, int(column.width * WRAPPED[one.style])))))


def _shortened(text: str) -> str:
    """`text` as far as a cell can hold it: a longer one would be dropped without a word."""
    return text if len(text.encode("utf-16-le")) // 2 <= LONGEST_TEXT else text[: LONGEST_TEXT // 2 - 1] + "…"
