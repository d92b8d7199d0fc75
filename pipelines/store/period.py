"""What period a record is about, in SQL: as one of its answers says, or the round its asset was deployed for, or else
the month in which it was sent.

It stands here because two rooms ask it of the same columns: harmonize/ when an answer lands, quality/ when a decision
has changed one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.project.tool import ZONE_HOURS, Period
from pipelines.store.duck import literal, quote

MONTH = r"^\d{4}-(0[1-9]|1[0-2])(\D|$)"
"""How a text must begin to name a month: 2026-11, 2026-11-05."""


@dataclass(frozen=True, slots=True)
class PeriodSql:
    """SQL expressions over a row of a tool's table: the period, and how it is known ('asked', 'asset', 'submitted')."""

    period: str
    how: str


def period_sql(period: Period, sql_type: str, rounds: Mapping[tuple[str, str], str]) -> PeriodSql:
    """The SQL for a tool; `sql_type` is that of the question that says the period, `rounds` are by (source, asset)."""
    known = [("asked", _asked(quote(period.question), sql_type, period.every))] if period.question else []
    if rounds and period.every == "round":
        known.append(("asset", _of_asset(rounds)))
    known.append(("submitted", _month("_submitted_at", "TIMESTAMP")))
    how = " ".join(f"WHEN {found} IS NOT NULL THEN {literal(name)}" for name, found in known)
    return PeriodSql(f"coalesce({', '.join(found for _, found in known)})", f"CASE {how} END")


def _of_asset(rounds: Mapping[tuple[str, str], str]) -> str:
    """The round that sources.yml gives to the asset of a row."""
    cases = " ".join(
        f"WHEN ({literal(source)}, {literal(asset)}) THEN {literal(name)}" for (source, asset), name in rounds.items()
    )
    return f"CASE (_source, _asset) {cases} END"


def _asked(name: str, sql_type: str, every: str) -> str:
    if sql_type in {"DATE", "TIMESTAMP"}:
        return _month(name, sql_type)
    text = f"trim(CAST({name} AS VARCHAR))"
    if every == "month":
        return f"CASE WHEN regexp_matches({text}, '{MONTH}') THEN left({text}, 7) END"
    return f"nullif({text}, '')"


def _month(name: str, sql_type: str) -> str:
    """The month of a date, or of a time (which rests in UTC) as the cluster's clock shows it."""
    return f"strftime({name}{f' + INTERVAL {ZONE_HOURS} HOUR' if sql_type == 'TIMESTAMP' else ''}, '%Y-%m')"
