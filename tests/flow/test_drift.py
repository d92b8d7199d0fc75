"""`cccm forms diff` and `cccm forms check`, on a project whose form changed while submissions were there."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.drift import answered
from pipelines.project import Project
from tests.flow.harmonizing import TOOL, archive, built, project_of, submission

OLD = """
| survey |
| | type | name | label::English (en) | sensitivity |
| | text | camp | Camp | public |
| | geopoint | place | Place | public |
| | select_one kind | kind | Kind | public |
| | integer | never | Never | public |
| | begin_repeat | block | Block | |
| | integer | shelters | Shelters | public |
| | end_repeat | | | |
| choices |
| | list_name | name | label::English (en) |
| | kind | tent | Tent |
| | kind | house | Rented house |
"""
NEW = OLD.replace("Rented house", "Own house").replace("| | integer | never | Never | public |\n", "")
ROWS = [
    submission("1", {"camp": "A", "place": "36 43 0 0", "block": [{"block/shelters": "1"}, {"block/shelters": "2"}]}),
    submission("2", {"camp": "B", "kind": "house"}),
    submission("3", {"camp": "C", "kind": "tent"}, version="2"),
]
LINE = '- {from: kind, to: kind, recode: {"house": "house"}}'


@pytest.fixture
def changed(tmp_path: Path) -> Project:
    project = project_of(tmp_path, {"1": OLD, "2": NEW})
    (project.xlsforms / "sources.yml").write_text("sources: {}\n")
    return project


def cccm(project: Project, *words: str) -> Result:
    environment = {"CCCM_PROJECT": str(project.root), "CCCM_DATA": str(project.data)}
    return CliRunner().invoke(app, words, env=environment)


def test_each_change_says_how_many_submissions_it_concerns(changed: Project) -> None:
    archive(changed, ROWS)
    with built(changed):
        pass
    assert answered(changed, TOOL, "1") == {"camp": 2, "place": 1, "kind": 1, "never": 0, "block/shelters": 1}
    done = cccm(changed, "forms", "diff", TOOL, "1", "2", "--json")
    assert (done.exit_code, [(line["rule"], line["rows"]) for line in json.loads(done.stdout)]) == (
        0,
        [
            (
                "D403",
                "1 submission: where they chose it, kept apart from the new 'house' until a line says what it is",
            ),
            ("D107", "none: nobody answered it"),
        ],
    )


def test_before_anything_is_built_the_number_is_unknown(changed: Project) -> None:
    assert answered(changed, TOOL, "1") == {}
    done = cccm(changed, "forms", "diff", TOOL, "1", "2", "--markdown")
    assert done.exit_code == 0
    assert "| D403 | kind | the code 'house' of 'kind' means something else in en | an unknown number of" in done.stdout
    assert f"| {LINE} |" in done.stdout


def test_a_breaking_change_fails_the_check_until_the_line_it_names_is_added(changed: Project) -> None:
    done = cccm(changed, "forms", "check", "--json")
    (line,) = (line for line in json.loads(done.stdout) if line["version"] == "crosswalk")
    assert done.exit_code == 1
    assert line["problems"].startswith("D403 the code 'house' of 'kind' means something else in en:")
    assert line["problems"].endswith(f"add under '1' of {changed.tool(TOOL).crosswalk_file} {LINE}")
    changed.tool(TOOL).crosswalk_file.write_text(f"versions:\n  '1':\n    {LINE}\n")
    done = cccm(changed, "forms", "check", "--json")
    assert (done.exit_code, [line["version"] for line in json.loads(done.stdout)]) == (0, ["1", "2"])


def test_a_version_that_is_not_there_is_named_with_those_that_are(changed: Project) -> None:
    done = cccm(changed, "forms", "diff", TOOL, "1", "3")
    assert done.exit_code == 1
    assert str(done.exception) == f"{changed.tool(TOOL).folder} has no version '3': name one of its versions (1, 2)."
