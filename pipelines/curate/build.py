"""Build one curated table in the work file, and write down who may see each of its columns.

Only the running belongs here: the SQL is warehouse/curated/, its order is tables.py. A table that fails its own
promises (a key that repeats, a column that is not there) leaves the last good one standing.
"""

from pipelines.curate.tables import SCHEMA, CuratedTable
from pipelines.errors import ConfigError
from pipelines.store.duck import Connection, literal, plain_errors, quote, read_value

DRAFT = "curated_draft"

CODEBOOK = """
CREATE SCHEMA IF NOT EXISTS codebook;
CREATE TABLE IF NOT EXISTS codebook.column_ (
    schema_name VARCHAR, table_name VARCHAR, column_name VARCHAR, sensitivity VARCHAR, description VARCHAR
);
"""


def build_table(con: Connection, table: CuratedTable) -> int:
    """How many rows curated.<name> has, now that it is built anew, in the order of its key."""
    with plain_errors(table.file, "build the tables that it reads, or correct the SQL"):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {DRAFT} AS SELECT * FROM (\n{table.sql}\n)")
    columns = _columns(con)
    _require_columns(table, columns)
    _require_unique_key(con, table)
    _keep(con, table)
    _classify(con, table, columns)
    rows = int(read_value(con, f"SELECT count(*) FROM {DRAFT}"))
    con.execute(f"DROP TABLE {DRAFT}")
    return rows


def _columns(con: Connection) -> list[str]:
    rows = con.execute(f"SELECT column_name FROM (DESCRIBE {DRAFT})").fetchall()
    return [name for (name,) in rows]


def _require_columns(table: CuratedTable, columns: list[str]) -> None:
    for name in (*table.key, *table.levels, *table.column_docs):
        if name not in columns:
            raise ConfigError(
                f"{table.file}: its comment names the column {name!r}, which the SELECT does not give; correct the "
                f"name, or take it out. It gives {', '.join(columns)}."
            )


def _require_unique_key(con: Connection, table: CuratedTable) -> None:
    key = _key(table)
    twice = read_value(con, f"SELECT count(*) FROM (SELECT 1 FROM {DRAFT} GROUP BY {key} HAVING count(*) > 1)")
    if twice:
        raise ConfigError(
            f"{table.file}: its key ({', '.join(table.key)}) is not unique, {twice} of them stand in several rows; "
            "give the key another column, or let the SELECT give one row for each."
        )


def _keep(con: Connection, table: CuratedTable) -> None:
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(SCHEMA)}")
    name = f"{quote(SCHEMA)}.{quote(table.name)}"
    con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {DRAFT} ORDER BY {_key(table, ' NULLS LAST')}")
    con.execute(f"COMMENT ON TABLE {name} IS {literal(table.description)}")


def _classify(con: Connection, table: CuratedTable, columns: list[str]) -> None:
    con.execute(CODEBOOK)
    con.execute("DELETE FROM codebook.column_ WHERE schema_name = ? AND table_name = ?", [SCHEMA, table.name])
    rows = [(SCHEMA, table.name, name, table.level(name), table.column_docs.get(name, "")) for name in columns]
    con.executemany(
        "INSERT INTO codebook.column_ (schema_name, table_name, column_name, sensitivity, description) "
        "VALUES (?, ?, ?, ?, ?)",
        rows,
    )


def _key(table: CuratedTable, after_each: str = "") -> str:
    return ", ".join(quote(name) + after_each for name in table.key)
