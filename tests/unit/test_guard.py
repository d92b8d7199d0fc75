"""A disappearance is believed only as far as it is plausible: beyond that a person must say so."""

import pytest

from pipelines.archive.guard import believe


@pytest.mark.parametrize(
    ("vanished", "known", "believed"),
    [
        (0, 0, True),
        (0, 1000, True),
        (1, 1, True),
        (2, 2, False),  # an emptied server
        (4, 4, False),
        (4, 5, True),  # too few to judge by a share
        (5, 25, True),
        (5, 24, False),
        (6, 25, False),
        (50, 250, True),
        (50, 2500, True),
        (51, 2500, False),
        (100, 5000, True),
        (101, 5000, False),
    ],
)
def test_what_is_believed(vanished: int, known: int, believed: bool) -> None:
    assert believe(vanished, known, accepted=False).believed is believed


def test_a_person_may_accept_any() -> None:
    assert believe(1000, 1000, accepted=True).believed


def test_what_is_not_believed_says_what_to_do() -> None:
    assert believe(30, 98, accepted=False).why == (
        "30 of 98 known submissions are gone from the server; nothing was marked as deleted; "
        "run again with --accept-deletions if they were really deleted"
    )
