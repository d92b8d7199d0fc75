"""The rules of the project on what camps really get wrong: tests/golden/quality/<case>/, readable without Python."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.decode import create
from pipelines.project import Project
from pipelines.quality.check import check_tool
from pipelines.quality.expectations import fitted, rules_for
from pipelines.store.duck import Connection, columns_of, connect, literal, quote, read_rows
from pipelines.store.reference import load_reference

REPOSITORY = Path(__file__).parents[2]
GOLDEN = REPOSITORY / "tests" / "golden" / "quality"
CASES = sorted(path for path in GOLDEN.iterdir() if path.is_dir())

FINDINGS = """SELECT _id, coalesce(_index, '') AS _index, rule, severity, array_to_string(columns, ' ') AS questions
              FROM quality.finding"""


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The tables as the project's forms make them, empty, and the reference tables."""
    folder = tmp_path_factory.mktemp("golden")
    with connect(folder / "work.duckdb") as opened:
        load_reference(opened, REPOSITORY / "warehouse" / "reference")
        for tool in Project(REPOSITORY, folder).tools():
            create(opened, plan_of(tool, []))
        yield opened


def fill(con: Connection, table: str, rows: Path) -> None:
    """Put `rows` into `table`; what a case does not say is empty, and every row comes from the same asset."""
    with rows.open(encoding="utf-8", newline="") as file:
        names = ", ".join(quote(name) for name in next(csv.reader(file)))
    con.execute(f"TRUNCATE harmonized.{quote(table)}")
    con.execute(
        f"""INSERT INTO harmonized.{quote(table)} ({names}, _source, _asset)
            SELECT *, 'kobo', 'golden' FROM read_csv({literal(str(rows))}, header = true, all_varchar = true)"""
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_case_gives_the_findings_that_are_written_down(case: Path, con: Connection, project: Project) -> None:
    table = case.name.partition("-")[0]
    fill(con, table, case / "rows.csv")
    check_tool(con, project, table.partition("__")[0], [table, *_others(project, table)])
    found = read_rows(con, f"{FINDINGS} WHERE table_name = {literal(table)}")
    with (case / "expected_findings.csv").open(encoding="utf-8", newline="") as file:
        assert found == list(csv.DictReader(file))


def test_every_rule_of_the_project_fits_its_table(con: Connection, project: Project) -> None:
    files = sorted((REPOSITORY / "expectations" / "harmonized").glob("*.yml"))
    assert {"fsmt", "fsmt__service", "population"} <= {file.stem for file in files}
    for file in files:
        assert fitted(rules_for(project, "harmonized", file.stem), columns_of(con, "harmonized", file.stem))


def test_every_rule_of_the_project_is_seen_to_fail_in_some_case(project: Project) -> None:
    rules = {
        (file.stem, rule.name)
        for file in (REPOSITORY / "expectations" / "harmonized").glob("*.yml")
        for rule in rules_for(project, "harmonized", file.stem)
    }
    seen = set()
    for case in CASES:
        with (case / "expected_findings.csv").open(encoding="utf-8", newline="") as file:
            seen |= {(case.name.partition("-")[0], row["rule"]) for row in csv.DictReader(file)}
    assert sorted(rules - seen) == []


def _others(project: Project, table: str) -> list[str]:
    """The other tables of the tool that have rules: a suite without a table would be refused."""
    tool = table.partition("__")[0]
    files = (project.expectations / "harmonized").glob("*.yml")
    return [file.stem for file in files if file.stem.partition("__")[0] == tool and file.stem != table]
