"""Our own pipeline, put through the scenarios: sync, archive, harmonize, ledger, published file; and the rows of that.

Each scenario is a tool of one project. A scenario whose build fails stands in `failed` with what was said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipelines.archive.archive import open_archive
from pipelines.errors import CccmError
from pipelines.harmonize.build import BuildReport, build_tool
from pipelines.project import Project
from pipelines.sources.client import Client
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import Wish, sync_kobo
from pipelines.store.duck import Connection, connect, quote, read_rows, read_value
from pipelines.store.publish import publish
from pipelines.store.reference import load_reference
from tests.drift.oracle import APART, NOTED, Row
from tests.drift.scenario import Scenario
from tests.drift.stage import TOKEN, Stage, asset_of
from tests.flow.harmonizing import write_form

SYNCED = datetime(2026, 11, 20)  # noqa: DTZ001 - the archive keeps UTC without zone


@dataclass(slots=True)
class Ours:
    """What our pipeline made: rows and report of each scenario by its name; why others failed."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    reports: dict[str, BuildReport] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def run_ours(scenarios: Sequence[Scenario], stage: Stage, folder: Path) -> Ours:
    """Put every scenario through the pipeline, from the server to the published file."""
    project = _project(scenarios, folder)
    done = Ours()
    with connect(project.work_file) as con:
        load_reference(con, project.reference)
        for scenario in scenarios:
            try:
                _sync(project, scenario, stage)
                report = build_tool(con, project, project.tool(scenario.tool))
                done.reports[scenario.name] = report
                if not report.balanced:
                    done.failed[scenario.name] = "the ledger does not balance"
            except CccmError as error:
                done.failed[scenario.name] = str(error)
    published = folder / "published.duckdb"
    publish(project.work_file, published, restricted=True)
    with connect(published, read_only=True) as con:
        for scenario in scenarios:
            if scenario.name not in done.failed:
                done.rows[scenario.name] = list(_rows(con, scenario, stage, done.reports[scenario.name].rows))
    return done


def _project(scenarios: Sequence[Scenario], folder: Path) -> Project:
    project = Project(folder / "project", folder / "data")
    project.reference.mkdir(parents=True)
    project.data.mkdir()
    for scenario in scenarios:
        place = project.xlsforms / scenario.tool
        place.mkdir(parents=True)
        for version, markdown in scenario.written.items():
            write_form(place / f"{version}.xlsx", markdown)
        (place / "tool.yml").write_text("title: Drift\n", encoding="utf-8")
        if scenario.crosswalk:
            (place / "crosswalk.yml").write_text(scenario.crosswalk, encoding="utf-8")
        for table, text in scenario.reference.items():
            (project.reference / f"{table}.csv").write_text(text, encoding="utf-8")
    return project


def _sync(project: Project, scenario: Scenario, stage: Stage) -> None:
    with open_archive(project.archive_file(scenario.tool)) as archive:
        kobo = Kobo(Client(stage.url, TOKEN, named="kobo"))
        sync_kobo(archive, kobo, "kobo", asset_of(scenario), wish=Wish(), now=SYNCED)


def _rows(con: Connection, scenario: Scenario, stage: Stage, tables: Mapping[str, int]) -> Iterator[Row]:
    """The rows of a tool's tables, named by their repeat, and what was set apart or noted, named by its place."""
    numbers = {
        row["_id"]: stage.submission(scenario, row["_server_id"])
        for row in read_rows(con, f"SELECT _id, _server_id FROM harmonized.{quote(scenario.tool)}")
    }
    for table in tables:
        for row in read_rows(con, f"SELECT * FROM harmonized.{quote(table)}"):
            cells = tuple((name, value) for name, value in row.items() if name not in OURS)
            yield Row(table.removeprefix(scenario.tool).removeprefix("__"), numbers[row["_id"]], cells)
    for ledger, table in (("quarantine", APART), ("note", NOTED)):
        if read_value(
            con, "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'ledger' AND table_name = ?", [ledger]
        ):
            for row in read_rows(con, f"SELECT * FROM ledger.{ledger} WHERE tool = ?", [scenario.tool]):
                yield Row(table, numbers[row["_id"]], ((f"{row['path']} {row['_index']}".strip(), row["text"]),))


OURS = frozenset(
    """
    _id _server_id _source _asset _form_version _submitted_at _submitted_by _validation_status _period _period_how
    _revision _index _parent_index
    """.split()
)
