"""The asset checks: the ledger of every tool, its codes that changed their meaning, and every expectation, with its
failing rows as a table.

A check shows ids, questions and rule; never an answer, for Dagster keeps what it shows in clear. The findings
themselves are computed when the tool is harmonized.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from pipelines.defs.assets import WRITER, key
from pipelines.errors import CccmError
from pipelines.harmonize.build import balance_of
from pipelines.project import Project, Tool
from pipelines.quality.code_meaning import NAME as CODE_MEANING
from pipelines.quality.expectations import Rule
from pipelines.quality.same_record import all_rules
from pipelines.store.duck import Connection, connect, read_rows, table_exists

ROWS_SHOWN = 20

SEVERITY = {
    "critical": dg.AssetCheckSeverity.ERROR,
    "warning": dg.AssetCheckSeverity.WARN,
    "info": dg.AssetCheckSeverity.WARN,
}

FAILED = """
SELECT finding, _source, _asset, _id, coalesce(_index, '') AS _index, array_to_string(columns, ', ') AS questions,
_period FROM quality.finding WHERE layer = ? AND table_name = ? AND rule = ? ORDER BY finding LIMIT ?
"""


def checks_of(project: Project) -> Iterator[dg.AssetChecksDefinition]:
    """Every check of the project."""
    for tool in project.tools():
        yield _ledger(project, tool)
        yield _meanings(project, tool)
        for layer in ("harmonized", "clean"):
            rules = _rules(project, tool, layer)
            if rules:
                yield _expectations(project, tool, layer, rules)


def _ledger(project: Project, tool: Tool) -> dg.AssetChecksDefinition:
    def said(con: Connection) -> dg.AssetCheckResult:
        lines = balance_of(con, project, tool)
        reasons = read_rows(con, REASONS, [tool.name])
        wrong = sum(line.unbalanced for line in lines)
        return dg.AssetCheckResult(
            passed=not wrong,
            metadata={
                "received": sum(line.received for line in lines),
                "landed": sum(line.landed for line in lines),
                "split": sum(line.split for line in lines),
                "quarantined": sum(line.quarantined for line in lines),
                "submissions that do not balance": wrong,
                "by version": _table([_line(line) for line in lines]),
                **({"in quarantine": _table(reasons)} if reasons else {}),
            },
        )

    why = "Every answer that was archived is in its column, split, or in quarantine with a reason."
    return _of_harmonized(project, tool, "ledger", why, said)


def _meanings(project: Project, tool: Tool) -> dg.AssetChecksDefinition:
    def said(con: Connection) -> dg.AssetCheckResult:
        apart = read_rows(con, APART, [tool.name])
        answers = read_rows(con, ANSWERS_APART, [tool.name])
        metadata: dict[str, Any] = {"codes kept apart": len(apart)}
        if apart:
            metadata["codes"] = _table(apart)
            metadata["answers under them"] = sum(line["answers"] for line in answers)
        if answers:
            metadata["answers by question"] = _table(answers)
        return dg.AssetCheckResult(passed=not apart, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)

    why = "Every code means what it meant in the versions before, or the crosswalk says what it is."
    return _of_harmonized(project, tool, "meanings", why, said)


def _of_harmonized(
    project: Project, tool: Tool, name: str, why: str, said: Callable[[Connection], dg.AssetCheckResult]
) -> dg.AssetChecksDefinition:
    """The check `name` of the tool's harmonized tables, whose verdict is what is `said` of them once they are built."""
    asset = key(f"harmonized/{tool.name}")

    @dg.asset_check(asset=asset, name=name, pool=WRITER, description=why)
    def check() -> dg.AssetCheckResult:
        if not _is_built(project, "harmonized", tool):
            return _nothing_yet(asset, name)
        try:
            with connect(project.work_file, read_only=True) as con:
                return said(con)
        except CccmError as error:
            return dg.AssetCheckResult(passed=False, metadata={"why": str(error)})

    return check


APART = """
SELECT version, path AS question, code, kept_as AS "kept as", since AS "changed in", languages, line AS "line to add"
FROM ledger.apart WHERE tool = ? ORDER BY ALL LIMIT 50
"""

ANSWERS_APART = f"""
SELECT table_name AS "table", rule[{len(CODE_MEANING) + 2}:] AS question, rows_failed AS answers FROM quality.rule
WHERE tool = ? AND layer = 'harmonized' AND starts_with(rule, '{CODE_MEANING}_') AND rows_failed > 0 ORDER BY ALL
"""


REASONS = """
SELECT _form_version AS version, path, reason, count(*) AS answers, min(remedy) AS remedy
FROM ledger.quarantine WHERE tool = ? GROUP BY ALL ORDER BY ALL LIMIT 50
"""


def _line(line: object) -> dict[str, str | int]:
    return {
        name: getattr(line, name)
        for name in (
            "form_version",
            "submissions",
            "received",
            "landed",
            "noted",
            "split",
            "quarantined",
            "unreadable",
            "unbalanced",
        )
    }


def _expectations(project: Project, tool: Tool, layer: str, rules: tuple[Rule, ...]) -> dg.AssetChecksDefinition:
    asset = key(f"{layer}/{tool.name}")
    named = {_name(tool, rule): rule for rule in rules}

    @dg.multi_asset_check(
        name=f"{layer}_{tool.name}_expectations",
        specs=[dg.AssetCheckSpec(name, asset=asset, description=rule.why) for name, rule in named.items()],
        can_subset=True,
        pool=WRITER,
    )
    def expectations(context: dg.AssetCheckExecutionContext):  # type: ignore[no-untyped-def]
        if not _is_built(project, layer, tool):
            for check in context.selected_asset_check_keys:
                yield _nothing_yet(asset, check.name)
            return
        with connect(project.work_file, read_only=True) as con:
            for check in sorted(context.selected_asset_check_keys, key=lambda check: check.name):
                rule = named[check.name]
                rows = read_rows(con, FAILED, [layer, rule.table, rule.name, ROWS_SHOWN])
                counted = read_rows(con, COUNTED, [layer, rule.table, rule.name])
                yield _verdict(asset, check.name, rule, rows, counted[0] if counted else None)

    return expectations


NOTHING_YET = (
    "There is nothing to check yet: no build of this tool has come to its end; mend what failed and build again."
)


def _is_built(project: Project, layer: str, tool: Tool) -> bool:
    """Whether a build of `tool` ever came to its end, so that there is something to check."""
    if not project.work_file.exists():
        return False
    with connect(project.work_file, read_only=True) as con:
        needed = (
            ("ledger", "balance"),
            ("ledger", "apart"),
            ("quality", "finding"),
            ("quality", "rule"),
            (layer, tool.name),
        )
        return all(table_exists(con, *table) for table in needed)


def _nothing_yet(asset: dg.AssetKey, name: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"why": NOTHING_YET},
    )


COUNTED = "SELECT rows_checked, rows_failed FROM quality.rule WHERE layer = ? AND table_name = ? AND rule = ?"


def _verdict(
    asset: dg.AssetKey, name: str, rule: Rule, rows: Sequence[Mapping[str, Any]], counted: dict[str, int] | None
) -> dg.AssetCheckResult:
    failed = counted["rows_failed"] if counted else 0
    metadata: dict[str, Any] = {
        "why": rule.why,
        "rule": rule.holds,
        "rows it applies to": counted["rows_checked"] if counted else 0,
        "rows that fail": failed,
    }
    if rows:
        metadata["failing rows"] = _table(rows)
    return dg.AssetCheckResult(
        asset_key=asset, check_name=name, passed=not failed, severity=SEVERITY[rule.severity], metadata=metadata
    )


def _rules(project: Project, tool: Tool, layer: str) -> tuple[Rule, ...]:
    """The rules for the tool's table and those of its repeats."""
    folder = project.expectations / layer
    files = [folder / f"{tool.name}.yml", *sorted(folder.glob(f"{tool.name}__*.yml"))]
    return tuple(rule for file in files for rule in all_rules(project, layer, file.stem))


def _name(tool: Tool, rule: Rule) -> str:
    """The rule's name; that of a repeat's rule begins with the repeat."""
    repeat = rule.table.removeprefix(tool.name).removeprefix("__")
    return f"{repeat}__{rule.name}" if repeat else rule.name


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue:
    columns = list(rows[0]) if rows else ["nothing"]
    records = [dg.TableRecord({name: row[name] for name in columns}) for row in rows]
    kinds = {name: "int" if rows and isinstance(rows[0][name], int) else "string" for name in columns}
    schema = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in kinds.items()])
    return dg.MetadataValue.table(records, schema)
