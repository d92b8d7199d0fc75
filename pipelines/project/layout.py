"""A layout of crosswalk.yml as a value: how a file of another system is written, which row is which, and what it says.

How such a file is read is sources/; what becomes of its cells is harmonize/.
"""

from collections.abc import Iterator, Mapping
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


class RepeatSheet(StrictModel):
    """A sheet of which several rows may belong to one row of the layout's own sheet, or of the repeat `within`.

    They belong together where the column of this sheet says what the column of that one says, each as `joined_by`
    names them. The rows land in the table of the repeat `into`.
    """

    sheet: str = ""
    into: str = ""
    within: str = ""
    joined_by: Mapping[str, str] = Field(default_factory=lambda: {"_parent_index": "_index"}, min_length=1)

    def named(self, name: str) -> Self:
        """This, with the sheet and the table that it has where nothing else is said: those called `name`."""
        return self.model_copy(update={"sheet": self.sheet or name, "into": self.into or name})


class Layout(StrictModel):
    """How a file of another system reads: its writing, its key, and where each column goes.

    `constants` says what column has one value in all its rows, such as the kind of site that the whole file is about.
    `encoding` may be auto; a second column "x" is called "x#2". `zone` is the clock of whoever wrote the file, where a
    time names none. The column "age" of the repeat "member" is called "member/age".
    """

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    sheet: str = ""
    id: IdRule
    missing: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    zone: str = "+00:00"
    submitted_at: SubmittedAt = SubmittedAt()
    repeats: Mapping[str, RepeatSheet] = Field(default_factory=dict)
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

    @field_validator("repeats")
    @classmethod
    def _named(cls, repeats: Mapping[str, RepeatSheet]) -> Mapping[str, RepeatSheet]:
        before: set[str] = set()
        for name, repeat in repeats.items():
            if not name or "/" in name:
                raise ValueError(f"{name!r} is no name for a repeat: write a word without /")
            if repeat.within and repeat.within not in before:
                raise ValueError(f"{name!r} is within {repeat.within!r}, which no repeat above it is called: name one")
            before.add(name)
        return {name: repeat.named(name) for name, repeat in repeats.items()}

    def repeat_of(self, path: str) -> str:
        """The repeat that the column `path` is of; empty for a column of the layout's own sheet."""
        name, parted, _ = path.partition("/")
        return name if parted and name in self.repeats else ""

    def around(self, repeat: str) -> tuple[str, ...]:
        """The repeats around this one, outermost first."""
        outer = self.repeats[repeat].within
        return (*self.around(outer), outer) if outer else ()

    def joins(self) -> Iterator[tuple[str, str]]:
        """(repeat, column) of each column that only says which row of another sheet a row belongs to."""
        return ((name, column) for name, repeat in self.repeats.items() for column in repeat.joined_by)
