"""From the archive to typed tables: what stands in them, and what they follow. Single answers are the golden cases."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.archive.archive import open_archive
from pipelines.errors import CccmError
from pipelines.harmonize import build
from pipelines.harmonize.build import BuildReport, build_tool, fingerprint
from pipelines.harmonize.ledger import Balance
from pipelines.project import Project
from pipelines.store.duck import Connection, columns_of, connect, quote, read_rows
from tests.flow.harmonizing import NOW, TOOL, archive, built, project_of, submission

FORM = """
| survey |
| | type                    | name     | label::English (en) | sensitivity |
| | start                   | start    |          | partners   |
| | text                    | camp     | Camp     | public     |
| | integer                 | families | Families | public     |
| | decimal                 | litres   | Litres   | partners   |
| | date                    | visited  | Visited  | public     |
| | geopoint                | place    | Place    | partners   |
| | select_multiple problem | problems | Problems | public     |
| | text                    | phone    | Phone    |            |
| | begin_repeat            | block    | Block    |            |
| | text                    | name     | Name     | public     |
| | integer                 | shelters | Shelters | public     |
| | begin_repeat            | repair   | Repair   |            |
| | text                    | item     | Item     | public     |
| | end_repeat              |          |          |            |
| | end_repeat              |          |          |            |
| choices |
| | list_name | name  | label::English (en) |
| | problem   | water | Water |
| | problem   | roads | Roads |
"""
DOCUMENT: Mapping[str, object] = {
    "start": "2026-11-10T09:12:33.120+03:00",
    "camp": "خانكى",
    "families": "2700",
    "litres": "18.25",
    "visited": "2026-11-10",
    "place": "36.8 42.7 480.5 4.5",
    "problems": "water roads",
    "phone": "0750 123 4567",
    "block": [
        {"block/name": "A", "block/shelters": "12", "block/repair": [{"block/repair/item": "door"}]},
        {"block/repair": [{"block/repair/item": "roof"}, {"block/repair/item": "باب"}]},
    ],
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_of(tmp_path, {"1": FORM}, tool="title: Visit\nunit: [camp]\nperiod: visited\n")


def tables(con: Connection) -> dict[str, list[dict[str, object]]]:
    """Every row of the tool's tables."""
    names = ("visit", "visit__block", "visit__repair")
    return {name: read_rows(con, f"SELECT * FROM harmonized.{quote(name)} ORDER BY ALL") for name in names}


def ids(con: Connection) -> list[tuple[object, ...]]:
    columns = "_source, _asset, _id, _revision, _validation_status, camp"
    return con.execute(f"SELECT {columns} FROM harmonized.visit ORDER BY ALL").fetchall()


def test_a_submission_stands_in_its_tables_with_typed_columns(project: Project) -> None:
    archive(project, [submission("7", DOCUMENT)])
    key = {"_id": "7", "_source": "kobo", "_asset": "asset"}
    with built(project) as (con, report):
        found = tables(con)
    assert found["visit"] == [
        {
            **key,
            "_server_id": "7",
            "_form_version": "1",
            "_submitted_at": datetime(2026, 11, 3, 8, 30),  # noqa: DTZ001
            "_submitted_by": "enumerator",
            "_validation_status": "",
            "_period": "2026-11",
            "_period_how": "asked",
            "_revision": 1,
            "start": datetime(2026, 11, 10, 6, 12, 33, 120000),  # noqa: DTZ001
            "start_offset": "+03:00",
            "camp": "خانكى",
            "families": 2700,
            "litres": Decimal("18.25"),
            "visited": date(2026, 11, 10),
            "place_lat": 36.8,
            "place_lon": 42.7,
            "place_alt": 480.5,
            "place_acc": 4.5,
            "problems": ["water", "roads"],
            "phone": "0750 123 4567",
        }
    ]
    assert found["visit__block"] == [
        {**key, "_index": "1", "_parent_index": None, "name": "A", "shelters": 12},
        {**key, "_index": "2", "_parent_index": None, "name": None, "shelters": None},
    ]
    assert found["visit__repair"] == [
        {**key, "_index": "1.1", "_parent_index": "1", "item": "door"},
        {**key, "_index": "2.1", "_parent_index": "2", "item": "roof"},
        {**key, "_index": "2.2", "_parent_index": "2", "item": "باب"},
    ]
    line = Balance("visit", "1", 1, 13, 13, noted=0, split=0, quarantined=0, unreadable=0, unbalanced=0)
    assert report == BuildReport(
        "visit", {"visit": 1, "visit__block": 2, "visit__repair": 3}, (line,), exceptions=0, balanced=True
    )


def test_the_careful_way_comes_to_the_same_rows_as_the_quick_one(project: Project, tmp_path: Path) -> None:
    documents = [
        DOCUMENT,
        {key: value for key, value in DOCUMENT.items() if key != "block"},
        {"camp": "", "problems": "", "place": "36.8 42.7"},
        {"block": [{"block/name": "A"}, {}, {"block/shelters": "3"}]},
        {},
    ]
    careful = project_of(tmp_path / "careful", {"1": FORM}, tool="title: Visit\nunit: [camp]\nperiod: visited\n")
    archive(project, [submission(str(number), each) for number, each in enumerate(documents)])
    archive(careful, [submission(str(number), {**each, "odd": "x"}) for number, each in enumerate(documents)])
    with built(project) as (con, quick_report), built(careful) as (other, careful_report):
        assert (quick_report.exceptions, careful_report.exceptions) == (0, len(documents))
        assert tables(con) == tables(other)


def test_the_same_archive_gives_the_same_rows(project: Project) -> None:
    archive(project, [submission(str(number), {**DOCUMENT, "families": str(number)}) for number in range(50)])
    with built(project) as (con, _):
        first = tables(con)
        build_tool(con, project, project.tool(TOOL))
        assert tables(con) == first


def test_tables_follow_what_happens_on_the_server(project: Project) -> None:
    one, two = submission("1", {"camp": "Essian"}), submission("2", {"camp": "Khanke"})
    archive(project, [one, two])
    edited = replace(submission("1", {"camp": "Essian 2"}), instance_id="1-2", validation_status="approved")
    with open_archive(project.archive_file(TOOL)) as opened:
        run = opened.begin_run("kobo", "asset", NOW)
        run.record([edited])
        run.mark_deleted(["2"])
        run.complete(NOW)
    with built(project) as (con, _):
        assert ids(con) == [("kobo", "asset", "1", 2, "approved", "Essian 2")]
        build_tool(con, project, project.tool(TOOL), as_of_run=1)
        assert ids(con) == [("kobo", "asset", "1", 1, "", "Essian"), ("kobo", "asset", "2", 1, "", "Khanke")]


def test_assets_and_sources_are_a_union_never_deduplicated(project: Project) -> None:
    with open_archive(project.archive_file(TOOL)) as opened:
        for source, asset in (("kobo", "round 1"), ("kobo", "round 2"), ("assist", "round 1")):
            opened.begin_run(source, asset, NOW).record([submission("1", {"camp": source, "families": "٣"})])
    with built(project) as (con, report):
        assert report.balanced
        assert ids(con) == [
            ("assist", "round 1", "1", 1, "", "assist"),
            ("kobo", "round 1", "1", 1, "", "kobo"),
            ("kobo", "round 2", "1", 1, "", "kobo"),
        ]


def test_a_tool_that_nobody_has_answered_yet_has_its_empty_tables(project: Project) -> None:
    archive(project, [])
    with built(project) as (con, report):
        assert report == BuildReport(
            "visit", {"visit": 0, "visit__block": 0, "visit__repair": 0}, (), exceptions=0, balanced=True
        )
        assert columns_of(con, "harmonized", "visit")["litres"] == "DECIMAL(28,10)"


def test_a_mended_crosswalk_is_retroactive(tmp_path: Path) -> None:
    old = FORM.replace("camp     |", "site     |").replace("Camp     |", "Site     |")
    project = project_of(tmp_path, {"1": old, "2": FORM})
    archive(project, [submission("1", {"site": "Essian"}, "1"), submission("2", {"camp": "Khanke"}, "2")])
    with built(project) as (con, _):
        assert con.execute("SELECT camp, site FROM harmonized.visit ORDER BY _id").fetchall() == [
            (None, "Essian"),
            ("Khanke", None),
        ]
    project.tool(TOOL).crosswalk_file.write_text("versions:\n  '1':\n    - {from: site, to: camp}\n")
    with built(project) as (con, _):
        assert con.execute("SELECT camp FROM harmonized.visit ORDER BY _id").fetchall() == [("Essian",), ("Khanke",)]
        assert "site" not in columns_of(con, "harmonized", "visit")


def test_the_codebook_says_who_may_see_a_column(project: Project) -> None:
    archive(project, [])
    with built(project) as (con, _):
        listed = "codebook.column_ WHERE (schema_name, table_name) = ('harmonized', 'visit') AND column_name[1] <> '_'"
        sql = f"SELECT column_name, sensitivity FROM {listed} ORDER BY column_name"
        levels = dict(con.execute(sql).fetchall())
        columns = [name for name in columns_of(con, "harmonized", "visit") if not name.startswith("_")]
    assert sorted(levels) == sorted(columns)
    assert {
        level: sorted(name for name in levels if levels[name] == level) for level in sorted(set(levels.values()))
    } == {
        "partners": ["litres", "place_acc", "place_alt", "place_lat", "place_lon", "start", "start_offset"],
        "public": ["camp", "families", "problems", "visited"],
        "restricted": ["phone"],
    }


def test_a_build_is_due_when_archive_forms_or_crosswalk_changed(project: Project) -> None:
    def state() -> str:
        with connect(project.work_file) as con:
            return fingerprint(con, project, project.tool(TOOL), "reference")

    archive(project, [submission("1", DOCUMENT)])
    first = state()
    assert state() == first
    archive(project, [submission("1", DOCUMENT)])
    assert state() == first
    archive(project, [submission("2", DOCUMENT)])
    second = state()
    project.tool(TOOL).crosswalk_file.write_text("versions: {}\n")
    assert len({first, second, state()}) == 3


def test_what_the_database_says_of_a_broken_build_shows_no_answer(project: Project) -> None:
    archive(project, [submission("1", {**DOCUMENT, "phone": "0750 999"})])
    with built(project) as (con, _):
        before = tables(con)
        con.execute("DROP TABLE ledger.note")
        con.execute("CREATE TABLE ledger.note (tool INTEGER)")
        with pytest.raises(CccmError) as refused:
            build_tool(con, project, project.tool(TOOL))
        assert tables(con) == before
    assert str(refused.value).startswith("harmonizing visit: ")
    assert "0750" not in str(refused.value)


def test_a_build_that_finds_too_little_memory_is_done_anew_and_comes_out_as_any_other(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(project, [submission(str(number), DOCUMENT) for number in range(300)])
    with built(project) as (con, _):
        as_ever = tables(con)
    project.work_file.unlink()
    tried: list[str] = []
    monkeypatch.setattr("pipelines.store.pace.MEMORY_OF_A_THREAD", 1_500_000)
    monkeypatch.setattr(build, "check_names", lambda _, plan: tried.append(plan.tool))
    with built(project) as (con, report):
        assert (report.balanced, tried) == (True, [TOOL, TOOL])
        assert tables(con) == as_ever
