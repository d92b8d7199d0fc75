"""What the last run wrote down outside of an archive about its end: the head, a small file in a folder of its own.

It names the archive, the last entry of its chain and the sum of its bytes; while a run writes, a line for each entry
that it committed. So an archive that was put back from yesterday, replaced by another one, or that lost its last pages
with a damaged WAL is noticed. What the chain is, is chain.py; what follows from a difference is opening.py.
"""

import errno
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

from pipelines.whole_file import draft_of, put_in_place, sync_file

OPENED = "opened"
"""The line that says: somebody writes, so the sum of the bytes may be another one by now."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the chain as it is known outside: its number, what it stands for, its hash."""

    n: int
    what: str
    link: str


@dataclass(frozen=True, slots=True)
class Head:
    """How the last run left an archive. `since` are the entries that a run has committed after it, `opened` whether
    one began; `note` is a sentence for whoever opens it next.
    """

    archive: str
    tool: str
    n: int
    link: str
    sha256: str
    note: str = ""
    opened: bool = False
    since: tuple[Entry, ...] = ()

    @property
    def last(self) -> int:
        """The number of the last entry that was committed."""
        return self.since[-1].n if self.since else self.n


def head_file(archive: Path) -> Path:
    """Where the head of `archive` lies: beside the folder `archive`, so that a copy of that folder which somebody puts
    back is noticed; in the same folder for an archive that lies elsewhere.
    """
    folder = archive.parent.parent / "heads" if archive.parent.name == "archive" else archive.parent
    return folder / f"{archive.stem}.head"


def read_head(archive: Path) -> Head | None:
    """The head of `archive`; None where there is none, or where it cannot be relied on."""
    try:
        lines = head_file(archive).read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    said = [_said(line) for line in lines[:-1]]  # behind the last line break is a line that a kill cut short, if any
    if not said or None in said:
        return None
    first, *since = (line for line in said if line is not None)
    if "archive" not in first:
        return None
    entries = tuple(Entry(**line) for line in since if OPENED not in line)
    return replace(Head(**first), opened=bool(since), since=entries)


def write_head(archive: Path, head: Head) -> None:
    """Put `head` in the place of what was known before; all of it or nothing."""
    path = head_file(archive)
    known = {name: value for name, value in asdict(head).items() if name not in {"opened", "since"}}
    draft = draft_of(path)
    draft.touch(mode=0o600)
    draft.write_bytes(_line(known))
    put_in_place(draft, path)


def mark_opened(archive: Path) -> None:
    """Write down that somebody begins to write."""
    _append(head_file(archive), {OPENED: True})


def note_entry(archive: Path, entry: Entry) -> None:
    """Write down that `entry` is committed."""
    _append(head_file(archive), asdict(entry))


def _append(path: Path, said: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        _write_whole(handle, _line(said))
    finally:
        os.close(handle)
    if made:
        sync_file(path.parent)


def _write_whole(handle: int, line: bytes) -> None:
    """Write `line` behind what stands, all of it or nothing."""
    before = os.fstat(handle).st_size
    if os.write(handle, line) < len(line):
        os.ftruncate(handle, before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(handle)


def _line(said: dict[str, object]) -> bytes:
    text = json.dumps(said, ensure_ascii=False).encode()
    return b"%08x " % crc32(text) + text + b"\n"


def _said(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where its sum says that it is not what was written."""
    text = line[9:]
    return json.loads(text) if line[:9] == b"%08x " % crc32(text) else None
