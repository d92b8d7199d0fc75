"""Prove at any moment that no answer is lost: every archive from its bytes, then the ledger of what was built of it.

Only reads; Dagster is not named here. How an archive is verified is archive/verify.py; what the ledger compares is
harmonize/ledger.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.archive.verify import Verified, damaged_files, verify_archive
from pipelines.defs.steps import harmonized_fingerprint
from pipelines.errors import CccmError, LockError
from pipelines.harmonize.build import balance_of
from pipelines.project import Project
from pipelines.store.duck import Connection, connect, plain_errors, read_value, table_exists
from pipelines.store.publish import read_whole

REBUILD = "delete it and run `cccm build`"

Figures = dict[str, object]


@dataclass(frozen=True, slots=True)
class Line:
    """What was verified of one thing: `figures` are for a table, `problems` are sentences, and so is `note`."""

    figures: Figures
    problems: tuple[str, ...] = ()
    note: str = ""


def verify(project: Project) -> Iterator[Line]:
    """A line for each archive, one for the files of submissions, one for each published file; LockError while one is
    being written.
    """
    for path in sorted((project.data / "archive").glob("*.duckdb")):
        yield _archive(project, verify_archive(path, project.attachments))
    if project.attachments.is_dir():
        size, problems = damaged_files(project.attachments)
        yield Line({"what": "attachments", "MB": round(size / 1e6, 1)}, problems)
    for path in (project.published_file, project.restricted_file):
        if path.exists():
            yield _published(path)


def _archive(project: Project, found: Verified) -> Line:
    tool, counted = found.path.stem, found.counted
    balanced, wrong = _ledger(project, tool)
    figures: Figures = {
        "what": tool,
        "revisions": counted.revisions,
        "MB": round(counted.size / 1e6, 1),
        "answers": counted.answers,
        "unreadable": counted.unreadable,
        "attachments": found.attachments,
        "ledger": balanced,
    }
    return Line(figures, (*found.problems, *wrong), found.note)


def _published(path: Path) -> Line:
    figures: Figures = {"what": path.name, "MB": round(path.stat().st_size / 1e6, 1)}
    try:
        read_whole(path)
    except LockError:
        raise
    except CccmError as error:
        return Line(figures, (str(error),))
    return Line(figures)


def _ledger(project: Project, tool: str) -> tuple[str, tuple[str, ...]]:
    """What the ledger of a tool says in a word or two, and in a sentence where that is a problem."""
    if tool not in {one.name for one in project.tools()}:
        return "no tool", ()
    if not project.work_file.exists():
        return "not built", ()
    try:
        with plain_errors(str(project.work_file), REBUILD), connect(project.work_file, read_only=True) as con:
            return _balance(con, project, tool)
    except LockError:
        raise
    except CccmError as error:
        return "unknown", (str(error),)


def _balance(con: Connection, project: Project, tool: str) -> tuple[str, tuple[str, ...]]:
    built = "SELECT max(fingerprint) FROM meta.built WHERE name = ?"
    if not table_exists(con, "harmonized", tool) or not table_exists(con, "meta", "built"):
        return "not built", ()
    wanted = harmonized_fingerprint(con, project, project.tool(tool))
    if read_value(con, built, [f"harmonized/{tool}"]) != wanted:
        return "not built since", ()
    wrong = sum(line.unbalanced for line in balance_of(con, project, project.tool(tool)))
    if not wrong:
        return "balances", ()
    sentence = (
        f"harmonized.{tool}: the ledger does not balance for {wrong} submissions; delete {project.work_file}, run "
        "`cccm build`, and report it if it stays so."
    )
    return f"{wrong} wrong", (sentence,)
