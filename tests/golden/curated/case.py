"""Build the curated tables of one golden case: its CSVs go in as what earlier rooms built.

What must come out is compared by the tests.
"""

import csv
from pathlib import Path

from pipelines.curate import build_table, read_tables
from pipelines.store.duck import Connection, columns_of, quote

GOLDEN = Path(__file__).parent
SQL = GOLDEN.parents[2] / "warehouse" / "curated"
CASES = sorted(path.parent for path in GOLDEN.glob("*/inputs"))


def build_case(con: Connection, case: Path, *, turned: bool = False) -> None:
    """Build every curated table from the inputs of `case`; `turned` puts their rows in from the last to the first."""
    fill_case(con, case, turned=turned)
    for table in read_tables(SQL):
        build_table(con, table)


def fill_case(con: Connection, case: Path, *, turned: bool = False) -> None:
    """Make the tables that the curated SQL reads, with the inputs of `case`."""
    con.execute((GOLDEN / "tables.sql").read_text(encoding="utf-8"))
    for path in sorted((case / "inputs").glob("*.csv")):
        _fill(con, path, turned=turned)


def _fill(con: Connection, path: Path, *, turned: bool) -> None:
    schema, table = path.stem.split(".")
    types = columns_of(con, schema, table)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in reversed(rows) if turned else rows:
        values = ", ".join(f"CAST(? AS {types[column]})" for column in row)
        names = ", ".join(quote(column) for column in row)
        con.execute(f"INSERT INTO {schema}.{table} ({names}) VALUES ({values})", [v or None for v in row.values()])
