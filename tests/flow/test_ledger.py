"""No answer is lost, and it can be proved: what is taken, swapped, doubled or planted, the ledger sees."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from pipelines.archive.reading import attached
from pipelines.harmonize.build import balance_of, build_tool
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.ledger import find_unbalanced, list_members
from pipelines.project import Project
from pipelines.store.duck import Connection, columns_of, connect, quote, read_rows
from tests.flow.harmonizing import TOOL, archive, built, project_of, submission
from tests.flow.test_golden_harmonize import CASES, prepared

FORM = """
| survey |
| | type                    | name       | label |
| | text                    | camp       | Camp |
| | integer                 | families   | Families |
| | integer                 | people     | People |
| | select_multiple problem | problems   | Problems |
| | geopoint                | place      | Place |
| | begin_repeat            | block      | Block |
| | text                    | block_name | Block |
| | integer                 | shelters   | Shelters |
| | end_repeat              |            | |
| choices |
| | list_name | name  | label |
| | problem   | water | Water |
| | problem   | roads | Roads |
"""
PLAIN = {
    "camp": "Chamishku",
    "families": "4210",
    "people": "21900",
    "problems": "water roads",
    "place": "37.144812 42.654301 512.3 4.8",
    "block": [{"block/block_name": "A1", "block/shelters": "121"}, {"block/block_name": "A2", "block/shelters": "99"}],
}
EXCEPTIONAL = {**PLAIN, "families": "٢٨٠٠", "people": "12.6", "block": [{"block/shelters": "١٢"}], "fuel": "wood"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two submissions that landed as they were sent, and two with notes and quarantined answers."""
    project = project_of(tmp_path, {"1": FORM})
    archive(
        project,
        [
            submission("1", PLAIN),
            submission("2", {**PLAIN, "camp": "Essian", "families": "2800", "people": "14000"}),
            submission("3", EXCEPTIONAL),
            submission("4", {**EXCEPTIONAL, "camp": "Khanke", "families": "٢٧٠٠", "block": [{"block/shelters": "١٣"}]}),
        ],
    )
    return project


LOST, SWAPPED, DOUBLED = "one answer lost", "two answers swapped", "one answer doubled"
SABOTAGE = [
    (LOST, "UPDATE harmonized.visit SET families = NULL WHERE _id = '1'"),
    (LOST, "UPDATE harmonized.visit SET place_lon = NULL WHERE _id = '1'"),
    (LOST, "UPDATE harmonized.visit__block SET shelters = NULL WHERE (_id, _index) = ('1', '2')"),
    (LOST, "DELETE FROM harmonized.visit__block WHERE (_id, _index) = ('1', '2')"),
    (LOST, "DELETE FROM harmonized.visit__block WHERE _id = '3'"),
    (LOST, "UPDATE harmonized.visit SET camp = NULL WHERE _id = '3'"),
    (LOST, "UPDATE harmonized.visit SET families = NULL WHERE _id = '3'"),
    (LOST, "DELETE FROM ledger.quarantine WHERE _id = '3' AND path = 'people'"),
    (SWAPPED, "UPDATE harmonized.visit SET families = people, people = families WHERE _id = '1'"),
    (
        SWAPPED,
        "UPDATE harmonized.visit SET camp = CASE camp WHEN 'Essian' THEN 'Chamishku' ELSE 'Essian' END WHERE _id < '3'",
    ),
    (
        SWAPPED,
        "UPDATE harmonized.visit SET camp = CASE camp WHEN 'Khanke' THEN 'Chamishku' ELSE 'Khanke' END WHERE _id > '2'",
    ),
    (SWAPPED, "UPDATE harmonized.visit SET families = CASE families WHEN 2700 THEN 2800 ELSE 2700 END WHERE _id > '2'"),
    (SWAPPED, "UPDATE harmonized.visit__block SET _index = CASE _index WHEN '1' THEN '2' ELSE '1' END WHERE _id = '1'"),
    (SWAPPED, "UPDATE harmonized.visit__block SET _id = CASE _id WHEN '3' THEN '4' ELSE '3' END WHERE _id > '2'"),
    (DOUBLED, "INSERT INTO harmonized.visit SELECT * FROM harmonized.visit WHERE _id = '1'"),
    (DOUBLED, "INSERT INTO harmonized.visit SELECT * FROM harmonized.visit WHERE _id = '3'"),
    (
        DOUBLED,
        "INSERT INTO harmonized.visit__block SELECT * FROM harmonized.visit__block WHERE (_id, _index) = ('1', '1')",
    ),
    (DOUBLED, "INSERT INTO harmonized.visit__block SELECT * FROM harmonized.visit__block WHERE _id = '3'"),
    (DOUBLED, "UPDATE harmonized.visit SET people = families WHERE _id = '3'"),
    ("an answer to another question", "UPDATE harmonized.visit SET place_alt = 7 WHERE _id = '1'"),
    ("a corrected spelling", "UPDATE harmonized.visit SET camp = 'Chamisku' WHERE _id = '1'"),
    ("a note's cell changed", "UPDATE harmonized.visit SET families = 2801 WHERE _id = '3'"),
    ("a whole submission dropped", "DELETE FROM harmonized.visit WHERE _id = '2'"),
    (
        "a submission that nobody sent",
        "INSERT INTO harmonized.visit BY NAME SELECT 'kobo' AS _source, 'asset' AS _asset, '9' AS _id",
    ),
]


@pytest.mark.parametrize(
    ("what", "sql"), SABOTAGE, ids=[f"{what}-{number}" for number, (what, _) in enumerate(SABOTAGE)]
)
def test_the_ledger_sees(what: str, sql: str, project: Project) -> None:
    with built(project) as (con, report):
        con.execute(sql)
        lines = balance_of(con, project, project.tool(TOOL))
    assert (report.balanced, what, sum(line.unbalanced for line in lines) > 0) == (True, what, True)


AT_ONCE = int(os.environ.get("CCCM_SABOTAGES", "10"))
"""Each takes a twentieth of a second, and there are some 1,500; CCCM_SABOTAGES=1000 tries them all."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_sabotage_of_a_golden_case_goes_unseen(case: Path, tmp_path: Path) -> None:
    project = prepared(case, tmp_path)
    with built(project) as (con, report), ledger(con, project) as unbalanced:
        assert unbalanced() == 0
        every = list(sabotages(con, list(report.rows)))
        some = random.Random(case.name).sample(every, min(len(every), AT_ONCE))
        unseen = [sql for sql in some if after(con, sql, unbalanced) == 0]
    assert unseen == []


@contextmanager
def ledger(con: Connection, project: Project) -> Iterator[Callable[[], int]]:
    """Yield the ledger's count of submissions that do not balance, with all that it needs open."""
    tool = project.tool(TOOL)
    with attached(con, project.archive_file(TOOL)) as opened:
        plan = plan_of(tool, opened.form_versions())
        list_members(con, plan, opened)
        yield lambda: find_unbalanced(con, plan)


def after(con: Connection, sql: str, unbalanced: Callable[[], int]) -> int:
    """What the ledger counts after `sql`, which is undone again."""
    con.execute("BEGIN")
    try:
        con.execute(sql)
        return unbalanced()
    finally:
        con.execute("ROLLBACK")


def sabotages(con: Connection, tables: list[str]) -> Iterator[str]:
    """Every single way to lose, swap or double an answer of these tables, or what the ledger says of it."""
    for name in tables:
        table = f"harmonized.{quote(name)}"
        types = {
            column: kind for column, kind in columns_of(con, "harmonized", name).items() if not column.startswith("_")
        }
        rows = read_rows(con, f"SELECT rowid AS n, * FROM {table} ORDER BY rowid")
        answered = [row for row in rows if any(row[column] is not None for column in types)]
        for row in answered:
            yield f"DELETE FROM {table} WHERE rowid = {row['n']}"
            yield f"INSERT INTO {table} SELECT * FROM {table} WHERE rowid = {row['n']}"
            yield from within(table, row, types)
        for one, other in pairwise(answered):
            yield from between(table, one, other, types)
    for table, columns in (("note", ("text", "landed")), ("quarantine", ("text",))):
        for row in read_rows(
            con, f"SELECT rowid AS n, * FROM ledger.{table} WHERE reason <> 'not_in_list' ORDER BY rowid"
        ):
            yield f"DELETE FROM ledger.{table} WHERE rowid = {row['n']}"
            for column in columns:
                if row["path"] and row[column] is not None:
                    yield f"UPDATE ledger.{table} SET {column} = {column} || '!' WHERE rowid = {row['n']}"


def within(table: str, row: dict[str, object], types: dict[str, str]) -> Iterator[str]:
    """Ways to spoil the answers of one row."""
    for column in types:
        if row[column] is not None:
            yield f"UPDATE {table} SET {quote(column)} = NULL WHERE rowid = {row['n']}"
    for one, other in combinations(types, 2):
        if types[one] == types[other] and row[one] != row[other]:
            a, b, here = quote(one), quote(other), f"WHERE rowid = {row['n']}"
            yield f"UPDATE {table} SET {a} = {b}, {b} = {a} {here}"
            yield f"UPDATE {table} SET {a} = coalesce({a}, {b}), {b} = coalesce({a}, {b}) {here}"


def between(table: str, one: dict[str, object], other: dict[str, object], types: dict[str, str]) -> Iterator[str]:
    """Ways to swap the answers of two rows."""
    for column in types:
        if one[column] != other[column]:
            yield f"""UPDATE {table} AS this SET {quote(column)} = that.{quote(column)} FROM {table} AS that
                      WHERE (this.rowid, that.rowid) IN (({one["n"]}, {other["n"]}), ({other["n"]}, {one["n"]}))"""


def test_a_build_whose_ledger_does_not_balance_keeps_the_last_good_tables(project: Project) -> None:
    with built(project) as (con, report):
        before = read_rows(con, "SELECT * FROM harmonized.visit ORDER BY _id")
        balance = read_rows(con, "SELECT * FROM ledger.balance")
    with connect(project.archive_file(TOOL)) as con:
        con.execute("UPDATE submission SET digest = digest + 1 WHERE root_id = '1'")
    with connect(project.work_file) as con:
        again = build_tool(con, project, project.tool(TOOL))
        kept = read_rows(con, "SELECT * FROM harmonized.visit ORDER BY _id")
        kept_balance = read_rows(con, "SELECT * FROM ledger.balance")
    assert (report.balanced, again.balanced) == (True, False)
    assert [line.unbalanced for line in again.balance] == [1]
    assert (kept, kept_balance) == (before, balance)
