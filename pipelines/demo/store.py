"""What the stand-in server keeps, in one SQLite file: assets, form versions, submissions, attachments, its clock.

Only statements of SQL are here. What an answer to a client looks like is assets.py and data.py; what a submission means
is instance.py.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pipelines.errors import DataError

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS asset (
    number INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, form_uuid TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL, modified TEXT NOT NULL, last_submission TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS version (
    ordinal INTEGER PRIMARY KEY, asset INTEGER NOT NULL, uid TEXT NOT NULL, number TEXT NOT NULL,
    content TEXT NOT NULL, content_hash TEXT NOT NULL, shape TEXT NOT NULL, xform TEXT NOT NULL,
    modified TEXT NOT NULL, deployed TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS submission (
    id INTEGER PRIMARY KEY AUTOINCREMENT, asset INTEGER NOT NULL, uuid TEXT NOT NULL, root_uuid TEXT NOT NULL,
    xml TEXT NOT NULL, answers TEXT NOT NULL, geolocation TEXT NOT NULL, received TEXT NOT NULL, written TEXT NOT NULL,
    submitted_by TEXT NOT NULL, validation TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS submission_of_asset ON submission (asset, id);
CREATE UNIQUE INDEX IF NOT EXISTS submission_uuid ON submission (asset, uuid);
CREATE UNIQUE INDEX IF NOT EXISTS submission_root ON submission (asset, root_uuid);
CREATE TABLE IF NOT EXISTS superseded (asset INTEGER NOT NULL, uuid TEXT NOT NULL, PRIMARY KEY (asset, uuid));
CREATE TABLE IF NOT EXISTS attachment (
    number INTEGER PRIMARY KEY, submission INTEGER NOT NULL, uid TEXT NOT NULL UNIQUE, basename TEXT NOT NULL,
    file_name TEXT NOT NULL, mimetype TEXT NOT NULL, question TEXT NOT NULL, present INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS attachment_of_submission ON attachment (submission);
CREATE TABLE IF NOT EXISTS content (
    number INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL, deleted INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """A project; `number` is its number at the OpenRosa door. Times are ISO texts, "" where there is none.

    Here as below, a number of 0 means: not kept yet, the store gives the next one.
    """

    number: int
    uid: str
    name: str
    form_uuid: str
    created: str
    modified: str
    last_submission: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an asset's form; `deployed` is "" for a draft, `shape` what parsing a submission needs (JSON)."""

    ordinal: int
    asset: int
    uid: str
    number: str
    content: str
    content_hash: str
    shape: str
    xform: str
    modified: str
    deployed: str


@dataclass(frozen=True, slots=True)
class Submission:
    """One row; `answers` is the inside of its JSON object from `formhub/uuid` to `meta/rootUuid`, ready to send."""

    id: int
    asset: int
    uuid: str
    root_uuid: str
    xml: str
    answers: str
    geolocation: str
    received: str
    written: str
    submitted_by: str
    validation: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a submission, without its bytes (Content); `present` is false while no answer names it."""

    number: int
    submission: int
    uid: str
    basename: str
    file_name: str
    mimetype: str
    question: str
    present: bool


@dataclass(frozen=True, slots=True)
class Content:
    """What the attachment with this uid holds; `deleted` where somebody took it out, which leaves its name."""

    number: int
    uid: str
    bytes: bytes
    deleted: bool


Kept = TypeVar("Kept", Asset, Version, Submission, Attachment, Content)
TABLES: dict[type, str] = {
    Asset: "asset",
    Version: "version",
    Submission: "submission",
    Attachment: "attachment",
    Content: "content",
}


class Store:
    """The file, open. Statements of one `transaction` stand together; threads take turns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._con = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._con.execute("PRAGMA journal_mode = WAL")
            self._con.execute("PRAGMA synchronous = NORMAL")
            self._con.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            self._con.close()
            message = f"{path} is not a file of the stand-in server ({error}); move it away and start again."
            raise DataError(message) from error

    def close(self) -> None:
        """Close the file; nothing rests beside it."""
        self._con.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep what the block wrote, all of it or nothing."""
        with self._lock:
            self._con.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._con.execute("ROLLBACK")
                raise
            self._con.execute("COMMIT")

    def setting(self, name: str) -> str:
        """The setting's value; "" where it was never set."""
        found = self._rows("SELECT value FROM setting WHERE name = ?", (name,))
        return str(found[0][0]) if found else ""

    def set_setting(self, name: str, value: str) -> None:
        """Keep `value` under `name`."""
        with self._lock:
            self._con.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def find(self, kind: type[Kept], where: str = "true", params: Sequence[object] = ()) -> list[Kept]:
        """The kept things of this kind; `where` may end in ORDER BY and LIMIT."""
        columns = ", ".join(field.name for field in fields(kind))
        sql = f"SELECT {columns} FROM {TABLES[kind]} WHERE {where}"
        return [kind(*row) for row in self._rows(sql, params)]

    def first(self, kind: type[Kept], where: str, params: Sequence[object] = ()) -> Kept | None:
        """The first of them, or None."""
        found = self.find(kind, f"{where} LIMIT 1", params)
        return found[0] if found else None

    def count(self, kind: type[Kept], where: str = "true", params: Sequence[object] = ()) -> int:
        """How many of them there are."""
        sql = f"SELECT count(*) FROM {TABLES[kind]} WHERE {where}"
        return int(self._rows(sql, params)[0][0])

    def keep(self, thing: Kept) -> int:
        """Write `thing`, in the place of the one with the same number; its number."""
        places = ", ".join("?" for _ in fields(thing))
        sql = f"INSERT OR REPLACE INTO {TABLES[type(thing)]} VALUES ({places})"
        number, *rest = (getattr(thing, field.name) for field in fields(thing))
        with self._lock:
            return int(self._con.execute(sql, (number or None, *rest)).lastrowid or 0)

    def keep_many(self, things: Sequence[Kept]) -> None:
        """Write all of `things`, which are of one kind, at once."""
        places = ", ".join("?" for _ in fields(things[0]))
        sql = f"INSERT OR REPLACE INTO {TABLES[type(things[0])]} VALUES ({places})"
        names = [field.name for field in fields(things[0])]
        rows = ([getattr(thing, name) for name in names] for thing in things)
        with self.transaction():
            self._con.executemany(sql, ([number or None, *rest] for number, *rest in rows))

    def forget(self, submissions: Sequence[int]) -> None:
        """Delete these submissions and what belongs to them."""
        with self.transaction():
            for number in submissions:
                of_it = "uid IN (SELECT uid FROM attachment WHERE submission = ?)"
                self._con.execute(f"DELETE FROM content WHERE {of_it}", (number,))
                self._con.execute("DELETE FROM attachment WHERE submission = ?", (number,))
                self._con.execute("DELETE FROM submission WHERE id = ?", (number,))

    def supersede(self, asset: int, uuid: str) -> None:
        """Remember `uuid` as that of an answer which was edited since."""
        self._con.execute("INSERT OR IGNORE INTO superseded VALUES (?, ?)", (asset, uuid))

    def was_superseded(self, asset: int, uuid: str) -> bool:
        """Whether an edit replaced the answer with this uuid."""
        sql = "SELECT count(*) FROM superseded WHERE asset = ? AND uuid = ?"
        return bool(self._rows(sql, (asset, uuid))[0][0])

    def burn_number(self) -> None:
        """Use up one submission number, as a refused duplicate does."""
        self._con.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'submission'")

    def _rows(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What `sql` finds; from Python 3.13 on, one connection cannot be asked by two threads at once."""
        with self._lock:
            return self._con.execute(sql, params).fetchall()
