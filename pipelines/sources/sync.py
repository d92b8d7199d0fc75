"""Bring an asset's archive up to date with its server.

The first sync reads every page. Later ones sweep the light index and fetch only what differs. What a server may show is
kobo.py; what the archive makes of it is archive/.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipelines.archive.archive import Archive, Counts, Known, Run, Submission
from pipelines.archive.guard import believe
from pipelines.errors import CccmError, ServerError
from pipelines.sources.kobo import IndexRow, Kobo

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
    root_of = {row.server_id: row.root_id for row in known.values()}
    if wish.full or not known:
        present = _read_all(run, kobo, root_of, progress)
    else:
        present = _read_what_differs(run, kobo, known, progress)
    standing = archive.known(run.source, run.asset)  # read anew: a row may have come back under another number
    gone = [row.root_id for row in standing if row.server_id not in present]
    warning = _bury(run, gone, len(known), sees_all=state.sees_all_rows, accepted=wish.accept_deletions)
    run.complete(server_time, doubted=bool(warning))
    return SyncReport(run.source, run.asset, run.counts, server_time, warning)


def _read_all(run: Run, kobo: Kobo, root_of: Mapping[str, str], progress: Progress) -> set[str]:
    present: set[str] = set()
    for page in kobo.pages(run.asset):
        run.record(_under_our_key(page, root_of))
        present.update(submission.server_id for submission in page)
        progress(len(present))
    return present


def _read_what_differs(run: Run, kobo: Kobo, known: Mapping[str, Known], progress: Progress) -> set[str]:
    present: set[str] = set()
    differs: list[str] = []
    for page in kobo.index(run.asset):
        for row in page:
            present.add(row.server_id)
            if not _stands(row, known.get(row.server_id)):
                differs.append(row.server_id)
        progress(len(present))
    run.note_unchanged(len(present) - len(differs))
    root_of = {row.server_id: row.root_id for row in known.values()}
    return present - _fetch(run, kobo, differs, root_of)


def _fetch(run: Run, kobo: Kobo, server_ids: Sequence[str], root_of: Mapping[str, str]) -> set[str]:
    """Archive these submissions, however few the server gives at a time; those that were deleted meanwhile."""
    wanted = set(server_ids)
    while wanted:
        before = len(wanted)
        for submissions in kobo.some(run.asset, sorted(wanted, key=int)):
            run.record(_under_our_key(submissions, root_of))
            wanted -= {submission.server_id for submission in submissions}
        if len(wanted) == before:
            break
    shown = kobo.shown(run.asset, sorted(wanted, key=int)) if wanted else frozenset()
    if shown:
        message = f"The server lists {len(shown)} submissions of asset {run.asset} that it does not give; sync again."
        raise ServerError(message)
    return wanted


def _stands(row: IndexRow, known: Known | None) -> bool:
    """Whether what we know of a submission is what the index shows."""
    if known is None:
        return False
    now = (row.instance_id, row.form_version, row.validation_status)
    return now == (known.instance_id, known.form_version, known.validation_status)


def _under_our_key(submissions: Sequence[Submission], root_of: Mapping[str, str]) -> list[Submission]:
    """`submissions` under the root id that we know them by: older servers did not send one, and a key must not move."""
    return [replace(one, root_id=root_of.get(one.server_id, one.root_id)) for one in submissions]


def _bury(run: Run, gone: list[str], known: int, *, sees_all: bool, accepted: bool) -> str:
    """Write the tombstones of `gone` where that may be believed; otherwise why not."""
    if gone and not sees_all:
        return f"{len(gone)} known submissions are not shown to our account any more; nothing was marked as deleted"
    verdict = believe(len(gone), known, accepted=accepted)
    if verdict.believed and gone:
        run.mark_deleted(gone)
    return verdict.why
