"""The curated SQL on the golden cases: what earlier rooms built goes in as CSV, whole tables come out."""

import csv
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.store.duck import connect, quote, read_rows
from tests.golden.curated.case import CASES, GOLDEN, build_case


def shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
        case Decimal() | int() | str():
            return str(value)
    raise AssertionError(f"a curated table holds a {type(value).__name__}")


@pytest.mark.parametrize("turned", [False, True], ids=["as-written", "last-row-first"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_case_comes_out_as_it_is_written_in_whatever_order_it_goes_in(
    case: Path, turned: bool, tmp_path: Path
) -> None:
    with connect(tmp_path / "work.duckdb") as con:
        build_case(con, case, turned=turned)
        for path in sorted((case / "expected").glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                expected = list(csv.DictReader(file))
            columns = ", ".join(quote(column) for column in expected[0])
            found = read_rows(con, f"SELECT {columns} FROM curated.{path.stem}")
            assert [{name: shown(value) for name, value in row.items()} for row in found] == expected, path.stem


def test_every_column_of_every_curated_table_is_classified_and_explained(tmp_path: Path) -> None:
    with connect(tmp_path / "work.duckdb") as con:
        build_case(con, CASES[0])
        unexplained = read_rows(
            con, "SELECT table_name, column_name FROM codebook.column_ WHERE description = '' ORDER BY ALL"
        )
        restricted = read_rows(
            con, "SELECT table_name, column_name FROM codebook.column_ WHERE sensitivity = 'restricted' ORDER BY ALL"
        )
    assert restricted == []
    assert {row["column_name"] for row in unexplained} <= {
        *(f"{sex}_{age}" for sex in ("males", "females") for age in ("0_2", "3_5", "6_11", "12_17")),
        *(f"{sex}_{age}" for sex in ("males", "females") for age in ("18_30", "31_59", "60_over")),
        "change_percent",
    }


def test_every_golden_case_is_told_in_words() -> None:
    told = (GOLDEN / "README.md").read_text(encoding="utf-8")
    assert [case.name for case in CASES if f"| `{case.name}` |" not in told] == []
