"""The sheets of an XLSForm as plain rows, whichever way they were read. What the rows mean is rows.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.forms.form import Labels


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sheet: `cells` by column, `texts` by column and language name."""

    number: int
    cells: Mapping[str, str]
    texts: Mapping[str, Labels] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheets:
    """A form as rows; `languages` are the names as the form writes them, in its order."""

    survey: list[Row]
    choices: list[Row]
    settings: Mapping[str, str]
    languages: tuple[str, ...]


def name_of(row: Row) -> str:
    """What a question, group or choice is called; the server's own name for it where the form gives none."""
    named = (row.cells.get(column, "") for column in ("name", "value", "$autoname", "$autovalue"))
    return next(filter(None, named), "")


def list_name_of(row: Row) -> str:
    """The list that a row of the choices sheet belongs to."""
    return row.cells.get("list_name", "") or row.cells.get("list name", "")
