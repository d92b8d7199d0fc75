"""The first step of a refresh: bring the archive of one source and tool up to date.

An error of a source is part of the outcome, for the other sources must go on. The steps that build are steps.py.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from pipelines.archive.archive import Archive, open_archive
from pipelines.defs.journal import Outcome, journal
from pipelines.errors import CccmError, ConfigError
from pipelines.harmonize.unmapped import left_open
from pipelines.project import Project, Source, SourceAsset
from pipelines.project.crosswalk import Layout, read_crosswalk
from pipelines.sources.central import Central
from pipelines.sources.central_reference import keep_lists
from pipelines.sources.central_session import CentralSession
from pipelines.sources.central_sync import sync_central
from pipelines.sources.client import Client
from pipelines.sources.export_file import sync_export
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import Manner, SyncReport, Wish, sync_kobo
from pipelines.store.duck import plain_errors


def sync(project: Project, source: Source, asset: SourceAsset, wish: Wish) -> Outcome:
    """Bring one asset's archive up to date; what went wrong is in the outcome, and what was archived before stays."""
    step = f"archive/{source.name}/{asset.tool}"
    started = monotonic()
    tell = journal().on_progress
    tell(step, 0)
    try:
        path = project.archive_file(asset.tool)
        with plain_errors(str(path), "run again"), open_archive(path) as archive:
            mended = archive.mended
            report = _of_kind(project, source, asset, wish, archive, lambda seen: tell(step, seen))
        with plain_errors(str(path), "run again"):
            warning = "; ".join(filter(None, [report.warning, _left_open(project, source, asset)]))
    except CccmError as error:
        return journal().add(Outcome(step, anew=False, error=error))
    warning = " ".join(filter(None, (mended, warning)))
    figures = {**_figures(report), "seconds": round(monotonic() - started)}
    anew = bool(report.counts.changed or report.attachments_stored)
    return journal().add(Outcome(step, anew=anew, figures=figures, warning=warning))


def _figures(report: SyncReport) -> dict[str, int | str]:
    """What is shown of a sync: what was received beside the server's own count (where it tells), and each event."""
    counts = report.counts
    return {
        "received": counts.seen,
        **({} if report.server_count is None else {"server_count": report.server_count}),
        "new": counts.new,
        "edited": counts.edited,
        "deleted": counts.deleted,
        "returned": counts.returned,
        "status_changed": counts.status_changed,
        **(_files_and_requests(report) if report.requests else {}),
        "server_time": report.server_time.isoformat(timespec="seconds"),
    }


def _files_and_requests(report: SyncReport) -> dict[str, int | str]:
    """What is shown of a sync with a server only."""
    return {
        "attachments_stored": report.attachments_stored,
        "attachments_awaited": report.attachments_awaited,
        **{f"attachments_failed_{why}": number for why, number in sorted(report.attachments_failed.items())},
        "requests": report.requests,
    }


def _of_kind(
    project: Project, source: Source, asset: SourceAsset, wish: Wish, archive: Archive, progress: Callable[[int], None]
) -> SyncReport:
    now = datetime.now(UTC).replace(tzinfo=None)
    if source.kind == "kobo":
        client = Client(
            source.url, source.token(), named=source.name, media_hosts=source.media_hosts, ca_file=source.ca_file
        )
        manner = Manner(parallel=source.parallel, guard=source.guard, attachments=project.attachments)
        return sync_kobo(
            archive, Kobo(client), source.name, asset.asset, wish=wish, now=now, progress=progress, manner=manner
        )
    if source.kind == "export_file":
        layout = layout_of(project, source, asset)
        places = {"attachments": project.attachments, "key_file": project.key_file}
        return sync_export(archive, source, asset, asset.layout, layout, now=now, **places)
    return _of_central(project, source, asset, wish, archive, progress)


def _of_central(
    project: Project, source: Source, asset: SourceAsset, wish: Wish, archive: Archive, progress: Callable[[int], None]
) -> SyncReport:
    now = datetime.now(UTC).replace(tzinfo=None)
    name, ca_file = source.name, source.ca_file
    session = CentralSession(source.url, source.email(), source.password(), named=name, ca_file=ca_file)
    client = Client(source.url, session, named=name, media_hosts=source.media_hosts, ca_file=ca_file)
    central = Central(client, source.project or 0)
    manner = Manner(parallel=source.parallel, guard=source.guard, attachments=project.attachments)
    report = sync_central(
        archive, central, source.name, asset.asset, wish=wish, now=now, progress=progress, manner=manner
    )
    keep_lists(central, source.reference, project.lists, project.reference, report.server_time)
    return report


def layout_of(project: Project, source: Source, asset: SourceAsset) -> Layout:
    """The layout that the asset's files are read by."""
    layouts = read_crosswalk(project.tool(asset.tool).crosswalk_file).layouts
    if asset.layout not in layouts:
        known = ", ".join(layouts) or "none"
        raise ConfigError(
            f"xlsforms/sources.yml, source '{source.name}': the crosswalk of {asset.tool} has no layout "
            f"'{asset.layout}' (it has {known}); name one of them."
        )
    return layouts[asset.layout]


def _left_open(project: Project, source: Source, asset: SourceAsset) -> str:
    """What the asset's layout does not say of its files, or why that cannot be told; nothing of what a server sends."""
    if source.kind != "export_file":
        return ""
    try:
        return left_open(project, asset.tool, source.name, asset.asset, asset.layout)
    except CccmError as error:
        return str(error)
