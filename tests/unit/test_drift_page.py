"""The page of the drift bench: what it says of a score, and that the published one speaks of every scenario."""

from tests.bench.drift_page import page_of
from tests.bench.drift_speed import Speed
from tests.drift.oracle import Score
from tests.drift.scenario import Scenario, scenarios
from tests.house.modules import REPOSITORY

WHOLE = Score(tokens=3, kept=3, leaked=0, doubled=0, harmonized=1, mappable=1)
BROKEN = Score(tokens=3, kept=1, leaked=1, doubled=1, harmonized=0, mappable=1, twins=(".a",))


def test_the_page_says_what_each_tool_came_to() -> None:
    scenario = Scenario("01_moved", "A question moves", {"1": ""}, ())
    found = {"cccm": {"01_moved": WHOLE}, "dlt": {"01_moved": BROKEN}}
    page = page_of([scenario], found, {"cccm": {}, "dlt": {"01_moved": "KeyError"}}, Speed(10, 1.0, 10, 40.0))
    lines = page.splitlines()
    assert "| **ours** | 3 of 3 | 0 | 0 | 0 | 1 of 1 | 1 of 1 | 1 of 1 |" in lines
    assert "| `dlt[duckdb] 1.31.0` | 1 of 3 | 1 | 1 | 2 | 0 of 1 | 0 of 1 | 0 of 1 |" in lines
    wrong = "kept 1, **leaked 1**, **doubled 1**, **lost 2**, **twin names**, harmonized 0/1, *stops*"
    assert f"| 01 | A question moves | 3 | kept 3, harmonized 1/1 | {wrong} |" in lines
    assert "Not installed when this was written: kobo2pandas, pykobo." in lines
    assert "40 times faster" in page


def test_the_published_page_speaks_of_every_scenario() -> None:
    page = (REPOSITORY / "docs" / "drift-bench.md").read_text(encoding="utf-8")
    named = [(scenario.name.partition("_")[0], scenario.title) for scenario in scenarios()]
    assert [title for number, title in named if f"| {number} | {title} |" not in page] == []
