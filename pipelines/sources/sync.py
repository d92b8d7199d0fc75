"""Bring an asset's archive up to date with its server.

What the archive holds nothing of is read whole, several ranges at a time. What it holds is compared with the light
index, and only what differs is fetched. What a server may show is kobo.py, what was found sweep.py, what is marked as
deleted tombstones.py, files are media.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipelines.archive.archive import Archive, Counts, Run
from pipelines.errors import CccmError, ServerError, TransientError
from pipelines.project.guard import Guard
from pipelines.project.source import PARALLEL
from pipelines.sources.client import NotThere
from pipelines.sources.kobo import AssetState, Kobo
from pipelines.sources.kobo_row import files_named_by
from pipelines.sources.media import Fetched, fetch_files
from pipelines.sources.ranges import Range, cut_at, cut_at_known, read_parts
from pipelines.sources.sweep import Progress, Sweep
from pipelines.sources.tombstones import Ground, bury

NEW_FORM_VERSIONS = 20
"""As many form versions that only rows name as one run asks for."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync of one asset found; `warning` is for the IMO.

    `server_count` is how many submissions the server says it has (None where it does not tell), `counts.seen` how many
    it showed. `attachments_awaited` are those that current submissions still lack; `attachments_failed` says of how
    many it was tried in vain, by error class.
    """

    source: str
    asset: str
    counts: Counts
    server_time: datetime
    warning: str = ""
    requests: int = 0
    server_count: int | None = None
    attachments_stored: int = 0
    attachments_awaited: int = 0
    attachments_failed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """How the IMO wants a sync: `full` reads every row again; `accept_deletions` believes mass deletion."""

    full: bool = False
    accept_deletions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a source is dealt with: requests at a time, how much may vanish, and where files go (None: they stay)."""

    parallel: int = PARALLEL
    guard: Guard = Guard()  # noqa: RUF009 - a value
    attachments: Path | None = None


def sync_kobo(
    archive: Archive,
    kobo: Kobo,
    source: str,
    asset: str,
    *,
    wish: Wish,
    now: datetime,
    progress: Progress | None = None,
    manner: Manner = Manner(),
) -> SyncReport:
    """Archive everything that is new or different on the server; `now` (UTC) only dates the line of sync_run."""
    run = archive.begin_run(source, asset, now)
    asked = kobo.client.requests
    try:
        return _Sync(archive, run, kobo, wish, manner, progress or (lambda _: None), asked).report()
    except CccmError as error:
        run.fail(error.error_class)
        raise


@dataclass(frozen=True, slots=True)
class _Sync:
    """One sync while it goes on; `asked` is how many requests the client had made before."""

    archive: Archive
    run: Run
    kobo: Kobo
    wish: Wish
    manner: Manner
    progress: Progress
    asked: int

    def report(self) -> SyncReport:
        run, asset = self.run, self.run.asset
        server_time = self.kobo.server_time()
        state = self.kobo.asset(asset)
        last_permission = self.archive.last_permission(run.source, asset)
        run.note_server(state.permission, state.count)
        warnings = self._keep_form_versions(list(reversed(state.versions)))
        sweep = self._sweep()
        warnings += self._keep_form_versions(sorted(sweep.versions - {""})[:NEW_FORM_VERSIONS])
        warnings += _oddities(sweep, asset)
        warnings.append(bury(sweep, Ground(state, last_permission, self.manner.guard, self.wish.accept_deletions)))
        count, mismatch = self._counted(state, sweep)
        warning = "; ".join(filter(None, [*warnings, mismatch]))
        run.complete(server_time, doubted=bool(warning))
        fetched = self._fetch_files()
        requests = self.kobo.client.requests - self.asked
        awaited = run.note_effort(requests, fetched.stored)
        return SyncReport(
            run.source,
            asset,
            run.counts,
            server_time,
            warning,
            requests,
            count,
            fetched.stored,
            awaited,
            fetched.failed,
        )

    def _sweep(self) -> Sweep:
        """All that the server has, looked at."""
        run, asset = self.run, self.run.asset
        contents = self.archive.contents_of_forms(run.source, asset)
        sweep = Sweep(
            run, self.kobo, files_named_by(contents), self.progress, self.manner.parallel, always_full=self.wish.full
        )
        sweep.expect(self.archive.standing(run.source, asset))
        known = sorted(sweep.known)
        last = known[-1] if known else 0
        ranges = cut_at_known(known, self.kobo.page, full=self.wish.full)
        if known and self.archive.was_completed(run.source, asset):
            sweep.read([*ranges, Range(last, full=True)])
        else:
            sweep.read([*ranges, *self._cut(above=last)])
        return sweep

    def _cut(self, *, above: int) -> list[Range]:
        """What lies above `above`, as ranges of about as many rows each, and the open end: one range for each request
        that may be under way.
        """
        asset, parallel = self.run.asset, self.manner.parallel
        edges = read_parts(
            (False, True), lambda last: self.kobo.edge(asset, above=above, last=last), lambda *_: (), parallel=parallel
        )
        found = dict(edges)
        (smallest, count), (largest, _) = found[False], found[True]
        bounds = {largest} - {0}
        if parallel > 1:
            self.run.counting.expect(count)
        if count > self.kobo.page:
            shares = [count * share // parallel for share in range(1, parallel)]
            nth = read_parts(shares, lambda n: self.kobo.nth(asset, above=above, n=n), lambda *_: (), parallel=parallel)
            bounds |= {bound for _, bound in nth if smallest <= bound <= largest}
        return [*cut_at(sorted(bounds), max(above, smallest - 1), full=True), Range(max(above, largest), full=True)]

    def _keep_form_versions(self, versions: list[str]) -> list[str]:
        """Archive the content of these form versions; what the server would not give, in words for the IMO.

        Rows of such a version are kept all the same, and the next sync asks again.
        """
        missing: list[str] = []
        known = self.archive.form_versions(self.run.source, self.run.asset)
        for version in (one for one in versions if one not in known):
            try:
                self.run.keep_form_version(version, self.kobo.form_version(self.run.asset, version))
            except (NotThere, ServerError, TransientError):
                missing.append(version)
        return [f"the server did not give form version {', '.join(missing)}; sync again"] if missing else []

    def _counted(self, state: AssetState, sweep: Sweep) -> tuple[int | None, str]:
        """How many submissions the server says it has, asked again where that is not what it shows; and if it still is
        not, so in words.
        """
        shown = len(sweep.present)
        if state.count is None or state.count == shown or not state.sees_all_rows:
            return state.count, ""
        count = self.kobo.asset(self.run.asset).count
        self.run.note_server(state.permission, count)
        if count in (None, shown):
            return count, ""
        return count, f"the server counts {count} submissions and shows {shown}"

    def _fetch_files(self) -> Fetched:
        if self.manner.attachments is None:
            return Fetched()
        wanted = self.run.wanted_files(all_of_them=self.wish.full)
        return fetch_files(self.run, self.kobo.client, wanted, self.manner.attachments, parallel=self.manner.parallel)


def _oddities(sweep: Sweep, asset: str) -> list[str]:
    """What is odd about what the server showed; ServerError where it counts rows and shows none at all."""
    if sweep.unshown and not sweep.present:
        message = f"The server counts {sweep.unshown} more submissions of asset {asset} and shows none; sync again."
        raise ServerError(message)
    said = []
    if sweep.unshown:
        said.append(f"the server counts {sweep.unshown} more submissions than it shows")
    if sweep.doubles:
        said.append(f"{sweep.doubles} submissions came with the uuid of another one; both are kept")
    return said
