"""What can be said of a project at a glance: tools, forms, quarantine, who has not reported. Reads only.

How it is printed is terminal.py.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pipelines.archive.attachments import awaited_in_all
from pipelines.defs.journal import Outcome
from pipelines.drift import unknown_sources, unsettled
from pipelines.errors import CccmError
from pipelines.forms.lint import remarks_of
from pipelines.forms.read import read_form
from pipelines.harmonize.compile import plan_of
from pipelines.project import Project, Tool
from pipelines.store.duck import connect, read_rows, table_exists

Line = dict[str, object]


def line(outcome: Outcome) -> Line:
    """One line about a step."""
    came = ", ".join(f"{name.replace('_', ' ')} {figure}" for name, figure in outcome.figures.items() if figure != 0)
    did = "failed" if outcome.error else "done" if outcome.anew else "unchanged"
    return {"step": outcome.step, "": did, "what": came}


def tools(project: Project) -> list[Line]:
    """One line a tool."""
    return [_tool_line(project, tool) for tool in project.tools()]


def summary(project: Project) -> list[Line]:
    """What a run came to, one line a tool: received, landed, quarantined, findings; and the products."""
    names = sorted({path.stem for path in project.products.rglob("*.xlsx")})
    return [
        {
            "tool": tool.name,
            "versions": ", ".join(tool.versions),
            "received": row["received"],
            "landed": row["landed"],
            "quarantined": row["quarantined"],
            "findings": row["findings"],
            "products": ", ".join(name for name in names if name in PRODUCTS_OF.get(tool.name, ())),
        }
        for tool in project.tools()
        for row in _read(project, SUMMARY, [tool.name])
    ]


PRODUCTS_OF = {"population": ("population_sheet",), "fsmt": ("service_3w",)}

SUMMARY = """
SELECT coalesce(sum(submissions), 0)::BIGINT AS submissions, coalesce(sum(received), 0)::BIGINT AS received,
       coalesce(sum(landed + split), 0)::BIGINT AS landed, coalesce(sum(quarantined), 0)::BIGINT AS quarantined,
       (SELECT count(*) FROM quality.finding WHERE tool = $1) AS findings
FROM ledger.balance WHERE tool = $1
"""

QUARANTINE = """
SELECT tool, _form_version AS version, path, reason, count(*) AS answers, min(remedy) AS "what to do"
FROM ledger.quarantine GROUP BY ALL ORDER BY ALL
"""

NOT_REPORTED = """
SELECT period, count(*) AS camps, string_agg(site_name, ', ' ORDER BY site_name) AS names
FROM curated.camp_population WHERE status = 'missing'
GROUP BY period ORDER BY period DESC LIMIT 3
"""


def quarantine(project: Project) -> list[Line]:
    """The quarantined answers by tool, version, question and reason."""
    return _read(project, QUARANTINE, [])


def not_reported(project: Project) -> list[Line]:
    """The camps without population figures, the latest months first."""
    return _read(project, NOT_REPORTED, [])


def forms(project: Project, names: list[str]) -> list[Line]:
    """One line a form version: its size, its gaps, and what is wrong with it."""
    tools = [project.tool(name) for name in names]
    lines = [_form_line(tool, version) for tool in tools for version in tool.versions]
    if any(line["problems"] for line in lines):
        return lines
    return [*lines, *(line for tool in tools for line in _crosswalk_line(project, tool))]


def _tool_line(project: Project, tool: Tool) -> Line:
    counted = next(iter(_read(project, SUMMARY, [tool.name])), {})
    return {
        "tool": tool.name,
        "versions": ", ".join(tool.versions),
        "submissions": counted.get("submissions", 0),
        "quarantined": counted.get("quarantined", 0),
        "findings": counted.get("findings", 0),
        "last sync": _last_sync(project.archive_file(tool.name)),
        "files awaited": _files_awaited(project.archive_file(tool.name)),
        "review": ", ".join(tool.awaiting_review),
    }


LAST_SYNC = """
SELECT source, max(server_time) FILTER (complete) AS good,
       arg_max(complete, run) AS complete, arg_max(coalesce(error_class, ''), run) AS trouble
FROM sync_run GROUP BY source ORDER BY source
"""


def _last_sync(path: Path) -> str:
    """For each source, the server's time of the last complete sync, and what is wrong with the last one."""
    if not path.exists():
        return "never"
    with connect(path, read_only=True) as con:
        return "; ".join(_said(row) for row in read_rows(con, LAST_SYNC)) or "never"


def _files_awaited(path: Path) -> int:
    """How many files current submissions name that are not stored yet."""
    if not path.exists():
        return 0
    with connect(path, read_only=True) as con:
        return awaited_in_all(con)


def _said(row: Line) -> str:
    good = row["good"]
    when = good.isoformat(" ", timespec="minutes") if isinstance(good, datetime) else "never"
    if not row["complete"]:
        return f"{row['source']} {when}, the last did not complete ({row['trouble'] or 'cut short'})"
    return f"{row['source']} {when}" + (", deletions not believed" if row["trouble"] else "")


def _form_line(tool: Tool, version: str) -> Line:
    line: Line = {"tool": tool.name, "version": version, "questions": 0, "languages": "", "awaiting review": 0}
    try:
        form = read_form(tool.form_file(version), tool.name, version)
        remarks = remarks_of(tool.form_file(version), form)
    except CccmError as error:
        return {**line, "unclassified": 0, "problems": str(error)}
    texts = sum(len(question.labels.keys() & set(tool.awaiting_review)) for question in form.questions)
    return {
        **line,
        "questions": len(form.questions),
        "languages": ", ".join(form.languages),
        "awaiting review": texts,
        "unclassified": sum(not question.sensitivity for question in form.questions),
        "problems": "; ".join(str(remark) for remark in remarks if remark.serious),
        "notes": "; ".join(str(remark) for remark in remarks if not remark.serious),
    }


def _crosswalk_line(project: Project, tool: Tool) -> Iterator[Line]:
    """A line about the tool's crosswalk, where it does not fit its forms, or leaves a breaking change unsaid."""
    try:
        plan_of(tool, [])
    except CccmError as error:
        yield {"tool": tool.name, "version": "crosswalk", "problems": str(error)}
        return
    missing = [
        f"{change.rule} {change.sentence}: {change.effect}; add under '{old}' of {tool.crosswalk_file} {change.entry}"
        for old, change in unsettled(project, tool)
    ]
    missing += unknown_sources(project, tool)
    if missing:
        yield {"tool": tool.name, "version": "crosswalk", "problems": "; ".join(missing)}


def _read(project: Project, sql: str, params: list[object]) -> list[Line]:
    """Rows of the work file; none where nothing is built yet."""
    if not project.work_file.exists():
        return []
    with connect(project.work_file, read_only=True) as con:
        needed = [
            ("ledger", "balance"),
            ("ledger", "quarantine"),
            ("quality", "finding"),
            ("curated", "camp_population"),
        ]
        if not all(table_exists(con, *table) for table in needed if f"{table[0]}.{table[1]}" in sql):
            return []
        return read_rows(con, sql, params)
