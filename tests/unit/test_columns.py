"""Which column a question gets, over all versions: the newest names stand, and none is ever renamed by a later one."""

import json
from pathlib import Path

from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.plan import Plan
from tests.flow.harmonizing import TOOL, project_of


def form(*rows: str) -> str:
    """A form of `rows`: "type path", each group opened where a path names one; a repeat's name ends in *."""
    lines = ["| survey |", "| | type | name | label |"]
    for row in rows:
        kind, path = row.rsplit(" ", 1)
        *around, name = path.split("/")
        begun = [("repeat" if part.endswith("*") else "group", part.rstrip("*")) for part in around]
        lines += [f"| | begin_{what} | {part} | {part} |" for what, part in begun]
        lines.append(f"| | {kind} | {name} | {name} |")
        lines += [f"| | end_{what} | | |" for what, _ in reversed(begun)]
    return "\n".join([*lines, "| choices |", "| | list_name | name | label |", "| | yn | yes | Yes |"])


def plan(folder: Path, **forms: str) -> Plan:
    """The plan of a tool with these versions."""
    project = project_of(folder, {version.removeprefix("v"): text for version, text in forms.items()})
    return plan_of(project.tool(TOOL), [])


def columns(found: Plan) -> dict[str, list[str]]:
    """The columns of every table."""
    return {table.name: [column.name for column in table.columns] for table in found.tables.values()}


def landed(found: Plan, version: str) -> dict[str, str]:
    """Path -> column."""
    return {path: landing.column for path, landing in found.shapes[version].landings.items()}


def test_a_later_version_renames_no_column(tmp_path: Path) -> None:
    found = plan(tmp_path, v1=form("integer a/x"), v2=form("integer a/x", "integer b/x"))
    assert landed(found, "1") == {"a/x": "x"}
    assert landed(found, "2") == {"a/x": "x", "b/x": "b__x"}


def test_a_column_called_by_its_group_stays_so_when_the_other_is_asked_no_more(tmp_path: Path) -> None:
    found = plan(tmp_path, v1=form("integer a/x", "integer b/x"), v2=form("integer b/x"))
    assert landed(found, "1") == {"a/x": "a__x", "b/x": "b__x"}
    assert landed(found, "2") == {"b/x": "b__x"}


def test_the_plain_name_stays_with_the_question_that_had_it_last(tmp_path: Path) -> None:
    found = plan(tmp_path, v1=form("integer a/x"), v2=form("integer b/x"), v3=form("integer b/x", "integer c/x"))
    assert landed(found, "1") == {"a/x": "x"}
    assert landed(found, "2") == {"b/x": "x"}
    assert landed(found, "3") == {"b/x": "x", "c/x": "c__x"}


def test_an_older_question_that_nobody_asks_any_more_keeps_the_plain_name(tmp_path: Path) -> None:
    found = plan(tmp_path, v1=form("integer a/x"), v2=form("integer b/x", "integer c/x"))
    assert landed(found, "1") == {"a/x": "x"}
    assert landed(found, "2") == {"b/x": "b__x", "c/x": "c__x"}


def test_what_has_no_place_in_a_column_gets_its_own(tmp_path: Path) -> None:
    then = form("text a", "integer b", "date c", "text d", "integer e", "select_one yn f", "dateTime g", "integer h")
    now = form(
        "integer a", "decimal b", "text c", "date d", "select_one yn e", "select_multiple yn f", "date g", "calculate h"
    )
    found = plan(tmp_path, v1=then, v2=now.replace("| calculate | h | h |", "| text | h | h |"))
    assert landed(found, "1") == {
        "a": "a_2", "b": "b", "c": "c", "d": "d_2", "e": "e_2", "f": "f", "g": "g_2", "h": "h"
    }  # fmt: skip
    assert {column.name for column in found.tables[""].columns if column.retired} == {"a_2", "d_2", "e_2", "g_2"}


def test_a_point_and_a_text_of_one_name_both_have_a_column(tmp_path: Path) -> None:
    found = plan(tmp_path, v1=form("text place"), v2=form("geopoint place"))
    assert [physical for column in found.tables[""].columns for physical, _ in column.physical] == [
        "place_lat", "place_lon", "place_alt", "place_acc", "place_2"
    ]  # fmt: skip
    other = plan(tmp_path / "other", v1=form("geopoint place"), v2=form("text place", "text place_lat"))
    assert landed(other, "1") == {"place": "place"}
    assert columns(other) == {"visit": ["place", "place_lat"]}


def test_no_question_takes_a_name_of_ours(tmp_path: Path) -> None:
    found = plan(
        tmp_path, v1=form("text _id", "text _INDEX", "text _period", "text r*/_parent_index", "text r*/_shape")
    )
    assert columns(found) == {"visit": ["_id_2", "_INDEX_2", "_period_2"], "visit__r": ["_parent_index_2", "_shape"]}


def test_two_repeats_of_a_version_have_two_tables(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        v1=form("integer a/r*/x", "integer b/r*/x"),
        v2=form("integer a/r*/x"),
        v3=form("integer b/r*/x"),
    )
    assert {version: found.shapes[version].repeats for version in "123"} == {
        "1": {"a/r": "a__r", "b/r": "r"},
        "2": {"a/r": "r"},
        "3": {"b/r": "r"},
    }
    assert columns(found) == {"visit": [], "visit__r": ["x"], "visit__a__r": ["x"]}


def test_a_table_called_like_another_ones_path_is_no_table_of_both(tmp_path: Path) -> None:
    found = plan(tmp_path, v1=form("integer a__r*/x", "integer a/r*/x", "integer b/r*/x"))
    assert found.shapes["1"].repeats == {"a__r": "a__r", "a/r": "a__r_2", "b/r": "b__r"}


def test_a_server_s_form_that_cannot_be_read_is_left_out_with_the_reason(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": form("integer x")})
    twins = {"survey": [{"type": "text", "name": "x"}, {"type": "text", "name": "x"}]}
    served = {
        "null": '{"content": null}',
        "cut": '{"content": {"survey": [',
        "list": '{"content": [1]}',
        "rows": '{"content": {"survey": ["x"]}}',
        "settings": '{"content": {"survey": [], "settings": "x"}}',
        "twins": json.dumps({"content": twins}),
        "nul": json.dumps({"content": {"survey": [{"type": "text", "name": "a\0b"}]}}),
        "half": '{"content": {"survey": [{"type": "text", "name": "a\\ud800"}]}}',
        "deep": '{"content": ' * 100_000,
        "good": json.dumps({"content": {"survey": [{"type": "text", "name": "y"}], "choices": None, "settings": None}}),
    }
    found = plan_of(project.tool(TOOL), [("kobo", "a", version, content) for version, content in served.items()])
    start = "version {} on the server"
    no_form = "what was archived of it holds no form; sync it again, or deploy the form anew."
    no_json = "what was archived of it is no JSON; sync it again."
    strange = "holds a sign that cannot be seen; type it anew."
    assert {version: why for (_, _, version), why in found.unread.items()} == {
        "null": f"visit, {start.format('null')}: {no_form}",
        "cut": f"visit, {start.format('cut')}: {no_json}",
        "list": f"visit, {start.format('list')}: {no_form}",
        "rows": f"visit, {start.format('rows')}: {no_form}",
        "settings": f"visit, {start.format('settings')}: its settings or languages are written as nothing we know; "
        "deploy the form anew.",
        "twins": f"visit, {start.format('twins')}, sheet 'survey', row 3: the question 'x' stands already in row 2; "
        "rename one of them.",
        "nul": f"visit, {start.format('nul')}, sheet 'survey', row 2: the name 'a\\x00b' {strange}",
        "half": f"visit, {start.format('half')}, sheet 'survey', row 2: the name 'a\\ud800' {strange}",
        "deep": f"visit, {start.format('deep')}: {no_json}",
    }
    assert found.shape_of == {("kobo", "a", "good"): "good"}
    assert columns(found) == {"visit": ["x", "y"]}


def test_forms_of_two_servers_under_one_name_are_two_shapes(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": form("integer x")})
    served = [
        ("kobo", asset, "1", json.dumps({"content": {"survey": [{"type": "text", "name": name}]}}))
        for asset, name in (("a", "y"), ("b", "z"))
    ]
    found = plan_of(project.tool(TOOL), served)
    assert found.shape_of == {("kobo", "a", "1"): "1 of a", ("kobo", "b", "1"): "1 of b"}
    assert [list(shape.landings) for shape in found.shapes.values()] == [["x"], ["y"], ["z"]]
