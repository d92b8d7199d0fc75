"""Numbers in another unit: the SQL that multiplies an answer by its factor, and the SQL that leads back to its text.

Exact both ways: a double would turn 0.1 into 0.30000000000000004 thirds. What exact arithmetic has no room for shows in
the ledger, and is landed again with care (careful.py), where it is refused with its reason.
"""

from decimal import Decimal
from fractions import Fraction

from pipelines.harmonize.kinds import KINDS, Sql

PLACES = 10
"""Digits behind the point that a number is worked out with, as those of a decimal column."""

TYPES = {"integer": "BIGINT", "decimal": f"DECIMAL(28,{PLACES})"}
"""Kind -> SQL type, of the kinds that have a unit."""


def multiplied(text: Sql, factor: Decimal, kind: str) -> Sql:
    """The number in `text` times `factor`, as the kind's column holds it."""
    number = f"TRY_CAST({text} AS DECIMAL(28,{PLACES}))"
    return f"TRY(CAST({number} * {_exactly(factor)} AS {TYPES[kind]}))"


def divided(column: Sql, factor: Decimal, kind: str) -> Sql:
    """The text whose number, times `factor`, is in the column; where none of our digits writes it, one that no answer
    is.
    """
    over = Fraction(factor)
    whole, fine = (column, 10**PLACES) if kind == "integer" else (f"CAST({column} * {10**PLACES} AS HUGEINT)", 1)
    scaled = f"CAST({whole} AS HUGEINT) * {over.denominator * fine}"
    unscaled = f"({scaled}) // {over.numerator}"
    digits = f"lpad(CAST(abs({unscaled}) % {10**PLACES} AS VARCHAR), {PLACES}, '0')"
    sign = f"CASE WHEN {unscaled} < 0 THEN '-' ELSE '' END"
    written = f"{sign} || (abs({unscaled}) // {10**PLACES}) || '.' || {digits}"
    plain = f"rtrim(rtrim(TRY({written}), '0'), '.')"
    fits = f"TRY(({scaled}) % {over.numerator} = 0)"
    return f"CASE WHEN {fits} THEN {plain} ELSE {KINDS[kind].text_of((column,))} || ' : {factor:f}' END"


def _exactly(factor: Decimal) -> Sql:
    """The factor as a DECIMAL of its own digits."""
    _, digits, exponent = factor.normalize().as_tuple()
    scale = max(0, -int(exponent))
    width = max(len(digits) + max(0, int(exponent)), scale) or 1
    return f"CAST('{factor:f}' AS DECIMAL({width},{scale}))"
