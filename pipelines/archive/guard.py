"""Whether a disappearance may be believed.

A narrowed permission, a broken query and an emptied server all look like mass deletion. So a sweep in which too much is
missing writes no tombstone until a person accepts it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether tombstones may be written, and if not, why, in words for the IMO."""

    believed: bool
    why: str = ""


def believe(vanished: int, known: int, *, accepted: bool) -> Verdict:
    """Judge `vanished` of `known` submissions.

    Refused where more than max(50, 2 % of the known rows) vanish, more than 20 % where at least 5 vanish, or all of
    several; `accepted` is the IMO's word that the deletions are real.
    """
    if accepted or not vanished:
        return Verdict(believed=True)
    too_many = vanished > max(50, known * 0.02)
    too_large_a_share = vanished >= 5 and vanished > known * 0.2
    all_of_several = vanished == known > 1
    if too_many or too_large_a_share or all_of_several:
        why = (
            f"{vanished} of {known} known submissions are gone from the server; nothing was marked as deleted; "
            "run again with --accept-deletions if they were really deleted"
        )
        return Verdict(believed=False, why=why)
    return Verdict(believed=True)
