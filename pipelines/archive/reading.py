"""Read an archive for a build: the rows that were current, the form versions, the state of the archive as one number.

The archive is bitemporal: `as_of_run` shows it as it stood after that run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelines.store.duck import Connection, connect, literal, quote, read_value


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
        sql = f"""SELECT source, asset, version, arg_max(content, first_seen) FROM {self.name}.form_version
                  GROUP BY ALL ORDER BY source, asset, min(first_seen), version"""
        return self.con.execute(sql).fetchall()

    def epoch(self) -> str:
        """A text that changes whenever a revision, a tombstone, a form version or a decision was added."""
        sql = f"""SELECT concat_ws('/',
                    (SELECT concat(count(*), '.', max(seen_run), '.', max(gone_run), '.', count(gone_run))
                     FROM {self.name}.submission),
                    (SELECT count(*) FROM {self.name}.form_version),
                    (SELECT concat(count(*), '.', count(undone_by)) FROM {self.name}.decision), {
            self.as_of_run or 0
        })"""
        return str(read_value(self.con, sql))


@contextmanager
def attached(con: Connection, path: Path, *, as_of_run: int | None = None) -> Iterator[Attached]:
    """Attach the archive at `path` to `con`, read-only, for the length of the block."""
    name = quote(f"archive_{path.stem}")
    con.execute(f"ATTACH {literal(str(path))} AS {name} (READ_ONLY)")
    try:
        yield Attached(con, name, as_of_run)
    finally:
        con.execute(f"DETACH {name}")


def last_complete_sync(path: Path) -> datetime | None:
    """The server's time (UTC) of the last complete sync in the archive at `path`; None where there was none."""
    if not path.exists():
        return None
    with connect(path, read_only=True) as con:
        value: datetime | None = read_value(con, "SELECT max(server_time) FROM sync_run WHERE complete")
        return value
