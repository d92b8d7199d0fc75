"""Whether the oracle of the drift bench sees what went wrong: rows made by hand, each wrong in one way."""

from pathlib import Path

import pytest

from tests.drift.oracle import APART, NOTED, Row, Score, score
from tests.drift.scenario import Scenario, read_scenario

SCENARIO = """
title: A repeat, and a question that got another name
forms:
  "1": |
    integer hh_count
    select_multiple problem problems
    begin_repeat block
    text block_name
    end_repeat
  "2": |
    integer families
    select_multiple problem problems
    begin_repeat block
    text block_name
    end_repeat
sent:
  - hh_count: "11"
    problems: water roads
    block: [{block/block_name: North}, {block/block_name: South}]
    __version__: "1"
  - {families: "21.50", problems: tents, block: [{block/block_name: East}], __version__: "2"}
means:
  "1": {hh_count: families}
becomes: {water: supply}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    file = tmp_path / "00_by_hand.yml"
    file.write_text(SCENARIO, encoding="utf-8")
    return read_scenario(file)


TOP = [
    Row("", 1, (("families", 11), ("problems", ["supply", "roads"]))),
    Row("", 2, (("families", 21.5), ("problems", ["tents"]))),
]
BLOCKS = [
    Row("block", 1, (("block_name", "North"),)),
    Row("block", 1, (("block_name", "South"),)),
    Row("block", 2, (("block_name", "East"),)),
]
GOOD = Score(tokens=8, kept=8, leaked=0, doubled=0, harmonized=5, mappable=5)
APART_COLUMN = [Row("", 1, (("hh_count", "11"), ("problems", "supply roads"))), TOP[1], *BLOCKS]

WRONG = {
    "nothing": ([*TOP, *BLOCKS], GOOD),
    "a row of a repeat is lost": ([*TOP, BLOCKS[0], BLOCKS[2]], {"kept": 7, "harmonized": 4}),
    "an older answer stands in a column of its own": (APART_COLUMN, {"harmonized": 4}),
    "a code is not translated": (
        [Row("", 1, (("families", 11), ("problems", ["water", "roads"]))), TOP[1], *BLOCKS],
        {"harmonized": 4},
    ),
    "an answer stands in another submission": (
        [TOP[0], Row("", 2, (("families", 21.5), ("problems", ["tents", "roads"]))), *BLOCKS],
        {"leaked": 1},
    ),
    "an answer stands in another question's column": (
        [Row("", 1, (("problems", [11, "supply", "roads"]),)), TOP[1], *BLOCKS],
        {"leaked": 1, "harmonized": 4},
    ),
    "two rows of a repeat are one": (
        [*TOP, Row("block", 1, (("block_name", "North"), ("block_name_2", "South"))), BLOCKS[2]],
        {"leaked": 2, "harmonized": 4},
    ),
    "an answer stands twice": ([*TOP, *BLOCKS, BLOCKS[0]], {"doubled": 1}),
    "an answer stands in a column and is set apart": (
        [*TOP, *BLOCKS, Row(APART, 1, (("hh_count", "11"),))],
        {"doubled": 1},
    ),
    "an answer is set apart": (
        [Row("", 1, (("problems", ["supply", "roads"]),)), TOP[1], *BLOCKS, Row(APART, 1, (("hh_count", "11"),))],
        {"harmonized": 4},
    ),
    "an answer stands as sent beside its cell": ([*TOP, *BLOCKS, Row(NOTED, 1, (("problems", "water roads"),))], {}),
    "a value is another": (
        [Row("", 1, (("families", 12), ("problems", ["supply", "roads"]))), TOP[1], *BLOCKS],
        {"kept": 7, "harmonized": 4},
    ),
    "rows of a repeat rest in a cell": (
        [
            Row("", 1, (*TOP[0].cells, ("block", [{"block/block_name": "North"}, {"block/block_name": "South"}]))),
            Row("", 2, (*TOP[1].cells, ("block", [{"block/block_name": "East"}]))),
        ],
        {},
    ),
    "two columns have one name": (
        [Row("", 1, (*TOP[0].cells, ("families", None))), TOP[1], *BLOCKS],
        {"twins": (".families",)},
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_oracle_counts_what_is_wrong(what: str, scenario: Scenario) -> None:
    rows, expected = WRONG[what]
    differs = expected if isinstance(expected, dict) else {}
    found = score(scenario, rows)
    names = ("tokens", "kept", "leaked", "doubled", "harmonized", "mappable", "twins")
    assert {name: getattr(found, name) for name in names} == {
        name: differs.get(name, getattr(GOOD, name)) for name in names
    }
    assert found.whole == (not differs)


def test_a_scenario_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "00_odd.yml"
    file.write_text(SCENARIO.replace("tents", "roads"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"stand twice: \['roads'\]"):
        read_scenario(file)
    file.write_text(SCENARIO.replace("title:", "titel:"), encoding="utf-8")
    with pytest.raises(ValueError, match="titel"):
        read_scenario(file)
