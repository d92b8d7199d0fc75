"""The tables that the stand-in server writes of its submissions, zipped, and sends while it writes, as Central does."""

import csv
import io
import re
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from tests.central.schema import Field, local
from tests.central.store import Submission

PARTS = ("Latitude", "Longitude", "Altitude", "Accuracy")
AFTER = (
    *("KEY", "SubmitterID", "SubmitterName", "AttachmentsPresent", "AttachmentsExpected"),
    *("Status", "ReviewState", "DeviceID", "Edits", "FormVersion"),
)
ROWS_OF_A_PIECE = 100
STATUS = {"notDecrypted": "not decrypted", "missingEncryptedFormData": "missing encrypted form data"}


class Table:
    """A table that grows: the main one, or that of a repeat."""

    def __init__(self, name: str, fields: dict[str, Field], before: list[str], after: list[str]) -> None:
        self.name = name
        self.columns: dict[tuple[str, ...], int] = {}
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")
        self.head = [*before, *self._heads(fields, (), len(before)), *after]
        self._writer.writerow(self.head)

    def _heads(self, fields: dict[str, Field], path: tuple[str, ...], start: int) -> list[str]:
        heads: list[str] = []
        for name, one in fields.items():
            below = (*path, name)
            if one.kind == "structure":
                heads += self._heads(one.children, below, start + len(heads))
            elif one.kind != "repeat":
                self.columns[below] = start + len(heads)
                ends = [f"-{part}" for part in PARTS] if one.kind == "geopoint" else [""]
                heads += ["-".join(below) + end for end in ends]
        return heads

    def add(self, row: list[Any]) -> None:
        self._writer.writerow(row)

    def taken(self) -> bytes:
        """What was written since the last time."""
        written = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return written


class Pace:
    """Lets pass so many rows a second, in whatever tables are written at a time; as fast as it goes, where it is 0."""

    def __init__(self, a_second: float = 0) -> None:
        self._a_second, self._free_at, self._one_at_a_time = a_second, 0.0, threading.Lock()

    def begin(self, rows: int) -> float:
        """When so many more, begun now, may have passed."""
        with self._one_at_a_time:
            self._free_at = max(self._free_at, time.monotonic()) + (rows / self._a_second if self._a_second else 0)
            return self._free_at


Rows = list[tuple[tuple[str, ...], list[Any]]]
"""The rows of a submission, each with the path of its repeat, which is empty for the main table."""


class Tables:
    """The tables of one form; `known` keeps the rows of each document, so that it is read once however often asked."""

    def __init__(self, form_id: str, fields: dict[str, Field], known: dict[str, Rows] | None = None) -> None:
        self._fields = fields
        self._known = {} if known is None else known
        self.main = Table(f"{form_id}.csv", fields, ["SubmissionDate"], list(AFTER))
        self.repeats: dict[tuple[str, ...], Table] = {}
        found = list(_repeats(fields, ()))
        names = [path[-1] for path, _ in found]
        for place, (path, one) in enumerate(found):
            name = path[-1]
            twin = f"~{names[: place + 1].count(name)}" if names.count(name) > 1 else ""
            self.repeats[path] = Table(f"{form_id}-{name}{twin}.csv", one.children, [], ["PARENT_KEY", "KEY"])

    def add(self, one: Submission) -> None:
        status, xml = one.status or "", one.current.xml
        if not status and xml not in self._known:
            self._known[xml] = list(self._read(fromstring(xml), one.id))
        (_, row), *others = self._known[xml] if not status else [((), [""] * len(self.main.head))]
        row[0] = one.created_at
        values = [one.id, one.submitter.id, one.submitter.name, one.present, len(one.files), STATUS.get(status, "")]
        row[-len(AFTER) :] = [*values, one.review_state or "", one.device or "", one.edits, one.defs[0].version]
        self.main.add(row)
        for path, inner in others:
            self.repeats[path].add(inner)

    def _read(self, tree: Element, key: str) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
        """The rows of a document; the main one first, without what the server says of the submission."""
        row: list[Any] = [""] * len(self.main.head)
        inner = list(self._fill(tree, self._fields, (), (), self.main, row, key, key))
        yield (), row
        yield from inner

    def _fill(
        self,
        node: Element,
        fields: dict[str, Field],
        whole: tuple[str, ...],
        path: tuple[str, ...],
        table: Table,
        row: list[Any],
        key: str,
        around: str,
    ) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
        """Write the answers below `node` into `row`, and yield a row of its own for each instance of a repeat."""
        times: dict[str, int] = {}
        for child in node:
            name = local(child)
            one = fields.get(name)
            if one is None:
                continue
            if one.kind == "repeat":
                times[name] = times.get(name, 0) + 1
                inner, own = self.repeats[(*whole, name)], f"{key}/{name}[{times[name]}]"
                new: list[Any] = [""] * len(inner.head)
                new[-2:] = [around, own]
                yield from self._fill(child, one.children, (*whole, name), (), inner, new, own, own)
                yield (*whole, name), new
            elif one.kind == "structure":
                below = (*whole, name), (*path, name)
                yield from self._fill(child, one.children, *below, table, row, f"{key}/{name}", around)
            elif child.text:
                place = table.columns[(*path, name)]
                if one.kind == "geopoint":
                    parts = _split(child.text)[:4]
                    row[place : place + len(parts)] = parts
                else:
                    row[place] += child.text


def zipped(tables: Tables, submissions: Sequence[Submission], pace: Pace) -> Iterator[bytes]:
    """The tables as a zip file, piece by piece, a hundred submissions each."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        with archive.open(tables.main.name, "w") as entry:
            for first in range(0, len(submissions), ROWS_OF_A_PIECE):
                some = submissions[first : first + ROWS_OF_A_PIECE]
                until = pace.begin(len(some))
                for one in some:
                    tables.add(one)
                entry.write(tables.main.taken())
                yield sink.taken()
                time.sleep(max(0.0, until - time.monotonic()))
        for table in tables.repeats.values():
            archive.writestr(table.name, table.taken())
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """A file that can only be written, as a connection is."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _repeats(fields: dict[str, Field], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Field]]:
    for name, one in fields.items():
        if one.kind == "repeat":
            yield (*path, name), one
        yield from _repeats(one.children, (*path, name))


def _split(text: str) -> list[str]:
    """As JavaScript splits by white space: what stands before the first of it is a part, be it empty."""
    return re.split(r"\s+", text)
