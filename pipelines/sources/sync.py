"""Bring an asset's archive up to date with its server.

The first sync reads every page. Later ones sweep the light index and fetch only what differs. What a server may show is
kobo.py; what the archive makes of it is archive/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipelines.archive.archive import Archive, Counts, Run
from pipelines.archive.guard import believe
from pipelines.errors import CccmError
from pipelines.sources.kobo import Kobo

Progress = Callable[[int], None]
"""Called with how many submissions have been seen so far."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync of one asset found; `warning` is for the IMO."""

    source: str
    asset: str
    counts: Counts
    server_time: datetime
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """How the IMO wants a sync: `full` reads every row again; `accept_deletions` believes mass deletion."""

    full: bool = False
    accept_deletions: bool = False


def sync_kobo(
    archive: Archive,
    kobo: Kobo,
    source: str,
    asset: str,
    *,
    wish: Wish,
    now: datetime,
    progress: Progress | None = None,
) -> SyncReport:
    """Archive everything that is new or different on the server; `now` (UTC) only dates the line of sync_run."""
    run = archive.begin_run(source, asset, now)
    try:
        return _sync(archive, run, kobo, wish, progress or (lambda _: None))
    except CccmError as error:
        run.fail(error.error_class)
        raise


def _sync(archive: Archive, run: Run, kobo: Kobo, wish: Wish, progress: Progress) -> SyncReport:
    server_time = kobo.server_time()
    state = kobo.asset(run.asset)
    for version in reversed(state.versions):
        if version not in archive.form_versions(run.source, run.asset):
            run.keep_form_version(version, kobo.form_version(run.asset, version))
    known = {row.server_id: row for row in archive.known(run.source, run.asset)}
    if wish.full or not known:
        present = _read_all(run, kobo, progress)
    else:
        present = _read_what_differs(archive, run, kobo, progress)
    gone = [row.root_id for server_id, row in known.items() if server_id not in present]
    warning = _bury(run, gone, len(known), sees_all=state.sees_all_rows, accepted=wish.accept_deletions)
    run.complete(server_time)
    return SyncReport(run.source, run.asset, run.counts, server_time, warning)


def _read_all(run: Run, kobo: Kobo, progress: Progress) -> set[str]:
    present: set[str] = set()
    for page in kobo.pages(run.asset):
        run.record(page)
        present.update(submission.server_id for submission in page)
        progress(len(present))
    return present


def _read_what_differs(archive: Archive, run: Run, kobo: Kobo, progress: Progress) -> set[str]:
    known = {
        row.server_id: (row.instance_id, row.form_version, row.validation_status)
        for row in archive.known(run.source, run.asset)
    }
    present: set[str] = set()
    differs: list[str] = []
    for page in kobo.index(run.asset):
        for row in page:
            present.add(row.server_id)
            if known.get(row.server_id) != (row.instance_id, row.form_version, row.validation_status):
                differs.append(row.server_id)
        progress(len(present))
    run.note_unchanged(len(present) - len(differs))
    for submissions in kobo.some(run.asset, differs):
        run.record(submissions)
    return present


def _bury(run: Run, gone: list[str], known: int, *, sees_all: bool, accepted: bool) -> str:
    """Write the tombstones of `gone` where that may be believed; otherwise why not."""
    if gone and not sees_all:
        return f"{len(gone)} known submissions are not shown to our account any more; nothing was marked as deleted"
    verdict = believe(len(gone), known, accepted=accepted)
    if verdict.believed and gone:
        run.mark_deleted(gone)
    return verdict.why
