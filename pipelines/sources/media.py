"""Fetch the files of submissions into the store, by the hash of what they hold.

A file is done when all of it came and is what its name says; until then it stays awaited, and a later run asks again.
Where nobody says how long it is (a proxy drops the length), its MD5 in the ETag or a second sight of it is the proof.
Which are wanted is archive/attachments.py. The name that a phone gave a file is never a path here, and what the server
calls it only as far as it is a plain word.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest, md5
from mimetypes import guess_type
from pathlib import Path
from uuid import uuid4

from pipelines.archive.archive import Run
from pipelines.archive.attachments import Wanted
from pipelines.errors import CccmError, DataError, DiskError
from pipelines.sources.client import Client, Downloaded
from pipelines.sources.ranges import read_parts
from pipelines.sources.retry import Unreached
from pipelines.whole_file import put_in_place, unwritable

AT_ONCE = 50
"""After how many files the archive is told of them."""

IN_VAIN = 20
"""After how many failures in a row the server is left alone until the next run."""

Place = Callable[[str, Wanted], str]
"""(asset, file) -> the path of the file on the server."""

UNPROVEN = "A file came twice, and not the same, from a server that does not say how long it is; it is awaited."

PAGES = ("text/html", "application/xhtml+xml", "application/json")
"""What a server sends instead of a file when it has something to say."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """How many files were stored, and how many were not, by error class."""

    stored: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)


def place_on_kobo(asset: str, file: Wanted) -> str:
    """The path of a file on a Kobo server; DataError where its uid is no plain word."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", file.uid):
        raise DataError("The server names a file in a way that is no name; ask its administrator.")
    return f"/api/v2/assets/{asset}/data/{file.server_id}/attachments/{file.uid}/"


def fetch_files(
    run: Run, client: Client, wanted: Sequence[Wanted], store: Path, *, parallel: int, place: Place = place_on_kobo
) -> Fetched:
    """Fetch `wanted`, each from its `place`, into `store`; one that fails holds back no other. DiskError where they
    cannot be written.
    """
    failed: Counter[str] = Counter()
    stored = in_vain = 0
    batch = _Batch(run)
    if wanted:
        _prepare(store)
    answers = read_parts(
        wanted,
        lambda file: _fetched(client, lambda: place(run.asset, file), file, store),
        lambda *_: (),
        parallel=parallel,
    )
    for file, came in answers:
        if isinstance(came, CccmError):
            failed[came.error_class] += 1
            in_vain += 1
            batch.failed.append(file)
        else:
            stored += 1
            in_vain = 0
            batch.stored.append((file, came))
        batch.tell(at=AT_ONCE)
        if in_vain == IN_VAIN:
            break
    answers.close()
    batch.tell(at=1)
    return Fetched(stored, dict(failed))


@dataclass(slots=True)
class _Batch:
    """What the archive has not been told yet."""

    run: Run
    stored: list[tuple[Wanted, str]] = field(default_factory=list)
    failed: list[Wanted] = field(default_factory=list)

    def tell(self, *, at: int) -> None:
        if len(self.stored) + len(self.failed) >= at:
            self.run.note_files(self.stored, self.failed)
            self.stored, self.failed = [], []


def _prepare(store: Path) -> None:
    """Make the store, and take away what a run that was killed left half written in it."""
    try:
        store.mkdir(parents=True, exist_ok=True)
        for draft in store.glob(".*.part"):
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(store, error) from error


def _fetched(client: Client, where: Callable[[], str], file: Wanted, store: Path) -> str | CccmError:
    """The hash under which `file` rests in `store`; or why it does not."""
    draft = store / f".{uuid4().hex}.part"
    try:
        came = client.download(where(), draft, media=True)
        problem = _problem(file, draft, came.size, came.content_type)
        if problem:
            return DataError(problem)
        if not (came.counted or _is_its_etag(came, draft) or _comes_again(client, where(), came, store)):
            return Unreached(UNPROVEN)
        _keep(draft, store / came.sha256)
    except DiskError:
        raise
    except CccmError as error:
        return error
    finally:
        draft.unlink(missing_ok=True)
    return came.sha256


def _is_its_etag(came: Downloaded, draft: Path) -> bool:
    """Whether the server named the MD5 of the file as its ETag, as Central and stores of objects do."""
    named = came.etag.removeprefix("W/").strip('"').lower()
    with draft.open("rb") as content:
        return named == file_digest(content, lambda: md5(usedforsecurity=False)).hexdigest()


def _comes_again(client: Client, where: str, came: Downloaded, store: Path) -> bool:
    """Whether a file of which nobody said how long it is comes the same a second time: no two cuts are alike."""
    second = store / f".{uuid4().hex}.part"
    try:
        return client.download(where, second, media=True).sha256 == came.sha256
    finally:
        second.unlink(missing_ok=True)


def _problem(file: Wanted, draft: Path, size: int, content_type: str) -> str:
    """Why what came cannot be the file; empty where it can."""
    expected = guess_type(file.file_name)[0] or ""
    if size == 0:
        return "A file came empty; it is asked for again by a later run."
    with draft.open("rb") as content:
        start = content.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_page = start.startswith((b"<!doctype html", b"<html"))
    if (is_page or content_type in PAGES) and expected not in (*PAGES, "text/plain"):
        return "A web page came instead of a file; it is asked for again by a later run."
    return ""


def _keep(draft: Path, place: Path) -> None:
    """Let `draft` lie at `place`, whole and on the disk before its name is."""
    try:
        if not place.exists():
            put_in_place(draft, place)
    except OSError as error:
        raise unwritable(place, error) from error
