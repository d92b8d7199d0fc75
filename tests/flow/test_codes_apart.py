"""A code that means something else today waits apart, and table, codebook, finding and check agree on it."""

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import parse

import dagster as dg
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.defs.checks import checks_of
from pipelines.products.codebook import Code, read_codebook
from pipelines.products.codebook_ddi import write_ddi
from pipelines.project import Project
from pipelines.quality.check import check_tool
from pipelines.store.duck import read_rows
from tests.flow.harmonizing import TOOL, archive, built, project_of, submission
from tests.unit.ddi import faults

FORM = """
| survey |
| | type | name | label::English (en) |
| | select_one kind | kind | Kind of shelter |
| | select_multiple kind | all_kinds | All kinds |
| choices |
| | list_name | name | label::English (en) |
| | kind | tent | Tent |
| | kind | house | {house} |
| | kind | dk | {dk} |
"""


def form(house: str, dk: str = "Do not know") -> str:
    return FORM.format(house=house, dk=dk)


RENTED, OWN = form("Rented house"), form("Own house", "Duck")


def project(folder: Path, *forms: str, crosswalk: str = "") -> Project:
    made = project_of(folder, {str(n): each for n, each in enumerate(forms, start=1)}, crosswalk=crosswalk)
    (made.xlsforms / "sources.yml").write_text("sources: {}\n", encoding="utf-8")
    return made


def rows(made: Project, sql: str = "SELECT _id, kind, all_kinds FROM harmonized.visit ORDER BY _id") -> list[object]:
    with built(made) as (con, report):
        assert report.balanced
        return [tuple(row.values()) for row in read_rows(con, sql)]


def problems(made: Project) -> str:
    environment = {"CCCM_PROJECT": str(made.root), "CCCM_DATA": str(made.data)}
    done = CliRunner().invoke(app, ["forms", "check", "--json"], env=environment)
    return str(next((line["problems"] for line in json.loads(done.stdout) if line["version"] == "crosswalk"), ""))


def test_each_answer_under_such_a_code_is_a_finding(tmp_path: Path) -> None:
    made = project(tmp_path, RENTED, OWN)
    archive(made, [submission(str(n), {"kind": code}, "1") for n, code in enumerate(["house", "tent", "dk"], start=1)])
    with built(made) as (con, report):
        checked = check_tool(con, made, TOOL, ["visit"])
        assert [(result.rule, result.rows_checked, result.rows_failed) for result in checked.results] == [
            ("code_meaning_all_kinds", 0, 0),
            ("code_meaning_kind", 3, 2),
        ]
        found = read_rows(con, "SELECT _id, columns, severity FROM quality.finding ORDER BY _id")
    assert found == [{"_id": "1", "columns": ["kind"], "severity": "warning"},
                     {"_id": "3", "columns": ["kind"], "severity": "warning"}]  # fmt: skip
    assert report.warnings[0] == (
        "The code 'house' of 'kind' in 1 means something else than in 2, in en: its answers stand as 'house@1' until "
        "the crosswalk says what it is."
    )


def test_dagster_shows_the_codes_the_lines_to_add_and_how_many_answers_wait(tmp_path: Path) -> None:
    made = project(tmp_path, RENTED, OWN)
    archive(made, [submission(str(n), {"kind": code}, "1") for n, code in enumerate(["house", "tent", "dk"], start=1)])
    with built(made) as (con, _):
        check_tool(con, made, TOOL, ["visit"])
    passed, told = meanings(made)
    lines = [(row["question"], row["code"], row["kept as"], row["changed in"]) for row in told["codes"]]
    assert (passed, told["codes kept apart"], told["answers under them"]) == (False, 4, 2)
    assert lines == [
        (question, code, f"{code}@1", "2") for question in ("all_kinds", "kind") for code in ("dk", "house")
    ]
    assert told["codes"][0]["line to add"] == (
        '- {from: all_kinds, to: all_kinds, recode: {"house": "house", "dk": "dk"}}'
    )
    assert told["answers by question"] == [{"table": "visit", "question": "kind", "answers": 2}]


def test_dagster_has_nothing_to_show_where_every_code_means_what_it_meant(tmp_path: Path) -> None:
    made = project(tmp_path, RENTED, RENTED)
    archive(made, [submission("1", {"kind": "house"}, "1")])
    with built(made) as (con, _):
        check_tool(con, made, TOOL, ["visit"])
    assert meanings(made) == (True, {"codes kept apart": 0})


def meanings(made: Project) -> tuple[bool, dict[str, Any]]:
    """What the check of that name says: whether it passed, and what it shows."""
    checks = [*checks_of(made)]
    selection = dg.AssetSelection.checks(*(key for one in checks for key in one.check_keys if key.name == "meanings"))
    (said,) = dg.materialize(checks, selection=selection).get_asset_check_evaluations()
    return said.passed, {
        name: [row.data for row in shown.records] if isinstance(shown, dg.TableMetadataValue) else shown.value
        for name, shown in said.metadata.items()
    }


def test_the_codebook_has_an_entry_of_its_own_for_it(tmp_path: Path) -> None:
    settled = "versions:\n  '1':\n    - {from: all_kinds, to: all_kinds, same: [house, dk]}\n"
    made = project(tmp_path, RENTED, OWN, crosswalk=settled)
    archive(made, [submission("1", {"kind": "house"}, "1")])
    with built(made) as (con, _):
        codebook = read_codebook(con, TOOL)
    write_ddi(codebook, tmp_path / "codebook.xml")
    assert list(faults(parse(tmp_path / "codebook.xml").getroot())) == []
    kind, all_kinds = codebook.variables
    assert kind.codes == (
        Code("tent", {"en": "Tent"}, ("1", "2"), ""),
        Code("house", {"en": "Own house"}, ("2",), ""),
        Code("dk", {"en": "Duck"}, ("2",), "dont_know"),
        Code("house@1", {"en": "Rented house"}, ("1",), ""),
        Code("dk@1", {"en": "Do not know"}, ("1",), "dont_know"),
    )
    assert [(code.name, code.versions) for code in all_kinds.codes] == [
        ("tent", ("1", "2")),
        ("house", ("1", "2")),
        ("dk", ("1", "2")),
    ]
    assert kind.origins[0].recode == "house → house@1; dk → dk@1"


def test_a_code_that_is_no_answer_is_none_where_it_is_kept_apart(tmp_path: Path) -> None:
    made = project(tmp_path, RENTED, OWN)
    archive(made, [submission("1", {"kind": "dk"}, "1"), submission("2", {"kind": "house"}, "1")])
    why = rows(made, "SELECT _id, why FROM missing.visit WHERE column_name = 'kind' ORDER BY _id")
    assert why == [("1", "dont_know")]


def test_the_newest_version_that_offers_a_code_says_what_it_means(tmp_path: Path) -> None:
    gone = form("Rented house").replace("| | kind | house | Rented house |\n", "")
    made = project(tmp_path, RENTED, form("Own house"), form("Rented house"), gone)
    archive(made, [submission(version, {"kind": "house", "all_kinds": "house tent"}, version) for version in "123"])
    assert rows(made) == [
        ("1", "house", ["house", "tent"]),
        ("2", "house@2", ["house@2", "tent"]),
        ("3", "house", ["house", "tent"]),
    ]


def test_the_check_asks_for_a_line_wherever_a_table_keeps_a_code_apart(tmp_path: Path) -> None:
    made = project(tmp_path, RENTED, RENTED, form("Own house"))
    archive(made, [submission(version, {"kind": "house"}, version) for version in "123"])
    assert rows(made) == [("1", "house@1", None), ("2", "house@2", None), ("3", "house", None)]
    assert problems(made).count("D403") == 4
    lines = "".join(
        f"  '{version}':\n    - {{from: kind, to: kind, same: [house]}}\n"
        "    - {from: all_kinds, to: all_kinds, recode: {house: house}}\n"
        for version in "12"
    )
    made.tool(TOOL).crosswalk_file.write_text(f"versions:\n{lines}", encoding="utf-8")
    assert rows(made) == [("1", "house", None), ("2", "house", None), ("3", "house", None)]
    assert problems(made) == ""


def test_the_line_that_settles_it_keeps_what_a_line_says_already(tmp_path: Path) -> None:
    crosswalk = "versions:\n  '1':\n    - {from: kind, to: kind, recode: {tent: tent}, same: [dk]}\n"
    made = project(tmp_path, RENTED, OWN, crosswalk=crosswalk)
    line = '- {from: kind, to: kind, same: ["dk"], recode: {"tent": "tent", "house": "house"}}'
    assert f"add under '1' of {made.tool(TOOL).crosswalk_file} {line}  # instead of the line that is" in problems(made)


@pytest.mark.parametrize("new", ["Rented houses", "RENTED HOUSE", "Rented house (not own)"])
def test_a_label_that_is_only_written_better_is_no_alarm(new: str, tmp_path: Path) -> None:
    made = project(tmp_path, RENTED, form(new))
    archive(made, [submission("1", {"kind": "house"}, "1")])
    assert (rows(made), problems(made)) == ([("1", "house", None)], "")


def kobo(house: str, version: str = "") -> str:
    survey = [
        {"type": "select_one", "select_from_list_name": "kind", "name": "kind", "label": ["Kind of shelter"]},
        {"type": "select_multiple", "select_from_list_name": "kind", "name": "all_kinds", "label": ["All kinds"]},
    ]
    labels = {"tent": "Tent", "house": house, "dk": "Do not know"}
    choices = [{"list_name": "kind", "name": code, "label": [label]} for code, label in labels.items()]
    content = {"survey": survey, "choices": choices, "translations": ["English (en)"], "settings": {"version": version}}
    return json.dumps({"content": content})


def test_forms_that_differ_by_a_label_only_are_told_apart_on_a_server_too(tmp_path: Path) -> None:
    made = project(tmp_path, RENTED, form("Own house"))
    served = {
        "vRented": kobo("Rented house"),
        "vOwn": kobo("Own house"),
        "vLent": kobo("Lent stable"),
        "vTwo": kobo("Cave", "2"),
    }
    archive(made, [submission(str(n), {"kind": "house"}, v) for n, v in enumerate(served)], form_versions=served)
    assert rows(made, "SELECT _id, _form_version, kind FROM harmonized.visit ORDER BY _id") == [
        ("0", "1", "house@1"),
        ("1", "2", "house"),
        ("2", "vLent", "house@vLent"),
        ("3", "vTwo", "house@vTwo"),
    ]
