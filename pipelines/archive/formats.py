"""In which format an archive is written: the number in the file, a new file, and the way from an older format to ours.

Format 1 had no number, no chain, and fewer columns. A migration builds a new file beside the old one and puts it in its
place by a rename, so a kill at any moment leaves one of the two, whole. There is no way back to an older format.
"""

import secrets
from pathlib import Path

from pipelines.archive import chain
from pipelines.archive.schema import STORAGE_VERSION, TABLES
from pipelines.errors import DataError
from pipelines.store.duck import (
    Connection,
    attached_file,
    columns_of,
    connect,
    new_file,
    quote,
    read_rows,
    read_value,
    table_exists,
)

FORMAT = 2

NUMBER = """
CREATE TABLE archive_format (number INTEGER NOT NULL, archive VARCHAR NOT NULL, tool VARCHAR NOT NULL);
"""
"""`archive` is a name by chance that no other archive has; the chain hangs on it."""


def make_archive(path: Path) -> None:
    """Put an empty archive at `path`."""
    with new_file(path, storage_version=STORAGE_VERSION, mode=0o600) as con:
        _create(con, path)


def format_of(con: Connection) -> int:
    """The number of the format of the archive that is open."""
    if not table_exists(con, "main", "archive_format"):
        return 1
    return int(read_value(con, "SELECT number FROM archive_format"))


def refuse_newer(path: Path, number: int) -> None:
    """Raise DataError where the archive at `path` is of a later format than ours."""
    if number > FORMAT:
        raise DataError(
            f"{path} was written by a newer cccm (its format is {number}, ours {FORMAT}); update cccm, and leave the "
            "file as it is."
        )


def migrate(path: Path) -> None:
    """Put the archive at `path`, which is of an older format, into ours: every row of every table, as it is."""
    with connect(path) as con:
        con.execute("CHECKPOINT")  # what a killed run left beside it must not be read into the new file
    with (
        new_file(path, storage_version=STORAGE_VERSION, mode=0o600) as con,
        attached_file(con, path, "old"),
    ):
        _create(con, path)
        for table in _tables_of(con, "old"):
            _copy(con, path, table)


def _create(con: Connection, path: Path) -> None:
    con.execute(TABLES + chain.TABLES + NUMBER)
    con.execute("INSERT INTO archive_format VALUES (?, ?, ?)", [FORMAT, secrets.token_hex(16), path.stem])


def _tables_of(con: Connection, database: str) -> list[str]:
    sql = "SELECT table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY table_name"
    return [row["table_name"] for row in read_rows(con, sql, [database])]


def _copy(con: Connection, path: Path, table: str) -> None:
    """Copy the rows of `table` from the old file, and see that they have all arrived."""
    name = quote(table)
    if not table_exists(con, "main", table):
        raise DataError(f"{path} has a table {table} that no archive has; take it out, then run again.")
    con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM old.main.{name}")
    columns = ", ".join(map(quote, _columns_of_old(con, table)))
    old, new = (f"SELECT {columns} FROM {place}.{name}" for place in ("old.main", "main"))
    for one, other in ((old, new), (new, old)):
        if read_value(con, f"SELECT count(*) FROM ({one} EXCEPT ALL {other})"):
            raise DataError(f"{path}: the rows of {table} did not all arrive in the new format; nothing was changed.")


def _columns_of_old(con: Connection, table: str) -> list[str]:
    con.execute("USE old")
    names = [name for name in columns_of(con, "main", table) if name != "raw"]
    con.execute("USE new_file")
    return names
