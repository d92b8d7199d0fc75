"""Build a tool's harmonized tables from its archive, whole, in one transaction, with its ledger and codebook.

A tool whose ledger does not balance keeps its last good tables.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipelines.archive.reading import Attached, attached
from pipelines.harmonize.codebook import write_codebook
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.decode import create, land, set_period
from pipelines.harmonize.derive import derive
from pipelines.harmonize.exceptions import land_exceptions
from pipelines.harmonize.knowledge import check_names, knowledge_of
from pipelines.harmonize.ledger import (
    TABLES,
    Balance,
    balance,
    find_unbalanced,
    list_members,
    mark_exceptional,
    write_balance,
)
from pipelines.harmonize.meanings import sentences, write_apart
from pipelines.harmonize.missing import write_missing
from pipelines.harmonize.odk import plain_documents
from pipelines.harmonize.plan import Plan
from pipelines.harmonize.unmapped import write_unmapped
from pipelines.project.folders import Project
from pipelines.project.tool import Tool
from pipelines.store.duck import Connection, plain_errors, quote, read_rows, transaction
from pipelines.store.pace import at_full_pace, sparingly

SHAPES_AT_ONCE = 8
"""Bounds the length of one statement; the archive is read once for so many shapes."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build came to. `rows` by table name; where `balanced` is false nothing of it was kept.

    `warnings` are sentences about what stopped nothing and wants looking at.
    """

    tool: str
    rows: dict[str, int]
    balance: tuple[Balance, ...]
    exceptions: int
    balanced: bool
    warnings: tuple[str, ...] = ()

    @property
    def quarantined(self) -> int:
        """How many answers wait in quarantine."""
        return sum(line.quarantined for line in self.balance)


def build_tool(con: Connection, project: Project, tool: Tool, *, as_of_run: int | None = None) -> BuildReport:
    """Make the tool's tables anew in `con` (work.duckdb, with its reference tables loaded)."""
    with attached(con, project.archive_file(tool.name), as_of_run=as_of_run) as archive:
        plan = plan_of(tool, archive.form_versions())

        def made() -> BuildReport:
            with at_full_pace(con), transaction(con):
                return _balanced(_build(con, project, tool, plan, archive))

        try:
            with plain_errors(f"harmonizing {tool.name}", "nothing was changed"):
                return sparingly(con, made)
        except _UnbalancedError as unbalanced:
            return unbalanced.report


def balance_of(con: Connection, project: Project, tool: Tool) -> tuple[Balance, ...]:
    """Hold the tables as they stand in `con` against the archive: the ledger's check, at any moment."""
    with attached(con, project.archive_file(tool.name)) as archive:
        plan = plan_of(tool, archive.form_versions())
        with at_full_pace(con):
            list_members(con, plan, archive)
            find_unbalanced(con, plan)
        return balance(con, plan)


def fingerprint(con: Connection, project: Project, tool: Tool, reference: str) -> str:
    """A text that changes whenever a build of `tool` could come out differently."""
    with attached(con, project.archive_file(tool.name)) as archive:
        epoch = archive.epoch()
    hashed = sha256(f"{epoch}\n{reference}\n{sorted(project.rounds(tool.name).items())}\n".encode())
    files = [*(tool.form_file(version) for version in tool.versions), tool.folder / "tool.yml", tool.crosswalk_file]
    for path in (*files, *_code()):
        hashed.update(path.name.encode() + b"\0" + (path.read_bytes() if path.exists() else b""))
    return hashed.hexdigest()


class _UnbalancedError(Exception):
    """The ledger does not balance; rolls the build back."""

    def __init__(self, report: BuildReport) -> None:
        super().__init__(report.tool)
        self.report = report


def _balanced(report: BuildReport) -> BuildReport:
    if not report.balanced:
        raise _UnbalancedError(report)
    return report


def _build(con: Connection, project: Project, tool: Tool, plan: Plan, archive: Attached) -> BuildReport:
    check_names(con, plan)
    create(con, plan)
    _forget(con, plan)
    list_members(con, plan, archive)
    documents = plain_documents(con, plan, f"(SELECT * FROM {archive.current} WHERE n_answers IS NOT NULL)")
    used = [plan.shapes[name] for name in _shapes_in_use(con)]
    for start in range(0, len(used), SHAPES_AT_ONCE):
        land(con, plan, used[start : start + SHAPES_AT_ONCE], documents)
    derive(con, plan)
    if any(landing.lossy for shape in used for landing in shape.landings.values()):
        mark_exceptional(con, plan)
    exceptions = unbalanced = find_unbalanced(con, plan)
    if unbalanced:
        land_exceptions(con, plan, archive, knowledge_of(con, plan))
        derive(con, plan, again=True)
        mark_exceptional(con, plan)
        unbalanced = find_unbalanced(con, plan)
    set_period(con, plan, tool.period, project.rounds(tool.name))
    lines = write_balance(con, plan)
    write_codebook(con, plan, tool)
    write_missing(con, plan)
    write_apart(con, plan)
    write_unmapped(con, plan, archive)
    rows = {table.name: _count(con, table.name) for table in plan.tables.values()}
    return BuildReport(tool.name, rows, lines, exceptions, balanced=not unbalanced, warnings=_warnings(plan))


def _forget(con: Connection, plan: Plan) -> None:
    """Take out what an earlier build said of this tool."""
    con.execute(TABLES)
    for table in ("note", "quarantine"):
        con.execute(f"DELETE FROM ledger.{table} WHERE tool = ?", [plan.tool])


def _shapes_in_use(con: Connection) -> list[str]:
    return [row["shape"] for row in read_rows(con, "SELECT DISTINCT shape FROM member ORDER BY shape")]


def _warnings(plan: Plan) -> tuple[str, ...]:
    return sentences(plan.apart) + tuple(
        f"{why} Until then, what was sent by it from {source} ({asset}) is read by version {plan.otherwise}."
        for (source, asset, _), why in plan.unread.items()
    )


def _count(con: Connection, table: str) -> int:
    return int(read_rows(con, f"SELECT count(*) AS n FROM harmonized.{quote(table)}")[0]["n"])


def _code() -> list[Path]:
    """The code that decides what a build comes to: two rooms, and of others what they read answers and rules by."""
    ours = Path(__file__).parents[1]
    project = [f"project/{name}.py" for name in ("crosswalk", "entry", "layout", "times", "tool")]
    archive = [f"archive/{name}.py" for name in ("leaves", "odk", "outline")]
    others = (*archive, *project, "store/duck.py", "store/pace.py", "store/period.py")
    rooms = [path for room in ("harmonize", "forms") for path in sorted((ours / room).glob("*.py"))]
    return [*rooms, *(ours / name for name in others)]
