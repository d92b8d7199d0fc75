"""What the checks leave behind: the tables quality.rule and quality.finding, and the Report that a page shows.

A finding names a submission, its questions and the rule: never an answer. Computing the rules is check.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.quality.expectations import Rule
from pipelines.store.duck import Connection, read_rows

TABLES = """
CREATE SCHEMA IF NOT EXISTS quality;
CREATE TABLE IF NOT EXISTS quality.rule (
    tool VARCHAR, layer VARCHAR, table_name VARCHAR, rule VARCHAR, holds VARCHAR, why VARCHAR, severity VARCHAR,
    rows_checked BIGINT, rows_failed BIGINT
);
CREATE TABLE IF NOT EXISTS quality.finding (
    finding VARCHAR, tool VARCHAR, layer VARCHAR, table_name VARCHAR,
    _source VARCHAR, _asset VARCHAR, _id VARCHAR, _index VARCHAR,
    rule VARCHAR, severity VARCHAR, columns VARCHAR[], why VARCHAR, _period VARCHAR, proposal VARCHAR
);
ALTER TABLE quality.finding ADD COLUMN IF NOT EXISTS proposal VARCHAR;
"""

KEEP_FINDINGS = """
INSERT INTO quality.finding
SELECT left(sha256(CAST(to_json([$layer, $table, $rule, _source, _asset, _id, _index]) AS VARCHAR)), 16),
       $tool, $layer, $table, _source, _asset, _id, _index, $rule, $severity, $columns, $why, _period, NULL
FROM checked_key JOIN (SELECT unnest($rows) AS _row) USING (_row)
ORDER BY _row
"""

ROWS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingRow:
    """Where a rule does not hold: the submission, the position in its repeat ("" outside of one), the questions."""

    source: str
    asset: str
    id: str
    index: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """How one rule fared: `rows_checked` are the rows to which it applied, `rows` the first of those that failed."""

    table: str
    rule: str
    severity: str
    why: str
    rows_checked: int
    rows_failed: int
    rows: tuple[FailingRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How every rule of a tool fared, table by table, in the order of the files."""

    tool: str
    layer: str
    results: tuple[RuleResult, ...] = ()

    @property
    def findings(self) -> int:
        """How many findings there are in all."""
        return sum(result.rows_failed for result in self.results)


def forget_results(con: Connection, tool: str, layer: str) -> None:
    """Take out what an earlier check of `tool` left, and make the tables where there are none."""
    con.execute(TABLES)
    for table in ("rule", "finding"):
        con.execute(f"DELETE FROM quality.{table} WHERE tool = ? AND layer = ?", [tool, layer])


def keep_result(con: Connection, tool: str, rule: Rule, rows_checked: int, failing: Sequence[int]) -> RuleResult:
    """Write down how `rule` fared; `failing` are rows of the temporary table checked_key."""
    con.execute(
        "INSERT INTO quality.rule VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [tool, rule.layer, rule.table, rule.name, _spelled(rule), rule.why, rule.severity, rows_checked, len(failing)],
    )
    if failing:
        _keep_findings(con, tool, rule, failing)
    return RuleResult(
        table=rule.table,
        rule=rule.name,
        severity=rule.severity,
        why=rule.why,
        rows_checked=rows_checked,
        rows_failed=len(failing),
        rows=_first_rows(con, rule, sorted(failing)[:ROWS_SHOWN]),
    )


def _spelled(rule: Rule) -> str:
    """What must hold, with what its given names stand for."""
    return "".join([rule.holds, *(f"\nwhere {name} is {sql.strip()}" for name, sql in rule.given.items())])


def _keep_findings(con: Connection, tool: str, rule: Rule, failing: Sequence[int]) -> None:
    con.execute(
        KEEP_FINDINGS,
        {
            "tool": tool,
            "layer": rule.layer,
            "table": rule.table,
            "rule": rule.name,
            "severity": rule.severity,
            "why": rule.why,
            "columns": list(rule.columns),
            "rows": list(failing),
        },
    )


def _first_rows(con: Connection, rule: Rule, failing: Sequence[int]) -> tuple[FailingRow, ...]:
    if not failing:
        return ()
    sql = "SELECT * FROM checked_key JOIN (SELECT unnest(?) AS _row) USING (_row) ORDER BY _row"
    return tuple(
        FailingRow(
            source=row["_source"],
            asset=row["_asset"],
            id=row["_id"],
            index=row["_index"] or "",
            questions=rule.columns,
        )
        for row in read_rows(con, sql, [list(failing)])
    )
