"""What one source means by its answers: lines of the crosswalk that hold for its rows, whatever their version."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.archive.archive import Submission, open_archive
from pipelines.errors import ConfigError
from pipelines.harmonize.build import build_tool
from pipelines.harmonize.compile import plan_of
from pipelines.project import Project
from pipelines.store.duck import connect, read_rows
from tests.flow.harmonizing import NOW, TOOL, project_of, submission

OLD = """
| survey |
| | type    | name  | label | sensitivity |
| | text    | camp  | Camp  | public |
| | decimal | water | Litres a person gets | public |
"""
NEW = OLD.replace("camp ", "site ").replace("Camp", "Site")
CROSSWALK = """
versions:
  "1":
    - {from: camp, to: site}
sources:
  central:
    - {from: water, to: water, factor: 20, why: this partner counts jerrycans}
    - {from: place_name, to: site, why: their own form}
    - {constant: partner, to: origin, new: text}
"""


def archive(project: Project, source: str, sent: list[Submission], forms: dict[str, str] | None = None) -> None:
    with open_archive(project.archive_file(TOOL)) as opened:
        run = opened.begin_run(source, f"{source}_asset", NOW)
        for version, content in (forms or {}).items():
            run.keep_form_version(version, content)
        run.record(sent)
        run.complete(NOW)


def built(project: Project) -> tuple[bool, list[tuple[object, ...]]]:
    with connect(project.work_file) as con:
        report = build_tool(con, project, project.tool(TOOL))
        rows = read_rows(con, "SELECT _id, _form_version, site, water, origin FROM harmonized.visit ORDER BY _id")
    return report.balanced, [tuple(row.values()) for row in rows]


def test_a_line_of_a_source_holds_for_its_rows_and_no_others(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": OLD, "2": NEW}, crosswalk=CROSSWALK)
    archive(project, "kobo", [submission("1", {"site": "Essian", "water": "40"}, "2")])
    sent = [submission("2", {"camp": "Khanke", "water": "2"}, "1"), submission("3", {"water": "1.5"}, "nobody's")]
    archive(project, "central", sent)
    assert built(project) == (
        True,
        [
            ("1", "2", "Essian", Decimal(40), None),
            ("2", "1 of central", "Khanke", Decimal(40), "partner"),
            ("3", "2 of central", None, Decimal(30), "partner"),
        ],
    )


def test_a_form_that_only_a_source_has_is_joined_by_its_lines(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": OLD, "2": NEW}, crosswalk=CROSSWALK)
    survey = [{"type": "text", "name": "place_name"}, {"type": "integer", "name": "water"}]
    sent = [submission("1", {"place_name": "Sumel", "water": "3"}, "vTheirs")]
    archive(project, "central", sent, {"vTheirs": json.dumps({"content": {"survey": survey}})})
    assert built(project) == (True, [("1", "vTheirs", "Sumel", Decimal(60), "partner")])


def test_a_line_about_what_no_form_of_the_source_asks_is_refused_once_they_are_known(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": OLD, "2": NEW}, crosswalk=CROSSWALK)
    tool = project.tool(TOOL)
    plan_of(tool, [])
    survey = [{"type": "text", "name": "placename"}, {"type": "integer", "name": "water"}]
    with pytest.raises(ConfigError) as refused:
        plan_of(tool, [("central", "a", "v", json.dumps({"content": {"survey": survey}}))])
    assert str(refused.value) == (
        f"{tool.crosswalk_file}, central: the form asks nothing at 'place_name'; write 'placename', which is nearest, "
        "or take the entry out."
    )


def test_without_such_lines_the_sql_is_as_it_was(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": OLD, "2": NEW}, crosswalk=CROSSWALK[: CROSSWALK.index("sources:")])
    plan = plan_of(project.tool(TOOL), [])
    assert (list(plan.shapes), plan.shape_of) == (["2", "1"], {})
    assert [shape.derived for shape in plan.shapes.values()] == [(), ()]
