"""The drift bench: every scenario through our pipeline and through others, judged by one oracle; `make bench-drift`.

Writes docs/drift-bench.md. `python -m tests.bench.drift --ours` leaves the others out and writes nothing; `--speed`
measures only how long dlt takes for a row, beside us.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.drift_page import page_of
from tests.bench.drift_speed import Speed, compare_speed
from tests.bench.peers.environment import PEERS, CannotInstallError, Made, run_script
from tests.drift.oracle import Row, Score, score
from tests.drift.ours import run_ours
from tests.drift.scenario import Scenario, scenarios
from tests.drift.stage import TOKEN, Stage, asset_of, staged

PAGE = Path(__file__).parents[2] / "docs" / "drift-bench.md"
OURS = "cccm"

Scores = dict[str, Score]
"""By scenario."""


def main(words: Sequence[str]) -> None:
    """Run the bench, print what it found, write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.drift", description=__doc__)
    parser.add_argument("--ours", action="store_true", help="only ours, no page")
    parser.add_argument("--speed", action="store_true", help="only the speed")
    parser.add_argument("--rows", type=int, default=100_000, help="submissions for the speed (100,000)")
    parser.add_argument(
        "--dlt-rows", type=int, default=3_000, help="submissions for dlt's speed (3,000: it takes long)"
    )
    asked = parser.parse_args(words)
    if asked.speed:
        print(compare_speed(asked.rows, asked.dlt_rows).said)
        return
    found, failed = _scores(scenarios(), [] if asked.ours else list(PEERS))
    for tool, scores in found.items():
        _say(tool, scores)
    if not asked.ours:
        PAGE.write_text(page_of(scenarios(), found, failed, _speed(asked.rows, asked.dlt_rows)), encoding="utf-8")
        print(f"written: {PAGE.name}")
    if not all(judged.whole for judged in found[OURS].values()):
        sys.exit(1)


def _scores(listed: Sequence[Scenario], peers: Sequence[str]) -> tuple[dict[str, Scores], dict[str, dict[str, str]]]:
    """What each tool comes to, and what it said where it could not."""
    found: dict[str, Scores] = {}
    failed: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory(prefix="cccm-drift-") as folder, staged(listed, Path(folder)) as stage:
        ours = run_ours(listed, stage, Path(folder))
        found[OURS], failed[OURS] = _judged(listed, ours.rows), ours.failed
        for peer in peers:
            try:
                made = run_script(peer, [stage.url, TOKEN, *map(asset_of, listed)])
            except CannotInstallError as error:
                print(f"  {error}")
                continue
            found[peer] = _judged(listed, {each.name: _rows(each, made, stage) for each in listed})
            failed[peer] = {each.name: said for each in listed if (said := made[asset_of(each)]["error"])}
    return found, failed


def _judged(listed: Sequence[Scenario], rows: Mapping[str, Sequence[Row]]) -> Scores:
    return {scenario.name: score(scenario, rows.get(scenario.name, [])) for scenario in listed}


def _rows(scenario: Scenario, made: Made, stage: Stage) -> list[Row]:
    """The rows a tool made; the server's own numbers and the tool's are none of its answers, for those are texts."""
    return [
        Row(
            table,
            stage.submission(scenario, server_id),
            tuple(
                (name, value) for name, value in cells if not (name.startswith("_") and isinstance(value, int | float))
            ),
        )
        for table, server_id, cells in made[asset_of(scenario)]["rows"]
    ]


def _say(tool: str, scores: Scores) -> None:
    tokens = sum(judged.tokens for judged in scores.values())
    kept, leaked, doubled, harmonized, mappable = (
        sum(getattr(judged, name) for judged in scores.values())
        for name in ("kept", "leaked", "doubled", "harmonized", "mappable")
    )
    clean, whole = (sum(getattr(judged, name) for judged in scores.values()) for name in ("clean", "whole"))
    print(
        f"{tool}: {kept} of {tokens} kept, {leaked} leaked, {doubled} doubled, {harmonized} of {mappable} harmonized; "
        f"clean in {clean} and whole in {whole} of {len(scores)} scenarios"
    )
    for name, judged in scores.items():
        if tool == OURS and not judged.whole:
            print(f"  {name}: {', '.join(judged.wrong)}")


def _speed(rows: int, dlt_rows: int) -> Speed | None:
    try:
        speed = compare_speed(rows, dlt_rows)
    except CannotInstallError as error:
        print(f"  {error}")
        return None
    print(speed.said)
    return speed


if __name__ == "__main__":
    main(sys.argv[1:])
