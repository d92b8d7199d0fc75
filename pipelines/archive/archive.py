"""One tool's archive file, open: record what a source sent, keep form versions, mark what is gone.

What becomes of a page is record.py, of its files attachments.py; how a document's leaves are counted is leaves.py;
whether a disappearance may be believed is guard.py; reading the current rows for a build is reading.py.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from pathlib import Path

from pipelines.archive.attachments import Wanted, awaited, note_stored, note_tried, wanted_files
from pipelines.archive.chain import linked as transaction
from pipelines.archive.counting import Counting
from pipelines.archive.known import standing_rows
from pipelines.archive.opening import opened
from pipelines.archive.outline import Outline, Outlines, outlines_in
from pipelines.archive.prepared import Prepared
from pipelines.archive.probe import Probe, keep_probe, last_probe
from pipelines.archive.record import layers, record, roots_of
from pipelines.archive.submission import AttachedFile, Counts, Known, Standing, Submission
from pipelines.store.duck import Connection, read_rows, read_value

__all__ = ["Archive", "AttachedFile", "Counts", "Known", "Run", "Submission", "open_archive"]

MEMORY_LIMIT = "80MB"
"""What waits for that checkpoint beyond this rests beside the file until then, not in memory."""


@contextmanager
def open_archive(path: Path) -> Iterator["Archive"]:
    """Yield the archive at `path`, made first where there is none; how it is held to what was left is opening.py."""
    with opened(path) as (con, mended):
        con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        with closing(Counting()) as counting:
            yield Archive(con, counting, mended)


class Archive:
    """An archive file, open for writing; `mended` is a sentence on what a killed run had left, empty where nothing."""

    def __init__(self, con: Connection, counting: Counting, mended: str = "") -> None:
        self._con = con
        self._counting = counting
        self.mended = mended

    def begin_run(self, source: str, asset: str, started_at: datetime) -> "Run":
        """A new line of sync_run, not complete yet."""
        with transaction(self._con):
            number = 1 + (read_value(self._con, "SELECT max(run) FROM sync_run") or 0)
            self._con.execute(BEGIN_RUN, [number, source, asset, started_at])
        return Run(self._con, self._counting, number, source, asset)

    def known(self, source: str, asset: str) -> tuple[Known, ...]:
        """What stands as current for this asset."""
        columns = "root_id, server_id, instance_id, form_version, validation_status"
        sql = f"SELECT {columns} FROM submission WHERE source = ? AND asset = ? AND gone_run IS NULL ORDER BY root_id"
        return tuple(Known(*row) for row in self._con.execute(sql, [source, asset]).fetchall())

    def standing(self, source: str, asset: str) -> Iterator[Standing]:
        """What stands as current for this asset, as a server's index would show it."""
        return standing_rows(self._con, source, asset)

    def last_permission(self, source: str, asset: str) -> str | None:
        """What our account was allowed at the last complete sync of this asset; None where that is not known."""
        sql = (
            """SELECT permission FROM sync_run WHERE source = ? AND asset = ? AND complete ORDER BY run DESC LIMIT 1"""
        )
        permission: str | None = read_value(self._con, sql, [source, asset])
        return permission

    def was_completed(self, source: str, asset: str) -> bool:
        """Whether a sync of this asset ever came to its end."""
        sql = "SELECT count(*) FROM sync_run WHERE source = ? AND asset = ? AND complete"
        return bool(read_value(self._con, sql, [source, asset]))

    def contents_of_forms(self, source: str, asset: str) -> tuple[str, ...]:
        """The content of every archived form version of this asset."""
        sql = "SELECT content FROM form_version WHERE source = ? AND asset = ? ORDER BY version"
        return tuple(row[0] for row in self._con.execute(sql, [source, asset]).fetchall())

    def last_probe(self, source: str, asset: str) -> Probe | None:
        """What the last complete sync of this asset left for the next one; None where there was none."""
        return last_probe(self._con, source, asset)

    def example(self, source: str, asset: str, form_version: str) -> tuple[str, str] | None:
        """(root id, raw) of the first current submission of this asset and version; None where there is none."""
        sql = """SELECT root_id, raw FROM submission
                 WHERE source = ? AND asset = ? AND form_version = ? AND gone_run IS NULL ORDER BY root_id LIMIT 1"""
        return self._con.execute(sql, [source, asset, form_version]).fetchone()

    def form_versions(self, source: str, asset: str) -> frozenset[str]:
        """The server's form versions whose content is archived."""
        sql = "SELECT version FROM form_version WHERE source = ? AND asset = ?"
        return frozenset(row[0] for row in self._con.execute(sql, [source, asset]).fetchall())

    def runs(self) -> list[dict[str, object]]:
        """Every line of sync_run, oldest first."""
        return read_rows(self._con, "SELECT * FROM sync_run ORDER BY run")


@dataclass(slots=True)
class Run:
    """One sync of one asset while it goes on. Each call is one transaction: its records and the counts that name
    them.
    """

    _con: Connection
    counting: Counting
    number: int
    source: str
    asset: str
    counts: Counts = Counts()  # noqa: RUF009 - a value
    _roots: set[str] | None = None  # every root id of the asset, once something was recorded
    _outlines: Outlines | None = None

    @property
    def outlines(self) -> Outlines:
        """The outlines of the form versions that are archived now."""
        self._outlines = self._outlines or outlines_in(self._con)
        return self._outlines

    def keep_form_version(self, version: str, content: str) -> None:
        """Keep the `content` of a form version as the server sent it."""
        row = [self.source, self.asset, version, content, self.number]
        with transaction(self._con):
            self._con.execute("INSERT INTO form_version VALUES (?, ?, ?, ?, ?)", row)
        self._outlines = None

    def record(self, submissions: Sequence[Submission]) -> Counts:
        """Archive what is new or different among `submissions`; what stands unchanged adds no revision."""
        by_outline = groupby(submissions, key=self._outline)
        return self.record_prepared(
            [one for outline, some in by_outline for one in self.counting.prepared([*some], outline)]
        )

    def record_prepared(self, page: Sequence[Prepared]) -> Counts:
        """The same, of submissions that other threads have prepared."""
        if self._roots is None:
            self._roots = roots_of(self._con, self.source, self.asset)
        with transaction(self._con):
            for layer in layers(page):
                happened = Counter(record(self._con, self.number, self.source, self.asset, layer, self._roots))
                del happened["unchanged"]
                self._add(Counts(seen=len(layer), **happened))
                self._roots.update(one.submission.root_id for one in layer)
        return self.counts

    def note_unchanged(self, seen: int) -> None:
        """Count `seen` submissions that an index showed to stand unchanged."""
        with transaction(self._con):
            self._add(Counts(seen=seen))

    def mark_deleted(self, root_ids: Sequence[str]) -> None:
        """Write the tombstones of `root_ids`; whether they may be believed was decided before (guard.py)."""
        sql = """UPDATE submission SET gone_run = ?, gone_why = 'deleted'
                 WHERE source = ? AND asset = ? AND gone_run IS NULL AND root_id IN (SELECT unnest(?::VARCHAR[]))"""
        with transaction(self._con):
            self._con.execute(sql, [self.number, self.source, self.asset, list(root_ids)])
            self._add(Counts(deleted=len(root_ids)))

    def note_server(self, permission: str, count: int | None) -> None:
        """Keep what our account may do on the server, and how many submissions the server says it has."""
        with transaction(self._con):
            sql = "UPDATE sync_run SET permission = ?, server_count = ? WHERE run = ?"
            self._con.execute(sql, [permission, count, self.number])

    def wanted_files(self, *, all_of_them: bool = False) -> list[Wanted]:
        """The files to be fetched now."""
        return wanted_files(self._con, self.source, self.asset, all_of_them=all_of_them)

    def note_files(self, stored: Sequence[tuple[Wanted, str]], failed: Sequence[Wanted]) -> None:
        """Say which files rest in the store now, under which hash, and which were asked for in vain."""
        with transaction(self._con):
            if stored:
                note_stored(self._con, self.source, self.asset, stored)
            if failed:
                note_tried(self._con, self.source, self.asset, self.number, failed)

    def note_effort(self, requests: int, stored: int) -> int:
        """Keep how many requests the run made and how many files it stored; how many are awaited still."""
        with transaction(self._con):
            still = awaited(self._con, self.source, self.asset)
            sql = "UPDATE sync_run SET requests = ?, attachments_stored = ?, attachments_awaited = ? WHERE run = ?"
            self._con.execute(sql, [requests, stored, still, self.number])
        return still

    def complete(self, server_time: datetime, *, doubted: bool = False) -> None:
        """Say that all the server showed at `server_time` (UTC) is archived; `doubted` where it showed too little."""
        with transaction(self._con):
            sql = "UPDATE sync_run SET complete = true, server_time = ?, error_class = ? WHERE run = ?"
            self._con.execute(sql, [server_time, "data" if doubted else None, self.number])

    def keep_probe(self, probe: Probe) -> None:
        """Leave `probe` for the next sync of this asset."""
        keep_probe(self._con, self.source, self.asset, probe)

    def fail(self, error_class: str) -> None:
        """Say why this run did not complete; what it archived so far stays."""
        with transaction(self._con):
            self._con.execute("UPDATE sync_run SET error_class = ? WHERE run = ?", [error_class, self.number])

    def _outline(self, sent: Submission) -> Outline:
        return self.outlines.of(self.source, self.asset, sent.form_version, sent.raw_kind)

    def _add(self, counts: Counts) -> None:
        self.counts += counts
        values = [getattr(self.counts, name) for name in COUNTED]
        names = ", ".join(f"{name} = ?" for name in COUNTED)
        self._con.execute(f"UPDATE sync_run SET {names} WHERE run = ?", [*values, self.number])


COUNTED = tuple(f.name for f in fields(Counts) if f.name != "attachments_changed")
"""The counts that have a column in sync_run; revisions that change files alone are told by `submission.changed`."""

BEGIN_RUN = """
INSERT INTO sync_run (run, source, asset, started_at, seen, new, edited, deleted, returned, status_changed, complete)
VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0, 0, false)
"""
