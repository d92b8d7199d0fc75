"""What crosswalk.yml and tool.yml name must be there: said in one sentence, before any row is read."""

from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.harmonize.compile import plan_of
from tests.flow.harmonizing import TOOL, project_of

TODAY = """
| survey |
| | type         | name          | label |
| | date         | month         | Month |
| | geopoint     | place         | Place |
| | begin_repeat | service       | Service |
| | text         | provider      | Provider |
| | text         | other         | Other |
| | text         | area          | Area |
| | integer      | staff         | Staff |
| | end_repeat   |               | |
"""
THEN = """
| survey |
| | type    | name      | label |
| | text    | PROVIDERS | Providers |
"""
RULE = {"into": "service", "value": "provider", "other": "other", "by": "provider_alias"}
IN_THE_FORM = "crosswalk.yml, 1, PROVIDERS: "
IN_THE_LAYOUT = "crosswalk.yml, layout 'map-2020', column 'providers': "
COLUMNS = "write one of provider, other, area, staff"


def crosswalk(split: dict[str, object], *, in_layout: bool) -> str:
    """A crosswalk that holds `split`."""
    written = "{" + ", ".join(f"{key}: {value}" for key, value in split.items()) + "}"
    if in_layout:
        return f"layouts:\n  map-2020:\n    id: [n]\n    columns:\n      providers: {{split: {written}}}\n"
    return f"versions:\n  '1':\n    - {{from: PROVIDERS, split: {written}}}\n"


def refusal(folder: Path, rules: str, tool: str = "title: Visit\n") -> str:
    """What the plan of a tool says to `rules`, from the name of the file onwards; empty where it has nothing to say."""
    project = project_of(folder, {"1": THEN, "2": TODAY}, crosswalk=rules, tool=tool)
    try:
        plan_of(project.tool(TOOL), [])
    except ConfigError as error:
        return str(error).removeprefix(f"{project.tool(TOOL).folder}/")
    return ""


WRONG = [
    ({"into": "services"}, "'into' names 'services', which is no repeat of visit; write 'service', which is nearest."),
    ({"value": "organisation"}, f"'value' names 'organisation', which is no column of visit__service; {COLUMNS}."),
    (
        {"other": "others"},
        "'other' names 'others', which is no column of visit__service; write 'other', which is nearest.",
    ),
    ({"set": "{sector: health}"}, f"'set' names 'sector', which is no column of visit__service; {COLUMNS}."),
    ({"set": "{staff: many}"}, "'set' puts 'many' into 'staff', which cannot hold it; write what it can hold."),
    ({"value": "staff"}, "'value' names 'staff', which holds no text; name a column that does."),
]


@pytest.mark.parametrize(("wrong", "says"), WRONG, ids=[says.split(",")[0] for _, says in WRONG])
def test_a_split_names_what_is_there(wrong: dict[str, object], says: str, tmp_path: Path) -> None:
    rule = {**RULE, **wrong}
    assert refusal(tmp_path / "form", crosswalk(rule, in_layout=False)) == IN_THE_FORM + says
    assert refusal(tmp_path / "file", crosswalk(rule, in_layout=True)) == IN_THE_LAYOUT + says


def test_a_split_that_names_what_is_there_is_taken(tmp_path: Path) -> None:
    rule = {**RULE, "set": "{area: health, staff: '3'}"}
    assert refusal(tmp_path / "form", crosswalk(rule, in_layout=False)) == ""
    assert refusal(tmp_path / "file", crosswalk(rule, in_layout=True)) == ""


def test_a_layout_has_a_name_of_its_own(tmp_path: Path) -> None:
    rules = "layouts:\n  '1': {id: [n], columns: {n: month}}\n"
    assert refusal(tmp_path, rules) == (
        "crosswalk.yml, layout '1': a version of the form has this name; "
        "give the layout another, and write it in sources.yml too."
    )


def test_a_version_and_a_path_of_the_crosswalk_are_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "version", "versions:\n  '3': []\n") == (
        "crosswalk.yml: there is no version '3'; write one of 2, 1."
    )
    assert refusal(tmp_path / "path", "versions:\n  '1': [{from: providers, to: place}]\n") == (
        "crosswalk.yml, 1: the form asks nothing at 'providers'; "
        "write 'PROVIDERS', which is nearest, or take the entry out."
    )


def test_the_period_is_asked_by_a_question_that_names_a_time(tmp_path: Path) -> None:
    assert refusal(tmp_path / "unknown", "", "title: Visit\nperiod: report_month\n") == (
        "tool.yml, period: visit asks no question 'report_month'; write one of month, place, PROVIDERS."
    )
    assert refusal(tmp_path / "place", "", "title: Visit\nperiod: place\n") == (
        "tool.yml, period: the answers to 'place' name no time; write a question that does."
    )
    assert refusal(tmp_path / "month", "", "title: Visit\nperiod: month\n") == ""
