"""clean.<tool> and its repeats: harmonized, with the decisions applied, and one current row per unit and period.

A pure function of the harmonized tables, the decisions and tool.yml; building it twice gives the same rows. How
decisions apply is decisions.py, which submission counts is current.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.errors import SchemaError
from pipelines.project import Project, Tool
from pipelines.quality.current import choose_current
from pipelines.quality.decisions import Conflict, Outcome, outcome_of, write_cells
from pipelines.store.duck import Connection, columns_of, quote, read_value
from pipelines.store.period import period_sql

KEY = "_source, _asset, _id"


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanReport:
    """What cleaning did to a tool: how many submissions went where, how many decisions applied, and which did not."""

    tool: str
    harmonized: int
    removed: int
    superseded: int
    kept: int
    applied: int
    no_action: int
    conflicts: tuple[Conflict, ...] = ()


def clean_tool(
    con: Connection, project: Project, tool: str, tables: Sequence[str], decisions: str | None = None
) -> CleanReport:
    """What cleaning did to `tool`; its clean tables stand afterwards. `decisions` names a relation, as SQL does."""
    columns = {table: _columns(con, table) for table in [tool, *(table for table in tables if table != tool)]}
    outcome = outcome_of(con, columns, decisions) if decisions else Outcome()
    drafts = {table: _draft(con, table, outcome) for table in tables}
    write_cells(con, columns, outcome, drafts)
    _move_periods(con, project, project.tool(tool), columns[tool], drafts[tool], outcome)
    superseded = choose_current(con, project.tool(tool), drafts[tool], columns[tool])
    con.execute("CREATE SCHEMA IF NOT EXISTS clean")
    for table in tables:
        _keep_current(con, table, drafts[table], is_child="_index" in columns[table])
    report = CleanReport(
        tool=tool,
        harmonized=_count(con, f"harmonized.{quote(tool)}"),
        removed=len(outcome.removed),
        superseded=superseded,
        kept=_count(con, f"clean.{quote(tool)}"),
        applied=outcome.applied,
        no_action=outcome.no_action,
        conflicts=tuple(outcome.conflicts),
    )
    _drop_drafts(con, drafts)
    return report


def _columns(con: Connection, table: str) -> dict[str, str]:
    columns = columns_of(con, "harmonized", table)
    if not columns:
        raise SchemaError(f"harmonized.{table} does not exist: build it before cleaning it.")
    return columns


def _draft(con: Connection, table: str, outcome: Outcome) -> str:
    """The name, in SQL, of what `table` is cleaned from: a copy where decisions touch it, else harmonized itself."""
    harmonized = f"harmonized.{quote(table)}"
    if not outcome.removed and not any(row.table == table for row, _ in outcome.cells):
        return harmonized
    name = f"temp.{quote(f'draft_{table}')}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {quote(f'draft_{table}')} AS SELECT * FROM {harmonized}")
    for row in outcome.removed:
        con.execute(
            f"DELETE FROM {name} WHERE _source = ? AND _asset = ? AND _id = ?",
            [row.source, row.asset, row.id],
        )
    return name


def _move_periods(
    con: Connection, project: Project, tool: Tool, columns: Mapping[str, str], draft: str, outcome: Outcome
) -> None:
    """Let the period follow the question that asks for it, in the submissions where a decision changed the answer."""
    question = tool.period.question
    changed = sorted({row.id for row, column in outcome.cells if column == question and row.table == tool.name})
    if not changed:
        return
    sql = period_sql(tool.period, columns[question], project.rounds(tool.name))
    con.execute(
        f"UPDATE {draft} SET _period = {sql.period}, _period_how = {sql.how} WHERE list_contains(?, _id)", [changed]
    )


def _keep_current(con: Connection, table: str, draft: str, *, is_child: bool) -> None:
    """Write clean.<table>: the rows of current submissions, ordered by key."""
    position = ", CAST(string_split(_index, '.') AS INTEGER[])" if is_child else ""
    con.execute(
        f"""CREATE OR REPLACE TABLE clean.{quote(table)} AS
            SELECT draft.* FROM {draft} AS draft SEMI JOIN (FROM ranked WHERE place = 1) USING ({KEY})
            ORDER BY {KEY}{position}"""
    )


def _count(con: Connection, relation: str) -> int:
    return int(read_value(con, f"SELECT count(*) FROM {relation}"))


def _drop_drafts(con: Connection, drafts: Mapping[str, str]) -> None:
    con.execute("DROP TABLE ranked")
    for draft in drafts.values():
        if draft.startswith("temp."):
            con.execute(f"DROP TABLE {draft}")
