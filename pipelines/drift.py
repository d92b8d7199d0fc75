"""What changed between the versions of a project's tool, and how many of the answers that are there it concerns.

Reads forms, the crosswalk and the work file only. What a change is, is forms/; how it is printed is terminal.py.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from pipelines.forms.change import CLASSES, RULES, Change
from pipelines.forms.diff import change_of_meaning, diff
from pipelines.forms.propose import proposals
from pipelines.forms.read import read_form
from pipelines.harmonize.advice import write_one_of
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.meanings import told_together
from pipelines.project import Project, Tool
from pipelines.project.crosswalk import read_crosswalk
from pipelines.store.duck import Connection, columns_of, connect, quote, read_rows, table_exists

Line = dict[str, object]

PLACES = """
SELECT path, table_name, column_name FROM codebook.question
WHERE tool = ? AND version = ? AND column_name <> '' ORDER BY position
"""


def differences(project: Project, tool: Tool, old: str, new: str) -> list[Change]:
    """What changed from version `old` of a tool to version `new`; SchemaError where one of them cannot be read."""
    before, after = (read_form(tool.form_file(version), tool.name, version) for version in (old, new))
    rules = read_crosswalk(tool.crosswalk_file).rules(old)
    said = answered(project, tool.name, old).get
    return diff(before, after, tuple(rules.entries.values()), said, computed=rules.computed)


def unsettled(project: Project, tool: Tool) -> Iterator[tuple[str, Change]]:
    """(older version, change) between consecutive versions of a tool, where a line of the crosswalk is due.

    Whether a code means something else is judged as the tables do: by the newest version that offers it, whichever
    versions lie between.
    """
    for old, new in zip(tool.versions, tool.versions[1:], strict=False):
        found = (change for change in differences(project, tool, old, new) if change.needs_a_line)
        yield from ((old, change) for change in found if change.rule != "D403")
    counts: dict[str, dict[str, int]] = {}
    for version, path, few in told_together(plan_of(tool, []).apart):
        if version not in counts:
            counts[version] = answered(project, tool.name, version)
        spoken = dict.fromkeys(language for one in few for language in one.languages)
        codes = [one.code for one in few]
        yield version, change_of_meaning(path, codes, list(spoken), counts[version].get(path), few[0].line)


def unknown_sources(project: Project, tool: Tool) -> Iterator[str]:
    """A sentence for each source that the crosswalk of a tool speaks of and sources.yml does not name."""
    known = [source.name for source in project.sources()]
    for source in read_crosswalk(tool.crosswalk_file).sources:
        if source not in known:
            yield f"{tool.crosswalk_file}: sources.yml names no source '{source}'; {write_one_of(known, source)}"


def proposed(tool: Tool) -> str:
    """Lines for the crosswalk of a tool, by version, as YAML to look through and paste; empty where there are none."""
    crosswalk = read_crosswalk(tool.crosswalk_file)
    parts: list[str] = []
    for old, new in zip(tool.versions, tool.versions[1:], strict=False):
        before, after = (read_form(tool.form_file(version), tool.name, version) for version in (old, new))
        rules = crosswalk.rules(old)
        found = proposals(before, after, tuple(rules.entries.values()), rules.computed)
        if found:
            parts.append(f"  {json.dumps(old)}:\n" + "".join(proposal.written() for proposal in found))
    return "versions:\n" + "".join(parts) if parts else ""


def answered(project: Project, tool: str, version: str) -> dict[str, int]:
    """How many submissions of a version answered each question, by path; empty where nothing is built yet."""
    if not project.work_file.exists():
        return {}
    with connect(project.work_file, read_only=True) as con:
        if not table_exists(con, "codebook", "question") or not table_exists(con, "harmonized", tool):
            return {}
        columns_by_table: dict[str, dict[str, str]] = {}
        for place in read_rows(con, PLACES, [tool, version]):
            columns_by_table.setdefault(place["table_name"], {})[place["path"]] = place["column_name"]
        return {
            path: count
            for table, columns in columns_by_table.items()
            if table_exists(con, "harmonized", table)
            for path, count in _counts(con, tool, table, version, columns).items()
        }


def _counts(con: Connection, tool: str, table: str, version: str, columns: Mapping[str, str]) -> dict[str, int]:
    """For each path, the submissions that have something in its column of `table`."""
    there = columns_of(con, "harmonized", table)
    # a point and a moment are told by the first of their columns
    physical = {path: next((c for c in (name, f"{name}_lat") if c in there), "") for path, name in columns.items()}
    asked = {path: name for path, name in physical.items() if name}
    counts = ", ".join(
        f"count(DISTINCT (_source, _asset, _id)) FILTER ({quote(name)} IS NOT NULL) AS n{number}"
        for number, name in enumerate(asked.values())
    )
    of_version = f"(SELECT _source, _asset, _id FROM harmonized.{quote(tool)} WHERE _form_version = ?)"
    sql = f"SELECT {counts} FROM harmonized.{quote(table)} SEMI JOIN {of_version} USING (_source, _asset, _id)"
    (row,) = read_rows(con, sql, [version]) if asked else [{}]
    return {path: int(row[f"n{number}"]) for number, path in enumerate(asked)}


def lines(changes: Sequence[Change]) -> list[Line]:
    """One line a change, for a table or JSON."""
    return [
        {
            "class": change.kind,
            "rule": change.rule,
            "question": change.path,
            "change": change.sentence,
            "rows": change.effect,
            "crosswalk": "settled" if change.settled else change.entry,
            "candidates": "; ".join(change.candidates),
        }
        for change in changes
    ]


def markdown(tool: str, old: str, new: str, changes: Sequence[Change]) -> str:
    """The changes as a page of Markdown, a table for each class."""
    parts = [f"# {tool}: from {old} to {new}"]
    for kind in CLASSES:
        rows = [line for line in lines(changes) if line["class"] == kind]
        if rows:
            heads = [name for name in rows[0] if name != "class"]
            parts.append(f"## {kind.capitalize()} ({len(rows)})")
            table = [heads, ["---"] * len(heads), *([_cell(line[head]) for head in heads] for line in rows)]
            parts.append("\n".join(f"| {' | '.join(row)} |" for row in table))
    used = sorted({change.rule for change in changes})
    parts.append("\n".join(f"- {rule}: {RULES[rule]}" for rule in used) or "Nothing changed.")
    return "\n\n".join(parts) + "\n"


def _cell(value: object) -> str:
    """What a form says is foreign text: no sign of it may end a cell or begin a tag."""
    text = " ".join(str(value).split())
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
