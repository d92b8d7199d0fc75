"""Hold every rule against its table: one SQL pass computes them all, Great Expectations gives the verdict.

What the rules are is expectations.py. A rule may look at other rows (window functions), at other tables by subquery
(reference.site, the parent's table), and at the tool's own calendar: `(SELECT late_after_day FROM tool)`.
"""

import re
import warnings
from collections.abc import Sequence
from typing import NoReturn

from pipelines.errors import ConfigError, DataError, SchemaError
from pipelines.project import Project, Tool
from pipelines.quality.code_meaning import meaning_rules
from pipelines.quality.expectations import Rule, fitted, refuse_lost_suites
from pipelines.quality.findings import Report, RuleResult, forget_results, keep_result
from pipelines.quality.same_record import LAYER, all_rules, propose
from pipelines.store.duck import Connection, columns_of, plain_errors, quote, scrubbed

HEAD = """CREATE OR REPLACE TEMP TABLE checked AS WITH
tool AS (SELECT CAST({due_day} AS INTEGER) AS due_day, CAST({late_after_day} AS INTEGER) AS late_after_day),"""

ROOT_KEY = """SELECT row_number() OVER (ORDER BY _source, _asset, _id) - 1 AS _row,
    _source, _asset, _id, CAST(NULL AS VARCHAR) AS _index"""

CHILD_KEY = """SELECT
    row_number() OVER (ORDER BY _source, _asset, _id, CAST(string_split(_index, '.') AS INTEGER[])) - 1 AS _row,
    _source, _asset, _id, _index"""


def check_tool(
    con: Connection, project: Project, tool: str, tables: Sequence[str], *, layer: str = "harmonized"
) -> Report:
    """How every rule of `tool` fared over its `tables`; quality.rule and quality.finding say the same afterwards."""
    refuse_lost_suites(project, layer, tool, tables)
    forget_results(con, tool, layer)
    results: list[RuleResult] = []
    for table in tables:
        columns = _columns(con, layer, table)
        rules = all_rules(project, layer, table)
        if layer == LAYER:
            rules = (*rules, *meaning_rules(con, project.tool(tool), table, columns))
        if rules:
            results += _check_table(con, project.tool(tool), fitted(rules, columns))
    if layer == LAYER:
        propose(con, project.tool(tool), _columns(con, layer, tool))
    return Report(tool=tool, layer=layer, results=tuple(results))


def _columns(con: Connection, layer: str, table: str) -> dict[str, str]:
    columns = columns_of(con, layer, table)
    if not columns:
        raise SchemaError(f"{layer}.{table} does not exist: build it before checking it.")
    return columns


def _check_table(con: Connection, tool: Tool, rules: Sequence[Rule]) -> list[RuleResult]:
    layer, table = rules[0].layer, rules[0].table
    _compute(con, tool, rules, is_child="_index" in _columns(con, layer, table))
    _find_periods(con, layer, tool.name)
    checked = _rows_checked(con, rules)
    failing = _failing(con, rules) if any(checked.values()) else {}
    results = [keep_result(con, tool.name, rule, checked[rule.name], failing.get(rule.name, [])) for rule in rules]
    con.execute("DROP TABLE checked; DROP TABLE checked_key")
    return results


def _compute(con: Connection, tool: Tool, rules: Sequence[Rule], *, is_child: bool) -> None:
    """Make the temporary table `checked`: the rows' keys and one boolean a rule, null where it does not apply."""
    sql, lines = _pass(tool, rules, is_child=is_child)
    try:
        with plain_errors(str(rules[0].file), "mend the rule"):
            con.execute(sql)
    except DataError as error:
        _blame(lines, error)


def _pass(tool: Tool, rules: Sequence[Rule], *, is_child: bool) -> tuple[str, list[Rule | None]]:
    """The SQL of the one pass, and to which rule each of its lines belongs: by that a failing rule is told."""
    table = quote(rules[0].table)
    written: list[tuple[str, Rule | None]] = [
        (HEAD.format(**{name: value or "NULL" for name, value in tool.calendar.model_dump().items()}), None),
        (f"checked_row AS (SELECT {table}.*", None),
    ]
    given = {name: (sql, rule) for rule in rules for name, sql in rule.given.items()}
    written += [(f", (\n{sql}\n) AS {quote(name)}", rule) for name, (sql, rule) in given.items()]
    written.append((f"FROM {quote(rules[0].layer)}.{table} AS {table})", None))
    written.append((CHILD_KEY if is_child else ROOT_KEY, None))
    written += [(f", CAST((\n{rule.holds}\n) AS BOOLEAN) AS {quote(rule.name)}", rule) for rule in rules]
    written.append((f"FROM checked_row AS {table}", None))
    return "\n".join(text for text, _ in written), [rule for text, rule in written for _ in text.split("\n")]


def _blame(lines: Sequence[Rule | None], error: DataError) -> NoReturn:
    """Say which rule made the database refuse, by the line that its message points at."""
    told = str(error.__cause__)
    pointed = re.search(r"LINE (\d+):", told)
    rule = lines[int(pointed.group(1)) - 1] if pointed else None
    if rule is None:
        raise ConfigError(str(error)) from None
    raise ConfigError(f"{rule.where}: {scrubbed(told)}; mend it.") from None


def _find_periods(con: Connection, layer: str, tool: str) -> None:
    """Make the temporary table `checked_key`: which submission, position and period each row number means."""
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE checked_key AS
            SELECT _row, checked._source, checked._asset, checked._id, checked._index, parent._period
            FROM checked LEFT JOIN {quote(layer)}.{quote(tool)} AS parent USING (_source, _asset, _id)"""
    )


def _rows_checked(con: Connection, rules: Sequence[Rule]) -> dict[str, int]:
    """To how many rows each rule applied."""
    counts = ", ".join(f"count({quote(rule.name)})" for rule in rules)
    row = con.execute(f"SELECT {counts} FROM checked").fetchone() or ()
    return {rule.name: count for rule, count in zip(rules, row, strict=True)}


def _failing(con: Connection, rules: Sequence[Rule]) -> dict[str, list[int]]:
    """The rows for which each rule does not hold; only booleans leave the database, and null counts as held."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Great Expectations' own imports
        from pipelines.quality.verdict import rows_failing  # noqa: PLC0415 -- it takes seconds to import

    verdicts = ", ".join(f"coalesce({quote(rule.name)}, true) AS {quote(rule.name)}" for rule in rules)
    frame = con.execute(f"SELECT {verdicts} FROM checked ORDER BY _row").df()
    return rows_failing(frame, rules)
