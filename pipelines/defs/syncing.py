"""The first step of a refresh: bring the archive of one source and tool up to date.

An error of a source is part of the outcome, for the other sources must go on. The steps that build are steps.py.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from pipelines.archive.archive import Archive, open_archive
from pipelines.defs.journal import Outcome, journal
from pipelines.errors import CccmError, ConfigError
from pipelines.project import Project, Source, SourceAsset
from pipelines.project.crosswalk import read_crosswalk
from pipelines.sources.client import Client
from pipelines.sources.export_file import sync_export
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import SyncReport, Wish, sync_kobo
from pipelines.store.duck import plain_errors


def sync(project: Project, source: Source, asset: SourceAsset, wish: Wish) -> Outcome:
    """Bring one asset's archive up to date; what went wrong is in the outcome, and what was archived before stays."""
    step = f"archive/{source.name}/{asset.tool}"
    tell = journal().on_progress
    tell(step, 0)
    try:
        path = project.archive_file(asset.tool)
        with plain_errors(str(path), "run again"), open_archive(path) as archive:
            mended = archive.mended
            report = _of_kind(project, source, asset, wish, archive, lambda seen: tell(step, seen))
    except CccmError as error:
        return journal().add(Outcome(step, anew=False, error=error))
    warning = " ".join(filter(None, (mended, report.warning)))
    return journal().add(Outcome(step, anew=bool(report.counts.changed), figures=_figures(report), warning=warning))


def _figures(report: SyncReport) -> dict[str, int | str]:
    counts = report.counts
    return {
        "received": counts.seen,
        "new": counts.new,
        "edited": counts.edited,
        "deleted": counts.deleted,
        "returned": counts.returned,
        "status_changed": counts.status_changed,
        "server_time": report.server_time.isoformat(timespec="seconds"),
    }


def _of_kind(
    project: Project, source: Source, asset: SourceAsset, wish: Wish, archive: Archive, progress: Callable[[int], None]
) -> SyncReport:
    now = datetime.now(UTC).replace(tzinfo=None)
    if source.kind == "kobo":
        kobo = Kobo(Client(source.url, source.token(), named=source.name))
        return sync_kobo(archive, kobo, source.name, asset.asset, wish=wish, now=now, progress=progress)
    if source.kind == "export_file":
        layouts = read_crosswalk(project.tool(asset.tool).crosswalk_file).layouts
        if asset.layout not in layouts:
            known = ", ".join(layouts) or "none"
            message = (
                f"xlsforms/sources.yml, source '{source.name}': the crosswalk of {asset.tool} has no layout "
                f"'{asset.layout}' (it has {known}); name one of them."
            )
            raise ConfigError(message)
        layout = layouts[asset.layout]
        return sync_export(archive, source, asset, asset.layout, layout, now=now, attachments=project.attachments)
    message = (
        f"xlsforms/sources.yml, source '{source.name}': servers of the kind {source.kind} cannot be read yet; "
        "take the source out, or bring its data as an export file."
    )
    raise ConfigError(message)
