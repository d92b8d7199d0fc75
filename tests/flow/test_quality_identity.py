"""Records that are the same thing by `identity`: each one too many is a finding with a proposal, and one counts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.project import Project
from pipelines.project.tool import Tool
from pipelines.quality.check import check_tool
from pipelines.quality.clean import clean_tool
from pipelines.quality.current import choose_current
from pipelines.store.duck import Connection, connect, in_memory, read_rows, transaction

TABLE = """
CREATE SCHEMA harmonized;
CREATE TABLE harmonized.exit (
    _id VARCHAR, _source VARCHAR, _asset VARCHAR, _submitted_at TIMESTAMP, _validation_status VARCHAR,
    _period VARCHAR, _period_how VARCHAR, family VARCHAR, part BIGINT, site VARCHAR
);
"""
TOOL = "title: Exit\nidentity: [family, part]\nprefer: [kobo, assist]\norder: [prefer, latest]\n"


def project(folder: Path, tool: str = TOOL) -> Project:
    (folder / "xlsforms" / "exit").mkdir(parents=True)
    (folder / "xlsforms" / "exit" / "tool.yml").write_text(tool, encoding="utf-8")
    return Project(folder, folder / "data")


@pytest.fixture
def con(tmp_path: Path) -> Iterator[Connection]:
    with connect(tmp_path / "work.duckdb") as opened:
        opened.execute(TABLE)
        yield opened


def add(con: Connection, _id: str, source: str, family: str | None, part: int | None = 1, **more: Any) -> None:
    row = {"_id": _id, "_source": source, "_asset": "a", "_submitted_at": "2026-11-01", "_period": "2026-11"}
    row |= {"family": family, "part": part, "site": "A", **more}
    con.execute(f"INSERT INTO harmonized.exit ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()])


def kept(con: Connection) -> list[str]:
    return [row["_id"] for row in read_rows(con, "SELECT _id FROM clean.exit ORDER BY _id")]


def superseded(con: Connection) -> list[tuple[Any, ...]]:
    sql = "SELECT _id, unit, kept_id, why FROM quality.superseded ORDER BY _id"
    return [tuple(row.values()) for row in read_rows(con, sql)]


def test_one_of_the_same_counts_by_the_declared_order(tmp_path: Path, con: Connection) -> None:
    add(con, "a", "assist", " ٧-B\u200f", _submitted_at="2026-11-09")
    add(con, "b", "kobo", "7-b", _submitted_at="2026-11-01")
    add(con, "c", "kobo", "7-B ", _submitted_at="2026-11-02")
    add(con, "d", "kobo", "7-B", 2)
    add(con, "e", "kobo", None)
    add(con, "f", "assist", "")
    add(con, "g", "kobo", "7-B", None)
    report = clean_tool(con, project(tmp_path), "exit", ["exit"])
    assert (report.superseded, report.kept, kept(con)) == (2, 5, ["c", "d", "e", "f", "g"])
    assert superseded(con) == [
        ("a", None, "c", "the same family and part: another source is preferred"),
        ("b", None, "c", "the same family and part: a later one was received"),
    ]


def test_records_of_one_identity_are_one_before_a_unit_and_period_choose(tmp_path: Path, con: Connection) -> None:
    add(con, "a", "assist", "1", site="A", _submitted_at="2026-11-09")
    add(con, "b", "kobo", "1", site="A")
    add(con, "c", "assist", "2", site="A", _submitted_at="2026-11-08")
    report = clean_tool(con, project(tmp_path, TOOL + "unit: [site]\n"), "exit", ["exit"])
    assert (report.superseded, kept(con)) == (2, ["b"])
    assert superseded(con) == [
        ("a", "A", "b", "the same family and part: another source is preferred"),
        ("c", "A", "b", "another source is preferred"),
    ]


def test_each_one_too_many_is_a_finding_that_says_which_counts(tmp_path: Path, con: Connection) -> None:
    add(con, "a", "assist", "1")
    add(con, "b", "kobo", "1")
    add(con, "c", "assist", "2")
    add(con, "d", "assist", None)
    here = project(tmp_path)
    with transaction(con):
        report = check_tool(con, here, "exit", ["exit"])
    (result,) = report.results
    assert (result.rule, result.severity, result.rows_checked, result.rows_failed) == ("same_record", "warning", 3, 1)
    assert result.rows[0].questions == ("family", "part")
    found = read_rows(con, "SELECT _source, _asset, _id, rule, layer, _period, proposal FROM quality.finding")
    assert found == [
        {
            "_source": "assist",
            "_asset": "a",
            "_id": "a",
            "rule": "same_record",
            "layer": "harmonized",
            "_period": "2026-11",
            "proposal": "remove_survey: kobo/a/b counts in its place",
        }
    ]
    assert check_tool(con, here, "exit", ["exit"], layer="harmonized").findings == 1


def test_what_an_older_file_lacks_is_added(tmp_path: Path, con: Connection) -> None:
    add(con, "a", "assist", "1")
    add(con, "b", "kobo", "1")
    here = project(tmp_path)
    check_tool(con, here, "exit", ["exit"])
    con.execute("ALTER TABLE quality.finding DROP COLUMN proposal")
    with transaction(con):
        check_tool(con, here, "exit", ["exit"])
    assert len(read_rows(con, "SELECT * FROM quality.finding WHERE proposal <> ''")) == 1


def test_an_identity_that_nobody_asks_is_named(tmp_path: Path, con: Connection) -> None:
    here = project(tmp_path, TOOL.replace("part", "party"))
    with pytest.raises(
        ConfigError, match=r"tool.yml, line 2, rule 'same_record': harmonized.exit has no column 'party'"
    ):
        check_tool(con, here, "exit", ["exit"])
    with pytest.raises(ConfigError, match=r"tool.yml: the identity names 'party', which no version of the form asks"):
        clean_tool(con, here, "exit", ["exit"])


def test_the_rules_name_is_taken(tmp_path: Path, con: Connection) -> None:
    here = project(tmp_path)
    (here.expectations / "harmonized").mkdir(parents=True)
    rule = "- {rule: same_record, holds: part > 0, why: x, severity: info}\n"
    (here.expectations / "harmonized" / "exit.yml").write_text(rule)
    with pytest.raises(ConfigError, match=r"exit.yml: the rule 'same_record' is the one that `identity` makes: rename"):
        check_tool(con, here, "exit", ["exit"])


TYPED = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "١", " 1 ", "2", "", None])), max_size=9)


@given(TYPED)
@settings(max_examples=40, deadline=None)
def test_as_many_count_as_there_are_identities(typed: list[tuple[str, str | None]]) -> None:
    tool = Tool(name="exit", folder=Path("exit"), title="Exit", identity=("family",), prefer=("b", "a"))
    with in_memory() as con:
        con.execute(TABLE)
        for number, (source, family) in enumerate(typed):
            add(con, str(number), source, family)
        choose_current(con, tool, "harmonized.exit", ["family", "site", "_validation_status"])
        counted = read_rows(con, "SELECT _id FROM ranked WHERE place = 1")
        assert len(read_rows(con, "SELECT * FROM ranked")) == len(typed)
    plain = [(family or "").strip().replace("١", "1") for _, family in typed]
    assert len(counted) == len({family for family in plain if family}) + plain.count("")


def test_a_tool_without_an_identity_has_no_such_rule(tmp_path: Path, con: Connection) -> None:
    add(con, "a", "kobo", "1")
    add(con, "b", "kobo", "1")
    here = project(tmp_path, "title: Exit\n")
    assert check_tool(con, here, "exit", ["exit"]).results == ()
    assert clean_tool(con, here, "exit", ["exit"]).kept == 2
