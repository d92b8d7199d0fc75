"""One tool's archive file, open: record what a source sent, keep form versions, mark what is gone.

How a document's leaves are counted is leaves.py; whether a disappearance may be believed is guard.py; reading the
current rows for a build is reading.py.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from pipelines.archive.chain import linked as transaction
from pipelines.archive.leaves import count_and_digest
from pipelines.archive.opening import opened
from pipelines.store.duck import Connection, read_rows, read_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One submission as a source hands it over; `raw` is the server's own text, `submitted_at` UTC without zone."""

    root_id: str
    raw: str
    raw_kind: str
    instance_id: str = ""
    server_id: str = ""
    form_version: str = ""
    submitted_at: datetime | None = None
    submitted_by: str = ""
    validation_status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many submissions a sync saw, and what had happened to them."""

    seen: int = 0
    new: int = 0
    edited: int = 0
    deleted: int = 0
    returned: int = 0
    status_changed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    @property
    def changed(self) -> int:
        """How many revisions or tombstones these counts stand for."""
        return self.new + self.edited + self.deleted + self.returned + self.status_changed


@dataclass(frozen=True, slots=True)
class Known:
    """What the archive holds of a current submission, for comparing with a server's index."""

    root_id: str
    server_id: str
    instance_id: str
    form_version: str
    validation_status: str


@contextmanager
def open_archive(path: Path) -> Iterator["Archive"]:
    """Yield the archive at `path`, made first where there is none; how it is held to what was left is opening.py."""
    with opened(path) as (con, mended):
        yield Archive(con, mended)


class Archive:
    """An archive file, open for writing; `mended` is a sentence on what a killed run had left, empty where nothing."""

    def __init__(self, con: Connection, mended: str = "") -> None:
        self._con = con
        self.mended = mended

    def begin_run(self, source: str, asset: str, started_at: datetime) -> "Run":
        """A new line of sync_run, not complete yet."""
        with transaction(self._con):
            number = 1 + (read_value(self._con, "SELECT max(run) FROM sync_run") or 0)
            self._con.execute(BEGIN_RUN, [number, source, asset, started_at])
        return Run(self._con, number, source, asset)

    def known(self, source: str, asset: str) -> tuple[Known, ...]:
        """What stands as current for this asset."""
        columns = "root_id, server_id, instance_id, form_version, validation_status"
        sql = f"SELECT {columns} FROM submission WHERE source = ? AND asset = ? AND gone_run IS NULL ORDER BY root_id"
        return tuple(Known(*row) for row in self._con.execute(sql, [source, asset]).fetchall())

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
    number: int
    source: str
    asset: str
    counts: Counts = Counts()

    def keep_form_version(self, version: str, content: str) -> None:
        """Keep the `content` of a form version as the server sent it."""
        row = [self.source, self.asset, version, content, self.number]
        with transaction(self._con):
            self._con.execute("INSERT INTO form_version VALUES (?, ?, ?, ?, ?)", row)

    def record(self, submissions: Sequence[Submission]) -> Counts:
        """Archive what is new or different among `submissions`; what stands unchanged adds no revision."""
        with transaction(self._con):
            for layer in _layers(submissions):
                self._record(layer)
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

    def complete(self, server_time: datetime, *, doubted: bool = False) -> None:
        """Say that all the server showed at `server_time` (UTC) is archived; `doubted` where it showed too little."""
        with transaction(self._con):
            sql = "UPDATE sync_run SET complete = true, server_time = ?, error_class = ? WHERE run = ?"
            self._con.execute(sql, [server_time, "data" if doubted else None, self.number])

    def fail(self, error_class: str) -> None:
        """Say why this run did not complete; what it archived so far stays."""
        with transaction(self._con):
            self._con.execute("UPDATE sync_run SET error_class = ? WHERE run = ?", [error_class, self.number])

    def _record(self, submissions: Sequence[Submission]) -> None:
        hashes = {submission.root_id: _sha256(submission.raw) for submission in submissions}
        found = self._compare(submissions, hashes)
        replaced = [root_id for root_id, (happened, _) in found.items() if happened in {"edited", "status_changed"}]
        if replaced:
            self._con.execute(REPLACE, [self.number, self.source, self.asset, replaced])
        changed = [submission for submission in submissions if found[submission.root_id][0] != "unchanged"]
        if changed:
            self._insert(sorted(changed, key=_arrival), hashes, {root_id: last for root_id, (_, last) in found.items()})
        counted = Counter(happened for happened, _ in found.values() if happened != "unchanged")
        self._add(Counts(seen=len(submissions), **counted))

    def _compare(self, submissions: Sequence[Submission], hashes: Mapping[str, str]) -> dict[str, tuple[str, int]]:
        """What happened to each submission, and its last revision so far, by root id."""
        arrived = [
            [submission.root_id for submission in submissions],
            [submission.instance_id for submission in submissions],
            [submission.validation_status for submission in submissions],
            [hashes[submission.root_id] for submission in submissions],
        ]
        rows = self._con.execute(COMPARE, [*arrived, self.source, self.asset]).fetchall()
        return {root_id: (happened, revision) for root_id, happened, revision in rows}

    def _insert(
        self, submissions: Sequence[Submission], hashes: Mapping[str, str], revisions: Mapping[str, int]
    ) -> None:
        counted = [_counted(submission) for submission in submissions]
        columns = [
            [submission.root_id for submission in submissions],
            [revisions[submission.root_id] + 1 for submission in submissions],
            [submission.instance_id for submission in submissions],
            [submission.server_id for submission in submissions],
            [submission.form_version for submission in submissions],
            [submission.submitted_at for submission in submissions],
            [submission.submitted_by for submission in submissions],
            [submission.raw for submission in submissions],
            [submission.raw_kind for submission in submissions],
            [hashes[submission.root_id] for submission in submissions],
            [answers for answers, _ in counted],
            [digested for _, digested in counted],
            [submission.validation_status for submission in submissions],
        ]
        self._con.execute(INSERT, [self.source, self.asset, *columns, self.number])

    def _add(self, counts: Counts) -> None:
        self.counts += counts
        values = [getattr(self.counts, f.name) for f in fields(Counts)]
        names = ", ".join(f"{f.name} = ?" for f in fields(Counts))
        self._con.execute(f"UPDATE sync_run SET {names} WHERE run = ?", [*values, self.number])


BEGIN_RUN = """
INSERT INTO sync_run (run, source, asset, started_at, seen, new, edited, deleted, returned, status_changed, complete)
VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0, 0, false)
"""

COMPARE = """
WITH arrived AS (
    SELECT unnest(?::VARCHAR[]) AS root_id, unnest(?::VARCHAR[]) AS instance_id,
           unnest(?::VARCHAR[]) AS validation_status, unnest(?::VARCHAR[]) AS raw_sha256
), known AS (
    SELECT root_id, revision, instance_id, validation_status, raw_sha256, gone_run IS NULL AS stands
    FROM submission WHERE source = ? AND asset = ? AND root_id IN (SELECT root_id FROM arrived)
), last AS (
    SELECT root_id, max(revision) AS revision FROM known GROUP BY root_id
)
SELECT root_id,
       CASE WHEN last.root_id IS NULL THEN 'new'
            WHEN standing.root_id IS NULL THEN 'returned'
            WHEN standing.raw_sha256 = arrived.raw_sha256 THEN 'unchanged'
            WHEN standing.instance_id = arrived.instance_id AND standing.validation_status <> arrived.validation_status
            THEN 'status_changed'
            ELSE 'edited' END,
       coalesce(last.revision, 0)
FROM arrived LEFT JOIN last USING (root_id)
LEFT JOIN (SELECT * FROM known WHERE stands) AS standing USING (root_id)
"""

REPLACE = """
UPDATE submission SET gone_run = ?, gone_why = 'replaced'
WHERE source = ? AND asset = ? AND gone_run IS NULL AND root_id IN (SELECT unnest(?::VARCHAR[]))
"""

INSERT = """
INSERT INTO submission
SELECT ?, ?, unnest(?::VARCHAR[]), unnest(?::INTEGER[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]),
       unnest(?::VARCHAR[]), unnest(?::TIMESTAMP[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]),
       unnest(?::VARCHAR[]), unnest(?::INTEGER[]), unnest(?::UBIGINT[]), unnest(?::VARCHAR[]), ?, NULL, NULL, NULL
"""


def _layers(submissions: Sequence[Submission]) -> list[list[Submission]]:
    """`submissions` in order, parted so that no layer names one submission twice: a second sight is a second
    revision.
    """
    layers: list[list[Submission]] = []
    times: dict[str, int] = {}
    for submission in submissions:
        depth = times.get(submission.root_id, 0)
        times[submission.root_id] = depth + 1
        if depth == len(layers):
            layers.append([])
        layers[depth].append(submission)
    return layers


def _arrival(submission: Submission) -> tuple[float, str]:
    """The order in which a server numbered its submissions."""
    number = submission.server_id
    return (float(number) if number.isdecimal() else math.inf), submission.root_id


def _sha256(raw: str) -> str:
    return sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


def _counted(submission: Submission) -> tuple[int | None, int | None]:
    """How many answers, and their digest; (None, None) for a document that cannot be read: it is kept all the same."""
    try:
        return count_and_digest(submission.root_id, submission.raw, submission.raw_kind)
    except (ValueError, RecursionError):
        return None, None
