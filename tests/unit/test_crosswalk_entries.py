"""An entry that matches nothing, or cannot be done, is named with its place and the name that was probably meant."""

from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.plan import Derived, Plan
from pipelines.project.crosswalk import read_crosswalk
from tests.flow.harmonizing import TOOL, project_of

OLD = """
| survey |
| | type | name | label |
| | begin_group | ages | Ages |
| | integer | girls_0_5 | Girls of 0 to 5 |
| | integer | girls_6_17 | Girls of 6 to 17 |
| | text | total | Total |
| | date | visited | Visited |
| | end_group | | |
| | select_one share | locks | Locks |
| | select_multiple share | several | Several |
| | begin_repeat | block | Block |
| | integer | shelters | Shelters |
| | end_repeat | | |
| choices |
| | list_name | name | label |
| | share | none | None |
| | share | most | Most |
| | share | dont_know | Do not know |
"""
NEW = """
| survey |
| | type | name | label |
| | integer | girls | Girls |
| | integer | total | Total |
| | text | remarks | Remarks |
| | select_one quarter | latrine_locks | Locks |
| | select_multiple quarter | problems | Problems |
| choices |
| | list_name | name | label |
| | quarter | q0 | None |
| | quarter | q1 | Some |
"""


def plan(folder: Path, *lines: str, version: str = "1") -> Plan:
    written = "".join(f"    - {line}\n" for line in lines)
    project = project_of(folder, {"1": OLD, "2": NEW}, crosswalk=f"versions:\n  '{version}':\n{written}")
    return plan_of(project.tool(TOOL), [])


SUM = "{sum: [ages/girls_0_5, ages/girls_6_17], to: girls}"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "{sum: [ages/girls_0_5, ages/girls_6_71], to: girls}",
            "at 'ages/girls_6_71'; write 'ages/girls_6_17', which is nearest",
        ),
        (
            "{sum: [girls_0_5], to: girls}",
            "1: the form asks nothing at 'girls_0_5'; write 'ages/girls_0_5', which is nearest",
        ),
        (
            "{sum: [ages/girls_0_5], to: girl}",
            "sum to 'girl': no form asks 'girl'; write 'girls', which is nearest, or say its",
        ),
        ("{sum: [ages/girls_0_5], to: tent.girls}", "no form asks 'tent.girls'; visit has no repeat 'tent'"),
        ("{sum: [ages/girls_0_5], to: girls, new: integer}", "there is a column 'girls' already; take 'new' out"),
        ("{sum: [ages/girls_0_5], to: _id, new: integer}", "'_id' is no name for a new column; begin with a letter"),
        ("{sum: [block/shelters], to: girls}", "'block/shelters' does not stand in the same table"),
        ("{sum: [ages/visited], to: girls}", "the answers at 'ages/visited' are date, which a sum into 'girls' cannot"),
        ("{sum: [ages/girls_0_5], to: problems}", "a sum cannot fill 'problems', which is select_multiple"),
        ("{sum: [ages/girls_0_5], to: visited}", "version 1 itself answers 'visited', at 'ages/visited'"),
        ("{coalesce: [ages/visited], to: girls}", "the answers at 'ages/visited' are date, which a coalesce into"),
        (
            "{choices: {locks: {nome: q0}}, to: problems}",
            "'locks' has no choice 'nome'; write 'none', which is nearest",
        ),
        ("{choices: {locks: {none: q7}}, to: problems}", "'problems' has no choice 'q7'; write one of q0, q1."),
        (
            "{from: locks, interval: {none: [0, 0]}, to: latrine_locks}",
            "nothing is said of most; give each [low, high]",
        ),
        (
            "{from: locks, interval: {non: [0, 0]}, to: latrine_locks}",
            "'locks' has no choice 'non'; write 'none', which is nearest",
        ),
        ("{from: several, interval: {none: [0, 0]}, to: latrine_locks}", "'several' has no scale of choices"),
        ("{from: locks, interval: {none: [0, 0]}, to: lacks}", "interval to 'lacks': no form asks 'lacks'"),
        ("{constant: q2, to: latrine_locks}", "'latrine_locks' has no choice 'q2'; write one of q0, q1."),
        ("{constant: many, to: girls}", "'girls' cannot hold 'many'; write what it can hold"),
        ("{from: ages/total, to: total, cast: decimal}", "1, ages/total: 'total' is integer; write cast: integer"),
        ("{from: locks, to: remarks, factor: 2}", "1, locks: 'factor' multiplies numbers, and 'remarks' holds none"),
        (
            "{from: locks, to: latrine_locks, recode: {nonne: q0}}",
            "version 1 offers no choice 'nonne' there; write 'none', which is nearest",
        ),
        (
            "{from: locks, to: latrine_locks, recode: {none: q3}}",
            "'latrine_locks' has no choice 'q3'; write one of q0, q1.",
        ),
        ("{from: locks, to: latrine_locks, same: [nobody]}", "version 1 offers no choice 'nobody' there; write one of"),
        (
            "{from: lock, to: latrine_locks}",
            "1: the form asks nothing at 'lock'; write 'locks', which is nearest, or take the",
        ),
    ],
)
def test_an_entry_that_matches_nothing_is_named(line: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        plan(tmp_path, line)
    assert str(refused.value).startswith(f"{tmp_path}/xlsforms/visit/crosswalk.yml, ")
    assert says in str(refused.value)


def test_two_entries_about_one_thing_are_refused(tmp_path: Path) -> None:
    for line in (SUM, "{from: locks, to: latrine_locks}"):
        with pytest.raises(ConfigError, match=r"two entries speak of '(girls|locks)'; keep one"):
            plan(tmp_path, line, line)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{sum: [], to: girls}", "exactly one of sum, join, coalesce, choices, interval, constant"),
        ("{sum: [a], join: [b], to: girls}", "exactly one of sum, join"),
        ("{sum: [a], too: girls}", "unknown key 'too': did you mean 'to'?"),
        ("{interval: {none: [0, 0]}, to: girls}", "'interval' reads the codes of one question: write 'from' beside it"),
        ("{from: a, interval: {none: [5, 0]}, to: girls}", "write the smaller number first"),
        ("{sum: [a], recode: {a: b}, to: girls}", "'recode' speaks of codes that are coalesced"),
        ("{from: a, to: b, factor: 0}", "a factor is a number other than 0"),
        ("{from: a, to: b, factor: 0.00000000001}", "a factor is a number other than 0"),
        ("{from: a, to: b, factor: twenty}", "'twenty' is not a number"),
        ("{from: a, unmapped: never, factor: 2}", "'factor' multiplies what goes to a column"),
        ("{from: a, unmapped: never, same: [b]}", "'cast' and 'same' speak of what goes to a column"),
    ],
)
def test_what_an_entry_may_not_say_is_named_with_its_line(line: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "crosswalk.yml"
    file.write_text(f"versions:\n  '1':\n    - {line}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_crosswalk(file)
    assert str(refused.value).startswith(f"{file}, line 3")
    assert says in str(refused.value)


def test_a_sum_is_computed_from_columns_that_stay(tmp_path: Path) -> None:
    found = plan(tmp_path, SUM)
    (derived,) = found.shapes["1"].derived
    assert (derived.suffix, derived.column, derived.members) == ("", "girls", ("ages/girls_0_5", "ages/girls_6_17"))
    assert found.shapes["1"].landings["ages/girls_0_5"].column == "girls_0_5"
    assert found.tables[""].column("girls_0_5").retired


def test_a_column_that_no_form_asks_may_be_made_by_several_versions(tmp_path: Path) -> None:
    crosswalk = (
        "versions:\n  '1':\n    - {sum: [ages/girls_0_5, ages/girls_6_17], to: children, new: integer}\n"
        "  '2':\n    - {sum: [girls], to: children, new: integer}\n"
    )
    project = project_of(tmp_path, {"1": OLD, "2": NEW}, crosswalk=crosswalk)
    found = plan_of(project.tool(TOOL), [])
    made: list[Derived] = [derived for shape in found.shapes.values() for derived in shape.derived]
    assert [(derived.column, derived.members) for derived in made] == [
        ("children", ("girls",)),
        ("children", ("ages/girls_0_5", "ages/girls_6_17")),
    ]
    assert found.tables[""].column("children").retired is False
