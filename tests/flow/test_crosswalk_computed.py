"""Columns that are computed from several questions: their values, why they are empty, who may see them."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipelines.products.codebook import Origin, read_codebook
from pipelines.project import Project
from pipelines.store.duck import read_rows
from tests.flow.harmonizing import TOOL, archive, built, project_of, submission
from tests.flow.test_ledger import after, ledger
from tests.flow.test_ledger_at_random import FEW

OLD = """
| survey |
| | type | name | label | sensitivity | relevant |
| | select_one yn | open | Open | public | |
| | integer | girls_0_5 | Girls of 0 to 5 | public | ${open} = 'yes' |
| | integer | girls_6_17 | Girls of 6 to 17 | partners | ${open} = 'yes' |
| | text | note_a | Note A | public | |
| | text | note_b | Note B | restricted | |
| | select_one share | locks | Share of locks | public | |
| | select_one yn | no_water | No water | public | |
| | select_multiple more | more | More | public | |
| choices |
| | list_name | name | label |
| | yn | yes | Yes |
| | yn | no | No |
| | share | none | None |
| | share | most | Most |
| | share | dont_know | Do not know |
| | more | tents | Tents |
| | more | fuel | Fuel |
"""
NEW = """
| survey |
| | type | name | label | sensitivity |
| | integer | girls | Girls | public |
| | text | remarks | Remarks | public |
| | select_multiple lack | problems | Problems | public |
| | select_one share2 | latrine_locks | Share of locks | public |
| choices |
| | list_name | name | label |
| | lack | water | Water |
| | lack | tents | Tents |
| | lack | fuel | Fuel |
| | share2 | half | Half |
"""
CROSSWALK = """
versions:
  "1":
    - {sum: [girls_0_5, girls_6_17], to: girls, why: two bands}
    - {sum: [girls_0_5, girls_6_17], to: children, new: integer}
    - {join: [note_a, note_b], by: " / ", to: remarks}
    - {choices: {no_water: {"yes": water}, more: {}}, to: problems}
    - {from: locks, to: latrine_locks, interval: {none: [0, 0], most: [50, 99.5]}}
"""


def project(folder: Path) -> Project:
    return project_of(folder, {"1": OLD, "2": NEW}, crosswalk=CROSSWALK)


def test_why_a_computed_cell_is_empty_is_why_its_answers_are_missing(tmp_path: Path) -> None:
    made = project(tmp_path)
    sent = [
        {"open": "no"},
        {"open": "yes", "girls_0_5": "4"},
        {"open": "yes", "girls_0_5": "many", "girls_6_17": "5"},
        {"open": "yes", "girls_0_5": "4", "girls_6_17": "5", "locks": "dont_know"},
    ]
    archive(made, [submission(str(n), answers, "1") for n, answers in enumerate(sent, start=1)])
    sql = """SELECT column_name, _id, why FROM missing.visit
             WHERE column_name IN ('girls', 'latrine_locks_low') ORDER BY ALL"""
    with built(made) as (con, report):
        assert report.balanced
        found = [tuple(row.values()) for row in read_rows(con, sql)]
    assert found == [
        ("girls", "1", "not_relevant"),
        ("girls", "2", "not_answered"),
        ("girls", "3", "quarantined"),
        ("latrine_locks_low", "1", "not_answered"),
        ("latrine_locks_low", "2", "not_answered"),
        ("latrine_locks_low", "3", "not_answered"),
        ("latrine_locks_low", "4", "dont_know"),
    ]


def test_nobody_sees_more_in_a_computed_column_than_in_what_it_is_made_of(tmp_path: Path) -> None:
    made = project(tmp_path)
    archive(made, [submission("1", {"note_b": "Ali, 0750"}, "1")])
    sql = """SELECT column_name, sensitivity FROM codebook.column_
             WHERE schema_name = 'harmonized' AND column_name IN
                   ('girls', 'children', 'remarks', 'problems', 'latrine_locks_low') ORDER BY ALL"""
    with built(made) as (con, _):
        levels = {row["column_name"]: row["sensitivity"] for row in read_rows(con, sql)}
    assert levels == {
        "children": "partners",
        "girls": "partners",
        "latrine_locks_low": "public",
        "problems": "public",
        "remarks": "restricted",
    }


def test_the_codebook_says_how_a_column_is_computed_and_of_what(tmp_path: Path) -> None:
    made = project(tmp_path)
    archive(made, [submission("1", {"open": "yes"}, "1")])
    with built(made) as (con, _):
        variables = {variable.name: variable for variable in read_codebook(con, TOOL).variables}
    assert variables["girls"].origins == (
        Origin("2", "girls", "names it", "", ""),
        Origin("1", "girls_0_5, girls_6_17", "sum", "", "two bands"),
    )
    children = variables["children"]
    assert (children.type, children.status, children.origins) == (
        "integer",
        "computed",
        (Origin("1", "children", "sum", "", "of girls_0_5, girls_6_17"),),
    )
    low = variables["latrine_locks_low"]
    assert (low.type, dict(low.labels)) == ("decimal", {"default": "Share of locks (low)"})
    assert variables["girls_0_5"].status == "retired"


NUMBERS = st.one_of(st.none(), st.integers(-(10**12), 10**12).map(str), st.just("many"))
TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
ANSWERS = st.fixed_dictionaries(
    {
        "girls_0_5": NUMBERS,
        "girls_6_17": NUMBERS,
        "note_a": TEXTS,
        "note_b": TEXTS,
        "no_water": st.sampled_from([None, "yes", "no"]),
        "more": st.sampled_from([None, "tents", "fuel tents"]),
        "locks": st.sampled_from([None, "none", "most", "dont_know", "a code nobody offers"]),
        "unknown": st.sampled_from([None, None, "x"]),
    }
)


@FEW
@given(drawn=st.lists(ANSWERS, min_size=10, max_size=25))
def test_whatever_was_answered_the_computed_columns_say_what_python_says(drawn: list[dict[str, str | None]]) -> None:
    sent = [{name: text for name, text in answers.items() if text is not None} for answers in drawn]
    with tempfile.TemporaryDirectory() as folder:
        made = project(Path(folder))
        archive(made, [submission(str(number), answers, "1") for number, answers in enumerate(sent)])
        with built(made) as (con, report):
            assert report.balanced
            sql = (
                "SELECT girls, children, remarks, problems, latrine_locks_low, latrine_locks_high FROM harmonized.visit"
            )
            rows = [tuple(row.values()) for row in read_rows(con, f"{sql} ORDER BY CAST(_id AS INTEGER)")]
            with ledger(con, made) as unbalanced:
                for column in ("girls", "remarks", "problems", "latrine_locks_high"):
                    filled = f"FROM harmonized.visit WHERE {column} IS NOT NULL"
                    lost = f"UPDATE harmonized.visit SET {column} = NULL WHERE {column} IS NOT NULL"
                    assert after(con, lost, unbalanced) == con.execute(f"SELECT count(*) {filled}").fetchall()[0][0]
    assert rows == [expected(answers) for answers in sent]


def expected(answers: dict[str, str]) -> tuple[object, ...]:
    """What must stand in the computed columns, by Python alone."""
    bands = [answers.get("girls_0_5", "many"), answers.get("girls_6_17", "many")]
    total = None if "many" in bands else sum(map(int, bands))
    notes = [answers[name] for name in ("note_a", "note_b") if name in answers]
    codes = ["water"] if answers.get("no_water") == "yes" else []
    codes += [code for code in answers.get("more", "").split() if code not in codes]
    problems = codes if {"no_water", "more"} & answers.keys() else None
    low, high = {"none": (0, 0), "most": (50, 99.5)}.get(answers.get("locks", ""), (None, None))
    return total, total, " / ".join(notes) if notes else None, problems, low, high


SHIFTED = """
| survey |
| | type | name | label |
| | decimal | km | Kilometres |
| | select_one kind | kind | Kind |
| | begin_repeat | block | Block |
| | select_multiple kind | kinds | Kinds |
| | end_repeat | | |
| choices |
| | list_name | name | label |
| | kind | camp | Camp |
| | kind | planned | Planned camp |
| | kind | wild | Informal |
"""
MERGED = (
    SHIFTED.replace("| | kind | planned | Planned camp |\n", "").replace("km ", "m ").replace("Kilometres", "Metres")
)
LINES = """
versions:
  "1":
    - {from: km, to: m, factor: 1000}
    - {from: kind, to: kind, recode: {planned: camp}}
    - {from: block/kinds, to: block.kinds, recode: {planned: camp}}
"""


def test_no_entry_makes_an_answer_need_care(tmp_path: Path) -> None:
    made = project_of(tmp_path, {"1": SHIFTED, "2": MERGED}, crosswalk=LINES)
    sent = [
        ("1", {"km": "1.5", "kind": "planned", "block": [{"block/kinds": "planned wild"}, {"block/kinds": "camp"}]}),
        ("1", {"km": "2", "kind": "camp", "block": [{"block/kinds": "wild"}]}),
        ("2", {"m": "1500", "kind": "camp", "block": [{"block/kinds": "camp wild"}]}),
    ]
    archive(made, [submission(str(n), answers, version) for n, (version, answers) in enumerate(sent, start=1)])
    with built(made) as (con, report):
        assert (report.balanced, report.exceptions, report.quarantined) == (True, 0, 0)
        top = read_rows(con, "SELECT _id, CAST(m AS INTEGER) AS m, kind FROM harmonized.visit ORDER BY _id")
        inner = read_rows(con, "SELECT _id, _index, kinds FROM harmonized.visit__block ORDER BY _id, _index")
        notes = read_rows(con, "SELECT _id, _index, path, text, landed FROM ledger.note ORDER BY _id, _index")
        with ledger(con, made) as unbalanced:
            assert after(con, "UPDATE ledger.note SET text = 'planned'", unbalanced) == 2
            assert after(con, "DELETE FROM ledger.note", unbalanced) == 2
            assert after(con, "UPDATE harmonized.visit SET kind = 'wild' WHERE _id = '1'", unbalanced) == 1
    assert [tuple(row.values()) for row in top] == [("1", 1500, "camp"), ("2", 2000, "camp"), ("3", 1500, "camp")]
    assert [tuple(row.values()) for row in inner] == [
        ("1", "1", ["camp", "wild"]),
        ("1", "2", ["camp"]),
        ("2", "1", ["wild"]),
        ("3", "1", ["camp", "wild"]),
    ]
    assert [tuple(row.values()) for row in notes] == [
        ("1", "2", "block/kinds", "camp", "planned"),
        ("2", "", "kind", "camp", "planned"),
    ]
