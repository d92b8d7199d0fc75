"""Where an error of DuckDB or of the disk becomes one of ours: one sentence, without the values DuckDB likes to quote.

No other module reads the text of a DuckDB message.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.errors import CccmError, DataError, DiskError, LockError

LOCKED = "Could not set lock"
"""What DuckDB says where another process has the file."""

NEWER = re.compile(r"version number \d+, but we can only read|serialization version .* is newer", re.IGNORECASE)
"""What DuckDB says of a file that a later DuckDB wrote."""

IN_ITS_OWN_WORDS = {
    "failed to offload data block": errno.ENOSPC,
    "fsync failed": errno.EIO,
    "has been invalidated because of a previous fatal error": errno.EIO,
}
"""What DuckDB says where a query needs more room beside its file than there is, or where a write to the disk failed."""

CORRUPT_WAL = re.compile(r"Corrupt WAL file: .*?byte position (\d+)")
"""What DuckDB says of a WAL that it cannot replay: behind the head of which entry it stopped."""

HEAD_OF_AN_ENTRY = 16
"""Bytes: an entry of a WAL begins with its length and its checksum."""

FULL = (errno.ENOSPC, errno.EDQUOT)
LIMITED = (errno.EFBIG,)
FAILING = (errno.EIO,)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
TEXTS = {os.strerror(number): number for number in (*FULL, *LIMITED, *FAILING, *CLOSED)}
"""How the system says what the disk refused: DuckDB passes its words on."""


@contextmanager
def plain_errors(where: str, remedy: str, *, place: Path | None = None) -> Iterator[None]:
    """Turn an error of the database or of the disk into one sentence; `where` is a file's path, or a step that writes
    at `place`.
    """
    try:
        yield
    except duckdb.Error as error:
        raise plain(error, where, remedy, place=place) from error
    except OSError as error:
        if error.errno not in TEXTS.values():
            raise
        raise plain(error, where, remedy, place=place) from error


def plain(error: duckdb.Error | OSError, where: str, remedy: str, *, place: Path | None = None) -> CccmError:
    """What `error` is called here: a DiskError that names the volume, or a DataError with what is to be done."""
    refused = _refusal(error)
    if refused:
        return DiskError(f"{where}: {_of_disk(refused, _place(error, place or Path(where)))}")
    if isinstance(error, duckdb.OutOfMemoryException):
        return DiskError(f"{where}: DuckDB ran out of memory or disk; free some and run again.")
    return DataError(f"{where}: {scrubbed(str(error))}; {remedy}.")


def why_not_open(path: Path, message: str) -> CccmError:
    """Why the DuckDB file at `path` could not be opened, as DuckDB's `message` has it."""
    if LOCKED in message:
        holder = re.search(r"PID (\d+)", message)
        who = f"process {holder.group(1)}" if holder else "another process"
        return LockError(f"{path} is being written by {who}; wait until it has finished and run again.")
    if NEWER.search(message):
        return DataError(f"{path} was written by a newer DuckDB than ours; update cccm, and leave the file as it is.")
    refused = _number_in(message)
    if refused:
        return DiskError(f"{path}: {_of_disk(refused, path)}")
    return DataError(f"{path} cannot be opened as a DuckDB file; put back its last backup, or move it away.")


def readable_of_wal(error: BaseException) -> int | None:
    """How many bytes of a WAL can be replayed, by the DuckDB error behind `error`; None where it does not say."""
    while error.__cause__ is not None:
        error = error.__cause__
    found = CORRUPT_WAL.search(str(error))
    return max(0, int(found.group(1)) - HEAD_OF_AN_ENTRY) if found else None


def scrubbed(message: str) -> str:
    """The first line of a DuckDB message, with every quoted value and payload taken out."""
    first = message.strip().split("\n")[0].split("Input:")[0]
    about_names = first.startswith(("Catalog Error", "Binder Error", "Parser Error"))
    plain = first if about_names else re.sub(r'".*"', '"…"', first)
    return re.sub(r"'.*'", "'…'", plain).strip().rstrip(".")[:300]


def volume_of(path: Path) -> Path:
    """The folder at which the volume that holds `path` is mounted."""
    place = next((each for each in (path, *path.parents) if each.exists()), Path("/")).resolve()
    while place != place.parent and place.parent.stat().st_dev == place.stat().st_dev:
        place = place.parent
    return place


def _refusal(error: duckdb.Error | OSError) -> int:
    """What the disk refused, as the system numbers it; 0 where it is not about the disk."""
    if isinstance(error, OSError):
        return error.errno or 0
    about_disk = isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.TransactionException)
    return _number_in(str(error)) if about_disk or isinstance(error, duckdb.OutOfMemoryException) else 0


def _number_in(message: str) -> int:
    return next((number for text, number in (TEXTS | IN_ITS_OWN_WORDS).items() if text in message), 0)


def _place(error: duckdb.Error | OSError, otherwise: Path) -> Path:
    """The file that the disk refused, where the error names it."""
    if isinstance(error, OSError):
        return Path(str(error.filename)) if error.filename else otherwise
    named = re.search(r"""["'](/[^"']+)["']""", str(error))
    return Path(named.group(1)) if named else otherwise


def _of_disk(refused: int, place: Path) -> str:
    volume = volume_of(place if place.is_absolute() else Path.cwd())
    said = os.strerror(refused)
    if refused in FULL:
        free = shutil.disk_usage(volume).free // 1_000_000
        return (
            f"the volume {volume} is full ({said}, {free} MB free) and could not take {place.name}; "
            "make room and run again, what was stored before stands."
        )
    if refused in LIMITED:
        return f"{place.name} may not grow that far ({said}); raise the limit on the size of files and run again."
    if refused in FAILING:
        return f"the disk of the volume {volume} fails ({said}); have it checked, and run again on one that is sound."
    return f"the volume {volume} refuses to let us write {place.name} ({said}); correct its permissions and run again."
