"""How an answer of each kind rests in a table: its columns, how text becomes them, how they become the text again.

The way back is what the ledger reads. So `text_of` must give the very text that was sent whenever `landed` could hold
it byte-exactly; where it does not, the answer is treated with care (careful.py) and the difference is noted.
Nothing here knows names of questions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Sql = str

KIND_OF_TYPE: Mapping[str, str] = {
    "integer": "integer",
    "decimal": "decimal",
    "range": "decimal",
    "date": "date",
    "today": "date",
    "dateTime": "datetime",
    "start": "datetime",
    "end": "datetime",
    "select_multiple": "multiple",
    "select_multiple_from_file": "multiple",
    "rank": "multiple",
    "geopoint": "geopoint",
    "start-geopoint": "geopoint",
}
"""XLSForm type -> kind; every other type is text and stays text."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`columns` are (suffix, SQL type); `landed` gives an SQL expression for each from a text; `text_of` leads back."""

    columns: tuple[tuple[str, str], ...]
    landed: Callable[[Sql], tuple[Sql, ...]]
    text_of: Callable[[tuple[Sql, ...]], Sql]


def kind_of(xlsform_type: str) -> str:
    """The kind of an answer to a question of this type."""
    return KIND_OF_TYPE.get(xlsform_type, "text")


def _decimal(text: Sql) -> Sql:
    """The decimal in a text. DuckDB reads one of up to 18 digits a hundred times faster than one of more."""
    return f"coalesce(CAST(TRY_CAST({text} AS DECIMAL(18,10)) AS DECIMAL(28,10)), TRY_CAST({text} AS DECIMAL(28,10)))"


def _decimal_text(column: Sql) -> Sql:
    """The number without the zeros that only its type adds; one of up to 18 digits is written ten times faster too."""
    written = f"coalesce(CAST(TRY_CAST({column} AS DECIMAL(18,10)) AS VARCHAR), CAST({column} AS VARCHAR))"
    return f"rtrim(rtrim({written}, '0'), '.')"


def _date(text: Sql) -> Sql:
    """The date in a text; none for 'infinity' and for years that have not four digits, which DuckDB would take too."""
    return f"TRY_CAST(CASE WHEN length({text}) = 10 THEN {text} END AS DATE)"


def _codes(text: Sql) -> Sql:
    """The codes in a text; two spaces hold no code between them."""
    codes = f"string_split({text}, ' ')"
    return f"CASE WHEN list_contains({codes}, '') THEN list_filter({codes}, lambda code: code <> '') ELSE {codes} END"


def _utc(text: Sql) -> tuple[Sql, Sql]:
    """The UTC time and the offset of a text such as 2026-11-10T09:12:33.120+03:00 or 2026-11-10T06:12:33.120Z."""
    offset = f"CASE WHEN {text} LIKE '%Z' THEN 'Z' ELSE right({text}, 6) END"
    known = f"({text} LIKE '%Z' OR substr({text}, length({text}) - 4, 2) BETWEEN '00' AND '14')"
    plausible = f"substr({text}, 11, 1) = 'T' AND left({text}, 4) BETWEEN '0002' AND '9998' AND {known}"
    local = f"TRY_CAST(CASE WHEN {plausible} THEN left({text}, length({text}) - length({offset})) END AS TIMESTAMP)"
    return f"{local} - {_interval(offset)}", f"CASE WHEN {local} IS NOT NULL THEN {offset} END"


def _interval(offset: Sql) -> Sql:
    minutes = f"(TRY_CAST(substr({offset}, 2, 2) AS INTEGER) * 60 + TRY_CAST(substr({offset}, 5, 2) AS INTEGER))"
    return f"to_minutes(CASE left({offset}, 1) WHEN 'Z' THEN 0 WHEN '-' THEN -{minutes} WHEN '+' THEN {minutes} END)"


def _datetime_text(columns: tuple[Sql, ...]) -> Sql:
    """Time and offset as devices write them. One without the other gives a text that no answer is."""
    utc, offset = columns
    local = f"strftime({utc} + {_interval(offset)}, '%Y-%m-%dT%H:%M:%S.%g')"
    return f"coalesce({local} || {offset}, {offset}, CAST({utc} AS VARCHAR))"


def _part(text: Sql, position: int) -> Sql:
    number = f"TRY_CAST(split_part({text}, ' ', {position}) AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _point_text(columns: tuple[Sql, ...]) -> Sql:
    """Two to four numbers. What could be no point gives a text that no answer is."""
    lat, lon, alt, acc = (f"CAST({column} AS VARCHAR)" for column in columns)
    gap = f"CASE WHEN {acc} IS NOT NULL THEN ' ?' ELSE '' END"
    ground = f"coalesce({lat}, '?') || ' ' || coalesce({lon}, '?')"
    air = f"coalesce(' ' || {alt}, {gap}) || coalesce(' ' || {acc}, '')"
    return f"CASE WHEN coalesce({lat}, {lon}, {alt}, {acc}) IS NOT NULL THEN {ground} || {air} END"


KINDS: Mapping[str, Kind] = {
    "text": Kind((("", "VARCHAR"),), lambda t: (t,), lambda c: c[0]),
    "integer": Kind((("", "BIGINT"),), lambda t: (f"TRY_CAST({t} AS BIGINT)",), lambda c: f"CAST({c[0]} AS VARCHAR)"),
    "decimal": Kind(
        (("", "DECIMAL(28,10)"),),
        lambda t: (_decimal(t),),
        lambda c: _decimal_text(c[0]),
    ),
    "double": Kind((("", "DOUBLE"),), lambda t: (f"TRY_CAST({t} AS DOUBLE)",), lambda c: f"CAST({c[0]} AS VARCHAR)"),
    "date": Kind((("", "DATE"),), lambda t: (_date(t),), lambda c: f"CAST({c[0]} AS VARCHAR)"),
    "datetime": Kind((("", "TIMESTAMP"), ("_offset", "VARCHAR")), _utc, _datetime_text),
    "multiple": Kind((("", "VARCHAR[]"),), lambda t: (_codes(t),), lambda c: f"array_to_string({c[0]}, ' ')"),
    "geopoint": Kind(
        tuple((suffix, "DOUBLE") for suffix in ("_lat", "_lon", "_alt", "_acc")),
        lambda t: tuple(_part(t, position) for position in (1, 2, 3, 4)),
        _point_text,
    ),
}
"""The way of each kind. The offset of a dateTime has a column of its own, or the device's clock could not be told."""
