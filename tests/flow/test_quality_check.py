"""Rules held against tables, by DuckDB and Great Expectations as they really are."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from pipelines.errors import ConfigError, SchemaError
from pipelines.project import Project
from pipelines.quality.check import check_tool
from pipelines.quality.findings import FailingRow, Report, RuleResult
from pipelines.store.duck import Connection, connect, read_rows, transaction

TABLES = """
CREATE SCHEMA harmonized;
CREATE SCHEMA reference;
CREATE TABLE reference.site AS FROM (VALUES ('IQ1', 36.1), ('IQ2', 36.2)) AS rows(site, lat);
CREATE TABLE harmonized.camp AS FROM (VALUES
    ('a', 'kobo', 'x', TIMESTAMP '2026-07-02 09:00', '2026-06', 'IQ1', 100::BIGINT, 500::BIGINT),
    ('b', 'kobo', 'x', TIMESTAMP '2026-07-09 09:00', '2026-06', 'IQ2', 500, 100),
    ('c', 'kobo', 'x', TIMESTAMP '2026-08-02 09:00', '2026-07', 'IQ1', 100, NULL),
    ('d', 'kobo', 'x', TIMESTAMP '2026-08-02 09:00', '2026-07', 'IQ3', NULL, NULL)
) AS rows(_id, _source, _asset, _submitted_at, _period, site, families, individuals);
CREATE TABLE harmonized.camp__service AS FROM (VALUES
    ('b', 'kobo', 'x', '1', NULL::VARCHAR, 'nrc'), ('b', 'kobo', 'x', '2', NULL, NULL),
    ('b', 'kobo', 'x', '10', NULL, NULL), ('a', 'kobo', 'x', '1', NULL, NULL)
) AS rows(_id, _source, _asset, _index, _parent_index, organisation);
"""

SWAPPED = """
- rule: individuals_at_least_families
  holds: individuals >= families
  why: the boxes were swapped
  severity: critical
"""


@pytest.fixture
def camp(tmp_path: Path) -> Project:
    (tmp_path / "xlsforms" / "camp").mkdir(parents=True)
    said = "title: Camps\ncalendar: {due_day: 2, late_after_day: 5}\n"
    (tmp_path / "xlsforms" / "camp" / "tool.yml").write_text(said, encoding="utf-8")
    (tmp_path / "expectations" / "harmonized").mkdir(parents=True)
    return Project(tmp_path, tmp_path / "data")


@pytest.fixture
def con(tmp_path: Path) -> Iterator[Connection]:
    with connect(tmp_path / "work.duckdb") as opened:
        opened.execute(TABLES)
        yield opened


def check(con: Connection, project: Project, suite: str, tables: Sequence[str] = ("camp", "camp__service")) -> Report:
    (project.expectations / "harmonized" / "camp.yml").write_text(suite, encoding="utf-8")
    with transaction(con):
        return check_tool(con, project, "camp", tables)


def failed(report: Report) -> dict[str, list[str]]:
    return {result.rule: [row.id for row in result.rows] for result in report.results}


def test_a_rule_that_does_not_hold_leaves_a_finding_and_says_why(con: Connection, camp: Project) -> None:
    report = check(con, camp, SWAPPED)
    assert report == Report(
        tool="camp",
        layer="harmonized",
        results=(
            RuleResult(
                table="camp",
                rule="individuals_at_least_families",
                severity="critical",
                why="the boxes were swapped",
                rows_checked=2,
                rows_failed=1,
                rows=(FailingRow(source="kobo", asset="x", id="b", index="", questions=("families", "individuals")),),
            ),
        ),
    )
    assert report.findings == 1
    assert read_rows(con, "FROM quality.rule") == [
        {
            "tool": "camp",
            "layer": "harmonized",
            "table_name": "camp",
            "rule": "individuals_at_least_families",
            "holds": "individuals >= families",
            "why": "the boxes were swapped",
            "severity": "critical",
            "rows_checked": 2,
            "rows_failed": 1,
        }
    ]
    assert read_rows(con, "FROM quality.finding") == [
        {
            "finding": sha256(b'["harmonized","camp","individuals_at_least_families","kobo","x","b",null]').hexdigest()[
                :16
            ],
            "tool": "camp",
            "layer": "harmonized",
            "table_name": "camp",
            "_source": "kobo",
            "_asset": "x",
            "_id": "b",
            "_index": None,
            "rule": "individuals_at_least_families",
            "severity": "critical",
            "columns": ["families", "individuals"],
            "why": "the boxes were swapped",
            "_period": "2026-06",
            "proposal": None,
        }
    ]


def test_where_an_answer_is_missing_a_rule_does_not_apply(con: Connection, camp: Project) -> None:
    suite = SWAPPED.replace("individuals >= families", "individuals < 0")
    result = check(con, camp, suite).results[0]
    assert (result.rows_checked, result.rows_failed, [row.id for row in result.rows]) == (2, 2, ["a", "b"])


def test_a_second_check_replaces_the_first_and_gives_the_same(con: Connection, camp: Project) -> None:
    first = check(con, camp, SWAPPED)
    findings = read_rows(con, "FROM quality.finding")
    con.execute("INSERT INTO quality.rule (tool, layer, rule) VALUES ('other', 'harmonized', 'kept')")
    assert check(con, camp, SWAPPED) == first
    assert read_rows(con, "FROM quality.finding") == findings
    assert read_rows(con, "SELECT tool, rule FROM quality.rule ORDER BY tool") == [
        {"tool": "camp", "rule": "individuals_at_least_families"},
        {"tool": "other", "rule": "kept"},
    ]


def test_a_rule_taken_out_leaves_nothing_behind(con: Connection, camp: Project) -> None:
    check(con, camp, SWAPPED)
    assert check(con, camp, "[]").results == ()
    assert read_rows(con, "SELECT rule FROM quality.rule UNION ALL SELECT rule FROM quality.finding") == []


def test_rules_may_look_at_other_rows_other_tables_and_the_calendar(con: Connection, camp: Project) -> None:
    suite = """
- rule: site_known
  holds: site IN (SELECT site FROM reference.site)
  why: w
  severity: critical
- rule: site_once
  holds: count(*) OVER (PARTITION BY site) = 1
  why: w
  severity: warning
- rule: in_time
  holds: day(_submitted_at) <= (SELECT late_after_day FROM tool)
  why: w
  severity: info
- rule: has_services
  holds: (SELECT count(*) FROM harmonized.camp__service AS child WHERE child._id = camp._id) > 0
  why: w
  severity: info
- rule: not_fewer
  given:
    before: max(individuals) OVER (PARTITION BY site ORDER BY _period ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)
  holds: coalesce(individuals, 0) >= before
  why: w
  severity: info
"""
    report = check(con, camp, suite)
    assert failed(report) == {
        "site_known": ["d"],
        "site_once": ["a", "c"],
        "in_time": ["b"],
        "has_services": ["c", "d"],
        "not_fewer": ["c"],
    }
    assert [result.severity for result in report.results] == ["critical", "warning", "info", "info", "info"]
    spelled = read_rows(con, "SELECT holds FROM quality.rule WHERE rule = 'not_fewer'")[0]["holds"]
    assert spelled.startswith("coalesce(individuals, 0) >= before\nwhere before is max(individuals) OVER (")


def test_a_finding_in_a_repeat_says_where_in_its_own_order(con: Connection, camp: Project) -> None:
    (camp.expectations / "harmonized" / "camp__service.yml").write_text(
        "- {rule: organisation_given, holds: organisation IS NOT NULL, why: w, severity: warning}\n", encoding="utf-8"
    )
    report = check(con, camp, "[]")
    assert [(row.id, row.index) for row in report.results[0].rows] == [("a", "1"), ("b", "2"), ("b", "10")]
    assert read_rows(con, "SELECT _id, _index, _period FROM quality.finding") == [
        {"_id": "a", "_index": "1", "_period": "2026-06"},
        {"_id": "b", "_index": "2", "_period": "2026-06"},
        {"_id": "b", "_index": "10", "_period": "2026-06"},
    ]


def test_at_most_ten_rows_are_shown_and_all_are_kept(con: Connection, camp: Project) -> None:
    con.execute(
        "INSERT INTO harmonized.camp SELECT _id || i, * EXCLUDE (_id, i) FROM harmonized.camp, range(30) AS n(i)"
    )
    result = check(con, camp, SWAPPED).results[0]
    assert (result.rows_checked, result.rows_failed) == (62, 31)
    assert [row.id for row in result.rows] == ["b", "b0", "b1", "b10", "b11", "b12", "b13", "b14", "b15", "b16"]
    assert read_rows(con, "SELECT count(DISTINCT finding) AS n FROM quality.finding") == [{"n": 31}]


def test_a_table_without_rows_is_checked_without_a_finding(con: Connection, camp: Project) -> None:
    con.execute("DELETE FROM harmonized.camp")
    result = check(con, camp, SWAPPED).results[0]
    assert (result.rows_checked, result.rows_failed) == (0, 0)


@pytest.mark.parametrize(
    ("holds", "told"),
    [
        ("nosuchfunction(site)", "Catalog Error: Scalar Function with name nosuchfunction does not exist!"),
        ("site > DATE '2026-01-01' + families", "Binder Error: "),
        ("CAST(site AS BIGINT) > 0", "Conversion Error: Could not convert string '…' to INT64"),
    ],
)
def test_a_rule_that_cannot_be_computed_is_named_in_one_sentence(
    con: Connection, camp: Project, holds: str, told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        check(con, camp, SWAPPED + f'- {{rule: bad, holds: "{holds}", why: w, severity: info}}\n' + GOOD)
    text = str(error.value)
    assert text.startswith(f"{camp.expectations}/harmonized/camp.yml, line 6, rule 'bad': {told}")
    assert text.endswith("; mend it.")
    assert "\n" not in text
    assert "IQ1" not in text


GOOD = "- {rule: good, holds: site IS NOT NULL, why: w, severity: info}\n"


def test_what_a_given_name_stands_for_is_blamed_on_its_rule(con: Connection, camp: Project) -> None:
    bad = '- {rule: bad, given: {n: "CAST(site AS BIGINT)"}, holds: n > 0, why: w, severity: info}\n'
    with pytest.raises(ConfigError, match=r"line 2, rule 'bad': Conversion Error"):
        check(con, camp, GOOD + bad + GOOD.replace("good", "better"))


def test_a_failed_check_leaves_the_last_good_findings(con: Connection, camp: Project) -> None:
    check(con, camp, SWAPPED)
    with pytest.raises(ConfigError):
        check(con, camp, '- {rule: bad, holds: "CAST(site AS BIGINT) > 0", why: w, severity: info}\n')
    assert read_rows(con, "SELECT _id FROM quality.finding") == [{"_id": "b"}]


def test_a_rule_for_a_column_that_is_not_there_is_refused(con: Connection, camp: Project) -> None:
    with pytest.raises(ConfigError, match=r"line 2, rule .* harmonized\.camp has no column 'individual': did you mean"):
        check(con, camp, SWAPPED.replace("individuals >= ", "individual >= "))


def test_a_table_that_is_not_built_is_named(con: Connection, camp: Project) -> None:
    con.execute("DROP TABLE harmonized.camp")
    with pytest.raises(SchemaError, match=r"harmonized\.camp does not exist: build it before checking it"):
        check(con, camp, SWAPPED)
