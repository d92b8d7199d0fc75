"""docs/drift-bench.md: what every tool made of every scenario, as a page that anybody can check and repeat."""

from collections.abc import Mapping, Sequence

from tests.bench.drift_speed import Speed
from tests.bench.peers.environment import PEERS
from tests.drift.oracle import Score
from tests.drift.scenario import Scenario

HEAD = """# The drift bench

What becomes of answers when a form changes. Each scenario is a file of `tests/golden/drift/`: the versions of a form,
submissions as a KoboToolbox server shows them, the crosswalk where a mapping is declared. Every word of an answer
stands nowhere else in its scenario, so an oracle (`tests/drift/oracle.py`) that knows the answers and reads the tables
finds each again, whoever made them. All tools fetch the same submissions from the same server, over loopback.

    make bench-drift

- **kept**: the answer stands in a row of its own submission, in a table or set apart with its place and a reason
- **leaked**: it stands in another submission, in another question's column, or in another row of its repeat
- **doubled**: it stands twice
- **lost**: it stands nowhere
- **harmonized**: of the older answers that today's form still asks for, those that stand with today's answers, in the
  words of today where a mapping is declared
- a scenario is **clean** where nothing is lost, leaked or doubled and no two columns share a name, and **whole** where
  everything is harmonized too
"""

NOTES = """
## What to know

- Only ours takes a crosswalk. That others do not harmonize a new name or another unit is no fault of theirs: they were
  never told. What they lose, mix up or double is.
- `pykobo` expects a key `<repeat>_count` beside every repeat, which servers send only where the form sets a
  `repeat_count`; without one it stops (the sign *stops*), and so it does where two columns get one name.
- `kobo2pandas` and `pykobo` read the first page of 100 submissions.
- A matrix, a ranking and a rating are on the stand-in server as the plain groups that phones get of them.
- The scenarios up to 16 are things that KoboToolbox's users have asked about for years; the rest are from what real
  servers send and what real forms became.
"""


def page_of(
    listed: Sequence[Scenario],
    found: Mapping[str, Mapping[str, Score]],
    failed: Mapping[str, Mapping[str, str]],
    speed: Speed | None,
) -> str:
    """The whole page."""
    tools = list(found)
    parts = [
        HEAD,
        "## All scenarios together\n",
        _sums(found),
        "\n## Scenario by scenario\n",
        _rows(listed, found, failed),
    ]
    missing = [peer for peer in PEERS if peer not in tools]
    if missing:
        parts.append(f"\nNot installed when this was written: {', '.join(missing)}.\n")
    parts.append(NOTES)
    if speed:
        parts.append(
            f"\n## Speed\n\nThe corpus of `make bench` (150 questions, two repeats, three versions): {speed.said}.\n"
        )
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _sums(found: Mapping[str, Mapping[str, Score]]) -> str:
    head = ("tool", "kept", "leaked", "doubled", "lost", "harmonized", "clean scenarios", "whole scenarios")
    lines = [head, ("---",) * len(head)]
    for tool, scores in found.items():
        judged = list(scores.values())

        def total(name: str, judged: Sequence[Score] = judged) -> int:
            return sum(getattr(one, name) for one in judged)

        lines.append(
            (
                _named(tool),
                f"{total('kept')} of {total('tokens')}",
                *(str(total(name)) for name in ("leaked", "doubled", "lost")),
                f"{total('harmonized')} of {total('mappable')}",
                *(f"{total(name)} of {len(judged)}" for name in ("clean", "whole")),
            )
        )
    return _table(lines)


def _named(tool: str) -> str:
    return f"`{PEERS[tool][0].replace('==', ' ')}`" if tool in PEERS else "**ours**"


def _rows(
    listed: Sequence[Scenario],
    found: Mapping[str, Mapping[str, Score]],
    failed: Mapping[str, Mapping[str, str]],
) -> str:
    head = ("", "scenario", "answers", *(tool if tool in PEERS else "ours" for tool in found))
    lines = [head, ("---",) * len(head)]
    for scenario in listed:
        number = scenario.name.partition("_")[0]
        cells = [_cell(scores[scenario.name], scenario.name in failed[tool]) for tool, scores in found.items()]
        words = next(iter(found.values()))[scenario.name].tokens
        lines.append((number, scenario.title, str(words), *cells))
    return _table(lines)


def _cell(judged: Score, stops: bool) -> str:
    """All in a cell: kept, then what went wrong, then how many are harmonized of those that can be."""
    wrong = {"leaked": judged.leaked, "doubled": judged.doubled, "lost": judged.lost}
    said = [f"kept {judged.kept}", *(f"**{what} {number}**" for what, number in wrong.items() if number)]
    if judged.twins:
        said.append("**twin names**")
    if judged.mappable:
        said.append(f"harmonized {judged.harmonized}/{judged.mappable}")
    return ", ".join([*said, *(["*stops*"] if stops else [])])


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
