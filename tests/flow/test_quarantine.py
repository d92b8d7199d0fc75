"""What waits in quarantine is listed with the line that would land it; and that line lands it, whatever its age."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pipelines.archive.archive import open_archive
from pipelines.cli import app
from pipelines.harmonize.build import balance_of, fingerprint
from pipelines.harmonize.remedies import with_text
from pipelines.project import Project
from pipelines.store.duck import connect
from tests.flow.harmonizing import NOW, TOOL, archive, built, project_of, submission

FORM = """
| survey |             |          |          |             |
|        | type        | name     | label    | sensitivity |
|        | text        | camp     | Camp     | public      |
|        | begin_group | people   | People   |             |
|        | integer     | families | Families | public      |
|        | end_group   |          |          |             |
|        | begin_repeat | block   | Blocks   |             |
|        | date        | built    | Built    | public      |
|        | end_repeat  |          |          |             |
"""
SECRET = 'about 400: "the Khalaf family'
LAYOUT = """
layouts:
  export:
    id: [Key]
    columns: {Key: camp}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = project_of(tmp_path, {"1": FORM, "2": FORM}, crosswalk=LAYOUT)
    old = {"camp": "Essian", "people/families": SECRET, "block": [{}, {"block/built": "spring"}]}
    archive(project, [submission("1", old)])
    with open_archive(project.archive_file(TOOL)) as opened:
        for number in range(2, 30):  # twenty-eight syncs later nobody remembers it
            run = opened.begin_run("kobo", "asset", NOW)
            run.record([submission(str(number), {"camp": "Khanke", "people/families": "4"}, "2")])
            run.complete(NOW)
        opened.begin_run("assist", "files", NOW).record(
            [submission("f9", {"Key": "A", "Sum": "1"}, "export", "csv_row")]
        )
    return project


def cccm(project: Project, *words: str) -> Any:
    """What the command prints with --json."""
    environment = {"CCCM_PROJECT": str(project.root), "CCCM_DATA": str(project.data)}
    done = CliRunner().invoke(app, [*words, "--json"], env=environment, catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


def test_each_answer_in_quarantine_is_listed_with_its_place_reason_and_line(project: Project) -> None:
    with built(project):
        pass
    crosswalk = "xlsforms/visit/crosswalk.yml"
    entry = '{from: "people/families", to: "families", recode: {"this text": VALUE}}'
    in_repeat = '{from: "block/built", to: "block.built", recode: {"this text": VALUE}}'
    column = f'{crosswalk}, layouts, export, columns: add the line "Sum": COLUMN, or unmapped with a reason'
    version = f'{crosswalk}, versions, "1": add the line -'
    rows = [" ".join(row.values()) for row in cccm(project, "quarantine", TOOL)]
    assert rows == [
        f"visit assist files f9 export  Sum unknown_key {column}",
        f"visit kobo asset 1 1  people/families not_a_number {version} {entry}",
        f"visit kobo asset 1 1 2 block/built not_a_date {version} {in_repeat}",
    ]


def test_the_texts_are_shown_to_those_alone_who_ask_for_them(project: Project) -> None:
    with built(project):
        pass
    assert "Khalaf" not in json.dumps(cccm(project, "quarantine"))
    shown = {row["path"]: row for row in cccm(project, "quarantine", "--restricted")}
    assert shown["people/families"]["text"] == SECRET
    assert json.dumps(SECRET) in shown["people/families"]["line"]


def test_the_line_that_is_shown_lands_the_answer_on_the_next_build(project: Project) -> None:
    with built(project) as (con, report):
        assert report.quarantined == 3
        before = fingerprint(con, project, project.tool(TOOL), "")
        empty = "SELECT column_name FROM missing.visit WHERE why = 'quarantined'"
        assert con.execute(empty).fetchall() == [("families",)]
    values = {"people/families": "400", "block/built": "2019-04-01"}
    lines = {row["path"]: row["line"] for row in cccm(project, "quarantine", "--restricted")}
    entries = [lines[path].split("add the line - ")[1].replace("VALUE", f'"{value}"') for path, value in values.items()]
    column = lines["Sum"].split("add the line ")[1].split(", or ")[0].replace("COLUMN", "families")
    crosswalk = yaml.safe_load(LAYOUT)
    crosswalk["versions"] = {"1": [yaml.safe_load(entry) for entry in entries]}
    crosswalk["layouts"]["export"]["columns"] |= yaml.safe_load(column)
    project.tool(TOOL).crosswalk_file.write_text(yaml.safe_dump(crosswalk), encoding="utf-8")
    with connect(project.work_file) as con:
        assert fingerprint(con, project, project.tool(TOOL), "") != before
    with built(project) as (con, report):
        assert (report.balanced, report.quarantined) == (True, 0)
        sql = "SELECT families FROM harmonized.visit WHERE _id IN ('1', 'f9') ORDER BY _id"
        assert con.execute(sql).fetchall() == [(400,), (1,)]
        assert str(con.execute("SELECT built FROM harmonized.visit__block").fetchall()[0][0]) == "2019-04-01"
        assert con.execute(empty).fetchall() == []
    assert cccm(project, "quarantine") == []


def test_a_key_that_no_form_knows_lands_when_the_form_that_asks_it_is_there(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": FORM})
    archive(project, [submission("1", {"camp": "Essian", "fuel": "wood"}, "vNobodyKnows")])
    with built(project):
        pass
    (row,) = cccm(project, "quarantine")
    assert row["line"] == 'xlsforms/visit: add the version of the form that asks "fuel", as VERSION.xlsx'
    asked = FORM.rstrip() + "\n|        | text        | fuel     | Fuel     | public      |\n"
    project_of(tmp_path, {"2": asked})
    with built(project) as (con, report):
        assert (report.balanced, report.quarantined) == (True, 0)
        assert con.execute("SELECT camp, fuel FROM harmonized.visit").fetchall() == [("Essian", "wood")]


def test_a_line_for_a_reference_table_takes_the_text_too() -> None:
    line = "warehouse/reference/place_alias.csv: add the line this text,CODE"
    assert with_text(line, "Duhok, centre") == (
        'warehouse/reference/place_alias.csv: add the line "Duhok, centre",CODE'
    )


def test_a_row_of_a_file_that_lands_letter_by_letter_balances_too(tmp_path: Path) -> None:
    crosswalk = LAYOUT.replace("{Key: camp}", "{Key: camp, Sum: families}")
    project = project_of(tmp_path, {"1": FORM}, crosswalk=crosswalk)
    archive(project, [submission("1", {"Key": "Essian", "Sum": "12"}, "export", "csv_row")])
    with built(project) as (con, report):
        assert (report.balanced, report.quarantined) == (True, 0)
        assert con.execute("SELECT camp, families FROM harmonized.visit").fetchall() == [("Essian", 12)]
        con.execute("UPDATE harmonized.visit SET families = 13")
        assert [line.unbalanced for line in balance_of(con, project, project.tool(TOOL))] == [1]


def test_where_a_line_speaks_of_the_question_already_the_remedy_adds_to_it(tmp_path: Path) -> None:
    crosswalk = "versions:\n  '1':\n    - {from: people/families, to: families, factor: 5, why: tents of five then}\n"
    project = project_of(tmp_path, {"1": FORM, "2": FORM}, crosswalk=crosswalk)
    archive(project, [submission("1", {"people/families": "a dozen"}), submission("2", {"people/families": "3"})])
    with built(project):
        pass
    (row,) = cccm(project, "quarantine", "--restricted")
    place = 'xlsforms/visit/crosswalk.yml, versions, "1", from: "people/families"'
    assert row["line"] == f'{place}: add to its recode "a dozen": VALUE'
    mended = crosswalk.replace("factor: 5", 'factor: 5, recode: {"a dozen": "12"}')
    project.tool(TOOL).crosswalk_file.write_text(mended, encoding="utf-8")
    with built(project) as (con, report):
        assert (report.balanced, report.quarantined) == (True, 0)
        assert con.execute("SELECT families FROM harmonized.visit ORDER BY _id").fetchall() == [(60,), (15,)]
