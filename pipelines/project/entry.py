"""Where one question of an older version, or one column of a file, goes: an entry of crosswalk.yml as a value."""

from collections.abc import Mapping

from pydantic import Field, model_validator

from pipelines.project.yaml_file import StrictModel


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
