"""The steps of a build on a tiny cluster: a new tool and a new version need no code, what is gone leaves the files."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from pipelines.defs import steps
from pipelines.project import Project
from pipelines.store.duck import connect, read_rows
from tests.flow.tiny import add_form, answer, tiny_project

FIRST = [["integer", "tents", "Tents", "public"], ["text", "contact", "Contact", "restricted"]]
LATER = [["integer", "tents", "Tents", "public"], ["integer", "caravans", "Caravans", "partners"]]


@pytest.fixture
def cluster(tmp_path: Path) -> Project:
    """A project of one tool, which has one version and one answer."""
    project = tiny_project(tmp_path)
    add_form(project, "shelter", "1", FIRST)
    answer(project, "shelter", "1", {"tents": "12", "contact": "0770"})
    return project


def test_a_new_tool_is_a_new_folder(cluster: Project) -> None:
    add_form(cluster, "fire", "1", [["decimal", "litres", "Litres", "public"]])
    answer(cluster, "fire", "1", {"litres": "12.5"})
    _build(cluster)
    assert _rows(cluster, "SELECT litres::VARCHAR AS litres FROM clean.fire") == [{"litres": "12.5000000000"}]
    assert _rows(cluster, "SELECT tents FROM clean.shelter") == [{"tents": 12}]


def test_a_new_version_gets_its_column_and_the_older_one_keeps_its_own(cluster: Project) -> None:
    _build(cluster)
    add_form(cluster, "shelter", "2", LATER)
    answer(cluster, "shelter", "2", {"tents": "5", "caravans": "3"})
    _build(cluster)
    rows = _rows(
        cluster, "SELECT _form_version, tents, caravans, contact FROM clean.shelter ORDER BY 1", restricted=True
    )
    assert rows == [
        {"_form_version": "1", "tents": 12, "caravans": None, "contact": "0770"},
        {"_form_version": "2", "tents": 5, "caravans": 3, "contact": None},
    ]
    status = _rows(cluster, "SELECT name, status FROM codebook.question WHERE version = '1' ORDER BY position")
    assert status == [{"name": "tents", "status": "current"}, {"name": "contact", "status": "retired"}]


def test_the_published_file_holds_what_its_readers_may_see(cluster: Project) -> None:
    _build(cluster)
    assert "contact" not in _columns(cluster, restricted=False)
    assert "contact" in _columns(cluster, restricted=True)


def test_nothing_changed_is_nothing_built(cluster: Project) -> None:
    assert all(outcome for outcome in _build(cluster).values())
    assert not any(outcome for outcome in _build(cluster).values())


def test_a_tool_that_is_gone_leaves_the_files(cluster: Project) -> None:
    add_form(cluster, "fire", "1", [["decimal", "litres", "Litres", "public"]])
    answer(cluster, "fire", "1", {"litres": "12.5"})
    _build(cluster)
    shutil.rmtree(cluster.xlsforms / "fire")
    _build(cluster)
    assert _rows(cluster, "SELECT DISTINCT tool FROM codebook.question") == [{"tool": "shelter"}]
    tables = _rows(cluster, "SELECT table_name FROM duckdb_tables() WHERE schema_name IN ('harmonized', 'clean')")
    assert tables == [{"table_name": "shelter"}, {"table_name": "shelter"}]


def test_a_curated_file_that_is_gone_leaves_the_files(cluster: Project) -> None:
    file = cluster.curated / "tents.sql"
    file.write_text("-- Tents.\n-- key: n\n-- public: n\nSELECT count(*) AS n FROM clean.shelter\n")
    _build(cluster)
    assert _rows(cluster, "SELECT n FROM curated.tents") == [{"n": 1}]
    file.unlink()
    _build(cluster)
    assert _rows(cluster, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'curated'") == []


def test_the_same_archive_gives_the_same_rows_from_nothing(cluster: Project) -> None:
    _build(cluster)
    before = {path: _everything(path) for path in (cluster.published_file, cluster.restricted_file)}
    cluster.work_file.unlink()
    _build(cluster)
    assert {path: _everything(path) for path in before} == before


def _build(project: Project) -> dict[str, bool]:
    """Step -> whether it did anything."""
    done = [steps.reference(project), steps.set_day(project)]
    for tool in project.tools():
        done += [steps.harmonize(project, tool.name), steps.clean(project, tool.name)]
    done += [steps.curated(project, table) for table in steps.curate.read_tables(project.curated)]
    done.append(steps.publish_warehouse(project))
    return {outcome.step: outcome.anew for outcome in done}


def _rows(project: Project, sql: str, *, restricted: bool = False) -> list[dict[str, object]]:
    with connect(project.restricted_file if restricted else project.published_file, read_only=True) as con:
        return read_rows(con, sql)


def _columns(project: Project, *, restricted: bool) -> set[object]:
    return {
        row["column_name"] for row in _rows(project, "SELECT column_name FROM duckdb_columns()", restricted=restricted)
    }


def _everything(path: Path) -> dict[str, list[dict[str, object]]]:
    with connect(path, read_only=True) as con:
        tables = read_rows(con, "SELECT schema_name || '.' || table_name AS name FROM duckdb_tables() ORDER BY 1")
        return {table["name"]: read_rows(con, f"FROM {table['name']}") for table in tables}


def test_the_day_is_the_last_syncs_and_may_be_set(cluster: Project) -> None:
    assert steps.set_day(cluster).figures["day"] == "2026-11-20"
    assert steps.set_day(cluster, date(2026, 10, 1)).figures["day"] == "2026-10-01"
