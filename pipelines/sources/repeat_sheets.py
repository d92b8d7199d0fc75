"""Put the rows of a workbook's further sheets into the rows that they belong to: a row of a file with its repeats.

In what is archived a repeat is a list under its name, as Kobo writes it, and the column "age" of the repeat "member" is
called "member/age". A row that belongs to none, or to several, is refused with its sheet and number: it would be lost,
or be somebody else's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.errors import ConfigError, DataError
from pipelines.project.layout import Layout, RepeatSheet
from pipelines.sources.export_told import listed
from pipelines.sources.table_file import Table

Cells = dict[str, Any]
"""Header -> text of a cell that has one; name of a repeat -> its rows, each such cells."""


@dataclass(slots=True)
class _Row:
    """A row of a sheet as a spreadsheet numbers it: its cells by header, and what is archived of it."""

    number: int
    texts: Mapping[str, str]
    cells: Cells


def rows_of(table: Table, sheets: Mapping[str, Table], layout: Layout, named: str) -> Iterator[tuple[int, Cells]]:
    """(number, cells) of each row of `table`, in which the rows of `sheets` (by repeat) stand that belong to it."""
    rows = {"": list(_rows(table, ""))}
    for name, repeat in layout.repeats.items():
        rows[name] = list(_rows(sheets[name], f"{name}/"))
        _put(rows[name], rows[repeat.within], name, repeat, named)
    return ((row.number, row.cells) for row in rows[""])


def check_sheets(table: Table, sheets: Mapping[str, Table], layout: Layout, named: str) -> None:
    """Nothing, or ConfigError where a sheet lacks a column that joins it, or a repeat is called as a column is."""
    headers = {"": table.headers, **{name: sheet.headers for name, sheet in sheets.items()}}
    for name, repeat in layout.repeats.items():
        for column, other in repeat.joined_by.items():
            _have(column, headers[name], f"{named}, sheet '{repeat.sheet}'", name)
            within = f", sheet '{layout.repeats[repeat.within].sheet}'" if repeat.within else ""
            _have(other, headers[repeat.within], f"{named}{within}", name)
        if any(header == name or header.startswith(f"{name}/") for header in table.headers):
            raise ConfigError(
                f"{named} has a column that is called as the repeat '{name}' of the layout is: call the repeat "
                f"otherwise, and say 'into: {repeat.into}' of it."
            )


def headers_of(table: Table, sheets: Mapping[str, Table], layout: Layout) -> list[str]:
    """The columns of all sheets as the layout calls them, but for those that it needs to join them."""
    joins = {f"{name}/{column}" for name, column in layout.joins()}
    below = [f"{name}/{header}" for name, sheet in sheets.items() for header in sheet.headers]
    return [*table.headers, *(header for header in below if header not in joins or header in layout.columns)]


def _rows(table: Table, prefix: str) -> Iterator[_Row]:
    for number, row in table.numbered():
        texts = {header: cell for header, cell in zip(table.headers, row, strict=True) if cell}
        yield _Row(number, texts, {prefix + header: cell for header, cell in texts.items()})


def _put(rows: Sequence[_Row], around: Sequence[_Row], name: str, repeat: RepeatSheet, named: str) -> None:
    holders: dict[tuple[str, ...], list[_Row]] = {}
    for holder in around:
        holders.setdefault(_said(holder, repeat.joined_by.values()), []).append(holder)
    for row in rows:
        key = _said(row, repeat.joined_by)
        found = holders.get(key, []) if any(key) else []
        if len(found) != 1:
            what = "no row" if not found else f"{len(found)} rows"
            raise DataError(
                f"{named}, sheet '{repeat.sheet}', row {row.number}: {listed(repeat.joined_by)} names {what} of the "
                f"sheet around it, by {listed(repeat.joined_by.values())}: export the file again, or correct the row."
            )
        found[0].cells.setdefault(name, []).append(row.cells)


def _said(row: _Row, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(row.texts.get(column, "").strip() for column in columns)


def _have(column: str, headers: Sequence[str], where: str, name: str) -> None:
    if column not in headers:
        raise ConfigError(
            f"{where} has no column '{column}', by which the rows of '{name}' are joined; it has "
            f"{listed(headers[:5])}: name the two columns as 'joined_by: {{THIS SHEET'S: THE OTHER'S}}'."
        )
