"""Put a file in its place whole, or not at all: it is written beside it under another name, and then renamed.

Whoever is killed meanwhile leaves what stood there before, and a draft that the next who writes there removes. For
whatever file; what is special about files of DuckDB is store/.
"""

import os
from contextlib import suppress
from glob import escape
from pathlib import Path

from pipelines.alive import lives, mine
from pipelines.errors import DiskError


def write_whole(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Let `content` stand at `path`, on the disk before its name is; DiskError where the disk refuses."""
    try:
        draft = draft_of(path)
        try:
            draft.touch(mode=mode)
            draft.write_bytes(content)
            put_in_place(draft, path)
        finally:
            forget(draft)
    except OSError as error:
        raise unwritable(path, error) from error


def draft_of(path: Path) -> Path:
    """Where this process writes the file that will become `path`; what killed processes wrote for it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{escape(path.name)}.*.new*"):
        writer = left.name.removeprefix(f".{path.name}.").split(".")[0]
        if left.is_file() and (writer == mine() or not lives(writer)):
            left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{mine()}.new")


def forget(draft: Path) -> None:
    """Remove `draft`, where the disk lets us; where not, whoever writes there next does."""
    with suppress(OSError):
        draft.unlink(missing_ok=True)


def put_in_place(draft: Path, path: Path) -> None:
    """Rename `draft`, which is whole, to `path`; both survive a loss of power."""
    sync_file(draft)
    draft.replace(path)
    sync_file(path.parent)


def sync_file(path: Path) -> None:
    """Make the disk hold `path` (a file, or a folder's list of names) before we go on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(path: Path, error: Exception) -> DiskError:
    """What to say where `path` cannot be written because of `error`."""
    why = getattr(error, "strerror", None) or error
    return DiskError(f"{path} cannot be written ({why}): make room, or correct its permissions.")
