"""Whether a disappearance may be believed.

A narrowed permission, a broken query and an emptied server all look like mass deletion. So a sweep in which too much is
missing writes no tombstone until a person accepts it. How much is too much is a setting (project/guard.py).
"""

from dataclasses import dataclass

from pipelines.project.guard import Guard


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether tombstones may be written, and if not, why, in words for the IMO."""

    believed: bool
    why: str = ""


def believe(vanished: int, known: int, *, accepted: bool, guard: Guard = Guard()) -> Verdict:  # noqa: B008 - a value
    """Judge `vanished` of `known` submissions.

    Refused where more than max(50, 2 % of the known rows) vanish, more than 20 % where at least 5 vanish (these numbers
    are the `guard`), or all of several; `accepted` is the IMO's word that the deletions are real.
    """
    if accepted or not vanished:
        return Verdict(believed=True)
    too_many = vanished > max(guard.rows, known * guard.share)
    too_large_a_share = vanished >= guard.few and vanished > known * guard.large_share
    all_of_several = vanished == known > 1
    if too_many or too_large_a_share or all_of_several:
        why = (
            f"{vanished} of {known} known submissions are gone from the server; nothing was marked as deleted; "
            "run again with --accept-deletions if they were really deleted"
        )
        return Verdict(believed=False, why=why)
    return Verdict(believed=True)
