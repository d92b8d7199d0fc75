"""Put all that is precious into one file, and put it back: archives with their heads, files of submissions,
lists kept on servers, keys.

What is derived is not in it: the next build makes that anew. Nor is any token: those stay where they were put. A backup
is a ZIP that any program opens; `manifest.json` in it names every file with its sum.
"""

import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from io import BufferedReader
from pathlib import Path
from typing import IO
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from pipelines.alive import lives, mine
from pipelines.archive.archive import open_archive
from pipelines.archive.chain import link_at
from pipelines.archive.formats import format_of, refuse_newer
from pipelines.archive.head import head_file, read_head, write_head
from pipelines.archive.opening import sum_of, wal_of
from pipelines.errors import DataError
from pipelines.store.duck import Connection, connect, plain_errors, read_value
from pipelines.whole_file import draft_of, forget, put_in_place, sync_file

MANIFEST = "manifest.json"
PRECIOUS = ("archive/*.duckdb", "heads/*.head", "attachments/**/*", "reference/**/*", "*.key")
"""What of the data folder goes into a backup."""

FOLDERS = ("archive", "heads", "attachments", "reference")

PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Packed:
    """A file in a backup: its place in the data folder, its size, the SHA-256 of its bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds. `made_at` is UTC."""

    made_at: str
    files: tuple[Packed, ...]

    @property
    def archives(self) -> tuple[str, ...]:
        """The tools whose archives are in it."""
        return tuple(Path(file.name).stem for file in self.files if file.name.startswith("archive/"))

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


def back_up(data: Path, file: Path, *, now: datetime) -> Backup:
    """Write all that is precious in `data` into `file`, as of one moment, and read it back; LockError while a run
    writes.
    """
    archives = sorted(data.glob("archive/*.duckdb"))
    if not archives:
        raise DataError(f"There is no archive in {data / 'archive'}; run `cccm sync` first.")
    for archive in archives:
        with open_archive(archive):
            pass  # a killed run's WAL is put into the file, and its head is written
    with plain_errors(str(file), "run again"), ExitStack() as held:
        opened = {archive: held.enter_context(archive.open("rb")) for archive in archives}
        for archive in archives:
            held.enter_context(connect(archive, read_only=True))  # nobody writes until all are copied
        draft = draft_of(file)
        try:
            backup = _pack(data, draft, opened, now)
            _verify(draft)
            put_in_place(draft, file)
        finally:
            forget(draft)
    return backup


def restore(file: Path, data: Path, *, replace_newer: bool = False, now: datetime) -> Backup:
    """Put what `file` holds back into `data`; what stood there is kept in the folder `replaced`.

    DataError where an archive there has more than the backup, or is another one, unless `replace_newer`; nothing is
    changed then. A kill in between is mended by restoring again.
    """
    backup = _verify(file)
    for left in data.glob(".restore.*.new"):
        if not lives(left.name.split(".")[2]):
            shutil.rmtree(left)
    place = data / f".restore.{mine()}.new"
    with plain_errors(str(data), "run again"):
        try:
            _unpack(file, place)
            tools = [tool for tool in backup.archives if not _stands(place, data, tool)]
            newer = [said for tool in tools if (said := _would_lose(place, data, tool))]
            if newer and not replace_newer:
                raise DataError(f"{' '.join(newer)} To put the backup in their place all the same, add --replace.")
            for tool in tools:
                _switch(place, data, tool, backup.made_at, data / "replaced" / f"{now:%Y%m%dT%H%M%S}")
            for packed in backup.files:
                _add(place / packed.name, data / packed.name)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return backup


def _pack(data: Path, draft: Path, opened: dict[Path, BufferedReader], now: datetime) -> Backup:
    paths = [path for pattern in PRECIOUS for path in sorted(data.glob(pattern)) if _goes_in(path)]
    draft.touch(mode=0o600)
    with ZipFile(draft, "w", ZIP_STORED, allowZip64=True) as packed:
        files = [_put(packed, data, path, opened.get(path)) for path in paths]
        backup = Backup(now.isoformat(timespec="seconds"), tuple(files))
        packed.writestr(MANIFEST, json.dumps(asdict(backup), indent=1, ensure_ascii=False))
    return backup


def _goes_in(path: Path) -> bool:
    """A file, and no draft of one."""
    return path.is_file() and not path.name.startswith(".")


def _put(packed: ZipFile, data: Path, path: Path, content: BufferedReader | None) -> Packed:
    """Pack one file. An archive is read through what is open already: another close would free DuckDB's lock."""
    name = path.relative_to(data).as_posix()
    with ExitStack() as opened:
        source = content or opened.enter_context(path.open("rb"))
        into = opened.enter_context(packed.open(name, "w", force_zip64=True))
        size, digest = _copy(source, into)
    return Packed(name, size, digest)


def _copy(source: IO[bytes], into: IO[bytes] | None) -> tuple[int, str]:
    """How many bytes `source` holds, and their SHA-256, now that they are written into `into`."""
    hashed, size = sha256(), 0
    while piece := source.read(PIECE):
        hashed.update(piece)
        size += len(piece)
        if into is not None:
            into.write(piece)
    return size, hashed.hexdigest()


def _verify(file: Path) -> Backup:
    """What the backup holds, now that every byte of it was read; DataError where it is not what was packed."""
    damaged = f"{file} is no backup of ours, or is damaged; take another one."
    try:
        with ZipFile(file) as packed:
            said = json.loads(packed.read(MANIFEST))
            backup = Backup(said["made_at"], tuple(Packed(**each) for each in said["files"]))
            for each in backup.files:
                with packed.open(each.name) as content:
                    if _copy(content, None) != (each.size, each.sha256) or not _stays_below(each.name):
                        raise DataError(damaged)
    except FileNotFoundError:
        raise DataError(f"{file} does not exist; name a file that `cccm backup` wrote.") from None
    except (BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise DataError(damaged) from error
    return backup


def _stays_below(name: str) -> bool:
    """Whether a name from a file leads nowhere else than into the data folder."""
    parts = Path(name).parts
    known = parts[0] in FOLDERS and len(parts) > 1 if len(parts) != 1 else name.endswith(".key")
    return known and ".." not in parts


def _unpack(file: Path, place: Path) -> None:
    place.mkdir(parents=True, mode=0o700)
    with ZipFile(file) as packed:
        for name in packed.namelist():
            if name == MANIFEST:
                continue
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            with packed.open(name) as source, path.open("wb") as into:
                _copy(source, into)
            sync_file(path)


def _archive(folder: Path, tool: str) -> Path:
    return folder / "archive" / f"{tool}.duckdb"


def _stands(place: Path, data: Path, tool: str) -> bool:
    """Whether the archive that is there is the one of the backup, to the last entry."""
    path = _archive(data, tool)
    there, packed = read_head(path), read_head(_archive(place, tool))
    if there is None or there != packed or not path.exists() or wal_of(path).exists():
        return False
    with path.open("rb") as content:
        return sum_of(content) == there.sha256


def _would_lose(place: Path, data: Path, tool: str) -> str:
    """What would be lost if the backup's archive took the place of the one that is there; empty where nothing."""
    packed, there = _archive(place, tool), _archive(data, tool)
    with connect(packed, read_only=True) as con:
        refuse_newer(packed, format_of(con))
        archive, run = _name_of(con), read_value(con, "SELECT max(run) FROM sync_run") or 0
        n = read_value(con, "SELECT max(n) FROM chain") or 0
        link = link_at(con, n)
    if not there.exists():
        return ""
    try:
        with open_archive(there):
            pass
        with connect(there, read_only=True) as con:
            if _name_of(con) != archive or link_at(con, n) != link:
                return f"{there} is another archive than that of the backup."
            runs = read_value(con, "SELECT count(*) FROM sync_run WHERE run > ?", [run])
            decisions = read_value(con, "SELECT count(*) FROM chain WHERE n > ? AND what = 'decisions'", [n])
    except DataError:
        return ""  # it is damaged, an older copy, or another project's: that is why there is a backup
    if not runs and not decisions:
        return ""
    return f"{there} is newer than the backup by {runs} runs and {decisions} imports of decisions."


def _name_of(con: Connection) -> str:
    return str(read_value(con, "SELECT archive FROM archive_format"))


def _switch(place: Path, data: Path, tool: str, made_at: str, aside: Path) -> None:
    """Put the backup's archive in its place, its head first: an archive ahead of its head is understood, one behind it
    is not.
    """
    there, packed = _archive(data, tool), _archive(place, tool)
    head = read_head(packed)
    for old in (wal_of(there), there):
        if old.exists():
            aside.mkdir(parents=True, exist_ok=True)
            (aside / old.name).unlink(missing_ok=True)
            os.link(old, aside / old.name)
    wal_of(there).unlink(missing_ok=True)
    there.parent.mkdir(parents=True, exist_ok=True)
    if head is not None:
        note = f"The archive {there.name} was put back from the backup of {made_at}; this run pulls what came after it."
        write_head(there, replace(head, note=note))
    else:
        head_file(there).unlink(missing_ok=True)
    put_in_place(packed, there)


def _add(packed: Path, path: Path) -> None:
    """Put a file of the backup where there is none; what lies there already is left (it is named by its content)."""
    if packed.exists() and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(packed, path)
