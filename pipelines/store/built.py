"""What has been built of what: names and fingerprints in work.duckdb, so that nothing is built twice."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from pipelines.errors import DataError
from pipelines.store.duck import Connection, connect, new_file, plain_errors, read_value

TABLES = """
CREATE SCHEMA IF NOT EXISTS meta;
CREATE TABLE IF NOT EXISTS meta.built (name VARCHAR, fingerprint VARCHAR);
CREATE TABLE IF NOT EXISTS meta.as_of (as_of DATE);
CREATE TABLE IF NOT EXISTS meta.calendar (tool VARCHAR, due_day INTEGER, late_after_day INTEGER);
"""


@contextmanager
def open_work(path: Path) -> Iterator[Connection]:
    """Yield work.duckdb, made first where there is none that can be opened: all in it is derived, and is built anew.

    It holds all that is restricted, so only we may read it.
    """
    if not path.exists():
        _make(path)
    with plain_errors(str(path), "run again"), ExitStack() as held:
        try:
            con = held.enter_context(connect(path))
        except DataError:
            path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
            _make(path)
            con = held.enter_context(connect(path))
        yield con


def _make(path: Path) -> None:
    with new_file(path, mode=0o600) as con:
        con.execute(TABLES)


def fingerprint_of(con: Connection, name: str) -> str:
    """The fingerprint under which `name` was built last; empty where it never was."""
    con.execute(TABLES)
    return read_value(con, "SELECT fingerprint FROM meta.built WHERE name = ?", [name]) or ""


def mark_built(con: Connection, name: str, fingerprint: str) -> None:
    """Remember that `name` now stands as `fingerprint` says."""
    con.execute("DELETE FROM meta.built WHERE name = ?", [name])
    con.execute("INSERT INTO meta.built VALUES (?, ?)", [name, fingerprint])


def set_as_of(con: Connection, as_of: date) -> None:
    """Set the day that every build reads instead of a clock."""
    con.execute(TABLES)
    con.execute("DELETE FROM meta.as_of")
    con.execute("INSERT INTO meta.as_of VALUES (?)", [as_of])


def as_of(con: Connection) -> date | None:
    """The day that builds read instead of a clock."""
    con.execute(TABLES)
    value: date | None = read_value(con, "SELECT max(as_of) FROM meta.as_of")
    return value
