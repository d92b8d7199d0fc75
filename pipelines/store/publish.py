"""Publish: the two files that people open, made of work.duckdb and nothing else.

`warehouse.duckdb` holds the columns that codebook.column_ lets out to the public and to partners; a column that is not
listed there stays in. `warehouse-restricted.duckdb` holds everything, for the IMO alone. Both are built table by table
into new files, because a copied file would still hold what was dropped, and replace the old ones by a rename.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.store.duck import (
    Connection,
    attached_file,
    connect,
    literal,
    new_file,
    plain_errors,
    quote,
    read_rows,
    read_value,
)

PUBLISHED_SCHEMAS = ("reference", "codebook", "harmonized", "clean", "curated")
RESTRICTED_SCHEMAS = (*PUBLISHED_SCHEMAS, "quality", "ledger", "meta")

WITHOUT_ANSWERS = frozenset({"reference", "codebook"})
"""Schemas that hold no answer of anybody: places, organisations, questions and their labels. They go out whole."""

WORK_TABLE = "database_name = 'work' AND schema_name = ? AND table_name = ?"

KEY = ("_id", "_source", "_asset", "_index")


@dataclass(frozen=True, slots=True)
class Published:
    """A published file: how many tables, columns and rows it holds."""

    path: Path
    tables: int
    columns: int
    rows: int


def publish(work_file: Path, path: Path, *, restricted: bool) -> Published:
    """Build the published file at `path` from `work_file`; the `restricted` one with all columns, readable by us
    alone.
    """
    schemas = RESTRICTED_SCHEMAS if restricted else PUBLISHED_SCHEMAS
    with new_file(path, mode=0o600 if restricted else 0o644) as con, attached_file(con, work_file, "work"):
        tables = [table for table in _tables(con, schemas, restricted=restricted) if table[2]]
        rows = sum(_copy(con, schema, table, columns) for schema, table, columns in tables)
    return Published(path, len(tables), sum(len(columns) for _, _, columns in tables), rows)


def _tables(con: Connection, schemas: Sequence[str], *, restricted: bool) -> list[tuple[str, str, list[str]]]:
    """(schema, table, the columns that may go out) in a fixed order."""
    found = read_rows(
        con,
        """SELECT schema_name, table_name, list(column_name ORDER BY column_index) AS columns FROM duckdb_columns()
           WHERE database_name = 'work' AND schema_name IN (SELECT unnest(?::VARCHAR[]))
           GROUP BY ALL ORDER BY ALL""",
        [list(schemas)],
    )
    allowed = set() if restricted else _allowed(con)
    return [
        (
            row["schema_name"],
            row["table_name"],
            [
                column
                for column in row["columns"]
                if restricted
                or row["schema_name"] in WITHOUT_ANSWERS
                or (row["schema_name"], row["table_name"], column) in allowed
            ],
        )
        for row in found
    ]


def _allowed(con: Connection) -> set[tuple[str, str, str]]:
    """What codebook.column_ lets out; a column classified twice goes out only if every line lets it."""
    sql = """SELECT schema_name, table_name, column_name FROM work.codebook.column_
             GROUP BY ALL HAVING bool_and(coalesce(sensitivity, 'restricted') IN ('public', 'partners'))"""
    return {(row[0], row[1], row[2]) for row in con.execute(sql).fetchall()}


def _copy(con: Connection, schema: str, table: str, columns: list[str]) -> int:
    names = ", ".join(map(quote, columns))
    key = [quote(column) for column in KEY if column in columns]
    order = ", ".join(key) if len(key) >= 3 else "ALL"
    place = f"{quote(schema)}.{quote(table)}"
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
    con.execute(f"CREATE TABLE {place} AS SELECT {names} FROM work.{place} ORDER BY {order}")
    said = read_value(con, f"SELECT comment FROM duckdb_tables() WHERE {WORK_TABLE}", [schema, table])
    if said:
        con.execute(f"COMMENT ON TABLE {place} IS {literal(said)}")
    return int(read_value(con, f"SELECT count(*) FROM {place}"))


def read_whole(path: Path) -> Published:
    """How much a published file holds, now that every value of it was read; DataError where one cannot be."""
    with plain_errors(f"{path} is damaged", "delete it and run `cccm build`"), connect(path, read_only=True) as con:
        tables = read_rows(
            con,
            """SELECT schema_name, table_name, column_count FROM duckdb_tables()
               WHERE database_name = current_database() ORDER BY ALL""",
        )
        rows = 0
        for table in tables:
            place = f"{quote(table['schema_name'])}.{quote(table['table_name'])}"
            rows += con.execute(f"SELECT count(*), bit_xor(hash(every)) FROM {place} AS every").fetchall()[0][0]
    return Published(path, len(tables), sum(table["column_count"] for table in tables), rows)
