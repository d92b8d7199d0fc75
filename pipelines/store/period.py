"""What period a record is about, in SQL: as one of its answers says, or else the month in which it was sent.

It stands here because two rooms ask it of the same columns: harmonize/ when an answer lands, quality/ when a decision
has changed one.
"""

from dataclasses import dataclass

from pipelines.project.tool import ZONE_HOURS
from pipelines.store.duck import quote

MONTH = r"^\d{4}-(0[1-9]|1[0-2])(\D|$)"
"""How a text must begin to name a month: 2026-11, 2026-11-05."""


@dataclass(frozen=True, slots=True)
class PeriodSql:
    """SQL expressions over a row of a tool's table: the period, and how it is known ('asked' or 'submitted')."""

    period: str
    how: str


def period_sql(column: str, sql_type: str, every: str) -> PeriodSql:
    """The SQL for a tool that asks its period in `column` (empty where it asks none), a month or a round as `every`."""
    asked = _asked(quote(column), sql_type, every) if column else "CAST(NULL AS VARCHAR)"
    sent = _month("_submitted_at", "TIMESTAMP")
    how = f"CASE WHEN {asked} IS NOT NULL THEN 'asked' WHEN {sent} IS NOT NULL THEN 'submitted' END"
    return PeriodSql(f"coalesce({asked}, {sent})", how)


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
