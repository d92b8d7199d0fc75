"""What becomes of answers out of Central in the tables: the same as from Kobo, whichever way they were fetched."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from pipelines.archive.archive import Submission, open_archive
from pipelines.demo.answers import Context, answers_for
from pipelines.demo.instance import answers_of
from pipelines.demo.phone import submission_xml
from pipelines.demo.profile import plausible
from pipelines.forms.read import read_form, xform_of
from pipelines.harmonize import odk
from pipelines.harmonize.build import BuildReport, build_tool
from pipelines.project import Project
from pipelines.sources import central_content
from pipelines.store.duck import Connection, connect, read_rows
from pipelines.store.reference import load_reference
from tests.central.camp import NOW, Camp, camp_in
from tests.flow.harmonizing import project_of

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
FIRST = """
| survey |
| | type | name | label::English (en) |
| | begin_group | site | Site |
| | text | name | Name |
| | integer | families | Families |
| | integer | tents | Tents |
| | select_multiple needs | needs | Needs |
| | geopoint | gps | Where |
| | end_group |
| | begin_repeat | tap | Taps |
| | text | tap_name | Name |
| | decimal | litres | Litres |
| | begin_repeat | fault | Faults |
| | text | of | Of what |
| | end_repeat |
| | end_repeat |
| choices |
| | list_name | name | label::English (en) |
| | needs | water | Water |
| | needs | cash | Cash |
| settings |
| | form_id | version |
| | visit | 1 |
"""
SECOND = FIRST.replace("| | integer | tents | Tents |\n", "").replace("| | visit | 1 |", "| | visit | 2 |")


@contextmanager
def camp_of(folder: Path, project: Project, tool: str) -> Iterator[Camp]:
    """A camp on whose server the versions of the project's tool are published one after another."""
    with camp_in(folder) as camp:
        camp.server.store.forms.clear()
        for version in reversed(project.tool(tool).versions):
            camp.server.store.publish("visit", xform_of(project.tool(tool).form_file(version)))
        yield camp


@contextmanager
def built(project: Project, tool: str, archive: Path) -> Iterator[tuple[Connection, BuildReport]]:
    """The tables that a build makes of `archive`."""
    project.archive_file(tool).parent.mkdir(parents=True, exist_ok=True)
    project.archive_file(tool).write_bytes(archive.read_bytes())
    with connect(project.work_file) as con:
        load_reference(con, project.reference)
        yield con, build_tool(con, project, project.tool(tool))


def rows_of(con: Connection, table: str, columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in read_rows(con, f"SELECT {columns} FROM harmonized.{table} ORDER BY ALL")]


@pytest.fixture
def visit(tmp_path: Path) -> Project:
    project = project_of(tmp_path / "project", {"1": FIRST, "2": SECOND})
    project.reference.mkdir(parents=True)
    return project


@pytest.mark.parametrize("few", [0, 1000], ids=["as tables", "as XML"])
def test_answers_of_all_versions_land_as_they_were_sent(
    tmp_path: Path, visit: Project, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(central_content, "FEW", few)
    with camp_of(tmp_path / "camp", visit, "visit") as camp:
        site = "<name>Khanke</name><families>12.7</families><tents>40</tents><needs>water cash</needs>"
        tap = (
            '<tap_name>A, "1"</tap_name><litres>1.50</litres><fault><of>valve</of></fault><fault><of>pipe</of></fault>'
        )
        taps = f"<tap>{tap}</tap><tap><tap_name/></tap><tap><tap_name>C</tap_name></tap>"
        camp.send(f"<site>{site}<gps>36.77 42.93 480.5 4</gps></site>{taps}")
        camp.send("<site><name>شاريا</name><families>٣٥</families></site>", version="2")
        camp.sync()
    with built(visit, "visit", camp.archive) as (con, report):
        assert report.balanced
        assert rows_of(con, "visit", "_id, _form_version, name, families, tents, needs, gps_lat, gps_acc") == [
            ("00000001", "1", "Khanke", None, 40, ["water", "cash"], 36.77, 4.0),
            ("00000002", "2", "شاريا", 35, None, None, None, None),
        ]
        assert rows_of(con, "visit__tap", "_id, _index, tap_name, litres::VARCHAR") == [
            ("00000001", "1", 'A, "1"', "1.5000000000"),
            ("00000001", "3", "C", None),
        ]
        assert rows_of(con, "visit__fault", "_index, _parent_index, of") == [
            ("1.1", "1", "valve"),
            ("1.2", "1", "pipe"),
        ]
        assert read_rows(con, "SELECT path, text, reason FROM ledger.quarantine") == [
            {"path": "site/families", "text": "12.7", "reason": "not_whole"}
        ]
        assert [(line.received, line.quarantined, line.unbalanced) for line in report.balance] == [
            (10, 1, 0),
            (2, 0, 0),
        ]


@pytest.mark.parametrize("few", [0, 1000], ids=["as tables", "as XML"])
def test_a_row_of_a_repeat_that_holds_nothing_needs_no_care(
    tmp_path: Path, visit: Project, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(central_content, "FEW", few)
    with camp_of(tmp_path / "camp", visit, "visit") as camp:
        camp.send(
            "<tap><tap_name/></tap><tap><tap_name>B</tap_name><fault><of/></fault><fault><of>x</of></fault></tap>"
        )
        camp.sync()
    with built(visit, "visit", camp.archive) as (con, report):
        assert (report.balanced, report.exceptions) == (True, 0)
        assert rows_of(con, "visit__tap", "_index, tap_name") == [("2", "B")]
        assert rows_of(con, "visit__fault", "_index, of") == [("2.2", "x")]


def test_an_answer_that_the_compiled_way_loses_is_found_by_the_ledger(
    tmp_path: Path, visit: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loses_one(raw: str, repeats: Any) -> dict[str, Any]:
        return {path: text for path, text in record_of_xml(raw, repeats).items() if path != "site/name"}

    record_of_xml = odk.record_of_xml
    monkeypatch.setattr(odk, "record_of_xml", loses_one)
    with camp_of(tmp_path / "camp", visit, "visit") as camp:
        camp.send("<site><name>Khanke</name><families>12</families></site>")
        camp.sync()
    with built(visit, "visit", camp.archive) as (con, report):
        assert (report.balanced, report.exceptions) == (True, 1)
        assert rows_of(con, "visit", "name, families") == [("Khanke", 12)]


def test_an_encrypted_row_is_a_row_without_answers(tmp_path: Path, visit: Project) -> None:
    with camp_of(tmp_path / "camp", visit, "visit") as camp:
        camp.server.store.send(
            "visit", '<data encrypted="yes" version="2"><meta><instanceID>uuid:a</instanceID></meta></data>'
        )
        camp.sync()
    with built(visit, "visit", camp.archive) as (con, report):
        assert report.balanced
        assert rows_of(con, "visit", "_id, name") == [("a", None)]


def test_a_file_that_names_no_whole_xml_waits_in_quarantine(tmp_path: Path, visit: Project) -> None:
    archive = tmp_path / "a.duckdb"
    with open_archive(archive) as opened:
        run = opened.begin_run("central", "visit", NOW)
        run.record([Submission(root_id="a", raw="<data><site>", raw_kind="odk_xml", form_version="2")])
        run.complete(NOW)
    with built(visit, "visit", archive) as (con, report):
        assert report.balanced
        assert read_rows(con, "SELECT _id, reason FROM ledger.quarantine") == [{"_id": "a", "reason": "unreadable"}]


@pytest.mark.parametrize(
    ("tool", "version"), [("fsmt", "2026-1"), pytest.param("population", "2026-1", marks=pytest.mark.long)]
)
def test_our_tools_come_out_the_same_from_central_and_from_kobo(
    tool: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = REPOSITORY / "xlsforms" / tool / f"{version}.xlsx"
    form, xform = read_form(path, tool, version), xform_of(path)
    rng, context = random.Random(1), Context(now=datetime(2026, 11, 10, 8, tzinfo=UTC), profile=plausible())
    xmls = [
        submission_xml(form, "visit", version, answers_for(form, rng, context), instance_id=f"{number:08}").decode()
        for number in range(15)
    ]
    found = {}
    for way, few in (("tables", 0), ("XML", 1000)):
        monkeypatch.setattr(central_content, "FEW", few)
        with camp_in(tmp_path / way) as camp:
            camp.server.store.forms.clear()
            camp.server.store.publish("visit", xform)
            for xml in xmls:
                camp.server.store.send("visit", xml)
            camp.sync()
        found[way] = tables_of(Project(REPOSITORY, tmp_path / way / "data"), tool, camp.archive)
    repeats = frozenset(repeat.path for repeat in form.repeats)
    kobo = tmp_path / "kobo.duckdb"
    with open_archive(kobo) as opened:
        run = opened.begin_run("kobo", "visit", NOW)
        run.record([of_kobo(xml, version, repeats) for xml in xmls])
        run.complete(NOW)
    found["kobo"] = tables_of(Project(REPOSITORY, tmp_path / "data"), tool, kobo)
    assert found["tables"] == found["XML"] == found["kobo"]


def of_kobo(xml: str, version: str, repeats: frozenset[str]) -> Submission:
    tree = fromstring(xml)
    raw = json.dumps(answers_of(tree, repeats), ensure_ascii=False)
    root_id = tree.findtext("meta/instanceID", "").removeprefix("uuid:")
    return Submission(root_id=root_id, raw=raw, raw_kind="kobo_json", form_version=version)


def tables_of(project: Project, tool: str, archive: Path) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """The rows of every table of the tool, without what differs by source."""
    with built(project, tool, archive) as (con, report):
        assert (report.balanced, report.exceptions, report.quarantined) == (True, 0, 0)
        ours = "_source, _asset, _server_id, _submitted_at, _submitted_by, _validation_status, _period, _period_how"
        return {
            table: rows_of(con, table, f"COLUMNS(c -> c NOT IN ({', '.join(map(repr, ours.split(', ')))}))")
            for table in report.rows
        }
