"""Write a page of submissions into an archive: what is new, what a revision changes, what stands.

Each call happens inside a transaction of the caller. What is counted of it is Run's (archive.py); the files that belong
to a submission are attachments.py.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.archive.attachments import known_files, list_files, note_taken_out
from pipelines.archive.prepared import Prepared
from pipelines.archive.submission import files_text
from pipelines.store.duck import Connection, insert_texts

STATUS = r'"_validation_status":\s*(\{[^{}]*\})'
"""Where a document of Kobo's holds its validation status; inside an answer the quotes would be escaped."""

AT_ONCE = 2_000_000
"""Documents of so many letters go to the database at a time: it copies them several times over."""

CHANGES = ("edited", "status_changed", "attachments_changed")
"""What replaces the revision before."""


@dataclass(frozen=True, slots=True)
class Event:
    """What had happened to a submission when it arrived: the `last` revision before, and what this one `changed`."""

    happened: str
    last: int = 0
    changed: str | None = None


def roots_of(con: Connection, source: str, asset: str) -> set[str]:
    """Every root id that was ever archived of this asset."""
    sql = "SELECT DISTINCT root_id FROM submission WHERE source = ? AND asset = ?"
    return {row[0] for row in con.execute(sql, [source, asset]).fetchall()}


def record(
    con: Connection, run: int, source: str, asset: str, page: Sequence[Prepared], roots: Collection[str]
) -> list[str]:
    """Archive what is new or different in `page`, which names no submission twice; what had happened to each. `roots`
    are those that were ever archived: what is not among them is new, and need not be looked for.
    """
    events = _events(con, source, asset, page, roots)
    replaced = [root_id for root_id, event in events.items() if event.happened in CHANGES]
    if replaced:
        con.execute(REPLACE, [run, source, asset, replaced])
    changed = [one for one in page if events[one.submission.root_id].happened != "unchanged"]
    for lot in _lots(sorted(changed, key=_arrival)):
        _insert(con, run, source, asset, lot, events)
    if any(one.submission.files for one in page):
        list_files(con, source, asset, [(one.submission, _revision(events[one.submission.root_id])) for one in page])
    if replaced:
        note_taken_out(con, source, asset, replaced)
    return [event.happened for event in events.values()]


def layers(page: Sequence[Prepared]) -> list[list[Prepared]]:
    """`page` in order, parted so that no layer names one submission twice: a second sight is a second revision."""
    parted: list[list[Prepared]] = []
    times: dict[str, int] = {}
    for one in page:
        depth = times.get(one.submission.root_id, 0)
        times[one.submission.root_id] = depth + 1
        if depth == len(parted):
            parted.append([])
        parted[depth].append(one)
    return parted


def _revision(event: Event) -> int:
    return event.last + (event.happened != "unchanged")


def _lots(page: Sequence[Prepared]) -> Iterator[list[Prepared]]:
    lot: list[Prepared] = []
    letters = 0
    for one in page:
        lot.append(one)
        letters += len(one.submission.raw)
        if letters > AT_ONCE:
            yield lot
            lot, letters = [], 0
    if lot:
        yield lot


def _events(
    con: Connection, source: str, asset: str, page: Sequence[Prepared], roots: Collection[str]
) -> dict[str, Event]:
    """What happened to each submission of `page`, by root id."""
    known = [one.submission.root_id for one in page if one.submission.root_id in roots]
    found_before = con.execute(BEFORE, [source, asset, known]).fetchall() if known else []
    before = {row[0]: row[1:] for row in found_before}
    differs = [one for one in page if _differs(one, before.get(one.submission.root_id))]
    which = [one.submission.root_id for one in differs]
    raws = dict(con.execute(RAW, [source, asset, which]).fetchall()) if which else {}
    files = known_files(con, source, asset, which) if which else {}
    found = {one.submission.root_id: _undisputed(before.get(one.submission.root_id)) for one in page}
    for one in differs:
        root_id = one.submission.root_id
        found[root_id] = _event(one, before[root_id], raws[root_id], files.get(root_id, ""))
    return found


def _differs(one: Prepared, before: tuple[Any, ...] | None) -> bool:
    if before is None or not before[1]:
        return False
    now = one.submission
    if now.raw_kind.startswith("odk_") and one.digest is not None:  # whose envelope differs with the way it was fetched
        return before[3:] != (one.digest, now.instance_id, now.form_version, now.validation_status)
    return bool(before[2] != one.sha256)


def _undisputed(before: tuple[Any, ...] | None) -> Event:
    """What happened to a submission whose document needs no comparing."""
    if before is None:
        return Event("new")
    last, stands, *_ = before
    return Event("unchanged", last) if stands else Event("returned", last, "returned")


def _event(one: Prepared, before: tuple[Any, ...], raw: str, files: str) -> Event:
    """What happened to a submission whose document is another than the one that stands."""
    last, _, _, digest, instance_id, form_version, status = before
    now = one.submission
    sent_anew = now.instance_id != instance_id or one.digest is None or one.digest != digest
    found = {
        "answers": sent_anew,
        "version": now.form_version != form_version,
        "status": status_text(now.raw) != status_text(raw) or now.validation_status != status,
        "attachments": files_text(now.files) != files,
    }
    changed = [name for name, differs in found.items() if differs]
    if found["answers"] or found["version"] or not changed:
        return Event("edited", last, ",".join(changed))
    return Event("status_changed" if found["status"] else "attachments_changed", last, ",".join(changed))


def status_text(raw: str) -> str:
    """The validation status in `raw` as it was sent; empty where there is none."""
    match = re.search(STATUS, raw)
    found = match[1] if match else ""
    return "" if found == "{}" else found


def _insert(
    con: Connection, run: int, source: str, asset: str, page: Sequence[Prepared], events: Mapping[str, Event]
) -> None:
    """Write these submissions, each as a new revision."""
    rows = [(source, asset, str(run), *_row(one, events[one.submission.root_id])) for one in page]
    insert_texts(con, REVISION, rows)


def _row(one: Prepared, event: Event) -> tuple[str | None, ...]:
    sent = one.submission
    return (
        sent.root_id,
        str(event.last + 1),
        sent.instance_id,
        sent.server_id,
        sent.form_version,
        None if sent.submitted_at is None else sent.submitted_at.isoformat(" "),
        sent.submitted_by,
        sent.raw,
        sent.raw_kind,
        one.sha256,
        None if one.n_answers is None else str(one.n_answers),
        None if one.digest is None else str(one.digest),
        sent.validation_status,
        event.changed,
    )


def _arrival(one: Prepared) -> tuple[float, str]:
    """The order in which a server numbered its submissions."""
    number = one.submission.server_id
    return (float(number) if number.isdecimal() else math.inf), one.submission.root_id


BEFORE = """
SELECT root_id, max(revision), bool_or(gone_run IS NULL), max(raw_sha256) FILTER (gone_run IS NULL),
       max(digest) FILTER (gone_run IS NULL), max(instance_id) FILTER (gone_run IS NULL),
       max(form_version) FILTER (gone_run IS NULL), max(validation_status) FILTER (gone_run IS NULL)
FROM submission WHERE source = ? AND asset = ? AND root_id IN (SELECT unnest(?::VARCHAR[]))
GROUP BY root_id
"""

RAW = """
SELECT root_id, raw FROM submission
WHERE source = ? AND asset = ? AND gone_run IS NULL AND root_id IN (SELECT unnest(?::VARCHAR[]))
"""

REPLACE = """
UPDATE submission SET gone_run = ?, gone_why = 'replaced'
WHERE source = ? AND asset = ? AND gone_run IS NULL AND root_id IN (SELECT unnest(?::VARCHAR[]))
"""

REVISION = """submission (
    source, asset, seen_run, root_id, revision, instance_id, server_id, form_version, submitted_at, submitted_by, raw,
    raw_kind, raw_sha256, n_answers, digest, validation_status, changed)"""
