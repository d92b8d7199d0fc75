"""The same submission gives the same answers, whether Central sends its XML or its rows of the tables."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.archive.leaves import Leaf, count_and_digest, leaves
from pipelines.archive.outline import NO_OUTLINE, Outline, outline_of, outlines_of
from pipelines.demo.instance import answers_of
from pipelines.forms.read import xform_of as xform_of_workbook
from pipelines.harmonize.odk import record_of_xml
from pipelines.sources.central_export import UnfitError, read_export
from tests.central import forms
from tests.central.forms import Node
from tests.central.schema import fields_of
from tests.central.store import Store
from tests.central.tables import Pace, Tables, zipped

ID = "uuid:2f45e678-309d-4b79-965e-da32dae44550"


def outline(*asked: str, repeats: str = "", points: str = "") -> Outline:
    """An outline of these paths."""
    around = {
        path: max((r for r in repeats.split() if path.startswith(r + "/")), key=len, default="") for path in asked
    }
    return Outline(frozenset(repeats.split()), around, frozenset(points.split()))


def exported(folder: Path, form: tuple[Node, ...], xml: str) -> str:
    """The document that a sync makes of the stand-in's tables of one submission."""
    xform = forms.xform_of(form)
    store = Store()
    store.publish("any", xform)
    store.send("any", xml)
    file = folder / "tables.zip"
    found = list(store.forms["any"].submissions.values())
    file.write_bytes(b"".join(zipped(Tables("any", fields_of(xform)), found, Pace())))
    return next(read_export(file, outline_of(xform))).submission.raw


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_xml_and_tables_of_a_submission_hold_the_same_answers(data: st.DataObject, folder: Path) -> None:
    form = data.draw(forms.nodes())
    xml = forms.submission_of(data.draw(forms.filled(form)), ID)
    known = outline_of(forms.xform_of(form))
    if known.disputed:
        with pytest.raises(UnfitError):
            exported(folder, form, xml)
        return
    raw = exported(folder, form, xml)
    assert Counter(leaves(raw, "odk_csv", known)) == Counter(leaves(xml, "odk_xml", known))
    assert count_and_digest("a", raw, "odk_csv", known) == count_and_digest("a", xml, "odk_xml", known)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_kobo_shows_the_same_answers(data: st.DataObject) -> None:
    form = data.draw(forms.nodes())
    xml = forms.submission_of(data.draw(forms.filled(form)), ID)
    kobo = answers_of(fromstring(xml), forms.repeats_of(form))
    theirs = Counter(_without_place(leaves(json.dumps(kobo), "kobo_json")))
    found = leaves(xml, "odk_xml", outline_of(forms.xform_of(form)))
    assert Counter(_without_place(found)) == theirs


def _without_place(found: tuple[Leaf, ...]) -> list[tuple[str, str, str]]:
    """Answers without their position, for Kobo leaves out a row of a repeat that holds none, and what is blank."""
    return [(leaf.repeat, leaf.path, leaf.text) for leaf in found if leaf.text.strip()]


def test_the_recorded_xml_and_tables_hold_the_same_answers(shared: Path) -> None:
    recorded = shared / "reference" / "odk-central-fixtures"
    versions = [
        ("central", "fsmt", f"2026.{number}", xform_of_workbook(recorded / "xlsforms" / f"fsmt_v{number}.xlsx"))
        for number in (1, 2, 3)
    ]
    known = outlines_of(versions)
    found = [
        one.submission
        for one in read_export(recorded / "csv" / "submissions.csv.zip_no_media.zip", outline_of(versions[2][3]))
        if one.submission.server_id == ID
    ]
    xml = (recorded / "submissions" / "xml_current.xml").read_text(encoding="utf-8")
    tables = leaves(found[0].raw, "odk_csv", known.of("central", "fsmt", "", "odk_csv"))
    answers = leaves(xml, "odk_xml", known.of("central", "fsmt", "2026.2", "odk_xml"))
    assert len(answers) == 39
    assert Counter(tables) == Counter(answers)


def test_odd_names_of_the_recorded_form_lead_back_to_their_questions(shared: Path) -> None:
    recorded = shared / "reference" / "odk-central-fixtures"
    known = outline_of(xform_of_workbook(recorded / "xlsforms" / "shapes.xlsx"))
    found = {one.submission.server_id[:13]: one for one in read_export(recorded / "shapes" / "csv_zip.zip", known)}
    assert {(leaf.repeat, leaf.index, leaf.path): leaf.text for leaf in _of(found["uuid:01a1f3e9"], known)} == {
        ("", "", "g-one/g.two/n-1"): "7",
        ("", "", "a_date"): "2026-02-30",
        ("", "", "a_time"): "10:30:00.000+03:00",
        ("", "", "a_dt"): "2026-10-01T10:30:00.000+03",
        ("", "", "trace"): "36.1 43.1 0 0;36.2 43.2 0 5",
        ("", "", "shape"): "36.1 43.1 0 0;36.2 43.2 0 0;36.2 43.3 0 0;36.1 43.1 0 0",
        ("", "", "code"): "x",
        ("", "", "rng"): "5",
        ("", "", "ranked"): "closed open",
        ("", "", "ack"): "OK",
        ("", "", "multi"): "open closed",
        ("", "", "hid"): "h",
        ("g-one/g.two/r-1", "1", "g-one/g.two/r-1/t.x"): "A & B",
        ("g-one/g.two/r-1/in/deep", "1.1", "g-one/g.two/r-1/in/deep/d"): "1.50",
        ("g-one/g.two/r-1/in/deep", "1.2", "g-one/g.two/r-1/in/deep/d"): "2",
    }
    assert {leaf.path: leaf.text for leaf in _of(found["uuid:6c33bf0a"], known)} == {
        "g-one/g.two/n-1": "12.7",
        "a_date": "not a date",
        "rng": "abc",
        "multi": " open  closed ",
    }


def _of(one: Any, known: Outline) -> tuple[Leaf, ...]:
    return leaves(one.submission.raw, "odk_csv", known)


def test_one_instance_of_a_repeat_is_a_row_because_the_form_says_so() -> None:
    xml = "<data><tap><name>A</name></tap></data>"
    assert leaves(xml, "odk_xml", outline("tap/name", repeats="tap")) == (Leaf("tap", "1", "tap/name", "A"),)
    assert leaves(xml, "odk_xml", outline("tap/name")) == (Leaf("", "", "tap/name", "A"),)


def test_a_row_without_an_answer_keeps_its_place() -> None:
    xml = "<data><tap><name/></tap><tap><name>B</name><fault><of>x</of></fault></tap></data>"
    assert leaves(xml, "odk_xml", outline("tap/name", "tap/fault/of", repeats="tap tap/fault")) == (
        Leaf("tap", "2", "tap/name", "B"),
        Leaf("tap/fault", "2.1", "tap/fault/of", "x"),
    )


@pytest.mark.parametrize(
    ("xml", "found"),
    [
        ("<data>\n  <g>\n    <q>1</q>\n  </g>\n</data>", [("g/q", "1")]),
        ("<data><q>  </q></data>", [("q", "  ")]),
        ("<data><q>a</q><q>b</q></data>", [("q", "a"), ("q", "b")]),
        ("<data><g>stray<q>1</q></g></data>", [("g/q", "1"), ("g", "stray")]),
        ("<data xmlns:o='u'><o:g><o:q>1</o:q></o:g></data>", [("g/q", "1")]),
        ("<data><q>a&amp;b<!-- no answer -->c</q></data>", [("q", "a&bc")]),
        ("<data><never_asked>1</never_asked></data>", [("never_asked", "1")]),
        (
            "<data><meta><instanceID>uuid:a</instanceID><audit>audit.csv</audit></meta></data>",
            [("meta/audit", "audit.csv")],
        ),
        ("<data><meta><entity id='e'><label>Camp</label></entity></meta></data>", []),
        ("<data encrypted='yes'><base64EncryptedKey>k</base64EncryptedKey></data>", []),
    ],
)
def test_what_is_an_answer_in_xml(xml: str, found: list[tuple[str, str]]) -> None:
    assert [(leaf.path, leaf.text) for leaf in leaves(xml, "odk_xml", outline("q", "g/q", "meta/audit"))] == found


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<data><q>1</q>",
        "<data>&unknown;</data>",
        '<!DOCTYPE data [<!ENTITY a "b">]><data><q>&a;</q></data>',
        "not xml",
    ],
)
def test_what_is_no_whole_xml_is_refused(xml: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        leaves(xml, "odk_xml", outline("q"))


@pytest.mark.parametrize("raw", ["", "[]", '{"a.csv": [["KEY"], ["a", "b"]]}', '{"a.csv": [["x"], ["a"]]}'])
def test_what_are_no_rows_of_tables_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        leaves(raw, "odk_csv", NO_OUTLINE)


def test_a_column_that_no_archived_form_knows_is_an_answer_under_its_own_head() -> None:
    raw = json.dumps(
        {"a.csv": [["KEY", "wash-taps"], ["uuid:a", "3"]], "a-r.csv": [["x-y", "KEY"], ["4", "uuid:a/r[1]"]]}
    )
    assert leaves(raw, "odk_csv", NO_OUTLINE) == (Leaf("", "", "wash-taps", "3"), Leaf("r", "1", "r/x-y", "4"))


def test_the_four_parts_of_a_point_are_one_answer() -> None:
    head = ["KEY", *(f"gps-{part}" for part in ("Latitude", "Longitude", "Altitude", "Accuracy"))]
    known = outline("gps", points="gps")
    said = [
        leaves(json.dumps({"a.csv": [head, ["a", *cells]]}), "odk_csv", known)
        for cells in (
            ["36.1", "43.2", "480.5", "4"],
            ["36.1", "43.2", "", ""],
            ["", "", "", ""],
        )
    ]
    assert [[leaf.text for leaf in found] for found in said] == [["36.1 43.2 480.5 4"], ["36.1 43.2"], []]


def test_the_ends_of_lines_are_those_of_xml() -> None:
    raw = json.dumps({"a.csv": [["KEY", "q"], ["a", "one\r\ntwo\rthree"]]})
    xml = "<data><q>one\r\ntwo\rthree</q></data>"
    known = outline("q")
    assert leaves(raw, "odk_csv", known) == leaves(xml, "odk_xml", known) == (Leaf("", "", "q", "one\ntwo\nthree"),)
    assert record_of_xml(xml, ()) == {"q": "one\ntwo\nthree"}


def test_a_version_is_counted_by_its_own_form_and_the_tables_by_all_of_them() -> None:
    older = forms.xform_of((Node("g", "group", (Node("q", "text"),)),))
    newer = forms.xform_of((Node("g", "repeat", (Node("q", "text"),)), Node("p", "geopoint")), "2")
    known = outlines_of([("s", "a", "1", older), ("s", "a", "2", newer), ("s", "b", "1", '{"content": {}}')])
    assert known.of("s", "a", "1", "odk_xml").repeats == frozenset()
    assert known.of("s", "a", "2", "odk_xml").repeats == {"g"}
    assert known.of("s", "a", "7", "odk_xml").repeats == {"g"}
    assert set(known.of("s", "a", "1", "odk_csv").questions) == {"g/q", "p", "meta/instanceID"}
    assert known.of("s", "b", "1", "kobo_json") is NO_OUTLINE


def test_two_questions_with_one_head_are_disputed_and_the_older_one_has_it() -> None:
    known = outline("a-b/c", "a/b-c", "d")
    assert known.disputed == {("", "a-b-c")}
    assert known.columns["", "a-b-c"] == ("a-b/c", -1)


@pytest.mark.parametrize(
    "content", ["<", "<html/>", "<html><model/></html>", "<html><model><instance/></model></html>"]
)
def test_a_form_that_cannot_be_read_has_no_outline(content: str) -> None:
    assert outline_of(content).questions == {}


def test_a_zip_of_another_make_is_read_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "t.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("any.csv", 'SubmissionDate,q,KEY,Edits\n2026-11-22T02:33:27.471Z,"a,""b""\nc",uuid:a,0\n')
        archive.writestr("media/x.png", b"\x89PNG")
    [one] = read_export(file, outline("q"))
    assert json.loads(one.submission.raw) == {
        "any.csv": [
            ["SubmissionDate", "q", "KEY", "Edits"],
            ["2026-11-22T02:33:27.471Z", 'a,"b"\nc', "uuid:a", "0"],
        ]
    }
