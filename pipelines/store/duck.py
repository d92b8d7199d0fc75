"""Open a DuckDB file, write to it, close it.

The only module that names duckdb.connect. What the tables are belongs to the rooms that build them; the two published
files are publish.py; how an error of DuckDB or of the disk reads is failures.py.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from pipelines.errors import DataError
from pipelines.store import failures
from pipelines.store.failures import LOCKED, plain, why_not_open
from pipelines.whole_file import draft_of, forget, put_in_place

Connection = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error

plain_errors, scrubbed = failures.plain_errors, failures.scrubbed
"""Who works with a file asks for them here."""

SECONDS_TO_WAIT_FOR_A_WRITER = 3.0

MANY_ROWS = 100
"""From here on rows are inserted by way of arrays."""

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "true",
    "pandas_analyze_sample": 0,  # what we hand over as objects are texts: there is nothing to guess
}

OF_THE_DISK = (duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException, duckdb.TransactionException)

STANDS = "run again; what stood there before still stands"

SETTINGS = "SET TimeZone = 'UTC'; SET enable_progress_bar = false"
"""Of every connection; a bar of DuckDB's own would run through ours."""


def quote(identifier: str) -> str:
    """`identifier` as SQL writes a name: the one place where a foreign name becomes SQL."""
    return exp.to_identifier(identifier, quoted=True).sql(dialect="duckdb")


def literal(text: str) -> str:
    """`text` as an SQL string literal, for the places where a parameter cannot stand."""
    return exp.Literal.string(text).sql(dialect="duckdb")


@contextmanager
def connect(path: Path, *, read_only: bool = False) -> Iterator[Connection]:
    """Yield the file at `path`, open; a writer waits briefly for another one, then LockError says who holds it."""
    con = _open(path, read_only=read_only)
    try:
        con.execute(SETTINGS)
        yield con
    finally:
        con.close()


@contextmanager
def attached_file(con: Connection, path: Path, name: str) -> Iterator[None]:
    """Attach the file at `path` to `con` as `name`, read-only, for the block; not inside a transaction."""
    _must_be_there(path)
    _patiently(path, lambda: con.execute(f"ATTACH {literal(str(path))} AS {quote(name)} (READ_ONLY)"))
    try:
        yield
    finally:
        con.execute(f"DETACH {quote(name)}")


@contextmanager
def in_memory() -> Iterator[Connection]:
    """Yield a database that rests nowhere."""
    con = duckdb.connect(":memory:", config=CONFIG)
    try:
        con.execute(SETTINGS)
        yield con
    finally:
        con.close()


@contextmanager
def transaction(con: Connection) -> Iterator[Connection]:
    """Commit what the block wrote, all of it or nothing."""
    con.execute("BEGIN TRANSACTION")
    try:
        yield con
    except BaseException:
        with suppress(duckdb.Error):  # where the disk failed DuckDB has given up by itself; that is the error to show
            con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")


@contextmanager
def new_file(path: Path, *, storage_version: str = "", mode: int = 0o644) -> Iterator[Connection]:
    """Yield an empty database that becomes `path` when the block ends well: checkpointed, synced, renamed.

    A kill before the rename leaves whatever stood at `path` untouched.
    """
    with plain_errors(str(path), STANDS):
        draft = draft_of(path)
    option = f" (STORAGE_VERSION {literal(storage_version)})" if storage_version else ""
    try:
        with in_memory() as con:
            con.execute(f"SET temp_directory = {literal(f'{draft}.tmp')}")
            con.execute(f"ATTACH {literal(str(draft))} AS new_file{option}")
            draft.chmod(mode)
            con.execute("USE new_file")
            yield con
            con.execute("CHECKPOINT new_file")
            con.execute("USE memory")
            con.execute("DETACH new_file")
        put_in_place(draft, path)
    except (*OF_THE_DISK, OSError) as error:
        raise plain(error, str(path), STANDS) from error
    finally:
        forget(draft)
        forget(draft.with_name(f"{draft.name}.wal"))


def read_rows(con: Connection, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
    """The rows of `sql`, each by column name."""
    cursor = con.execute(sql, list(params))
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def read_value(con: Connection, sql: str, params: Sequence[object] = ()) -> Any:
    """The first column of the only row of `sql`; None where there is no row."""
    row = con.execute(sql, list(params)).fetchone()
    return row[0] if row else None


def insert_texts(con: Connection, table: str, rows: Sequence[Sequence[str | None]]) -> None:
    """Insert `rows` of texts into `table` (SQL), each cast to its column's type; one statement, however many rows."""
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    if len(rows) >= MANY_ROWS:
        _insert_arrays(con, table, columns)
        return
    con.execute(f"INSERT INTO {table} SELECT {', '.join(['unnest(?::VARCHAR[])'] * len(columns))}", columns)


def _insert_arrays(con: Connection, table: str, columns: Sequence[list[str | None]]) -> None:
    """Insert `columns` of texts as arrays, which DuckDB reads in place; it copies a list value by value. The texts must
    be Unicode: it takes no half of a sign.
    """
    import numpy as np  # noqa: PLC0415 - only where there is much to insert

    con.register(
        "rows_of_texts", {str(number): np.array(column, dtype=object) for number, column in enumerate(columns)}
    )
    try:
        con.execute(f"INSERT INTO {table} SELECT * FROM rows_of_texts")
    finally:
        con.unregister("rows_of_texts")


def table_exists(con: Connection, schema: str, table: str) -> bool:
    """Whether this database holds `schema`.`table`."""
    sql = """SELECT count(*) FROM duckdb_tables()
             WHERE database_name = current_database() AND schema_name = ? AND table_name = ?"""
    return bool(read_value(con, sql, [schema, table]))


def columns_of(con: Connection, schema: str, table: str) -> dict[str, str]:
    """Column name -> type of `schema`.`table`, in the table's order."""
    sql = """SELECT column_name, data_type FROM duckdb_columns()
             WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY column_index"""
    return dict(con.execute(sql, [schema, table]).fetchall())


def _open(path: Path, *, read_only: bool) -> Connection:
    if read_only:
        _must_be_there(path)
    return _patiently(path, lambda: duckdb.connect(str(path), read_only=read_only, config=CONFIG))


def _must_be_there(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path} does not exist; run `cccm run` first.")


def _patiently(path: Path, opened: Callable[[], Connection]) -> Connection:
    """What `opened` gives; a file that another process writes is waited for, a while."""
    give_up_at = time.monotonic() + SECONDS_TO_WAIT_FOR_A_WRITER
    while True:
        try:
            return opened()
        except duckdb.Error as error:
            if LOCKED not in str(error) or time.monotonic() > give_up_at:
                raise why_not_open(path, str(error)) from error
            time.sleep(0.1)
