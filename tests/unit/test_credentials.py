"""What lets us in is renewed before it ends, and when it was refused; many threads open one session."""

import pytest

from pipelines.project.secret import Secret
from pipelines.sources.credentials import Credentials, Session


class Door:
    """Opens sessions of so many seconds by a clock that stands until it is moved."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.now, self.opened = seconds, 1000.0, 0
        self.credentials = Credentials(self.open, named="central", clock=lambda: self.now)

    def open(self) -> Session:
        self.opened += 1
        self.now += 2  # it takes a while
        return Session({"Authorization": Secret(f"Bearer {self.opened}")}, self.seconds)

    def after(self, seconds: float) -> str:
        """What is carried so many seconds later."""
        self.now += seconds
        return self.credentials.headers()["Authorization"].reveal()


def test_a_session_is_renewed_five_minutes_before_it_ends() -> None:
    door = Door(86_400)
    assert door.after(0) == "Bearer 1"
    assert door.after(86_400 - 300 - 2 - 1) == "Bearer 1"
    assert door.after(1) == "Bearer 2"
    assert door.after(80_000) == "Bearer 2"


def test_a_short_session_is_used_for_nine_tenths_of_its_time() -> None:
    door = Door(60)
    assert [door.after(0), door.after(51), door.after(1)] == ["Bearer 1", "Bearer 1", "Bearer 2"]


@pytest.mark.parametrize("seconds", [None, 86_400])
def test_a_session_that_was_refused_is_not_used_again(seconds: float | None) -> None:
    door = Door(seconds)
    refused = door.credentials.headers()
    assert door.credentials.headers(refused=refused)["Authorization"].reveal() == "Bearer 2"
    assert door.credentials.headers(refused=refused)["Authorization"].reveal() == "Bearer 2"  # another thread's
    assert door.opened == 2


def test_a_session_that_tells_no_end_is_used_until_it_is_refused() -> None:
    door = Door(None)
    assert [door.after(0), door.after(10**9)] == ["Bearer 1", "Bearer 1"]
