"""Where one question of an older version, or one column of a file, goes: an entry of crosswalk.yml as a value.

An entry about a question says where its answers go; a computed one says what a column is made of. What an entry comes
to once the forms are known is harmonize/.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from pipelines.project.yaml_file import StrictModel

MOST_OF_A_FACTOR = 10
"""Digits before and behind the point of a unit's factor: what exact arithmetic has room for."""

WAYS = ("sum", "join", "coalesce", "choices", "interval", "constant")
"""How a column is computed."""


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
    """Where one question or column goes: `to` a column, `split` into rows, or `unmapped` with a reason.

    On its way to a column a code is recoded, and a number multiplied by `factor`.
    """

    to: str = ""
    split: SplitRule | None = None
    unmapped: str = ""
    recode: Mapping[str, str] = Field(default_factory=dict)
    factor: Decimal | None = None
    why: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        return {"to": given} if isinstance(given, str) else given

    @field_validator("factor")
    @classmethod
    def _exact(cls, factor: Decimal | None) -> Decimal | None:
        if factor is not None and not (factor.is_finite() and factor and _short(factor)):
            raise ValueError(f"a factor is a number other than 0, of at most {MOST_OF_A_FACTOR} digits before and "
                             "behind the point: write one such as 1000 or 0.001")  # fmt: skip
        return factor

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(map(bool, (self.to, self.split, self.unmapped))) != 1:
            raise ValueError("an entry says exactly one of 'to', 'split' and 'unmapped': write one of them")
        if self.factor is not None and not self.to:
            raise ValueError("'factor' multiplies what goes to a column: write 'to' beside it")
        return self


class VersionEntry(Entry):
    """An entry about an older version of the form; `from_` is the question's path in that version.

    `cast` names the type of today where an answer of then was of another. `same` lists codes that still mean what they
    meant, whatever their labels say.
    """

    from_: str = Field(alias="from")
    cast: str = ""
    same: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _about_a_column(self) -> Self:
        if (self.cast or self.same) and not self.to:
            raise ValueError("'cast' and 'same' speak of what goes to a column: write 'to' beside them")
        return self


class Computed(StrictModel):
    """A column `to` that is computed, in the rows of one version or source: in exactly one of the WAYS.

    `sum`, `join` and `coalesce` name questions by path; `choices` maps each to the codes that its codes stand for
    (none: they stand for themselves); `interval` maps the codes of `from_` to [low, high]. `by` stands between texts
    that are joined, `recode` says what codes that are coalesced are called now. Where no form asks `to`, `new` says its
    type. The questions keep columns of their own beside it.
    """

    to: str
    sum: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    coalesce: tuple[str, ...] = ()
    choices: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    constant: str = ""
    interval: Mapping[str, tuple[Decimal, Decimal] | None] = Field(default_factory=dict)
    from_: str = Field(default="", alias="from")
    by: str = " "
    recode: Mapping[str, str] = Field(default_factory=dict)
    new: Literal["", "integer", "decimal", "text", "select_one", "select_multiple"] = ""
    why: str = ""

    @field_validator("choices", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return {path: {} for path in given} if isinstance(given, list | tuple) else given

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        said = [way for way in WAYS if getattr(self, way)]
        if len(said) != 1:
            raise ValueError(f"a computed column has exactly one of {', '.join(WAYS)}: write one of them, not empty")
        if bool(self.from_) != bool(self.interval):
            raise ValueError("'interval' reads the codes of one question: write 'from' beside it, and nowhere else")
        if self.recode and not self.coalesce:
            raise ValueError("'recode' speaks of codes that are coalesced: take it out, or map codes under 'choices'")
        if any(pair and pair[0] > pair[1] for pair in self.interval.values()):
            raise ValueError("an interval is [low, high]: write the smaller number first")
        return self

    @property
    def way(self) -> str:
        """The one of WAYS in which it is computed."""
        return next(way for way in WAYS if getattr(self, way))

    @property
    def members(self) -> tuple[str, ...]:
        """The paths of the questions it is computed from."""
        return (*self.sum, *self.join, *self.coalesce, *self.choices, *filter(None, [self.from_]))


def _short(factor: Decimal) -> bool:
    return abs(factor) < 10**MOST_OF_A_FACTOR and factor == round(factor, MOST_OF_A_FACTOR)
