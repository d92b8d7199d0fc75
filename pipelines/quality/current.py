"""Exactly one current submission per unit and period, by the order that tool.yml declares; the others are listed.

Nothing is lost here: what does not count stays in harmonized, and quality.superseded says which other one counts, and
why. Applying decisions, which comes first, is decisions.py.
"""

from collections.abc import Collection

from pipelines.errors import ConfigError
from pipelines.project import Tool
from pipelines.store.duck import Connection, literal, quote

TABLE = """
CREATE SCHEMA IF NOT EXISTS quality;
CREATE TABLE IF NOT EXISTS quality.superseded (
    tool VARCHAR, _source VARCHAR, _asset VARCHAR, _id VARCHAR, _period VARCHAR,
    unit VARCHAR, kept_id VARCHAR, why VARCHAR
);
"""

KEEP_SUPERSEDED = """
INSERT INTO quality.superseded
SELECT $tool, _source, _asset, _id, _period, unit, kept_id, {why}
FROM ranked WHERE place > 1
ORDER BY unit, _period, place
"""

WHY = {
    "approved": "another submission was approved, or this one was not",
    "prefer": "another source is preferred",
    "latest": "a later one was received",
}
SAME_IN_ALL = "another one is equal in all else and its _id comes first"


def choose_current(con: Connection, tool: Tool, submissions: str, columns: Collection[str]) -> int:
    """Make the temporary table `ranked` from `submissions` (a relation, named in SQL); how many are superseded.

    place 1 is the current one of its unit and period. Without a unit value or a period a submission stands alone.
    """
    _rank(con, tool, submissions, columns)
    con.execute(TABLE)
    con.execute("DELETE FROM quality.superseded WHERE tool = ?", [tool.name])
    con.execute(KEEP_SUPERSEDED.format(why=_why(tool, columns)), {"tool": tool.name})
    row = con.execute("SELECT count(*) FROM ranked WHERE place > 1").fetchone()
    return int(row[0]) if row else 0


def _rank(con: Connection, tool: Tool, submissions: str, columns: Collection[str]) -> None:
    """Rank the submissions of each unit and period; `best_*` are the standings of the one that counts."""
    standings = _standings(tool, columns)
    ranks = "".join(f", {sql} AS rank_{name}" for name, sql in standings.items())
    best = "".join(f", first_value(rank_{name}) OVER rivals AS best_{name}" for name in standings)
    order = ", ".join([*(f"rank_{name}" for name in standings), "_id", "_source", "_asset"])
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE ranked AS
            WITH standing AS (
                SELECT _source, _asset, _id, _period, {_unit(tool, columns)} AS unit{ranks} FROM {submissions}
            ), alone AS (
                SELECT *, CASE WHEN unit IS NULL OR _period IS NULL THEN [_source, _asset, _id] ELSE [] END AS lone
                FROM standing
            )
            SELECT * EXCLUDE (lone), row_number() OVER rivals AS place, first_value(_id) OVER rivals AS kept_id{best}
            FROM alone WINDOW rivals AS (PARTITION BY unit, _period, lone ORDER BY {order})"""
    )


def _unit(tool: Tool, columns: Collection[str]) -> str:
    """SQL for what a submission is about, as one text; null where a part is missing or the tool declares no unit."""
    for column in tool.unit:
        if column not in columns:
            raise ConfigError(
                f"{tool.folder / 'tool.yml'}: the unit names {column!r}, which no version of the form asks: correct it."
            )
    if not tool.unit:
        return "CAST(NULL AS VARCHAR)"
    return " || ' / ' || ".join(f"CAST({quote(column)} AS VARCHAR)" for column in tool.unit)


def _standings(tool: Tool, columns: Collection[str]) -> dict[str, str]:
    """SQL for how good a submission is by each criterion, smaller is better, in the declared order."""
    ranks = {"approved": _approved(columns), "prefer": _preferred(tool), "latest": "-epoch_us(_submitted_at)"}
    return {name: f"coalesce({ranks[name]}, 9223372036854775807)" for name in tool.order}


def _approved(columns: Collection[str]) -> str:
    """A reviewer's word as the servers write it: Kobo's validation status, ODK Central's review state."""
    if "_validation_status" not in columns:
        return "0"
    status = "replace(lower(_validation_status), 'validation_status_', '')"
    return f"CASE {status} WHEN 'approved' THEN 0 WHEN 'not_approved' THEN 2 WHEN 'rejected' THEN 2 ELSE 1 END"


def _preferred(tool: Tool) -> str:
    cases = "".join(f" WHEN {literal(source)} THEN {rank}" for rank, source in enumerate(tool.prefer))
    return f"CASE _source{cases} ELSE {len(tool.prefer)} END" if cases else "0"


def _why(tool: Tool, columns: Collection[str]) -> str:
    """SQL for the first criterion by which the current submission is better."""
    cases = [f"WHEN best_{name} < rank_{name} THEN {literal(WHY[name])}" for name in _standings(tool, columns)]
    return f"CASE {' '.join(cases)} ELSE {literal(SAME_IN_ALL)} END" if cases else literal(SAME_IN_ALL)
