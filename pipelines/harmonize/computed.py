"""What a computed entry of the crosswalk comes to for one shape: the SQL of its column, made of the columns it reads.

The questions it reads keep columns of their own, from which the ledger proves their answers; here is only read. What
may be computed of what is checked before, in entries.py; when it is run is derive.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from pipelines.harmonize.kinds import KINDS, Sql
from pipelines.harmonize.plan import Column, Derived, Landing, Table
from pipelines.project.crosswalk import Computed
from pipelines.store.duck import literal, quote

PARTIAL = frozenset({"join", "coalesce", "choices"})
"""Ways that need not all of their questions: a server's own form may ask fewer."""

PLAIN_NUMBER = r"[-+]?[0-9]{1,18}(\.[0-9]{1,10})?"
"""A text that a decimal column holds to the last digit."""

LOW, HIGH = "_low", "_high"

ONE, AT = quote("/one"), quote("/at")
"""An element of a list, and its place in it: no question's name holds a slash."""


def derived_of(computed: Computed, landings: Mapping[str, Landing], tables: Mapping[str, Table]) -> Derived | None:
    """The column that `computed` makes in rows whose answers land so; None where what it reads is not asked there."""
    suffix, _, name = computed.to.rpartition(".")
    found = [landings[path] for path in computed.members if path in landings]
    if len(found) < len(computed.members) and not (found and computed.way in PARTIAL):
        return None
    values = tuple(_values(computed, found, tables[suffix], name))
    return Derived(suffix, name if computed.interval else tables[suffix].column(name).name, computed.way,
                   tuple(landing.path for landing in found), values)  # fmt: skip


def _values(computed: Computed, found: Sequence[Landing], table: Table, name: str) -> Iterator[tuple[str, Sql]]:
    """(physical column, SQL) of what is computed."""
    if computed.interval:
        yield from _interval(computed.interval, found[0], name)
        return
    column = table.column(name)
    names = [physical for physical, _ in column.physical]
    match computed.way:
        case "constant":
            yield from zip(names, KINDS[column.kind].landed(literal(computed.constant)), strict=True)
        case "sum":
            yield names[0], _sum(column, found)
        case "join":
            texts = [_text(landing) for landing in found]
            joined = f"concat_ws({literal(computed.by)}, {', '.join(texts)})"
            yield names[0], f"CASE WHEN coalesce({', '.join(texts)}) IS NOT NULL THEN {joined} END"
        case "choices":
            yield names[0], _choices(computed.choices, found)
        case _:
            yield from _coalesce(computed.recode, column, found)


def _sum(column: Column, found: Sequence[Landing]) -> Sql:
    """The sum where every one of them was answered with a number; a part of a sum would be a smaller number."""
    if column.kind == "integer" and all(landing.kind == "integer" for landing in found):
        return f"TRY({' + '.join(quote(landing.physical[0]) for landing in found)})"
    total = " + ".join(map(_number, found))
    if column.kind == "integer":
        return f"CASE WHEN {total} = trunc({total}) THEN TRY_CAST({total} AS BIGINT) END"
    number = f"TRY_CAST({total} AS DECIMAL(28,10))"
    return number if column.kind == "decimal" else KINDS["decimal"].text_of((number,))


def _number(landing: Landing) -> Sql:
    column = quote(landing.physical[0])
    if landing.kind == "text":
        return f"CASE WHEN regexp_full_match({column}, '{PLAIN_NUMBER}') THEN CAST({column} AS DECIMAL(38,10)) END"
    return f"CAST({column} AS DECIMAL(38,10))"


def _coalesce(recode: Mapping[str, str], column: Column, found: Sequence[Landing]) -> Iterator[tuple[str, Sql]]:
    """The first of them that was answered, in their order."""
    for position, (name, _) in enumerate(column.physical):
        branches = " ".join(
            f"WHEN {_text(landing)} IS NOT NULL THEN {_as(column.kind, landing, recode, position)}" for landing in found
        )
        yield name, f"CASE {branches} END"


def _as(kind: str, landing: Landing, recode: Mapping[str, str], position: int) -> Sql:
    if kind == landing.kind and kind != "text":
        return quote(landing.physical[position])
    text = _text(landing)
    return KINDS[kind].landed(_mapped(text, _now(recode, landing), text))[position]


def _choices(choices: Mapping[str, Mapping[str, str]], found: Sequence[Landing]) -> Sql:
    """The codes of all of them, each once and in their order; none where none was answered."""
    texts = ", ".join(map(_text, found))
    parts = ", ".join(f"coalesce({_codes(choices[landing.path], landing)}, [])" for landing in found)
    every = f"flatten([{parts}])"
    once = f"list_filter({every}, lambda {ONE}, {AT}: {ONE} IS NOT NULL AND list_position({every}, {ONE}) = {AT})"
    return f"CASE WHEN coalesce({texts}) IS NOT NULL THEN {once} END"


def _codes(codes: Mapping[str, str], landing: Landing) -> Sql:
    column = quote(landing.physical[0])
    back = {now: then for then, now in landing.recode.items()}
    meant, other = (_now(codes, landing), "NULL") if codes else (back, ONE)
    chosen = column if landing.kind == "multiple" else f"[{column}]"
    return f"list_transform({chosen}, lambda {ONE}: {_mapped(ONE, meant, other)})"


def _interval(
    interval: Mapping[str, tuple[Decimal, Decimal] | None], landing: Landing, name: str
) -> Iterator[tuple[str, Sql]]:
    for position, end in enumerate((LOW, HIGH)):
        ends = {code: f"{pair[position]:f}" for code, pair in interval.items() if pair}
        text = _mapped(quote(landing.physical[0]), _now(ends, landing), "NULL")
        yield name + end, f"CAST({text} AS DECIMAL(28,10))"


def _now(said: Mapping[str, str], landing: Landing) -> dict[str, str]:
    """What is said of codes of then, of the codes that stand in the column for them."""
    return {landing.recode.get(then, then): what for then, what in said.items()}


def _text(landing: Landing) -> Sql:
    return KINDS[landing.kind].text_of(tuple(map(quote, landing.physical)))


def _mapped(value: Sql, codes: Mapping[str, str], other: Sql) -> Sql:
    if not codes:
        return other
    branches = " ".join(f"WHEN {literal(code)} THEN {literal(what)}" for code, what in codes.items())
    return f"CASE {value} {branches} ELSE {other} END"
