"""Who provides which service in a camp of the demo: the same providers, whichever form asks for them.

The older form has a text field for each activity area, written as people write organisations; the newer one a repeat.
Which organisations work where is in plausible.yml (`areas`).
"""

import csv
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.demo.answers import Wish
from pipelines.demo.profile import Area, Draws, Profile, pick

Spellings = Mapping[str, Sequence[str]]
"""Organisation code -> the ways it is written."""

Provided = Mapping[str, Sequence[str]]
"""Activity area -> codes of the organisations that work in it."""

LEFT = 0.03
"""The share of a camp's services that have stopped when a round asks."""


SHORT = 14
"""Letters in a name that is written out in full; longer ones are abbreviated where they can be."""


def read_spellings(path: Path) -> Spellings:
    """The spellings of warehouse/reference/organisation_alias.csv."""
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(row["organisation"], []).append(row["alias"])
    return found


def services(draws: Draws, profile: Profile) -> Provided:
    """The services of one camp; the same camp has nearly the same every time."""
    provided = {}
    for name, area in profile.areas.items():
        if draws.share(f"area {name}") < area.covered and draws.rng.random() > LEFT:
            provided[name] = _providers(name, area, draws)
    return provided


def _providers(name: str, area: Area, draws: Draws) -> list[str]:
    numbers = {str(number): share for number, share in enumerate(area.providers, start=1)}
    count = int(pick(numbers, draws.share(f"providers {name}")))
    left = dict(area.shares)
    found: list[str] = []
    for turn in range(min(count, len(left))):
        found.append(pick(left, draws.share(f"provider {name} {turn}")))
        del left[found[-1]]
    return found


def wishes_of(provided: Provided, rng: random.Random, profile: Profile, spellings: Spellings) -> dict[str, Wish]:
    """`provided` as answers to wish for: a text for each activity area, and the instances of the repeat `service`."""
    texts: dict[str, Wish] = {
        area.asked_as: _written(provided.get(name, ()), rng, spellings) for name, area in profile.areas.items()
    }
    areas: dict[str, list[str]] = {}
    for name, organisations in provided.items():
        for organisation in organisations:
            areas.setdefault(organisation, []).append(name)
    rows = [{"organisation": organisation, "activity_area": " ".join(names)} for organisation, names in areas.items()]
    return {**texts, "service": rows}


def _written(organisations: Sequence[str], rng: random.Random, spellings: Spellings) -> str:
    glue = rng.choice((" ", " ", ", ", ","))
    return glue.join(rng.choice(_short(spellings.get(code, ())) or (code.upper(),)) for code in organisations)


def _short(spelled: Sequence[str]) -> Sequence[str]:
    """The spellings that people use in a hurry, where there are any."""
    return [text for text in spelled if len(text) <= SHORT] or spelled
