"""Whether what a sweep did not find is marked as deleted.

Only after the sweep came to its end, where our account sees every row and may do what it could the last time, where the
guard believes it (archive/guard.py), and where each row is also not there when it is asked for by its number.
"""

from dataclasses import dataclass

from pipelines.archive.guard import believe
from pipelines.project.guard import Guard
from pipelines.sources.kobo import AssetState
from pipelines.sources.sweep import Sweep


@dataclass(frozen=True, slots=True)
class Ground:
    """What a disappearance is judged by: what the server says of us, what it said the last time (None: not known), the
    guard's numbers, and whether the IMO has accepted the deletions.
    """

    state: AssetState
    last_permission: str | None
    guard: Guard
    accepted: bool


def bury(sweep: Sweep, ground: Ground) -> str:
    """Mark as deleted what may be believed to be; in words for the IMO, why something was not."""
    gone = sweep.gone()
    why = _doubt(len(gone), len(sweep.known), ground) if gone else ""
    if why or not gone:
        return why
    contradicted = sweep.unshown
    shown = sweep.shown(list(gone))
    if sweep.unshown > contradicted and not ground.accepted:
        return (
            f"the server counts some of the {len(gone)} submissions that it does not show any more; nothing was marked "
            "as deleted; sync again"
        )
    sweep.present.update(shown)
    sweep.fetch(sorted(shown))
    if deleted := list(sweep.gone().values()):
        sweep.run.mark_deleted(deleted)
    return ""


def _doubt(gone: int, known: int, ground: Ground) -> str:
    if not ground.state.sees_all_rows:
        return f"{gone} known submissions are not shown to our account any more; nothing was marked as deleted"
    changed = ground.last_permission not in (None, ground.state.permission)
    if changed and not ground.accepted:
        return (
            f"{gone} known submissions are gone since our account's permissions were changed; nothing was marked as "
            "deleted; sync again, or check what the account may see"
        )
    return believe(gone, known, accepted=ground.accepted, guard=ground.guard).why
