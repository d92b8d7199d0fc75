"""Take out tables that nothing makes any more: of a tool, a repeat or a curated file that is gone.

A table that stayed would be published as if it were today's.
"""

from collections.abc import Collection

from pipelines.store.duck import Connection, quote, read_rows, table_exists

OF_TOOL = "(table_name = ? OR starts_with(table_name, ? || '__'))"


def tables_of(con: Connection, schema: str, tool: str) -> list[str]:
    """The tables of `tool` in `schema`, its own first."""
    sql = f"""SELECT table_name FROM duckdb_tables()
              WHERE database_name = current_database() AND schema_name = ? AND {OF_TOOL}
              ORDER BY length(table_name), table_name"""
    return [row["table_name"] for row in read_rows(con, sql, [schema, tool, tool])]


def drop_tables(con: Connection, schema: str, tables: Collection[str]) -> None:
    """Drop `tables` of `schema`, and what the codebook says of their columns."""
    for table in tables:
        con.execute(f"DROP TABLE IF EXISTS {quote(schema)}.{quote(table)}")
        if schema == "harmonized" and table_exists(con, "missing", "definition"):
            con.execute(f"DROP VIEW IF EXISTS missing.{quote(table)}")
            con.execute("DELETE FROM missing.definition WHERE view_name = ?", [table])
        if table_exists(con, "codebook", "column_"):
            con.execute("DELETE FROM codebook.column_ WHERE schema_name = ? AND table_name = ?", [schema, table])


def forget_others(con: Connection, tools: Collection[str], curated: Collection[str]) -> None:
    """Drop what belongs to no tool and no curated file of today, and forget that it was built."""
    for schema, table in _all(con):
        known = table in curated if schema == "curated" else table.split("__")[0] in tools
        if not known:
            drop_tables(con, schema, [table])
            con.execute("DELETE FROM meta.built WHERE name = ?", [f"{schema}/{table.split('__')[0]}"])
    for schema, table in _with_tool(con):
        con.execute(
            f"DELETE FROM {quote(schema)}.{quote(table)} WHERE tool NOT IN (SELECT unnest(?::VARCHAR[]))", [list(tools)]
        )


def _all(con: Connection) -> list[tuple[str, str]]:
    sql = """SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()
             AND schema_name IN ('harmonized', 'clean', 'curated') ORDER BY ALL"""
    return [(row["schema_name"], row["table_name"]) for row in read_rows(con, sql)]


def _with_tool(con: Connection) -> list[tuple[str, str]]:
    """The tables that hold rows of several tools."""
    sql = """SELECT schema_name, table_name FROM duckdb_columns() WHERE database_name = current_database()
             AND schema_name IN ('codebook', 'ledger', 'missing', 'quality') AND column_name = 'tool' ORDER BY ALL"""
    return [(row["schema_name"], row["table_name"]) for row in read_rows(con, sql)]
