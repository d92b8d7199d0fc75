"""A layout of crosswalk.yml as a value: how a file of another system is written, which row is which, and what it says.

How such a file is read is sources/; what becomes of its cells is harmonize/.
"""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, field_validator, model_validator

from pipelines.project.entry import Entry
from pipelines.project.times import check_way, check_zone
from pipelines.project.yaml_file import StrictModel

SIGNS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
"""Names of delimiters that nobody can see in a file, or that YAML needs quotes for."""


class IdRule(StrictModel):
    """Which columns tell one row from all others: by their texts, or by an HMAC of them with the project's key.

    The second is for what names people, such as a family's number: the key of a record goes everywhere, the number need
    not.
    """

    columns: tuple[str, ...] = ()
    hmac: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        return {"columns": given} if isinstance(given, list | tuple) else given

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.columns) == bool(self.hmac):
            raise ValueError("an id is a list of columns, or 'hmac' with one: write either, such as [Family ID]")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The columns it looks at."""
        return self.columns or self.hmac


class SubmittedAt(StrictModel):
    """When the rows of a file were sent: a column of dates, or one date for the whole file."""

    column: str = ""
    constant: str = ""


class ColumnEntry(Entry):
    """Where one column of a file goes. Its texts may be looked up in the reference table `by` (alias, code)."""

    by: str = ""

    @model_validator(mode="after")
    def _by_leads_somewhere(self) -> Self:
        if self.by and not self.to:
            raise ValueError("'by' looks up what goes to a column: write 'to' beside it (a split has its own 'by')")
        return self


class Layout(StrictModel):
    """How a file of another system reads: its writing, its key, and where each column goes.

    `constants` says what column has one value in all its rows, such as the kind of site that the whole file is about.
    `encoding` may be auto; a second column "x" is called "x#2". `zone` is the clock of whoever wrote the file, where a
    time names none.
    """

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    sheet: str = ""
    id: IdRule
    missing: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    zone: str = "+00:00"
    submitted_at: SubmittedAt = SubmittedAt()
    constants: Mapping[str, str] = Field(default_factory=dict)
    columns: Mapping[str, ColumnEntry]

    @field_validator("delimiter")
    @classmethod
    def _as_a_sign(cls, delimiter: str) -> str:
        return SIGNS.get(delimiter, delimiter)

    @field_validator("dates")
    @classmethod
    def _ways(cls, dates: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_way(way) for way in dates)

    @field_validator("zone")
    @classmethod
    def _offset(cls, zone: str) -> str:
        return check_zone(zone)
