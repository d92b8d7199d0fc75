"""What is plausible for which question: the knowledge of plausible.yml, and how a draw becomes a value.

Statistics only (medians, shares, correlations with the size of a camp), never anybody's answers. What a form allows is
plan.py's; the two meet in values.py.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from statistics import NormalDist

from pydantic import Field

from pipelines.project import StrictModel, read_yaml

PLAUSIBLE = Path(__file__).with_name("plausible.yml")
_NORMAL = NormalDist()


class Facts(StrictModel):
    """What is plausible for one question.

    `missing`: the share that leaves it empty though asked. `quantiles`: evenly spaced, the least first and the greatest
    last; with `of`, as shares of that question's answer; with `along`, high where that question's is high; `follows`:
    how closely the number goes with the size of the place, 0 to 1. `shares` of a select_one; `picks` of a
    select_multiple: the share of answers that hold each choice, those `alone` never beside another. `text`: what kind
    of text, a key of text.py. `steady`: the same place gives much the same answer every time.
    """

    also: tuple[str, ...] = ()
    missing: float | None = Field(default=None, ge=0, le=1)
    quantiles: tuple[float, ...] = ()
    of: str = ""
    along: str = ""
    decimals: int = 0
    follows: float = Field(default=0, ge=0, le=1)
    shares: Mapping[str, float] = {}
    picks: Mapping[str, float] = {}
    alone: tuple[str, ...] = ()
    text: str = ""
    steady: bool = True

    def __hash__(self) -> int:
        return id(self)

    @cached_property
    def chances(self) -> Mapping[str, float]:
        """Each choice of `picks` that may stand with others -> its chance, so that with one or more the shares hold."""
        together = {name: share for name, share in self.picks.items() if name not in self.alone}
        left = 1 - sum(self.picks.get(name, 0) for name in self.alone)
        wanted = {name: min(0.99, share / max(left, 0.01)) for name, share in together.items()}
        chances = dict(wanted)
        for _ in range(60):
            none = 1.0
            for chance in chances.values():
                none *= 1 - chance
            chances = {name: min(0.99, share * (1 - none)) for name, share in wanted.items()}
        return chances


class Area(StrictModel):
    """Who provides services of one activity area.

    `covered`: the share of camps with any provider; `providers`: the shares of camps with one, two, ... of them;
    `shares`: those of the organisations; `asked_as`: the text question of the older form.
    """

    asked_as: str
    covered: float = Field(ge=0, le=1)
    providers: tuple[float, ...] = (1,)
    shares: Mapping[str, float]


class Profile(StrictModel):
    """All of plausible.yml: `missing` is for questions not in it, by type; `bands` are shares of a camp's people."""

    missing: Mapping[str, float] = {}
    bands: Mapping[str, float] = {}
    areas: Mapping[str, Area] = {}
    questions: Mapping[str, Facts] = {}

    @cached_property
    def by_name(self) -> Mapping[str, Facts]:
        """Question name, in any version -> what is plausible."""
        return {name: facts for key, facts in self.questions.items() for name in (key, *facts.also)}


NOTHING = Facts()


def chance(*key: str | int) -> random.Random:
    """A source of chance that is always the same for `key`."""
    return random.Random("/".join(map(str, key)))  # noqa: S311 # nothing secret hangs on it


@lru_cache(maxsize=4)
def plausible(path: Path = PLAUSIBLE) -> Profile:
    """What is known of plausible answers."""
    return read_yaml(path, Profile)


@dataclass(frozen=True, slots=True)
class Place:
    """One of several places that answer: `number` of `among`, in a world that follows from `key`.

    Each draws from a stratum of its own, so that even one round of all places has the shares that were asked for.
    """

    key: str
    number: int
    among: int

    def share(self, name: str) -> float:
        """A number from 0 to 1 for `name`: the same every time, and another one in every place."""
        strata, within = _strata(self.key, name, self.among)
        return (strata[self.number] + within[self.number]) / self.among


@lru_cache(maxsize=4096)
def _strata(key: str, name: str, among: int) -> tuple[Sequence[int], Sequence[float]]:
    rng = chance(key, name)
    strata = list(range(among))
    rng.shuffle(strata)
    return strata, [rng.random() for _ in strata]


class Draws:
    """Chance, steady for a place: the same place draws much the same for the same question, every time.

    `size` is the rank of the place among all, 0 for the smallest and 1 for the largest.
    """

    def __init__(self, rng: random.Random, place: Place | None = None, size: float | None = None) -> None:
        self.rng = rng
        self.place = place
        self.size = size

    def share(self, name: str, *, steady: bool = True) -> float:
        """A number from 0 to 1 for `name`."""
        return self.place.share(name) if self.place and steady else self.rng.random()

    def rank(self, name: str, facts: Facts) -> float:
        """Where in the quantiles of `facts` this place stands, nearly the same every time."""
        share = self.share(facts.along or name, steady=facts.steady)
        if self.place and facts.steady:
            share = min(max(share + self.rng.gauss(0, 0.005), 0.0), 1.0)
        if self.size is None or not facts.follows:
            return share
        own, theirs = (_NORMAL.inv_cdf(min(max(value, 0.001), 0.999)) for value in (share, self.size))
        return _NORMAL.cdf(facts.follows * theirs + (1 - facts.follows**2) ** 0.5 * own)


def at_rank(quantiles: Sequence[float], rank: float) -> float:
    """The value at `rank` (0 to 1) of evenly spaced `quantiles`."""
    place = rank * (len(quantiles) - 1)
    below = min(int(place), len(quantiles) - 2)
    if below < 0:
        return quantiles[0]
    return quantiles[below] + (place - below) * (quantiles[below + 1] - quantiles[below])


def pick(shares: Mapping[str, float], rank: float) -> str:
    """The key of `shares` at `rank`; they need not add up to one."""
    left = rank * sum(shares.values())
    for name, share in shares.items():
        left -= share
        if left < 0:
            return name
    return list(shares)[-1] if shares else ""
