"""Files of expectations: what they say, and what a person is told who mistyped one."""

from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.project import Project
from pipelines.quality.expectations import Rule, columns_named, fitted, refuse_lost_suites, rules_for

COLUMNS = ("_id", "_submitted_at", "site", "total_families", "total_population", "areas")


@pytest.fixture
def camp(tmp_path: Path) -> Project:
    (tmp_path / "xlsforms" / "camp").mkdir(parents=True)
    (tmp_path / "xlsforms" / "camp" / "tool.yml").write_text("title: Camps\n", encoding="utf-8")
    return Project(tmp_path, tmp_path / "data")


def write(project: Project, text: str, layer: str = "harmonized", table: str = "camp") -> Path:
    file = project.expectations / layer / f"{table}.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def rule(holds: str, **more: object) -> Rule:
    said: dict[str, object] = {
        "layer": "harmonized", "table": "camp", "name": "r", "holds": holds, "why": "w", "severity": "info",
        "file": Path("camp.yml"), "line": 3,
    }  # fmt: skip
    return Rule(**{**said, **more})  # type: ignore[arg-type]


def test_a_suite_is_read_as_it_is_written(camp: Project) -> None:
    file = write(
        camp,
        """
# what must hold
- rule: individuals_at_least_families
  holds: total_population >= total_families
  why: the boxes were swapped
  severity: critical

- rule: small_change
  given:
    before: lag(total_population) OVER (ORDER BY _id)
  holds: >
    abs(total_population - before)
      <= 50
  columns: [total_population]
  why: somebody must confirm it
  severity: info
""",
    )
    assert rules_for(camp, "harmonized", "camp") == (
        Rule(
            layer="harmonized",
            table="camp",
            name="individuals_at_least_families",
            holds="total_population >= total_families",
            why="the boxes were swapped",
            severity="critical",
            file=file,
            line=3,
        ),
        Rule(
            layer="harmonized",
            table="camp",
            name="small_change",
            holds="abs(total_population - before)\n  <= 50",
            why="somebody must confirm it",
            severity="info",
            columns=("total_population",),
            given={"before": "lag(total_population) OVER (ORDER BY _id)"},
            file=file,
            line=8,
        ),
    )


def test_a_table_without_a_file_has_no_rules(camp: Project) -> None:
    assert rules_for(camp, "harmonized", "camp") == ()


GOOD = "- rule: a\n  holds: site IS NOT NULL\n  why: w\n  severity: info\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD + "- rule: b\n  hold: x\n", "line 6: unknown key 'hold'"),
        (GOOD.replace("severity: info", "severity: bad"), "line 4, key '1.severity': 'bad' is not allowed"),
        (GOOD.replace("rule: a", "rule: A-1"), "line 1, key '1.rule': 'A-1' is not allowed"),
        (GOOD.replace("  why: w\n", ""), "line 1: the key 'why' is missing: add it."),
        (GOOD + GOOD, "line 1: two rules are named 'a': rename one of them."),
        (
            GOOD + GOOD.replace("rule: a", "rule: b\n  given: {a: site}"),
            "line 1: the name 'a' is given twice, and not the same: rename one of them.",
        ),
    ],
)
def test_a_mistake_in_a_suite_is_named_by_file_and_line(camp: Project, text: str, told: str) -> None:
    file = write(camp, text)
    with pytest.raises(ConfigError) as error:
        rules_for(camp, "harmonized", "camp")
    assert str(error.value).startswith(f"{file}, {told}")


def test_a_column_that_the_table_lacks_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as error:
        fitted([rule("total_populaton >= total_families")], COLUMNS)
    assert str(error.value) == (
        "camp.yml, line 3, rule 'r': harmonized.camp has no column 'total_populaton': did you mean 'total_population'? "
        "Correct the name."
    )


def test_a_listed_column_must_be_there_too() -> None:
    with pytest.raises(ConfigError, match="has no column 'zzz': correct the name"):
        fitted([rule("site = 'x'", columns=("zzz",))], COLUMNS)


@pytest.mark.parametrize(
    ("holds", "about"),
    [
        ("total_population >= total_families", ("total_families", "total_population")),
        ("TOTAL_FAMILIES > 0", ("total_families",)),
        ("_submitted_at IS NOT NULL", ("_submitted_at",)),
        ("date(_submitted_at) > date '2026-01-01' AND site = 'x'", ("site",)),
        ("site IN (SELECT site FROM reference.site)", ("site",)),
        ("(SELECT known.lat FROM reference.site AS known WHERE known.site = camp.site) > 0", ("site",)),
        ("len(list_filter(areas, lambda area: area = 'x')) = 0", ("areas",)),
        ("count(*) OVER (PARTITION BY site) = 1", ("site",)),
        ("1 = 1", ()),
    ],
)
def test_a_rule_is_about_the_columns_of_its_row(holds: str, about: tuple[str, ...]) -> None:
    assert fitted([rule(holds)], COLUMNS)[0].columns == about


def test_a_rule_that_lists_its_columns_is_about_these() -> None:
    found = fitted([rule("total_population >= total_families", columns=("total_families",))], COLUMNS)
    assert found[0].columns == ("total_families",)


def test_a_given_name_is_no_column_but_what_it_stands_for_names_some() -> None:
    told = rule("before > 0", given={"before": "lag(total_population) OVER (ORDER BY _id)"})
    assert columns_named(told) == ("_id", "total_population")


def test_a_given_name_may_not_hide_a_column() -> None:
    with pytest.raises(ConfigError, match="'site' is given, but the table has a column of this name: rename it"):
        fitted([rule("site > 0", given={"site": "1"})], COLUMNS)


@pytest.mark.parametrize(
    "holds", ["SELECT 1", "site = 'x'; DROP TABLE camp", "DROP TABLE camp", "CREATE TABLE x(a int)"]
)
def test_holds_is_one_expression(holds: str) -> None:
    with pytest.raises(ConfigError, match=r"`holds` must be one SQL expression over the columns of a row: write it so"):
        fitted([rule(holds)], COLUMNS)


def test_what_is_no_sql_is_told_in_one_sentence() -> None:
    with pytest.raises(ConfigError) as error:
        fitted([rule("site >")], COLUMNS)
    assert str(error.value).startswith("camp.yml, line 3, rule 'r': `holds` is no SQL (")
    assert "\n" not in str(error.value)


def test_a_suite_for_a_table_that_does_not_exist_is_refused(camp: Project) -> None:
    file = write(camp, GOOD, table="camp__servise")
    with pytest.raises(ConfigError) as error:
        refuse_lost_suites(camp, "harmonized", "camp", ["camp", "camp__service"])
    assert str(error.value) == (
        f"{file}: there is no table harmonized.camp__servise: did you mean 'camp__service'? Correct the name."
    )


def test_a_suite_of_no_tool_is_refused(camp: Project) -> None:
    write(camp, GOOD, table="kamp")
    with pytest.raises(ConfigError, match=r"there is no table harmonized\.kamp: did you mean 'camp'"):
        refuse_lost_suites(camp, "harmonized", "camp", ["camp"])


def test_a_suite_of_another_layer_is_not_ours_to_refuse(camp: Project) -> None:
    write(camp, GOOD, layer="curated", table="camp_population")
    refuse_lost_suites(camp, "curated", "camp", ["camp"])
    write(camp, GOOD, layer="harmonized", table="camp_population")
    with pytest.raises(ConfigError, match=r"there is no table harmonized\.camp_population"):
        refuse_lost_suites(camp, "harmonized", "camp", ["camp"])
