"""However a form changed and whatever was sent: the ledger balances, and every answer is where the drawing says.

The scenarios are drawn by hypothesis (tests/drift/changing.py) and judged by the oracle of the drift bench.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from pipelines.project import Project
from pipelines.project.crosswalk import read_crosswalk
from pipelines.store.duck import Connection, columns_of, quote, read_rows
from tests.drift.changing import changing
from tests.drift.oracle import APART, NOTED, Row, columns_of_tokens, score
from tests.drift.ours import OURS
from tests.drift.scenario import Document, Scenario
from tests.flow.harmonizing import TOOL, archive, built, submission, write_form

FEW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to shrink what failed takes longer than to read it
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=300, derandomize=False)


@FEW
@given(scenario=changing())
def test_every_answer_is_in_its_place_however_the_form_changed(scenario: Scenario) -> None:
    holds(scenario)


@pytest.mark.long
@MANY
@given(scenario=changing())
def test_every_answer_is_in_its_place_in_many_more_scenarios(scenario: Scenario) -> None:
    holds(scenario)


def holds(scenario: Scenario) -> None:
    """Assert all that must hold of a scenario, building it once as it grew, and once in another order."""
    numbered = list(enumerate(scenario.sent, start=1))
    versions = list(scenario.written)
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), Path(folder) / "data")
        put_forms(project, scenario, versions[:-1], crosswalk="")
        old = [(number, document) for number, document in numbered if document.get("__version__") in versions[:-1]]
        send(project, old)
        with built(project) as (con, report):
            assert report.balanced
            before = columns(con)
        put_forms(project, scenario, versions[-1:], crosswalk=scenario.crosswalk)
        send(project, [one for one in numbered if one not in old])
        with built(project) as (con, report):
            assert report.balanced
            judge(scenario, list(rows(con)))
            assert questions(before) - moved_away(project) <= questions(columns(con))
            one_way = contents(con)
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), Path(folder) / "data")
        put_forms(project, scenario, versions, crosswalk=scenario.crosswalk)
        send(project, list(reversed(numbered)))
        with built(project) as (con, report):
            assert report.balanced
            assert contents(con) == one_way


def judge(scenario: Scenario, found: Sequence[Row]) -> None:
    """Assert that every token is in its place, and none set apart."""
    judged = score(scenario, found)
    assert judged.wrong == ()
    assert judged.whole
    stands = columns_of_tokens(scenario, found)
    expected = {token.word: {token.today} for token in scenario.tokens() if token.asked}
    assert {word: without_parts(stands[word]) for word in expected} == expected
    assert [row for row in found if row.table == APART] == []


def without_parts(places: set[str]) -> set[str]:
    """The columns, those of a point's four parts as one."""
    return {
        place.removesuffix("_lat").removesuffix("_lon").removesuffix("_alt").removesuffix("_acc") for place in places
    }


def put_forms(project: Project, scenario: Scenario, versions: Sequence[str], *, crosswalk: str) -> None:
    place = project.xlsforms / TOOL
    place.mkdir(parents=True, exist_ok=True)
    for version in versions:
        write_form(place / f"{version}.xlsx", scenario.written[version])
    (place / "tool.yml").write_text("title: Visit\n", encoding="utf-8")
    if crosswalk:
        (place / "crosswalk.yml").write_text(crosswalk, encoding="utf-8")


def send(project: Project, numbered: Sequence[tuple[int, Document]]) -> None:
    archive(project, [submission(str(number), said, said.get("__version__", "")) for number, said in numbered])


def tables(con: Connection) -> list[str]:
    sql = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'harmonized' ORDER BY table_name"
    return [row["table_name"] for row in read_rows(con, sql)]


def columns(con: Connection) -> set[str]:
    """Every column of a question, as "table.column"."""
    return {
        f"{table}.{name}" for table in tables(con) for name in columns_of(con, "harmonized", table) if name not in OURS
    }


def questions(found: set[str]) -> set[str]:
    """The questions that columns are of: a number behind a name and the part of a point tell columns of one apart."""
    return {re.sub(r"(_\d+)?(_lat|_lon|_alt|_acc)?$", "", column) for column in found}


def moved_away(project: Project) -> set[str]:
    """The questions that a line of the crosswalk leads into others of today."""
    lines = [line for listed in read_crosswalk(project.tool(TOOL).crosswalk_file).versions.values() for line in listed]
    names = {line.from_.rpartition("/")[2] for line in lines}
    return {f"{table}.{name}" for table in (TOOL, f"{TOOL}__r", f"{TOOL}__s") for name in names}


def contents(con: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table and of the ledger."""
    places = [*(f"harmonized.{quote(table)}" for table in tables(con)), "ledger.quarantine", "ledger.note"]
    return {place: con.execute(f"SELECT * FROM {place} ORDER BY ALL").fetchall() for place in places}


def rows(con: Connection) -> Iterator[Row]:
    for table in tables(con):
        for row in read_rows(con, f"SELECT * FROM harmonized.{quote(table)}"):
            cells = tuple((name, value) for name, value in row.items() if name not in OURS)
            yield Row(table.removeprefix(TOOL).removeprefix("__"), int(row["_id"]), cells)
    for ledger, table in (("quarantine", APART), ("note", NOTED)):
        for row in read_rows(con, f"SELECT * FROM ledger.{ledger}"):
            yield Row(table, int(row["_id"]), ((f"{row['path']} {row['_index']}".strip(), row["text"]),))
