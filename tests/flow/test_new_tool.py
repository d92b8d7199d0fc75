"""A new tool without code: a workbook is taken in, the next run has its tables, checks and codebook; then the form
changes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from pipelines.defs.checks import checks_of
from pipelines.demo.phone import Phone, submission_xml
from pipelines.demo.server import StandIn
from pipelines.forms.read import read_form, xform_of
from tests.flow.cluster import TOKEN, Cluster, free_port
from tests.flow.harmonizing import write_form
from tests.flow.tiny import tiny_project

FORM = """
| survey |
|  | type | name | label::English (en) | label::Arabic (ar) | relevant | constraint | sensitivity |
|  | text | site | Site | الموقع |  |  | public |
|  | integer | families | Families | العائلات |  | . > 0 | public |
|  | begin_repeat | tap | Tap | حنفية |  |  |  |
|  | select_one yn | works | Does it work? | هل تعمل؟ |  |  | public |
|  | text | fault | What is broken? | ما المعطل؟ | ${works} = 'no' |  | partners |
|  | end_repeat |  |  |  |  |  |  |
|  | text | phone | Phone | الهاتف |  |  |  |
| choices |
|  | list_name | name | label::English (en) | label::Arabic (ar) |
|  | yn | yes | Yes | نعم |
|  | yn | no | No | لا |
| settings |
|  | form_title | form_id | version |
|  | Water points | water_point | 2026-1 |
"""
WORDED = FORM.replace("| 2026-1 |", "| 2026-2 |").replace("| Families |", "| Families there |")
ASKED = WORDED.replace("|  | text | phone", "|  | date | opened | Opened | افتتح |  |  | public |\n|  | text | phone")
NARROWED = ASKED.replace("| 2026-2 |", "| 2026-3 |").replace("|  | text | phone", "|  | integer | phone")
SOURCES = 'sources:\n  kobo: {kind: kobo, url: "http://127.0.0.1:%d", token_env: CCCM_DEMO_TOKEN%s}\n'
ASSET = "aWaterPoint"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """A cluster that has no tool and a server without forms."""
    project = tiny_project(tmp_path)
    project.xlsforms.mkdir()
    port = free_port()
    (project.xlsforms / "sources.yml").write_text(SOURCES % (port, ""))
    return Cluster(project, port)


@pytest.fixture
def served(cluster: Cluster, tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn(tmp_path / "server.sqlite", token=TOKEN)
    with stand_in.serve(cluster.port):
        yield stand_in
    stand_in.close()


def send(stand_in: StandIn, cluster: Cluster, file: Path, day: int, *told: dict[str, object]) -> None:
    """Deploy the form in `file`, and send what was told, as phones do."""
    stand_in.set_clock(datetime(2026, 11, day, tzinfo=UTC))
    form = read_form(file, "water_point", "x")
    version = stand_in.deploy(ASSET, form, xform_of(file))
    with Phone(f"http://127.0.0.1:{cluster.port}", TOKEN) as phone:
        for number, answers in enumerate(told):
            instance = f"00000000-0000-4000-8000-{day:06}{number:06}"
            assert phone.send(submission_xml(form, ASSET, version, answers, instance_id=instance)) == 201


def test_a_workbook_becomes_tables_checks_and_a_codebook(cluster: Cluster, served: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "mail" / "Water points FINAL.xlsx"
    file.parent.mkdir()
    write_form(file, FORM)
    done = cluster.cccm("forms", "add", str(file), "--tool", "water_point")
    assert done.code == 0, done.err
    assert "a new tool now, with 5 questions" in done.out
    assert "add the line 'water_point: ASSET' below 'tools' of a source" in done.out
    assert "1 of 5 questions say nothing in the column 'sensitivity'" in done.err

    sources = cluster.project.xlsforms / "sources.yml"
    sources.write_text(SOURCES % (cluster.port, f", tools: {{water_point: {ASSET}}}"))
    taps = [{"tap/works": "no", "tap/fault": "valve"}, {"tap/works": "yes"}]
    send(
        served, cluster, file, 20, {"site": "Ashti", "families": "12", "tap": taps, "phone": "0770"}, {"families": "0"}
    )
    assert cluster.cccm("run").code == 0
    _has_what_was_said(cluster)

    write_form(file, ASKED)
    before = {path.name: path.read_bytes() for path in cluster.project.tool("water_point").folder.iterdir()}
    assert cluster.cccm("forms", "add", str(file), "--tool", "water_point").code == 0
    after = {path.name: path.read_bytes() for path in cluster.project.tool("water_point").folder.iterdir()}
    assert (sorted(after), {name: after[name] for name in before}) == (
        ["2026-1.xlsx", "2026-2.xlsx", "tool.yml"],
        before,
    )
    send(served, cluster, file, 22, {"site": "Ashti", "families": "13", "opened": "2026-11-01"})
    assert cluster.cccm("run").code == 0
    rows = cluster.rows(
        "SELECT families, opened, _form_version FROM harmonized.water_point ORDER BY _submitted_at, families"
    )
    assert [tuple(map(str, row.values())) for row in rows] == [
        ("0", "None", "2026-1"),
        ("12", "None", "2026-1"),
        ("13", "2026-11-01", "2026-2"),
    ]
    why = cluster.rows("SELECT count(*) AS n FROM missing.water_point WHERE column_name = 'opened'")
    assert why == [{"n": 2}]

    write_form(file, NARROWED)
    done = cluster.cccm("forms", "add", str(file), "--tool", "water_point")
    said = " ".join(done.out.split())
    assert done.code == 1
    assert "add under '2026-2' of" in said
    assert "from: phone" in said


def _has_what_was_said(cluster: Cluster) -> None:
    """The first run's tables, ledger, checks and codebook, in what analysts and the IMO open."""
    assert cluster.rows("SELECT site, families FROM harmonized.water_point ORDER BY families") == [
        {"site": None, "families": 0},
        {"site": "Ashti", "families": 12},
    ]
    taps = cluster.rows("SELECT _index, works, fault FROM harmonized.water_point__tap ORDER BY _index")
    assert [tuple(row.values()) for row in taps] == [("1", "no", "valve"), ("2", "yes", None)]
    columns = cluster.rows("SELECT column_name AS c FROM duckdb_columns() WHERE table_name = 'water_point'")
    assert "phone" not in {row["c"] for row in columns}, "nobody classified it: it is restricted"
    assert cluster.rows("SELECT phone FROM harmonized.water_point WHERE site = 'Ashti'", restricted=True) == [
        {"phone": "0770"}
    ]
    assert cluster.rows(
        "SELECT sum(unbalanced)::INT AS wrong, sum(received)::INT AS n FROM ledger.balance", restricted=True
    ) == [{"wrong": 0, "n": 7}]
    checks = {
        (key.asset_key.to_user_string(), key.name) for one in checks_of(cluster.project) for key in one.check_keys
    }
    assert ("harmonized/water_point", "ledger") in checks
    labels = cluster.rows("SELECT language, text FROM codebook.label WHERE path = 'tap/works' ORDER BY language")
    assert [tuple(row.values()) for row in labels] == [("ar", "هل تعمل؟"), ("en", "Does it work?")]
    asked = cluster.answer("status")
    assert [(line["tool"], line["versions"], line["submissions"]) for line in asked] == [("water_point", "2026-1", 2)]


def test_a_bad_workbook_is_refused_with_its_row_and_nothing_is_left(cluster: Cluster, tmp_path: Path) -> None:
    write_form(tmp_path / "bad.xlsx", FORM.replace("|  | end_repeat", "|  | end_group "))
    done = cluster.cccm("forms", "add", str(tmp_path / "bad.xlsx"), "--tool", "water_point")
    assert done.code == 2
    assert "bad.xlsx, sheet 'survey', row 7: end_group found where 'tap' is still open; mend the order." in done.err
    assert [path.name for path in cluster.project.xlsforms.iterdir()] == ["sources.yml"]


EXPORT = {
    "Water points": [
        ["_submission_time", "Site", "families", "phone", "_uuid", "_index"],
        ["2025-11-03 08:30:00", "Ashti", 12, "0770", "u1", 1],
        ["2025-11-04 08:30:00", "Kabarto", 7, None, "u2", 2],
    ],
    "tap": [
        ["tap/works", "tap/fault", "colour", "_index", "_parent_table_name", "_parent_index"],
        ["no", "valve", "red", 1, "Water points", 2],
        ["yes", None, None, 2, "Water points", 1],
        ["no", "pipe", None, 3, "Water points", 2],
    ],
}


def test_an_old_export_becomes_rows_by_the_layout_that_is_proposed(cluster: Cluster, tmp_path: Path) -> None:
    write_form(tmp_path / "form.xlsx", FORM)
    assert cluster.cccm("forms", "add", str(tmp_path / "form.xlsx"), "--tool", "water_point").code == 0
    inbox = cluster.project.data / "inbox"
    inbox.mkdir(parents=True)
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in EXPORT.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(inbox / "2025.xlsx")
    printed = cluster.cccm("forms", "layout", "water_point", str(inbox / "2025.xlsx"), "--name", "old").out
    assert '# "tap/colour": COLUMN, or {unmapped: a reason}' in printed
    (cluster.project.tool("water_point").folder / "crosswalk.yml").write_text(printed)
    source = 'kind: export_file, folder: inbox, tools: {water_point: {files: "*.xlsx", layout: old}}'
    (cluster.project.xlsforms / "sources.yml").write_text(f"sources: {{old: {{{source}}}}}\n")

    done = cluster.cccm("run")
    assert done.code == 0, done.err
    assert "1 columns are not in layout 'old' and wait in quarantine ('tap/colour')" in " ".join(done.err.split())
    rows = cluster.rows(
        "SELECT _id, site, families, _submitted_at::DATE::VARCHAR AS d FROM harmonized.water_point ORDER BY _id"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("u1", "Ashti", 12, "2025-11-03"),
        ("u2", "Kabarto", 7, "2025-11-04"),
    ]
    taps = cluster.rows("SELECT _id, _index, works, fault FROM harmonized.water_point__tap ORDER BY ALL")
    assert [tuple(row.values()) for row in taps] == [
        ("u1", "1", "yes", None),
        ("u2", "1", "no", "valve"),
        ("u2", "2", "no", "pipe"),
    ]
    assert [
        (line["path"], line["_index"])
        for line in cluster.answer("quarantine", "water_point")
        if line["reason"] == "unknown_key"
    ] == [("tap/colour", "1")]
