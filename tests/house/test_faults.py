"""Every fault that a sync or a form may meet is tried by a test that bears its id, or it is said here why not."""

import re

from tests.house.modules import REPOSITORY

WITHOUT_A_TEST = {
    "k09": "no requirement has this id",
    "k14": "nobody calls us: docs/decisions/no-webhooks.md",
}
WANTED = (
    *(f"f{number:02}" for number in range(1, 59)),
    *(f"k{number:02}" for number in range(1, 15)),
    *(f"x{number:02}" for number in range(1, 20)),
)


def _tried() -> set[str]:
    """The ids in the names of tests, and in those of the cases they are given."""
    files = [path for room in ("faults", "flow", "central") for path in (REPOSITORY / "tests" / room).rglob("*.py")]
    return {found for file in files for found in re.findall(r"(?<=[_\"])[fkx][0-9]{2}(?=_)", file.read_text("utf-8"))}


def test_every_fault_is_tried_or_it_is_said_why_not() -> None:
    assert [fault for fault in WANTED if fault not in _tried() | WITHOUT_A_TEST.keys()] == []


def test_no_reason_outlives_its_cause() -> None:
    assert set(WITHOUT_A_TEST) & _tried() == set()
