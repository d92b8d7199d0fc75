"""How the client waits: as long as a server asks within reason, never in step with others, never for ever."""

import pytest

from pipelines.errors import ServerError
from pipelines.sources.limits import Limits
from pipelines.sources.retry import Patience, Unwell, asked_wait

NOON = "Wed, 18 Nov 2026 12:00:00 GMT"


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def patience(self, **limits: float) -> Patience:
        return Patience(Limits(**limits), sleep=self.sleep, clock=lambda: self.now)  # type: ignore[arg-type]


def unwell(asked: float | None = None) -> Unwell:
    problem = Unwell("unwell")
    problem.asked_wait = asked
    return problem


def failing(clock: Clock, asked: float | None, **limits: float) -> int:
    """How often something that always fails, asking for a wait, is asked."""
    asks = 0

    def ask() -> None:
        nonlocal asks
        asks += 1
        raise unwell(asked)

    with pytest.raises(ServerError):
        clock.patience(**limits).persistently(ask)
    return asks


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7),
        (" 86400 ", 86400),
        ("9" * 5000, 999_999_999),
        ("Wed, 18 Nov 2026 12:00:30 GMT", 30),
        ("Wed, 18 Nov 2026 11:59:30 GMT", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("Wed, 18 Nov 99999 12:00:30 GMT", None),
    ],
)
def test_f01_a_server_says_how_long_to_wait_by_its_own_clock(retry_after: str, seconds: float | None) -> None:
    assert asked_wait(retry_after, NOON) == seconds


def test_f01_a_wait_against_no_clock_of_the_server_is_not_guessed() -> None:
    assert asked_wait("Wed, 18 Nov 2026 12:00:30 GMT", "") is None


def test_f01_an_absurd_wait_is_kept_to_five_minutes_and_to_the_budget() -> None:
    clock = Clock()
    assert failing(clock, 86400) == 2
    assert clock.waits == [300]


def test_waits_are_drawn_anew_and_grow_to_a_bound() -> None:
    drawn = []
    for _ in range(200):
        clock = Clock()
        assert failing(clock, None) == 6
        drawn.append(clock.waits)
    bounds = [0.3, 0.6, 1.2, 2.4, 4.8]
    columns = list(zip(*drawn, strict=True))
    assert all(0 <= wait <= bound for waits, bound in zip(columns, bounds, strict=True) for wait in waits)
    assert all(max(waits) - min(waits) > bound / 2 for waits, bound in zip(columns, bounds, strict=True))


def test_a_budget_of_time_ends_the_attempts_before_their_number_does() -> None:
    clock = Clock()
    assert failing(clock, 10, budget=25) == 3
    assert clock.now <= 1025


def test_while_a_server_wants_to_be_left_alone_no_thread_asks() -> None:
    clock = Clock()
    patience = clock.patience(attempts=1)
    with pytest.raises(ServerError):
        patience.persistently(lambda: (_ for _ in ()).throw(unwell(40)))
    assert patience.persistently(lambda: clock.now) == 1040
