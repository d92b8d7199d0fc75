"""Exactly one current submission per unit and period, by the order that tool.yml declares; the others are listed.

Nothing is lost here: what does not count stays in harmonized, and quality.superseded says which other one counts, and
why. Applying decisions, which comes first, is decisions.py.
"""

from collections.abc import Collection

from pipelines.errors import ConfigError
from pipelines.project import Tool
from pipelines.quality.identity import identity_sql
from pipelines.store.duck import Connection, literal, quote

KEY = "_source, _asset, _id"

TABLE = """
CREATE SCHEMA IF NOT EXISTS quality;
CREATE TABLE IF NOT EXISTS quality.superseded (
    tool VARCHAR, _source VARCHAR, _asset VARCHAR, _id VARCHAR, _period VARCHAR,
    unit VARCHAR, kept_id VARCHAR, why VARCHAR
);
"""

KEEP_SUPERSEDED = """
INSERT INTO quality.superseded
SELECT ?, _source, _asset, _id, _period, unit, kept_id, why
FROM ranked WHERE place > 1
ORDER BY unit, _period, place, _source, _asset, _id
"""

WHY = {
    "approved": "another submission was approved, or this one was not",
    "prefer": "another source is preferred",
    "latest": "a later one was received",
}
SAME_IN_ALL = "another one is equal in all else and its _id comes first"


def choose_current(con: Connection, tool: Tool, submissions: str, columns: Collection[str]) -> int:
    """Make the temporary table `ranked` from `submissions` (a relation, named in SQL); how many are superseded.

    place 1 is the current one of its unit and period. Without a unit value or a period a submission stands alone. Where
    the tool declares an identity, submissions of one identity are one before that.
    """
    unit = _unit(tool, columns)
    about = f"CASE WHEN {unit} IS NOT NULL AND _period IS NOT NULL THEN [{unit}, _period] END"
    if tool.identity:
        same = _ranked(tool, submissions, columns, unit, identity_sql(tool, columns))
        again = literal(f"the same {' and '.join(tool.identity)}: ")
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE ranked_same AS SELECT * REPLACE ({again} || why AS why) FROM ({same})"
        )
        submissions = f"(SELECT * FROM {submissions} SEMI JOIN (FROM ranked_same WHERE place = 1) USING ({KEY}))"
    con.execute(f"CREATE OR REPLACE TEMP TABLE ranked AS {_ranked(tool, submissions, columns, unit, about)}")
    if tool.identity:
        con.execute("INSERT INTO ranked FROM ranked_same WHERE place > 1; DROP TABLE ranked_same")
    con.execute(TABLE)
    con.execute("DELETE FROM quality.superseded WHERE tool = ?", [tool.name])
    con.execute(KEEP_SUPERSEDED, [tool.name])
    row = con.execute("SELECT count(*) FROM ranked WHERE place > 1").fetchone()
    return int(row[0]) if row else 0


def order_of(tool: Tool, columns: Collection[str]) -> str:
    """SQL for the order of rivals, the one that counts first, ended by the key so that it is total."""
    return ", ".join([*_standings(tool, columns).values(), "_id", "_source", "_asset"])


def _ranked(tool: Tool, submissions: str, columns: Collection[str], unit: str, about: str) -> str:
    """A SELECT that ranks the submissions that are `about` (SQL) the same; those about null stand alone."""
    standings = _standings(tool, columns)
    ranks = "".join(f", {sql} AS rank_{name}" for name, sql in standings.items())
    best = "".join(f", first_value(rank_{name}) OVER rivals AS best_{name}" for name in standings)
    order = ", ".join([*(f"rank_{name}" for name in standings), "_id", "_source", "_asset"])
    return f"""
        WITH standing AS (
            SELECT {KEY}, _period, {unit} AS unit{ranks}, {about} AS about FROM {submissions}
        ), alone AS (
            SELECT *, CASE WHEN about IS NULL THEN [{KEY}] ELSE [] END AS lone FROM standing
        ), placed AS (
            SELECT *, row_number() OVER rivals AS place, first_value(_id) OVER rivals AS kept_id{best}
            FROM alone WINDOW rivals AS (PARTITION BY about, lone ORDER BY {order})
        )
        SELECT {KEY}, _period, unit, place, kept_id, {_why(tool, columns)} AS why FROM placed"""


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
