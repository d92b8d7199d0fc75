"""The stand-in Kobo server with every scenario on it: an asset each, its versions deployed, its submissions as sent.

A row is what a real server shows: the answers as the scenario writes them, the server's own keys around them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.demo.server import StandIn
from tests.drift.scenario import Document, Scenario

TOKEN = "demo-token"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the server is, and which number its first submission of each scenario has."""

    url: str
    first: Mapping[str, int]

    def submission(self, scenario: Scenario, server_id: int | str) -> int:
        """Which of a scenario's submissions has this `_id` there."""
        return int(server_id) - self.first[scenario.name] + 1


def asset_of(scenario: Scenario) -> str:
    """The uid of its asset."""
    return "a" + scenario.tool.title().replace("_", "")


@contextmanager
def staged(scenarios: Sequence[Scenario], folder: Path) -> Iterator[Stage]:
    """Serve the scenarios on loopback while the block runs."""
    stand_in = StandIn(folder / "server.sqlite", token=TOKEN)
    try:
        stand_in.set_clock(NOW)
        first: dict[str, int] = {}
        number = 1
        for scenario in scenarios:
            first[scenario.name] = number
            number += _fill(stand_in, scenario)
        with stand_in.serve() as url:
            yield Stage(url, first)
    finally:
        stand_in.close()


def _fill(stand_in: StandIn, scenario: Scenario) -> int:
    """Put a scenario on the server; how many submissions it has."""
    asset = asset_of(scenario)
    uids = {version: stand_in.deploy(asset, scenario.form(version), "<h/>") for version in scenario.written}
    stand_in.load(asset, "", (_as_sent(document, uids) for document in scenario.sent))
    return len(scenario.sent)


def _as_sent(document: Document, uids: Mapping[str, str]) -> Document:
    """The document with the server's names of the versions, at the end of the answers as there."""
    said = {key: text for key, text in document.items() if "_version_" in key}
    answers = {key: value for key, value in document.items() if key not in said}
    return answers | {key: uids.get(text, text) for key, text in said.items()}
