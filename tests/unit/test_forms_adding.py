"""A workbook is taken in as it is, once, under a name that says its version; what stands there is never changed."""

from pathlib import Path

import pytest

from pipelines.errors import ConfigError, SchemaError
from pipelines.forms.adding import add_form
from pipelines.forms.read import read_form
from pipelines.project import Project
from tests.faults.workbooks import FORM as PLAIN
from tests.flow.harmonizing import write_form
from tests.unit.old_workbook import old_workbook

FORM = """
| survey |
|  | type       | name | label::English (en) | label::Arabic (ar) | sensitivity |
|  | text       | camp | Camp                | المخيم             | public      |
|  | select_one yn or_other | open | Open?   | مفتوح؟             |             |
|  | note       | end_ | Thank you           | شكراً              |             |
| choices |
|  | list_name | name | label::English (en) | label::Arabic (ar) |
|  | yn        | yes  | Yes                 | نعم                |
| settings |
|  | form_title            | form_id | version |
|  | Exit: a "short" form  | exit    | 2026-1  |
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "xlsforms").mkdir()
    return Project(tmp_path, tmp_path / "data")


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    write_form(tmp_path / "downloaded.xlsx", FORM)
    return tmp_path / "downloaded.xlsx"


def files(project: Project) -> dict[str, bytes]:
    return {
        path.relative_to(project.xlsforms).as_posix(): path.read_bytes()
        for path in sorted(project.xlsforms.rglob("*"))
        if path.is_file()
    }


def test_a_workbook_becomes_a_tool_byte_for_byte(project: Project, workbook: Path) -> None:
    added = add_form(project, workbook, "exit_interview")
    assert (added.new_tool, added.written, added.older_than) == (True, True, "")
    assert added.unclassified == 2
    assert list(files(project)) == ["exit_interview/2026-1.xlsx", "exit_interview/tool.yml"]
    assert files(project)["exit_interview/2026-1.xlsx"] == workbook.read_bytes()
    tool = project.tool("exit_interview")
    assert (tool.title, tool.languages, tool.versions) == ('Exit: a "short" form', ("en", "ar"), ("2026-1",))


def test_the_same_file_twice_changes_nothing(project: Project, workbook: Path) -> None:
    add_form(project, workbook, "exit_interview")
    before = files(project)
    added = add_form(project, workbook, "exit_interview")
    assert (added.new_tool, added.written) == (False, False)
    assert files(project) == before


def test_a_version_that_says_something_else_is_refused(project: Project, workbook: Path) -> None:
    add_form(project, workbook, "exit_interview")
    before = files(project)
    write_form(workbook, FORM.replace("Thank you", "Thanks"))
    with pytest.raises(ConfigError, match=r"2026-1\.xlsx is there already and says something else.*--version"):
        add_form(project, workbook, "exit_interview")
    assert files(project) == before
    add_form(project, workbook, "exit_interview", "2026-2")
    assert project.tool("exit_interview").versions == ("2026-1", "2026-2")
    assert {name: files(project)[name] for name in before} == before


def test_what_we_know_of_a_tool_is_never_overwritten(project: Project, workbook: Path) -> None:
    (project.xlsforms / "exit_interview").mkdir()
    (project.xlsforms / "exit_interview" / "tool.yml").write_text("title: Ours\n")
    assert not add_form(project, workbook, "exit_interview").new_tool
    assert project.tool("exit_interview").title == "Ours"


def test_a_version_whose_name_comes_before_another_counts_as_older(project: Project, workbook: Path) -> None:
    add_form(project, workbook, "exit_interview", "2026-10")
    assert add_form(project, workbook, "exit_interview", "2026-9").older_than == "2026-10"


def test_a_workbook_that_lies_in_its_place_already_becomes_a_tool(project: Project) -> None:
    place = project.xlsforms / "exit_interview" / "2026-1.xlsx"
    place.parent.mkdir()
    write_form(place, FORM)
    added = add_form(project, place, "exit_interview")
    assert (added.file, added.new_tool) == (place, True)


def test_a_form_that_says_no_version_wants_one(project: Project, workbook: Path) -> None:
    write_form(workbook, PLAIN)
    with pytest.raises(ConfigError, match=r"'settings' says no version; say one with --version"):
        add_form(project, workbook, "exit_interview")
    add_form(project, workbook, "exit_interview", "1")
    assert project.tool("exit_interview").title == "Exit interview"


@pytest.mark.parametrize("version", ["../1", "a b", "v1/2", "نسخة", ".1", "x" * 65])
def test_a_version_that_can_name_no_file_is_refused(project: Project, workbook: Path, version: str) -> None:
    with pytest.raises(ConfigError, match="can name no file; say one with --version"):
        add_form(project, workbook, "exit_interview", version)
    assert files(project) == {}


@pytest.mark.parametrize("tool", ["Exit", "exit-interview", "../exit", "", "_exit", "exit__interview"])
def test_a_name_that_no_tool_can_have_is_refused(project: Project, workbook: Path, tool: str) -> None:
    with pytest.raises(ConfigError, match="is no name for a tool: rename it"):
        add_form(project, workbook, tool)
    assert files(project) == {}


def test_what_cannot_be_read_leaves_nothing_behind(project: Project, workbook: Path) -> None:
    write_form(workbook, FORM.replace("note       | end_", "end group  | end_"))
    with pytest.raises(SchemaError, match=r"sheet 'survey', row 4: end_group found where nothing is open; mend"):
        add_form(project, workbook, "exit_interview")
    assert files(project) == {}


def test_an_old_workbook_is_kept_as_a_new_one_that_says_the_same(project: Project, tmp_path: Path) -> None:
    rows = [["type", "name", "label"], ["text", "camp", "Camp"], ["integer", "n", "=1+1"]]
    (tmp_path / "old.xls").write_bytes(old_workbook(rows))
    added = add_form(project, tmp_path / "old.xls", "exit_interview", "1")
    assert added.form == read_form(tmp_path / "old.xls", "exit_interview", "1")
    assert not add_form(project, tmp_path / "old.xls", "exit_interview", "1").written
