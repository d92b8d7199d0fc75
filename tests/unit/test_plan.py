"""Where every answer lands is decided once, before any row is read: by the forms, the crosswalk and nothing else."""

import json
from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.plan import Landing, Plan
from tests.flow.harmonizing import TOOL, project_of

OLD = """
| survey |
| | type                 | name      | label |
| | begin_group          | general   | General |
| | text                 | site_name | Site |
| | select_one yn        | open      | Open |
| | geopoint             | place     | Place |
| | integer              | burnt     | Burnt tents |
| | end_group            |           | |
| | begin_repeat         | provider  | Provider |
| | text                 | name      | Name |
| | end_repeat           |           | |
| choices |
| | list_name | name | label |
| | yn        | Yes  | Yes |
"""
NEW = """
| survey |
| | type                 | name      | label |
| | text                 | site      | Site |
| | begin_group          | state     | State |
| | select_one yn        | open      | Open |
| | geopoint             | place     | Place |
| | end_group            |           | |
| | begin_repeat         | service   | Service |
| | text                 | organisation | Organisation |
| | end_repeat           |           | |
| choices |
| | list_name | name | label |
| | yn        | yes  | Yes |
"""
CROSSWALK = """
versions:
  "1":
    - {from: general/site_name, to: site}
    - {from: general/open, to: open, recode: {Yes: "yes"}}
    - {from: provider/name, to: service.organisation}
"""


def plan(folder: Path, crosswalk: str = CROSSWALK, served: dict[str, object] | None = None) -> Plan:
    project = project_of(folder, {"1": OLD, "2": NEW}, crosswalk=crosswalk)
    archived = [("kobo", "asset", version, json.dumps(content)) for version, content in (served or {}).items()]
    return plan_of(project.tool(TOOL), archived)


def test_every_question_of_every_version_has_its_landing(tmp_path: Path) -> None:
    found = plan(tmp_path)
    place = ("place_lat", "place_lon", "place_alt", "place_acc")
    assert dict(found.shapes["1"].landings) == {
        "general/site_name": Landing("general/site_name", "", "", "site", ("site",), "text"),
        "general/open": Landing("general/open", "", "", "open", ("open",), "text", {"Yes": "yes"}),
        "general/place": Landing("general/place", "", "", "place", place, "geopoint"),
        "general/burnt": Landing("general/burnt", "", "", "burnt", ("burnt",), "integer"),
        "provider/name": Landing(
            "provider/name", "provider", "service", "organisation", ("organisation",), "text", careful=True
        ),
    }
    assert dict(found.shapes["2"].landings) == {
        "site": Landing("site", "", "", "site", ("site",), "text"),
        "state/open": Landing("state/open", "", "", "open", ("open",), "text"),
        "state/place": Landing("state/place", "", "", "place", place, "geopoint"),
        "service/organisation": Landing(
            "service/organisation", "service", "service", "organisation", ("organisation",), "text"
        ),
    }


def test_what_only_an_older_version_asks_is_retired_and_keeps_its_type(tmp_path: Path) -> None:
    columns = plan(tmp_path).tables[""].columns
    assert [(column.name, column.kind, column.retired) for column in columns] == [
        ("site", "text", False),
        ("open", "text", False),
        ("place", "geopoint", False),
        ("burnt", "integer", True),
    ]


def test_repeats_are_tables_and_the_newest_form_reads_what_nobody_knows(tmp_path: Path) -> None:
    found = plan(tmp_path)
    assert [table.name for table in found.tables.values()] == ["visit", "visit__service", "visit__provider"]
    assert (found.otherwise, [form.version for form in found.versions]) == ("2", ["2", "1"])


def test_an_answer_of_another_version_lands_where_the_newest_that_knows_it_puts_it(tmp_path: Path) -> None:
    found = plan(tmp_path)
    landing = found.landing_anywhere("general/burnt")
    assert landing == found.shapes["1"].landings["general/burnt"]
    assert found.landing_anywhere("nobody/asked") is None


def test_a_server_s_version_with_the_same_questions_is_that_version(tmp_path: Path) -> None:
    survey = [
        {"type": "text", "name": "site"},
        {"type": "begin_group", "name": "state"},
        {"type": "select_one", "select_from_list_name": "yn", "name": "open"},
        {"type": "geopoint", "name": "place"},
        {"type": "end_group"},
        {"type": "begin_repeat", "name": "service"},
        {"type": "text", "name": "organisation"},
        {"type": "end_repeat"},
    ]
    assert plan(tmp_path, served={"vAbc": {"content": {"survey": survey}}}).shape_of == {("kobo", "asset", "vAbc"): "2"}


def test_a_server_s_version_that_no_workbook_has_is_read_by_itself(tmp_path: Path) -> None:
    survey = [{"type": "text", "name": "site"}, {"type": "integer", "name": "fuel"}]
    found = plan(tmp_path, served={"vDraft": {"survey": survey}})
    assert found.shape_of == {("kobo", "asset", "vDraft"): "vDraft"}
    assert found.shapes["vDraft"].landings["site"].column == "site"
    assert found.tables[""].column("fuel").retired


def test_a_server_s_version_named_as_ours_follows_its_crosswalk(tmp_path: Path) -> None:
    survey = [
        {"type": "begin_group", "name": "general"},
        {"type": "text", "name": "site_name"},
        {"type": "text", "name": "added_on_the_server"},
        {"type": "end_group"},
    ]
    found = plan(tmp_path, served={"vOld": {"survey": survey, "settings": {"version": "1 (2026-08-01)"}}})
    shape = found.shapes[found.shape_of["kobo", "asset", "vOld"]]
    assert {path: landing.column for path, landing in shape.landings.items()} == {
        "general/site_name": "site",
        "general/added_on_the_server": "added_on_the_server",
    }


LAYOUT = "layouts:\n  old:\n    id: [Site]\n    columns:\n      {header}\n"


def test_a_layout_lands_its_headers_with_care(tmp_path: Path) -> None:
    found = plan(tmp_path, LAYOUT.format(header="Site: site\n      Lat: place_lat\n      Sum: {unmapped: computed}"))
    shape = found.shapes["old"]
    assert dict(shape.landings) == {
        "Site": Landing("Site", "", "", "site", ("site",), "text", careful=True),
        "Lat": Landing("Lat", "", "", "place", ("place_lat",), "double", careful=True),
    }
    assert (dict(shape.unmapped), list(shape.direct(""))) == ({"Sum": "computed"}, [])


@pytest.mark.parametrize(
    ("crosswalk", "says"),
    [
        ('versions:\n  "9":\n    - {from: a, to: site}\n', "there is no version '9'"),
        ('versions:\n  "1":\n    - {from: general/nothing, to: site}\n', "the form asks nothing at 'general/nothing'"),
        ('versions:\n  "1":\n    - {from: general/site_name, to: camp}\n', "no newer version has a column 'camp'"),
        (LAYOUT.format(header="Site: camp"), "layout 'old', column 'Site': no version of visit has a column 'camp'"),
    ],
)
def test_a_crosswalk_that_names_what_is_not_there_is_refused(crosswalk: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        plan(tmp_path, crosswalk)
    assert says in str(refused.value)
    assert "crosswalk.yml" in str(refused.value)


def test_a_tool_without_a_form_says_what_to_do(tmp_path: Path) -> None:
    project = project_of(tmp_path, {})
    with pytest.raises(ConfigError) as refused:
        plan_of(project.tool(TOOL), [])
    assert str(refused.value) == (
        f"{tmp_path}/xlsforms/visit holds no form; put an XLSForm there, named by its version (2026-1.xlsx)."
    )
