"""Bring the archive of a form up to date with its ODK Central server.

Two requests tell whether anything moved: the form, and the full index under the ETag of the last complete sync. If
something did, the answer to the second is that index, and it alone decides what is new, edited, reviewed, restored,
deleted or purged. What a server may show is central.py; fetching is central_content.py and central_media.py.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipelines.archive.archive import Archive, Known, Run
from pipelines.archive.guard import believe
from pipelines.archive.probe import Probe
from pipelines.errors import CccmError
from pipelines.sources.central import Central
from pipelines.sources.central_answers import Index, IndexRow, Standing
from pipelines.sources.central_content import Content, Contents
from pipelines.sources.central_media import CentralMedia
from pipelines.sources.sweep import Progress
from pipelines.sources.sync import Manner, SyncReport, Wish

OVERLAP = timedelta(minutes=10)
"""How far before the last sync the change window begins: rows become visible out of the order of their times."""

PERMISSION = "viewer"
"""What one must be to see a form here: whoever is less is refused, whoever is more sees the same rows."""

READINGS = 3
"""How often the index is read where the server counts other submissions than it lists."""


@dataclass(slots=True)
class _Form:
    """One form while it is brought up to date: where it goes, where it comes from, and what is to be told of it."""

    archive: Archive
    run: Run
    central: Central
    media: CentralMedia
    manner: Manner
    progress: Progress
    server_count: int = 0
    doubts: list[str] = field(default_factory=list)
    sealed: int = 0

    @property
    def warning(self) -> str:
        sealed = (
            f"{self.sealed} submissions came encrypted; the server cannot show their answers, and they are archived as "
            "sent: decrypt them with the project's key and bring them as an export file"
        )
        return "; ".join([*self.doubts, *([sealed] if self.sealed else [])])


def sync_central(
    archive: Archive,
    central: Central,
    source: str,
    asset: str,
    *,
    wish: Wish,
    now: datetime,
    progress: Progress | None = None,
    manner: Manner = Manner(),  # noqa: B008 - a value
) -> SyncReport:
    """Archive everything that is new or different on the server; `now` (UTC) only dates the line of sync_run."""
    run = archive.begin_run(source, asset, now)
    media = CentralMedia(central, run, manner.attachments, manner.parallel)
    try:
        return _sync(_Form(archive, run, central, media, manner, progress or (lambda _: None)), wish)
    except CccmError as error:
        run.fail(error.error_class)
        raise


def _sync(form: _Form, wish: Wish) -> SyncReport:
    run, asked = form.run, form.central.requests
    state = form.central.form(run.asset)
    last = form.archive.last_probe(run.source, run.asset)
    if last is None or last.form != state.hash:
        _keep_versions(form)
    anew = wish.full or wish.accept_deletions
    index = _whole_index(form, last.etag if last and not anew else "")
    if index is None:
        _stand_unchanged(form)
    else:
        _catch_up(form, index, last, wish)
    run.note_server(PERMISSION, form.server_count)
    run.complete(state.server_time, doubted=bool(form.doubts))
    if not form.doubts:
        etag = index.etag if index else last.etag if last else ""
        run.keep_probe(Probe(etag, state.hash, state.server_time))
    fetched = form.media.fetch()
    requests = form.central.requests - asked
    return SyncReport(
        run.source,
        run.asset,
        run.counts,
        state.server_time,
        form.warning,
        requests,
        form.server_count,
        fetched.stored,
        run.note_effort(requests, fetched.stored),
        fetched.failed,
    )


def _keep_versions(form: _Form) -> None:
    """Archive the versions of the form that are not archived yet, the oldest first."""
    kept = form.archive.form_versions(form.run.source, form.run.asset)
    for version in form.central.versions(form.run.asset):
        if version not in kept:
            form.run.keep_form_version(version, form.central.version_xml(form.run.asset, version))


def _stand_unchanged(form: _Form) -> None:
    count = len(form.archive.known(form.run.source, form.run.asset))
    form.run.note_unchanged(count)
    form.server_count = count
    form.progress(count)


def _catch_up(form: _Form, index: Index, last: Probe | None, wish: Wish) -> None:
    """Archive what differs from `index`, and bury what it no longer shows."""
    run = form.run
    known = {row.server_id: row for row in form.archive.known(run.source, run.asset)}
    wanted = {row.server_id for row in index.rows if wish.full or not _stands(row, known.get(row.server_id))}
    shown = form.central.shown(run.asset, last.server_time - OVERLAP) if last else {}
    run.note_unchanged(len(index.rows) - len(wanted))
    _ask_again(form, wanted - _archive(form, wanted, index, shown))
    present = {row.server_id for row in index.rows}
    present |= {server_id for server_id, standing in shown.items() if not standing.deleted}
    gone = [row for row in known.values() if row.server_id not in present]
    if gone:
        _bury(form, gone, shown, len(known), accepted=wish.accept_deletions)


def _whole_index(form: _Form, etag: str) -> Index | None:
    """The full index, which shows as many submissions as the server counts, or there is a doubt; None where `etag`
    still stands.
    """
    index = form.central.index(form.run.asset, etag)
    for left in reversed(range(READINGS if index else 0)):
        form.server_count = form.central.count(form.run.asset)
        if index is None or form.server_count == len(index.rows):
            break
        if left:
            index = form.central.index(form.run.asset)
        else:
            form.doubts.append(
                f"the server counts {form.server_count} submissions and lists {len(index.rows)}; nothing was marked as "
                "deleted; sync again"
            )
    return index


def _stands(row: IndexRow, known: Known | None) -> bool:
    """Whether what we know of a submission is what the index shows."""
    return known is not None and (row.instance_id, row.status) == (known.instance_id, known.validation_status)


def _archive(form: _Form, wanted: Collection[str], index: Index, shown: Mapping[str, Standing]) -> set[str]:
    """Archive the `wanted` submissions; which of them came."""
    run = form.run
    arrived: set[str] = set()
    outline = run.outlines.of(run.source, run.asset, "", "odk_csv")
    contents = Contents(form.central, run.asset, outline, form.manner.parallel)
    run.counting.expect(len(wanted))
    form.progress(len(index.rows) - len(wanted))
    for some in contents.of(wanted, index.rows):
        _know_versions(form, some)
        run.record(form.media.named(some, shown))
        arrived |= {content.submission.server_id for content in some}
        form.sealed += sum(content.sealed for content in some)
        form.progress(len(index.rows) - len(wanted) + len(arrived))
    return arrived


def _ask_again(form: _Form, withheld: Collection[str]) -> None:
    """Doubt a server that lists submissions and does not give them; one that was deleted meanwhile is no longer listed,
    and the next sync finds it gone.
    """
    listed = form.central.index(form.run.asset) if withheld else None
    still = {row.server_id for row in listed.rows}.intersection(withheld) if listed else set()
    if still:
        form.doubts.append(f"the server lists {len(still)} submissions that it does not give; sync again")


def _know_versions(form: _Form, some: Collection[Content]) -> None:
    """Archive the versions again where one was published since, for its answers are counted by its form."""
    kept = form.archive.form_versions(form.run.source, form.run.asset)
    if {content.submission.form_version for content in some} - kept:
        _keep_versions(form)


def _bury(form: _Form, gone: list[Known], shown: Mapping[str, Standing], known: int, *, accepted: bool) -> None:
    """Write the tombstones of `gone`, where the index is not in doubt, and where that many are believed."""
    verdict = believe(len(gone), known, accepted=accepted, guard=form.manner.guard)
    if not verdict.believed:
        trashed = sum(1 for row in gone if row.server_id in shown and shown[row.server_id].deleted)
        form.doubts.append(f"{verdict.why} ({trashed} of them lie in the server's trash)")
    elif not form.doubts:
        form.run.mark_deleted([row.root_id for row in gone])
