"""What a product is, what it is told when it is written, and the sheet "Read me" that every product ends with.

The products themselves are modules beside this one; the workbook is workbook.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.products.workbook import A4, Book, Column, Sheet, day_name
from pipelines.store.duck import Connection, read_rows

COLUMNS = (Column("", 28, "wrap_bold"), Column("", 92, "wrap"))


@dataclass(frozen=True, slots=True)
class Context:
    """What a product is told: the period it is published for, the day of the data, and where its figures come from."""

    period: str
    as_of: date
    receipt: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Product:
    """One thing that the cluster publishes; `tables` are the curated tables that it reads."""

    name: str
    title: str
    tables: frozenset[str]
    write: Callable[[Connection, Path, Context], None]


@dataclass(frozen=True, slots=True)
class Notes:
    """What a product says about itself: what it shows, how to read it, what it does not say, and its curated tables."""

    about: str
    reading: Sequence[tuple[str, str]]
    caveats: Sequence[str]
    tables: Sequence[str]


def write_read_me(
    book: Book, con: Connection, context: Context, notes: Notes, sources: Iterable[tuple[str, str]]
) -> None:
    """Write the sheet with title, date, sources, caveats, the receipt, and what the columns of its tables mean."""
    sheet = book.sheet("Read me", notes.about, paper=A4, landscape=False)
    for number, column in enumerate(COLUMNS):
        sheet.set_column(number, number, column.width)
    dates = [("Published for", context.period), ("Data as of", day_name(context.as_of))]
    row = _section(book, sheet, 3, "Date", dates)
    row = _section(book, sheet, row, "Sources", sources)
    row = _section(book, sheet, row, "How to read it", notes.reading)
    row = _section(book, sheet, row, "Caveats", [(f"{n}.", text) for n, text in enumerate(notes.caveats, start=1)])
    row = _section(book, sheet, row, "Receipt", _receipt(context.receipt))
    for table in notes.tables:
        row = _section(book, sheet, row, f"In the data file: columns of curated.{table}", _columns(con, table))


def _section(book: Book, sheet: Sheet, row: int, title: str, lines: Iterable[tuple[str, str]]) -> int:
    """Write one section; the row at which the next may begin."""
    book.put(sheet, row, 0, title, "section")
    book.put(sheet, row, 1, None, "section")
    return book.rows(sheet, row + 1, COLUMNS, lines) + 1


def _receipt(receipt: Mapping[str, object]) -> list[tuple[str, str]]:
    """What the figures come from, a line each."""
    if not receipt:
        return [("", "No run is recorded for these figures.")]
    return [(name.replace("_", " ").capitalize(), _in_words(value)) for name, value in receipt.items()]


def _in_words(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_in_words(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(inner) for inner in value)
    return day_name(value) if type(value) is date else str(value)


def _columns(con: Connection, table: str) -> list[tuple[str, str]]:
    sql = """SELECT column_name, description FROM codebook.column_
             WHERE schema_name = 'curated' AND table_name = ? AND description <> '' ORDER BY column_name"""
    return [(row["column_name"], row["description"]) for row in read_rows(con, sql, [table])]
