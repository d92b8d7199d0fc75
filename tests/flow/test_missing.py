"""Why a cell is empty: cases that a field officer can read (tests/golden/missing), and what partners may know of it."""

import os
from pathlib import Path

import pytest

from pipelines.project import Project
from pipelines.store.duck import Connection, connect, quote
from pipelines.store.publish import publish
from pipelines.store.stale import drop_tables, forget_others
from tests.flow.harmonizing import TOOL, archive, built, project_of, submission
from tests.flow.test_golden_harmonize import csv, prepared, write

GOLDEN = Path(__file__).parents[1] / "golden" / "missing"
CASES = sorted(folder for folder in GOLDEN.iterdir() if folder.is_dir())

ROW = "_id, _index, column_name, why"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_empty_cell_says_why(case: Path, tmp_path: Path) -> None:
    project = prepared(case, tmp_path)
    with built(project) as (con, report):
        assert report.balanced
        found = {"all": said(con)}
    publish(project.work_file, project.published_file, restricted=False)
    publish(project.work_file, project.restricted_file, restricted=True)
    with connect(project.published_file, read_only=True) as con:
        found["partners"] = said(con)
    with connect(project.restricted_file, read_only=True) as con:
        assert said(con) == found["all"]
    if os.environ.get("CCCM_WRITE_GOLDEN"):
        for audience, tables in found.items():
            write(case / "expected" / audience, tables)
    assert found == {
        audience: {file.name: file.read_text(encoding="utf-8") for file in (case / "expected" / audience).glob("*.csv")}
        for audience in found
    }


def said(con: Connection) -> dict[str, str]:
    """File name -> the empty cells of each table as CSV."""
    sql = "SELECT view_name FROM duckdb_views() WHERE schema_name = 'missing' ORDER BY view_name"
    views = [name for (name,) in con.execute(sql).fetchall()]
    return {f"{name}.csv": csv(con, f"missing.{quote(name)}", ROW) for name in views}


FORM = """
| survey |              |          |          |             |                          |
|        | type         | name     | label    | sensitivity | relevant                 |
|        | text         | camp     | Camp     | public      |                          |
|        | geopoint     | place    | Place    | public      |                          |
|        | start        | start    |          | partners    |                          |
|        | text         | illness  | Illness  | restricted  |                          |
|        | text         | treated  | Treated  | public      | ${illness} != ''         |
|        | begin_repeat | block    | Blocks   |             |                          |
|        | integer      | shelters | Shelters | public      |                          |
|        | begin_repeat | repair   | Repairs  |             |                          |
|        | text         | item     | Item     | public      |                          |
|        | text         | cost     | Cost     | public      | ${shelters} > 3          |
|        | end_repeat   |          |          |             |                          |
|        | end_repeat   |          |          |             |                          |
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_of(tmp_path, {"1": FORM})


def why(con: Connection, table: str, column: str) -> list[tuple[str, str | None, str]]:
    sql = f"SELECT _id, _index, why FROM missing.{quote(table)} WHERE column_name = ? ORDER BY ALL"
    return con.execute(sql, [column]).fetchall()


def test_a_row_of_a_repeat_looks_at_the_row_around_it(project: Project) -> None:
    blocks = [
        {"block/shelters": "2", "block/repair": [{"block/repair/item": "roof"}]},
        {"block/shelters": "9", "block/repair": [{"block/repair/item": "door"}, {"block/repair/cost": "5"}]},
        {"block/shelters": "some", "block/repair": [{"block/repair/item": "wall"}]},
    ]
    archive(project, [submission("1", {"camp": "Essian", "block": blocks})])
    with built(project) as (con, _):
        assert why(con, "visit__block", "shelters") == [("1", "3", "quarantined")]
        assert why(con, "visit__repair", "cost") == [
            ("1", "1.1", "not_relevant"),
            ("1", "2.1", "not_answered"),
            ("1", "3.1", "unknown"),
        ]
        assert why(con, "visit__repair", "item") == [("1", "2.2", "not_answered")]


def test_a_part_of_a_point_that_was_not_measured_was_not_answered(project: Project) -> None:
    archive(project, [submission("1", {"place": "36.8 42.7"}), submission("2", {}), submission("3", {"place": "here"})])
    with built(project) as (con, _):
        assert why(con, "visit", "place_acc") == [
            ("1", None, "not_answered"),
            ("2", None, "not_answered"),
            ("3", None, "quarantined"),
        ]
        assert why(con, "visit", "place_lat") == [("2", None, "not_answered"), ("3", None, "quarantined")]


def test_partners_learn_nothing_of_what_is_restricted(project: Project) -> None:
    archive(project, [submission("1", {"illness": "yes"}), submission("2", {"camp": "Essian"})])
    with built(project) as (con, _):
        assert why(con, "visit", "illness") == [("2", None, "not_answered")]
        assert why(con, "visit", "treated") == [("1", None, "not_answered"), ("2", None, "not_relevant")]
        con.execute("INSERT INTO missing.held VALUES ('visit', 'visit', '9', 'kobo', 'asset', '', 'illness')")
    publish(project.work_file, project.published_file, restricted=False)
    with connect(project.published_file, read_only=True) as con:
        assert why(con, "visit", "illness") == []
        assert why(con, "visit", "treated") == [("1", None, "unknown"), ("2", None, "unknown")]
        assert con.execute("SELECT count(*) FROM missing.held").fetchall() == [(0,)]
        tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'missing'").fetchall()
        assert tables == [("held",)]
        sql = con.execute("SELECT string_agg(sql) FROM duckdb_views() WHERE schema_name = 'missing'").fetchall()
        assert "illness" not in str(sql)


def test_a_column_of_a_file_that_its_layout_does_not_name_was_not_in_that_version(project: Project) -> None:
    layout = "layouts:\n  layout:\n    id: [Key]\n    missing: [n/a]\n    columns: {Key: camp, Treated: treated}\n"
    project.tool(TOOL).crosswalk_file.write_text(layout)
    archive(project, [submission("1", {"Key": "Essian", "Treated": "n/a"}, "layout", "csv_row")])
    with built(project) as (con, _):
        assert why(con, "visit", "treated") == [("1", None, "not_answered")]
        assert why(con, "visit", "illness") == [("1", None, "not_in_version")]


def test_the_views_go_with_their_tables(project: Project) -> None:
    archive(project, [submission("1", {"camp": "Essian"})])
    with built(project) as (con, _):
        con.execute("CREATE SCHEMA meta; CREATE TABLE meta.built (name VARCHAR, fingerprint VARCHAR)")
        drop_tables(con, "harmonized", ["visit__repair"])
        assert sorted(said(con)) == ["visit.csv", "visit__block.csv"]
        forget_others(con, [], [])
        assert said(con) == {}
        assert con.execute("SELECT count(*) FROM missing.definition").fetchall() == [(0,)]


def test_every_empty_cell_has_one_reason_and_every_other_none(project: Project) -> None:
    documents = [
        {"camp": "A"},
        {},
        {"illness": "x", "block": [{"block/shelters": "1"}]},
        {"place": "1 2", "start": "x"},
    ]
    archive(project, [submission(str(number), each) for number, each in enumerate(documents)])
    with built(project) as (con, report):
        for table in report.rows:
            listed = con.execute(
                "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'harmonized' AND table_name = ?", [table]
            ).fetchall()
            for (column,) in listed:
                if column.startswith("_"):
                    continue
                index = "_index" if table != "visit" else "NULL::VARCHAR"
                empty = f"SELECT _id, {index} FROM harmonized.{quote(table)} WHERE {quote(column)} IS NULL ORDER BY ALL"
                assert [row[:2] for row in why(con, table, column)] == con.execute(empty).fetchall()


def test_an_answer_to_a_question_of_another_version_waits_in_quarantine_too(tmp_path: Path) -> None:
    newer = FORM.replace("| integer      | shelters | Shelters |", "| integer      | houses   | Houses   |")
    project = project_of(tmp_path, {"1": FORM, "2": newer})
    archive(project, [submission("1", {"block": [{"block/shelters": "some"}, {"block/houses": "2"}]}, "2")])
    with built(project) as (con, _):
        assert why(con, "visit__block", "shelters") == [("1", "2", "not_in_version")]
        assert con.execute("SELECT _index, column_name FROM missing.held").fetchall() == [("1", "shelters")]
