"""Clean tables: decisions applied while the old value is there, and one current submission per unit and period."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ConfigError, SchemaError
from pipelines.project import Project
from pipelines.quality.cells import content_key
from pipelines.quality.clean import CleanReport, clean_tool
from pipelines.quality.decisions import Conflict
from pipelines.store.duck import Connection, connect, read_rows, read_value, transaction

TOOL = "title: Camps\nunit: [site]\nperiod: {question: month, every: month}\nprefer: [assist, kobo]\n"

TABLES = """
CREATE SCHEMA harmonized;
CREATE TABLE harmonized.camp (
    _id VARCHAR, _source VARCHAR, _asset VARCHAR, _submitted_at TIMESTAMP, _validation_status VARCHAR,
    _period VARCHAR, _period_how VARCHAR, site VARCHAR, month DATE, families BIGINT, areas VARCHAR[],
    group__note VARCHAR
);
CREATE TABLE harmonized.camp__service (
    _id VARCHAR, _source VARCHAR, _asset VARCHAR, _index VARCHAR, _parent_index VARCHAR,
    organisation VARCHAR, staff BIGINT
);
CREATE TABLE harmonized.camp__visit (
    _id VARCHAR, _source VARCHAR, _asset VARCHAR, _index VARCHAR, _parent_index VARCHAR, staff BIGINT
);
CREATE TABLE decision (
    n INTEGER, _id VARCHAR, _index VARCHAR, content_key VARCHAR, question VARCHAR, old VARCHAR, new VARCHAR,
    change_type VARCHAR, reason VARCHAR, who VARCHAR, "when" TIMESTAMP, undone_by INTEGER
);
"""

SERVICE = {"organisation": "VARCHAR", "staff": "BIGINT"}
CHILDREN = ("camp__service", "camp__visit")


@pytest.fixture
def camp(tmp_path: Path) -> Project:
    (tmp_path / "xlsforms" / "camp").mkdir(parents=True)
    (tmp_path / "xlsforms" / "camp" / "tool.yml").write_text(TOOL, encoding="utf-8")
    return Project(tmp_path, tmp_path / "data")


@pytest.fixture
def con(tmp_path: Path) -> Iterator[Connection]:
    with connect(tmp_path / "work.duckdb") as opened:
        opened.execute(TABLES)
        yield opened


def insert(con: Connection, table: str, row: Mapping[str, object]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    con.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def submit(con: Connection, _id: str, **answers: object) -> None:
    usual = {
        "_source": "kobo",
        "_asset": "x",
        "_submitted_at": "2026-07-02 09:00",
        "_period": "2026-06",
        "_period_how": "asked",
        "site": _id.upper(),
        "month": "2026-06-01",
    }
    insert(con, "harmonized.camp", {"_id": _id, **usual, **answers})


def serve(con: Connection, _id: str, index: str, **answers: object) -> None:
    insert(con, "harmonized.camp__service", {"_id": _id, "_source": "kobo", "_asset": "x", "_index": index, **answers})


def decide(con: Connection, n: int, _id: str, change_type: str, **more: object) -> None:
    insert(con, "decision", {"n": n, "_id": _id, "change_type": change_type, **more})


def clean(con: Connection, project: Project) -> CleanReport:
    with transaction(con):
        return clean_tool(con, project, "camp", ["camp", *CHILDREN], "decision")


def kept(con: Connection, columns: str = "_id") -> list[Any]:
    return [row if len(row) > 1 else row[0] for row in con.execute(f"SELECT {columns} FROM clean.camp").fetchall()]


def conflicts(report: CleanReport) -> list[tuple[int, str]]:
    return [(conflict.n, conflict.why) for conflict in report.conflicts]


def test_without_decisions_and_duplicates_clean_is_harmonized(con: Connection, camp: Project) -> None:
    submit(con, "b", families=5, areas=["water", "food"])
    submit(con, "a", group__note="نص")
    serve(con, "b", "10", organisation="nrc")
    serve(con, "b", "2", organisation="drc")
    report = clean_tool(con, camp, "camp", ["camp", *CHILDREN])
    assert report == CleanReport(
        tool="camp", harmonized=2, removed=0, superseded=0, kept=2, applied=0, no_action=0, conflicts=()
    )
    for table in ("camp", *CHILDREN):
        harmonized = read_rows(con, f"FROM harmonized.{table} ORDER BY ALL")
        assert read_rows(con, f"FROM clean.{table} ORDER BY ALL") == harmonized
    assert kept(con) == ["a", "b"]
    positions = con.execute("SELECT _id, _index FROM clean.camp__service").fetchall()
    assert positions == [("b", "2"), ("b", "10")]


def test_a_change_applies_while_the_old_value_is_there(con: Connection, camp: Project) -> None:
    submit(con, "a", families=301, areas=["water", "food"])
    submit(con, "b", families=1395)
    decide(con, 1, "a", "change_response", question="families", old="301", new="103")
    decide(con, 2, "a", "change_response", question="areas", old="water food", new="water")
    decide(con, 3, "b", "change_response", question="families", old="1359", new="9")
    report = clean(con, camp)
    assert kept(con, "_id, families, areas") == [("a", 103, ["water"]), ("b", 1395, None)]
    assert report.applied == 2
    assert report.conflicts == (
        Conflict(n=3, id="b", question="families", why="the answer has changed since this was decided"),
    )
    assert read_value(con, "SELECT families FROM harmonized.camp WHERE _id = 'a'") == 301


def test_decisions_follow_one_another_and_an_undone_one_takes_the_next_with_it(con: Connection, camp: Project) -> None:
    for _id in ("a", "b"):
        submit(con, _id, families=1)
    decide(con, 1, "a", "change_response", question="families", old="1", new="2")
    decide(con, 2, "a", "change_response", question="families", old="2", new="3")
    decide(con, 3, "b", "change_response", question="families", old="1", new="2", undone_by=9)
    decide(con, 4, "b", "change_response", question="families", old="2", new="3")
    report = clean(con, camp)
    assert kept(con, "_id, families") == [("a", 3), ("b", 1)]
    assert (report.applied, conflicts(report)) == (2, [(4, "the answer has changed since this was decided")])


def test_an_answer_is_blanked_and_an_empty_one_filled(con: Connection, camp: Project) -> None:
    submit(con, "a", families=301, group__note="call me")
    decide(con, 1, "a", "blank_response", question="group__note", old="call me")
    decide(con, 2, "a", "change_response", question="areas", old=None, new="food")
    decide(con, 3, "a", "no_action", question="families", old="301")
    report = clean(con, camp)
    assert kept(con, "families, areas, group__note") == [(301, ["food"], None)]
    assert (report.applied, report.no_action, report.conflicts) == (2, 1, ())


def test_a_removed_survey_goes_with_its_repeats(con: Connection, camp: Project) -> None:
    for _id in ("a", "b"):
        submit(con, _id)
        serve(con, _id, "1", organisation="nrc")
    decide(con, 1, "a", "remove_survey", reason="test submission")
    report = clean(con, camp)
    assert (report.harmonized, report.removed, report.kept) == (2, 1, 1)
    assert con.execute("SELECT _id FROM clean.camp__service").fetchall() == [("b",)]


def test_a_removed_survey_lets_the_other_one_count(con: Connection, camp: Project) -> None:
    submit(con, "a", site="IQ1")
    submit(con, "b", site="IQ1", _submitted_at="2026-07-03 09:00")
    decide(con, 1, "b", "remove_survey")
    clean(con, camp)
    assert kept(con) == ["a"]
    assert read_rows(con, "FROM quality.superseded") == []


def test_a_row_of_a_repeat_is_found_by_position_and_by_content(con: Connection, camp: Project) -> None:
    submit(con, "a")
    serve(con, "a", "1", organisation="new", staff=4)
    serve(con, "a", "2", organisation="nrc", staff=40)
    key = read_value(con, f"SELECT {content_key(SERVICE)} FROM harmonized.camp__service WHERE _index = '2'")
    # it stood first when this was decided; another one has been put before it since
    decide(con, 1, "a", "change_response", _index="1", content_key=key, question="service.staff", old="40", new="14")
    decide(con, 2, "a", "change_response", _index="1", question="organisation", old="new", new="iom")
    decide(con, 3, "a", "blank_response", _index="3", question="organisation", old="x")
    decide(con, 4, "a", "blank_response", _index="1", content_key="0" * 16, question="organisation", old="new")
    report = clean(con, camp)
    rows = con.execute("SELECT _index, organisation, staff FROM clean.camp__service").fetchall()
    assert rows == [("1", "iom", 4), ("2", "nrc", 14)]
    gone = "the repeat has no such row any more"
    assert (report.applied, conflicts(report)) == (2, [(3, gone), (4, gone)])


def test_what_cannot_be_applied_is_a_conflict_and_says_why(con: Connection, camp: Project) -> None:
    submit(con, "a", families=1)
    submit(con, "twin", families=1)
    submit(con, "twin", families=1, _asset="y", site="OTHER")
    decide(con, 1, "gone", "change_response", question="families", old="1", new="2")
    decide(con, 2, "twin", "change_response", question="families", old="1", new="2")
    decide(con, 3, "a", "change_response", question="familes", old="1", new="2")
    decide(con, 4, "a", "change_response", question="families", old="1", new="12.6")
    decide(con, 5, "a", "change_response", question="families", old="1", new=None)
    decide(con, 6, "a", "delete_response", question="families", old="1")
    decide(con, 7, "a", "change_response", question="_period", old="2026-06", new="2026-07")
    decide(con, 8, "a", "change_response", _index="1", question="staff", old="1", new="2")
    decide(con, 9, "a", "remove_survey", _index="1")
    report = clean(con, camp)
    no_question = "the tool has no such question, or several repeats have it: write it as repeat.question"
    assert conflicts(report) == [
        (1, "there is no such submission any more"),
        (2, "several assets hold a submission of this _id"),
        (3, no_question),
        (4, "this question cannot hold the new value"),
        (5, "no new value is given: to empty an answer, decide blank_response"),
        (6, "this change_type is none of change_response, blank_response, remove_survey, no_action"),
        (7, no_question),
        (8, no_question),
        (9, "remove_survey takes out a whole submission, and this names a row of a repeat"),
    ]
    assert (report.applied, kept(con, "_id, families")) == (0, [("a", 1), ("twin", 1), ("twin", 1)])


def test_the_period_follows_a_corrected_month(con: Connection, camp: Project) -> None:
    submit(con, "a", site="IQ1")
    submit(con, "b", site="IQ1", _submitted_at="2026-07-03 09:00")
    decide(con, 1, "b", "change_response", question="month", old="2026-06-01", new="2026-07-01")
    report = clean(con, camp)
    assert (report.superseded, kept(con, "_id, _period")) == (0, [("a", "2026-06"), ("b", "2026-07")])


def test_of_a_unit_and_period_the_approved_counts_then_the_preferred_source_then_the_latest(
    con: Connection, camp: Project
) -> None:
    early, late = "2026-07-02 09:00", "2026-07-03 09:00"
    submit(con, "a1", site="IQ1", _validation_status="validation_status_approved", _submitted_at=early)
    submit(con, "a2", site="IQ1", _source="assist", _submitted_at=late)
    submit(con, "b1", site="IQ2", _source="assist", _submitted_at=early)
    submit(con, "b2", site="IQ2", _submitted_at=late)
    submit(con, "c1", site="IQ3", _submitted_at=early)
    submit(con, "c2", site="IQ3", _submitted_at=late)
    submit(con, "d2", site="IQ4")
    submit(con, "d1", site="IQ4")
    submit(con, "e1", site="IQ5", _submitted_at=early)
    submit(con, "e2", site="IQ5", _submitted_at=late, _validation_status="validation_status_not_approved")
    report = clean(con, camp)
    assert (report.kept, report.superseded, kept(con, "_id")) == (5, 5, ["b1", "a1", "c2", "d1", "e1"])
    told = "SELECT _id, _period, unit, kept_id, why FROM quality.superseded"
    assert con.execute(told).fetchall() == [
        ("a2", "2026-06", "IQ1", "a1", "another submission was approved, or this one was not"),
        ("b2", "2026-06", "IQ2", "b1", "another source is preferred"),
        ("c1", "2026-06", "IQ3", "c2", "a later one was received"),
        ("d2", "2026-06", "IQ4", "d1", "another one is equal in all else and its _id comes first"),
        ("e2", "2026-06", "IQ5", "e1", "another submission was approved, or this one was not"),
    ]


def test_children_follow_the_submission_that_counts(con: Connection, camp: Project) -> None:
    for _id, at in (("a", "2026-07-02 09:00"), ("b", "2026-07-03 09:00")):
        submit(con, _id, site="IQ1", _submitted_at=at)
        serve(con, _id, "1", organisation=_id)
    clean(con, camp)
    assert con.execute("SELECT _id, organisation FROM clean.camp__service").fetchall() == [("b", "b")]


def test_without_a_unit_or_a_period_a_submission_stands_alone(con: Connection, camp: Project) -> None:
    for _id in ("a", "b"):
        submit(con, _id, site=None)
        submit(con, _id * 2, site="IQ1", _period=None)
    report = clean(con, camp)
    assert (report.kept, report.superseded, kept(con)) == (4, 0, ["a", "aa", "b", "bb"])


def test_a_tool_that_declares_no_unit_keeps_everything(con: Connection, camp: Project) -> None:
    (camp.xlsforms / "camp" / "tool.yml").write_text("title: Camps\n", encoding="utf-8")
    for _id in ("a", "b"):
        submit(con, _id, site="IQ1")
    assert clean(con, camp).kept == 2


def test_cleaning_again_gives_the_same_and_replaces_what_was_there(con: Connection, camp: Project) -> None:
    submit(con, "a", site="IQ1")
    submit(con, "b", site="IQ1")
    serve(con, "a", "1", organisation="nrc")
    decide(con, 1, "a", "change_response", _index="1", question="organisation", old="nrc", new="drc")
    first = clean(con, camp)
    tables = ["clean.camp", "clean.camp__service", "quality.superseded"]
    before = {table: read_rows(con, f"FROM {table}") for table in tables}
    assert clean(con, camp) == first
    assert {table: read_rows(con, f"FROM {table}") for table in tables} == before


def test_a_unit_that_no_form_asks_is_a_mistake_in_tool_yml(con: Connection, camp: Project) -> None:
    said = TOOL.replace("unit: [site]", "unit: [camp_site]")
    (camp.xlsforms / "camp" / "tool.yml").write_text(said, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tool\.yml: the unit names 'camp_site', which no version of the form asks"):
        clean(con, camp)


def test_a_table_that_is_not_built_is_named(con: Connection, camp: Project) -> None:
    con.execute("DROP TABLE harmonized.camp__visit")
    with pytest.raises(SchemaError, match=r"harmonized\.camp__visit does not exist: build it before cleaning it"):
        clean(con, camp)
