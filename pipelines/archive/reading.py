"""Read an archive for a build: the rows that were current, the form versions, the state of the archive as one number.

The archive is bitemporal: `as_of_run` shows it as it stood after that run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelines.archive.outline import FORM_VERSIONS, Outlines, outlines_of
from pipelines.store.duck import Connection, attached_file, connect, quote, read_value


@dataclass(frozen=True, slots=True)
class Attached:
    """An archive file attached to another connection, to be read there by name."""

    con: Connection
    name: str
    as_of_run: int | None = None

    @property
    def current(self) -> str:
        """A relation (SQL, in parentheses) with the columns of `submission` for what is current."""
        if self.as_of_run is None:
            return f"(SELECT * FROM {self.name}.submission WHERE gone_run IS NULL)"
        run = int(self.as_of_run)
        when = f"seen_run <= {run} AND (gone_run IS NULL OR gone_run > {run})"
        return f"(SELECT * FROM {self.name}.submission WHERE {when})"

    def form_versions(self) -> list[tuple[str, str, str, str]]:
        """(source, asset, version, content) of every archived form version; the last content kept of each."""
        return self.con.execute(FORM_VERSIONS.format(where=f"{self.name}.form_version")).fetchall()

    def outlines(self) -> Outlines:
        """What counting the answers of documents needs to know of their forms."""
        return outlines_of(self.form_versions())

    @property
    def decisions(self) -> str:
        """A relation (SQL) with the columns of `decision`."""
        return f"{self.name}.decision"

    def epoch(self) -> str:
        """A text that changes with any revision, tombstone or form version."""
        what = "source, asset, root_id, revision, raw_sha256, gone_run"
        sql = f"""SELECT concat_ws('/',
                    (SELECT concat(count(*), '.', bit_xor(hash({what}))) FROM {self.name}.submission),
                    (SELECT concat(count(*), '.', bit_xor(hash(source, asset, version, content)))
                     FROM {self.name}.form_version), {self.as_of_run or 0})"""
        return str(read_value(self.con, sql))

    def epoch_of_decisions(self) -> str:
        """A text that changes with any decision."""
        sql = f"SELECT concat(count(*), '.', bit_xor(hash(decision))) FROM {self.name}.decision"
        return str(read_value(self.con, sql))


@contextmanager
def attached(con: Connection, path: Path, *, as_of_run: int | None = None) -> Iterator[Attached]:
    """Attach the archive at `path` to `con`, read-only, for the length of the block."""
    name = f"archive_{path.stem}"
    with attached_file(con, path, name):
        yield Attached(con, quote(name), as_of_run)


def last_complete_sync(path: Path) -> datetime | None:
    """The server's time (UTC) of the last complete sync in the archive at `path`; None where there was none."""
    if not path.exists():
        return None
    with connect(path, read_only=True) as con:
        value: datetime | None = read_value(con, "SELECT max(server_time) FROM sync_run WHERE complete")
        return value


def decisions_in(path: Path) -> int:
    """How many decisions stand in the archive at `path`, those that were undone left aside."""
    if not path.exists():
        return 0
    with connect(path, read_only=True) as con:
        return int(read_value(con, "SELECT count(*) FROM decision WHERE undone_by IS NULL"))


def last_sync_failed(path: Path, source: str) -> str:
    """Why the last sync from `source` did not complete, in a few words; empty where it did, or where there was none."""
    if not path.exists():
        return ""
    sql = "SELECT complete, coalesce(error_class, 'cut short') FROM sync_run WHERE source = ? ORDER BY run DESC LIMIT 1"
    with connect(path, read_only=True) as con:
        row = con.execute(sql, [source]).fetchone()
    return f"the last sync from {source} did not complete ({row[1]})" if row and not row[0] else ""
