"""crosswalk.yml as a value: how older versions and other sources map onto today's questions.

What the file says belongs here. What it comes to once the forms are known is plan.py.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, model_validator

from pipelines.project.yaml_file import StrictModel, read_yaml


class SplitRule(StrictModel):
    """One text that becomes rows of a repeat.

    The text is cut into the names that the reference table `by` knows (longest first) and the words between them. A
    known name gives its code in the column `value`; any other gives the choice "other" there and its words in
    `other`. `set` holds what is the same in every row.
    """

    into: str
    value: str
    by: str
    other: str = ""
    set: Mapping[str, str] = Field(default_factory=dict)


class Entry(StrictModel):
    """Where one question or column goes: `to` a column, `split` into rows, or `unmapped` with a reason."""

    to: str = ""
    split: SplitRule | None = None
    unmapped: str = ""
    recode: Mapping[str, str] = Field(default_factory=dict)
    why: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        return {"to": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_way(self) -> "Entry":
        if sum(map(bool, (self.to, self.split, self.unmapped))) != 1:
            raise ValueError("an entry says exactly one of 'to', 'split' and 'unmapped': write one of them")
        return self


class VersionEntry(Entry):
    """An entry about an older version of the form; `from_` is the question's path in that version."""

    from_: str = Field(alias="from")


class SubmittedAt(StrictModel):
    """When the rows of a file were sent: a column of dates, or one date for the whole file."""

    column: str = ""
    constant: str = ""


class Layout(StrictModel):
    """How a file of another system reads: its writing, its key, and where each column goes."""

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    sheet: str = ""
    id: tuple[str, ...] = Field(min_length=1)
    missing: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    submitted_at: SubmittedAt = SubmittedAt()
    columns: Mapping[str, Entry]


class Crosswalk(StrictModel):
    """All of a tool's mappings: by version of the form, and by layout of a file."""

    versions: Mapping[str, tuple[VersionEntry, ...]] = Field(default_factory=dict)
    layouts: Mapping[str, Layout] = Field(default_factory=dict)


def read_crosswalk(path: Path) -> Crosswalk:
    """The crosswalk at `path`; an empty one where there is no file. ConfigError names file, line and key."""
    return read_yaml(path, Crosswalk) if path.exists() else Crosswalk()
