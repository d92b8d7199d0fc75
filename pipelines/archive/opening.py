"""Open an archive for writing: make it where there is none, bring it into our format, hold it against what the last run
left, and mend what a killed run left behind; at the end seal it, leave no WAL, and write down how it was left.

What is mended is said in one sentence; what cannot be is a DataError that says what to do.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from shutil import copyfileobj

from pipelines.archive.chain import SEAL, broken_links, broken_seals, last_entry, link_at, seal
from pipelines.archive.formats import FORMAT, format_of, make_archive, migrate, refuse_newer
from pipelines.archive.head import Entry, Head, head_file, mark_opened, read_head, write_head
from pipelines.errors import CccmError, DataError
from pipelines.store.duck import Connection, DatabaseError, connect, plain_errors, read_value
from pipelines.store.failures import readable_of_wal
from pipelines.store.locks import alone

NEVER_CHECKPOINT_BY_ITSELF = "1TB"
"""A checkpoint per page costs 60 % more time and nearly doubles the file; one at the end does not."""

RESTORE = (
    "put back the last backup with `cccm restore FILE`; the next sync pulls what came after it, and decisions taken "
    "since are to be imported again"
)


@dataclass(frozen=True, slots=True)
class State:
    """How an archive was found: the `head` (None where there is none to rely on), whether a killed run left a WAL, and
    what was said so far of what had to be mended.
    """

    path: Path
    head: Head | None
    killed: bool
    mended: str = ""

    @classmethod
    def of(cls, path: Path, mended: str = "") -> "State":
        """How the archive at `path` lies there now; it must be open, so that nobody changes it meanwhile."""
        wal = wal_of(path)
        return cls(path, read_head(path), wal.exists() and wal.stat().st_size > 0, mended)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Connection, str]]:
    """Yield the archive at `path`, open for writing, and a sentence on what had to be mended (empty: nothing)."""
    mended = prepare(path)
    with path.open("rb") as content, connect(path) as con:  # content closes last: that would free DuckDB's lock
        con.execute(f"SET checkpoint_threshold = '{NEVER_CHECKPOINT_BY_ITSELF}'")
        state = State.of(path, mended)
        with plain_errors(f"{path} is damaged", RESTORE):
            mended = appraise(con, content, state)
        with plain_errors(str(head_file(path)), "run again"):
            if state.head is None:
                write_head(path, _head_of(con, content))
            mark_opened(path)
        try:
            yield con, mended
        except BaseException:
            with suppress(CccmError, DatabaseError, OSError):  # the first error is the one to show; the next run mends
                _leave(con, content, path)
            raise
        with plain_errors(str(path), "run again"):
            _leave(con, content, path)


def prepare(path: Path) -> str:
    """See that an archive of our format lies at `path` that DuckDB can open; a sentence on what that took, if any."""
    number, said = (_format_of_file(path)) if path.exists() else (0, "")
    refuse_newer(path, number)
    if number == FORMAT:
        return said
    with alone(head_file(path).with_suffix(".lock"), f"Making {path}"):
        if not path.exists():
            make_archive(path)
            return ""
        number, said = _format_of_file(path)
        if number < FORMAT:
            migrate(path)
            head_file(path).unlink(missing_ok=True)
            return " ".join(filter(None, (said, f"The archive {path.name} was brought into format {FORMAT}.")))
    return said


def appraise(con: Connection, content: BufferedReader, state: State) -> str:
    """Hold the archive that is open, and its bytes, against its head: what had to be mended, in a sentence.

    DataError where it is not what the last run left: another archive, an older copy, or damaged.
    """
    head, last = state.head, last_entry(con)
    n = last.n if last else 0
    if head is None:
        return _without_head(con, state, n)
    _refuse_another(con, state.path, head)
    _refuse_older(con, state.path, head, n)
    if not head.opened and not state.killed:
        if sum_of(content) == head.sha256:
            return " ".join(filter(None, (state.mended, head.note)))
        if n == head.n:
            return _changed_bytes(con, state)
    _refuse_broken(con, state.path)
    lost = [entry for entry in head.since if entry.n > n]
    return " ".join(filter(None, (state.mended, head.note, _of_killed(state, lost, n))))


def _of_killed(state: State, lost: list[Entry], n: int) -> str:
    """What became of what a killed run had stored."""
    name = state.path.name
    if lost:
        what = "the last entry" if len(lost) == 1 else f"the last {len(lost)} entries"
        said = f"A run was killed while it wrote {name}, and {what} of its ledger could not be read back: "
        pulled = "what was pulled is pulled again"
        decided = any(entry.what == "decisions" for entry in lost)
        return said + (f"{pulled}, but decisions taken then are to be imported again." if decided else f"{pulled}.")
    if state.killed or (state.head and n > state.head.n):
        return f"A run was killed while it wrote {name}: what it had stored stands, checked."
    return ""


def sum_of(content: BufferedReader) -> str:
    """The SHA-256 of the bytes of a file that is open."""
    content.seek(0)
    return file_digest(content, "sha256").hexdigest()


def wal_of(path: Path) -> Path:
    """Where DuckDB writes what is not in the file yet."""
    return path.with_name(f"{path.name}.wal")


def _format_of_file(path: Path) -> tuple[int, str]:
    """The file's format; what cannot be read of its WAL is moved aside, and a sentence says so.

    A loss of power leaves the end of a WAL as it happened to reach the disk, holes among it; what was synced before it
    stands and is replayed.
    """
    try:
        return _read_format(path), ""
    except DataError as error:
        wal, readable = wal_of(path), readable_of_wal(error)
        if not wal.exists():
            raise
    aside = wal.with_name(f"{wal.name}.damaged")
    aside.unlink(missing_ok=True)
    if readable:
        with plain_errors(str(aside), "run again"):
            _move_end(wal, readable, aside)
        with suppress(DataError):
            return _read_format(path), f"The end of {wal.name} cannot be read; it lies in {aside.name}."
        _move_end(aside, 0, wal)
    wal.replace(aside)
    try:
        said = f"What a killed run had not yet put into {path.name} cannot be read; it lies in {aside.name}."
        return _read_format(path), said
    except CccmError:
        aside.replace(wal)
        raise


def _move_end(file: Path, start: int, to: Path) -> None:
    """Move what `file` holds from `start` on to the end of `to`; it is there before it is here no more."""
    with file.open("r+b") as source, to.open("ab") as target:
        source.seek(start)
        copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
        source.truncate(start)
        os.fsync(source.fileno())


def _read_format(path: Path) -> int:
    with plain_errors(str(path), RESTORE), connect(path, read_only=True) as con:
        return format_of(con)


def _without_head(con: Connection, state: State, n: int) -> str:
    """Take an archive as it stands, of which nothing is known outside of it."""
    _refuse_broken(con, state.path)
    found = f"{state.path.name} came without a head that says how it was left; it was taken as it stands, checked."
    return " ".join(filter(None, (state.mended, found if n and not state.mended else "")))


def _refuse_another(con: Connection, path: Path, head: Head) -> None:
    archive, tool = con.execute("SELECT archive, tool FROM archive_format").fetchall()[0]
    if archive != head.archive:
        whose = f"of another project, or another archive of {tool}" if tool == head.tool else f"of the tool {tool}"
        raise DataError(
            f"{path} is not the archive that the last run left there, but one {whose}; put the right one back, "
            f"or {RESTORE}. If it is meant to stand there, delete {head_file(path)} and run again."
        )


def _refuse_older(con: Connection, path: Path, head: Head, n: int) -> None:
    """Raise DataError where the chain does not hold what the last run that ended had written."""
    if link_at(con, head.n) == head.link:
        return
    run = read_value(con, "SELECT max(run) FROM sync_run") or 0
    is_older = f"is an older copy, which ends with run {run}" if n < head.n else "is a copy that took another way"
    raise DataError(
        f"{path} {is_older}: the last run left a newer one. Put that back, or {RESTORE}. If the copy is meant to stand "
        f"there, delete {head_file(path)} and run again: the next sync pulls what is missing."
    )


def _changed_bytes(con: Connection, state: State) -> str:
    """What it means that the bytes are not those that the last run left, though the chain is."""
    _refuse_broken(con, state.path)
    bad = _damaged_texts(con)
    if bad:
        raise DataError(f"{state.path} is damaged: {bad}; {RESTORE}.")
    return f"Some bytes of {state.path.name} changed where nothing is kept; every row was checked and stands."


def _refuse_broken(con: Connection, path: Path) -> None:
    """Raise DataError where the tables are not what the seals say, or what came after the last one is damaged."""
    last = last_entry(con)
    sealed = last is not None and last.what == SEAL
    wrong = broken_links(con) or broken_seals(con, last_whole=sealed)
    wrong = wrong or ("" if sealed else _damaged_texts(con, since_seal=True))
    if wrong:
        raise DataError(f"{path} was changed by something else than a run of ours: {wrong}; {RESTORE}.")


def _damaged_texts(con: Connection, *, since_seal: bool = False) -> str:
    """What is wrong with the documents themselves; those that no seal covers yet, or all."""
    sealed = read_value(con, "SELECT max(run) FROM chain WHERE what = ?", [SEAL]) if since_seal else 0
    bad = read_value(con, DAMAGED, [sealed or 0])
    return f"{bad} documents are not those that were archived" if bad else ""


DAMAGED = "SELECT count(*) FROM submission WHERE seen_run > ? AND sha256(raw) <> raw_sha256"


def _leave(con: Connection, content: BufferedReader, path: Path) -> None:
    """Seal what was written, leave no WAL, and write down how the archive is left."""
    seal(con)
    con.execute("CHECKPOINT")
    write_head(path, _head_of(con, content))


def _head_of(con: Connection, content: BufferedReader) -> Head:
    archive, tool = con.execute("SELECT archive, tool FROM archive_format").fetchall()[0]
    last = last_entry(con)
    n, link = (last.n, last.link) if last else (0, link_at(con, 0))
    return Head(archive, tool, n, link, sum_of(content))
