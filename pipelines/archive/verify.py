"""Verify an archive from its bytes: that it is what the last run left, each document what was sent, each count right.

Only reads. What became of the answers in the derived tables is asked elsewhere (defs/verifying.py).
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path

from pipelines.archive.chain import broken_links, broken_seals
from pipelines.archive.formats import FORMAT, format_of, refuse_newer
from pipelines.archive.opening import RESTORE, State, appraise
from pipelines.archive.recount import SHOWN, Recount, recount
from pipelines.errors import CccmError, DataError, LockError
from pipelines.store.duck import Connection, connect, plain_errors, read_value

NAME_OF_CONTENT = 64
"""How long the name of a file is that is named by the SHA-256 of its content."""

MUST_NOT_BE = {
    "are not numbered 1, 2, 3": """
        SELECT count(*) FROM (SELECT 1 FROM submission GROUP BY source, asset, root_id
                              HAVING min(revision) <> 1 OR max(revision) <> count(*))""",
    "stand twice": """
        SELECT count(*) FROM (SELECT 1 FROM submission WHERE gone_run IS NULL GROUP BY source, asset, root_id
                              HAVING count(*) > 1)""",
    "went before they came": "SELECT count(*) FROM submission WHERE gone_run < seen_run",
    "name a run that never was": """
        SELECT count(*) FROM submission WHERE seen_run NOT IN (SELECT run FROM sync_run)
        OR gone_run NOT IN (SELECT run FROM sync_run)""",
    "are missing of which files are listed": """
        SELECT count(*) FROM attachment ANTI JOIN submission USING (source, asset, root_id, revision)""",
}
"""What no archive may show of its submissions -> how many do."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of an archive: how much was read, and what is wrong, a sentence each; `note` is nothing wrong."""

    path: Path
    counted: Recount
    attachments: int
    problems: tuple[str, ...]
    note: str = ""


def verify_archive(path: Path, attachments: Path, *, processes: int = os.cpu_count() or 1) -> Verified:
    """Verify the archive at `path` and that the files it names lie in `attachments`; LockError while it is written."""
    found = Verified(path, Recount(), 0, ())
    try:
        with (
            plain_errors(f"{path} is damaged", RESTORE),
            path.open("rb") as content,
            connect(path, read_only=True) as con,
        ):
            refuse_newer(path, format_of(con))
            if format_of(con) < FORMAT:
                return replace(found, note=f"{path} is of an older format; `cccm build` brings it into ours.")
            found = _against_head(con, content, found)
            found = _against_itself(con, attachments, found)
            rows = read_value(con, "SELECT coalesce(max(rowid) + 1, 0) FROM submission")
            return _against_bytes(recount(path, rows, processes), found)
    except LockError:
        raise
    except CccmError as error:
        return _with(found, str(error))


def _with(found: Verified, *problems: str) -> Verified:
    return replace(found, problems=tuple(dict.fromkeys([*found.problems, *problems])))


def _against_head(con: Connection, content: BufferedReader, found: Verified) -> Verified:
    try:
        return replace(found, note=appraise(con, content, State.of(found.path)))
    except DataError as error:
        return _with(found, str(error))


def _against_itself(con: Connection, attachments: Path, found: Verified) -> Verified:
    stored, missing = _files(con, attachments)
    return _with(replace(found, attachments=stored), *_wrong(con, found.path), *missing)


def _against_bytes(counted: Recount, found: Verified) -> Verified:
    said = [f"{found.path}: {each}; {RESTORE}." for each in counted.wrong[:SHOWN]]
    if len(counted.wrong) > SHOWN:
        said.append(f"{found.path}: {len(counted.wrong) - SHOWN} more documents are not what was archived.")
    return _with(replace(found, counted=counted), *said)


def damaged_files(folder: Path) -> tuple[int, tuple[str, ...]]:
    """How many bytes lie in the store of files, and which file is not what its name says, a sentence each."""
    size, problems = 0, []
    for file in _named_by_content(folder):
        size += file.stat().st_size
        with file.open("rb") as content:
            if file_digest(content, "sha256").hexdigest() != file.name[:NAME_OF_CONTENT]:
                problems.append(f"{file} is damaged: its name is the sum of other bytes; put it back from a backup.")
    return size, tuple(problems)


def _named_by_content(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and len(file.stem) == NAME_OF_CONTENT and not set(file.stem) - set("0123456789abcdef"):
            yield file


def _wrong(con: Connection, path: Path) -> Iterable[str]:
    chain = broken_links(con) or broken_seals(con, last_whole=False)
    if chain:
        yield f"{path} was changed by something else than a run of ours: {chain}; {RESTORE}."
    for what, sql in MUST_NOT_BE.items():
        found = read_value(con, sql)
        if found:
            yield f"{path}: {found} submissions {what}; {RESTORE}."


def _files(con: Connection, folder: Path) -> tuple[int, list[str]]:
    """How many files the archive names as stored, and a sentence for each that is not there."""
    names = con.execute("SELECT DISTINCT sha256 FROM attachment WHERE state = 'stored' ORDER BY sha256").fetchall()
    lying = {file.stem for file in _named_by_content(folder)}
    missing = [name for (name,) in names if name not in lying]
    said = [f"{folder / name} is missing; put it back from a backup, or sync again." for name in missing[:SHOWN]]
    more = [f"{len(missing) - SHOWN} more files are missing in {folder}."] if len(missing) > SHOWN else []
    return len(names), said + more
