"""Bring an asset's archive up to date with the export files that lie in a folder: Assist exports, published rounds.

Which files those are is inbox.py, how one becomes cells table_file.py, how rows of several sheets become one
repeat_sheets.py, the key of a row row_key.py, and what the IMO is told export_told.py. Where a cell's text belongs is
the layout in crosswalk.yml, and done by harmonize/. Here a row becomes a submission as it stands.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

from pipelines.archive.archive import Archive, Run, Submission
from pipelines.errors import CccmError, ConfigError
from pipelines.project.layout import Layout
from pipelines.project.source import Source, SourceAsset
from pipelines.project.times import offset, readings
from pipelines.sources.export_told import Told, listed
from pipelines.sources.inbox import files_to_read, name_of
from pipelines.sources.project_key import project_key
from pipelines.sources.repeat_sheets import check_sheets, headers_of, rows_of
from pipelines.sources.row_key import RowKeys, check_standing
from pipelines.sources.sync import SyncReport
from pipelines.sources.table_file import WORKBOOK_STARTS, Table, read_bytes, table_of
from pipelines.whole_file import write_whole

RAW_KIND = "csv_row"

HASHED = re.compile(r"[0-9a-f]{64}(#\d+)?")
"""A root id that was made with the project's key."""

Key = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file as it was read: its name below the inbox, its hash, when it was last changed (UTC), its table, and the
    tables of its further sheets by repeat.
    """

    name: str
    sha256: str
    changed_at: datetime
    table: Table
    sheets: Mapping[str, Table]


def sync_export(
    archive: Archive,
    source: Source,
    asset: SourceAsset,
    layout_name: str,
    layout: Layout,
    *,
    now: datetime,
    attachments: Path,
    key_file: Path,
) -> SyncReport:
    """Archive every row that is new or different in the inbox; `now` (UTC) only dates the line of sync_run.

    The archive follows the folder as it stands. A row that stands in several files is the one of the last file by name,
    so a second sync of the same folder changes nothing. A row that is in no file any more stays: a file is no sweep.

    The file's hash and the row's number go into `instance_id`, not into `raw`: an edit is a change of `raw`, and a row
    that a corrected file repeats unchanged, perhaps further down, is no edit. It keeps the place it was first seen at.
    """
    run = archive.begin_run(source.name, asset.asset or layout_name, now)

    @cache
    def key() -> bytes:
        known = archive.known(run.source, run.asset)
        return project_key(key_file, may_make=not any(HASHED.fullmatch(row.root_id) for row in known))

    try:
        files = [_read(path, source, layout_name, layout, attachments) for path in files_to_read(source, asset)]
        standing = archive.example(run.source, run.asset, layout_name)
        if standing:
            check_standing(*standing, layout.id, key, f"xlsforms/{asset.tool}/crosswalk.yml, layout '{layout_name}'")
        return _record(run, files, layout_name, layout, key)
    except CccmError as error:
        run.fail(error.error_class)
        raise


def check_export(path: Path, layout_name: str, layout: Layout) -> None:
    """Nothing, or the error that a sync of the file at `path` would end in."""
    table, sheets = _tables(read_bytes(path), str(path), layout_name, layout)
    for _ in rows_of(table, sheets, layout, str(path)):
        pass


def _record(run: Run, files: list[ExportFile], layout_name: str, layout: Layout, key: Key) -> SyncReport:
    told = Told(layout_name, layout)
    rows: dict[str, Submission] = {}
    for file in files:
        told.of_headers(headers_of(file.table, file.sheets, layout))
        for submission in _submissions(file, layout_name, layout, key, told):
            standing = rows.get(submission.root_id)
            told.replaced += standing is not None and standing.raw != submission.raw
            rows[submission.root_id] = submission
    run.record(list(rows.values()))
    newest = max(file.changed_at for file in files)
    run.complete(newest)
    return SyncReport(run.source, run.asset, run.counts, newest, told.warning())


def _read(path: Path, source: Source, layout_name: str, layout: Layout, attachments: Path) -> ExportFile:
    """The file at `path`, kept by its hash before it is read."""
    content = read_bytes(path)
    digest = sha256(content).hexdigest()
    if not (attachments / digest).exists():
        write_whole(attachments / digest, content, mode=0o600)
    table, sheets = _tables(content, str(path), layout_name, layout)
    changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
    return ExportFile(name_of(path, source), digest, changed_at, table, sheets)


def _tables(content: bytes, named: str, layout_name: str, layout: Layout) -> tuple[Table, dict[str, Table]]:
    """The table in `content` and those of its repeats, with every column that their rows cannot do without."""
    writing = {"encoding": layout.encoding, "delimiter": layout.delimiter}
    table = table_of(content, named, sheet=layout.sheet, **writing)
    wanted = [*layout.id.named, *filter(None, [layout.submitted_at.column])]
    absent = [column for column in wanted if column not in table.headers]
    if absent:
        raise ConfigError(
            f"{named} has no column '{absent[0]}', which layout '{layout_name}' needs; it begins with "
            f"{listed(table.headers[:5])}: correct the layout, its delimiter, or the file."
        )
    if layout.repeats and not content.startswith(WORKBOOK_STARTS):
        message = (
            f"{named} is no workbook and has no sheets for the repeats of layout '{layout_name}'; export it as .xlsx."
        )
        raise ConfigError(message)
    sheets = {name: table_of(content, named, sheet=one.sheet, **writing) for name, one in layout.repeats.items()}
    check_sheets(table, sheets, layout, named)
    return table, sheets


def _submissions(file: ExportFile, layout_name: str, layout: Layout, key: Key, told: Told) -> Iterator[Submission]:
    """Each row of `file` as a submission; a second row of the same id is another one, so that none hides another."""
    keys = RowKeys(layout.id, key)
    for number, cells in rows_of(file.table, file.sheets, layout, file.name):
        sent_at = _sent_at(cells.get(layout.submitted_at.column, ""), layout)
        told.without_time += sent_at is None and bool(layout.submitted_at.column)
        yield Submission(
            root_id=keys.of(cells),
            raw=json.dumps(cells, ensure_ascii=False),
            raw_kind=RAW_KIND,
            instance_id=f"{file.sha256}:{number}",
            form_version=layout_name,
            submitted_at=sent_at or file.changed_at,
        )
    told.without_key += keys.without
    told.key_again += keys.again


def _sent_at(text: str, layout: Layout) -> datetime | None:
    """When a row was sent (UTC), by its own column or by the layout; None where neither says it, or says one time."""
    for written in (text.strip(), layout.submitted_at.constant):
        moments = _iso(written) or readings(written, layout.dates)
        if len(moments) == 1:
            moment = moments[0].replace(tzinfo=moments[0].tzinfo or offset(layout.zone))
            return moment.astimezone(UTC).replace(tzinfo=None)
    return None


def _iso(text: str) -> tuple[datetime, ...]:
    try:
        return (datetime.fromisoformat(text),)
    except ValueError:
        return ()
