"""Bring an asset's archive up to date with the export files that lie in a folder: Assist exports, published rounds.

How a file becomes cells is table_file.py; where a cell's text belongs is the layout in crosswalk.yml, and done by
harmonize/. Here a row becomes a submission as it stands.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pipelines.archive.archive import Archive, Run, Submission
from pipelines.errors import CccmError, ConfigError, DiskError
from pipelines.project.crosswalk import Layout
from pipelines.project.source import Source, SourceAsset
from pipelines.sources.sync import SyncReport
from pipelines.sources.table_file import Table, read_bytes, table_of
from pipelines.store.duck import sync_file

RAW_KIND = "csv_row"

SHOWN = 5
"""How many column names a warning lists."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file as it was read: its name below the inbox, its hash, when it was last changed (UTC), its table."""

    name: str
    sha256: str
    changed_at: datetime
    table: Table


def sync_export(
    archive: Archive,
    source: Source,
    asset: SourceAsset,
    layout_name: str,
    layout: Layout,
    *,
    now: datetime,
    attachments: Path,
) -> SyncReport:
    """Archive every row that is new or different in the inbox; `now` (UTC) only dates the line of sync_run.

    The archive follows the folder as it stands. A row that stands in several files is the one of the last file by name,
    so a second sync of the same folder changes nothing. A row that is in no file any more stays: a file is no sweep.

    The file's hash and the row's number go into `instance_id`, not into `raw`: an edit is a change of `raw`, and a row
    that a corrected file repeats unchanged, perhaps further down, is no edit. It keeps the place it was first seen at.
    """
    run = archive.begin_run(source.name, asset.asset or layout_name, now)
    try:
        return _sync(run, source, asset, layout_name, layout, attachments)
    except CccmError as error:
        run.fail(error.error_class)
        raise


def _sync(
    run: Run, source: Source, asset: SourceAsset, layout_name: str, layout: Layout, attachments: Path
) -> SyncReport:
    files: list[ExportFile] = []
    rows: dict[str, Submission] = {}
    replaced = 0
    for path in _matching(source, asset):
        file = _read(path, source, layout_name, layout, attachments)
        files.append(file)
        for submission in _submissions(file, layout_name, layout):
            standing = rows.get(submission.root_id)
            replaced += standing is not None and standing.raw != submission.raw
            rows[submission.root_id] = submission
    run.record(list(rows.values()))
    newest = max(file.changed_at for file in files)
    run.complete(newest)
    return SyncReport(run.source, run.asset, run.counts, newest, _warning(files, layout_name, layout, replaced))


def _matching(source: Source, asset: SourceAsset) -> list[Path]:
    """The files of the inbox that match the asset's pattern, by name; ConfigError where there is none."""
    where = f"xlsforms/sources.yml, source '{source.name}', tool '{asset.tool}'"
    if source.folder is None or not asset.files:
        raise ConfigError(f"{where}: it does not say which files to read; write a pattern such as '*.csv' as 'files'.")
    if not source.folder.is_dir():
        raise ConfigError(f"{where}: the folder {source.folder} does not exist; make it and put the export there.")
    try:
        found = [path for path in source.folder.glob(asset.files) if path.is_file() and not _draft(path)]
    except (ValueError, NotImplementedError):
        message = f"{where}: '{asset.files}' is no pattern below the folder; write one such as '*.csv'."
        raise ConfigError(message) from None
    if not found:
        raise ConfigError(f"{where}: no file in {source.folder} matches '{asset.files}'; put the export there.")
    return sorted(found, key=lambda path: _name(path, source))


def _draft(path: Path) -> bool:
    """Whether `path` is no export but what an office program or a download keeps beside one while it is open."""
    return path.name.startswith((".", "~$"))


def _name(path: Path, source: Source) -> str:
    return path.relative_to(source.folder).as_posix() if source.folder else path.name


def _read(path: Path, source: Source, layout_name: str, layout: Layout, attachments: Path) -> ExportFile:
    """The file at `path`, kept by its hash before it is read."""
    content = read_bytes(path)
    digest = sha256(content).hexdigest()
    _keep(content, attachments / digest)
    table = table_of(content, str(path), encoding=layout.encoding, delimiter=layout.delimiter, sheet=layout.sheet)
    wanted = [*layout.id, *filter(None, [layout.submitted_at.column])]
    absent = [column for column in wanted if column not in table.headers]
    if absent:
        raise ConfigError(
            f"{path} has no column '{absent[0]}', which layout '{layout_name}' needs; it begins with "
            f"{_listed(table.headers)}: correct the layout, its delimiter, or the file."
        )
    changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
    return ExportFile(_name(path, source), digest, changed_at, table)


def _keep(content: bytes, place: Path) -> None:
    """Let `content` lie at `place`, whole or not at all."""
    if place.exists():
        return
    draft = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        draft.write_bytes(content)
        sync_file(draft)
        draft.replace(place)
    except OSError as error:
        message = f"{place} cannot be written ({error.strerror}): make room, or correct its permissions."
        raise DiskError(message) from error
    finally:
        draft.unlink(missing_ok=True)


def _submissions(file: ExportFile, layout_name: str, layout: Layout) -> Iterator[Submission]:
    """Each row of `file` as a submission; a second row of the same id is another one, so that none hides another."""
    seen: set[str] = set()
    for number, row in file.table.numbered():
        cells = {header: cell for header, cell in zip(file.table.headers, row, strict=True) if cell}
        root_id = _free("|".join(cells.get(column, "").strip() for column in layout.id), seen)
        seen.add(root_id)
        yield Submission(
            root_id=root_id,
            raw=json.dumps(cells, ensure_ascii=False),
            raw_kind=RAW_KIND,
            instance_id=f"{file.sha256}:{number}",
            form_version=layout_name,
            submitted_at=_sent_at(cells.get(layout.submitted_at.column, ""), layout) or file.changed_at,
        )


def _free(root_id: str, seen: set[str]) -> str:
    """`root_id`, or with "#2", "#3" … behind it where an earlier row of the file has it."""
    free, number = root_id, 1
    while free in seen:
        number += 1
        free = f"{root_id}#{number}"
    return free


def _sent_at(text: str, layout: Layout) -> datetime | None:
    """When a row was sent (UTC), by its own column or by the layout; None where neither says."""
    for written in (text.strip(), layout.submitted_at.constant):
        for moment in _moments(written, layout.dates):
            return moment
    return None


def _moments(text: str, ways: Sequence[str]) -> Iterator[datetime]:
    """What `text` says as a time, in ISO 8601 and then in each of `ways`."""
    try:
        moment = datetime.fromisoformat(text)
        yield moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except ValueError:
        pass
    for way in ways:
        try:
            yield datetime.strptime(text, way)  # noqa: DTZ007
        except ValueError:
            continue


def _warning(files: Sequence[ExportFile], layout_name: str, layout: Layout, replaced: int) -> str:
    """What the IMO should know of these files; empty where all is as the layout says."""
    said: list[str] = []
    headers = {header for file in files for header in file.table.headers}
    unknown = sorted(headers - set(layout.columns))
    if unknown:
        said.append(
            f"{len(unknown)} columns are not in layout '{layout_name}' and wait in quarantine ({_listed(unknown)}): "
            "add them to crosswalk.yml"
        )
    absent = [header for header in layout.columns if any(header not in file.table.headers for file in files)]
    if absent:
        said.append(f"{len(absent)} columns of layout '{layout_name}' are not in every file ({_listed(absent)})")
    if replaced:
        said.append(f"{replaced} rows differ between the files; of each the last file by name counts")
    return "; ".join(said)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    return f"{shown}, …" if len(names) > SHOWN else shown
