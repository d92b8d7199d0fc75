"""Answers worth trying for one question, likeliest first, each as the text that a phone sends.

Whether one is allowed is for answers.py to judge; which question comes when, for plan.py.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pipelines.demo.pattern import sample_of
from pipelines.demo.plan import Step
from pipelines.demo.profile import Draws, Facts, at_rank, pick
from pipelines.demo.text import KINDS
from pipelines.forms.evaluate import days_of
from pipelines.forms.form import Question

EPOCH = date(1970, 1, 1)
FILES = {"image": "photo.jpg", "audio": "a.m4a", "video": "v.mp4", "file": "file.pdf", "background-audio": "b.m4a"}
LENGTHS = (50, 30, 20, 15, 12, 11, 10, 9, 8, 6, 5, 4, 3, 2, 1)
"""Lengths of text to try where a sentence is not allowed."""

TURNS = 6
"""How often several choices are drawn each by itself before one is drawn alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it is being asked; what is offered, and within which bounds, is worked out when needed."""

    step: Step
    question: Question
    facts: Facts
    draws: Draws
    now: datetime
    offered: Callable[[], Sequence[str]]
    bounds: Callable[[], tuple[float, float]]
    number_of: Callable[[str], float]
    position: tuple[float, float] | None = None

    @property
    def rng(self) -> random.Random:
        """Where chance comes from."""
        return self.draws.rng


def likely(asked: Asked) -> Iterator[str]:
    """Answers to try, likeliest first; nothing where we have none to give."""
    maker = _MAKERS.get(asked.question.type)
    return maker(asked) if maker else iter(())


def metadata(kind: str, now: datetime, draws: Draws) -> str | None:
    """What the phone itself fills in; None where `kind` is no such thing."""
    match kind:
        case "start":
            return written(now - timedelta(seconds=draws.rng.randrange(300, 3000)))
        case "end":
            return written(now)
        case "today":
            return now.date().isoformat()
        case "deviceid":
            return f"collect:{int(draws.share('deviceid') * 36**8):016x}"
        case "audit" | "start-geopoint" | "simserial" | "subscriberid" | "username" | "email" | "phonenumber":
            return ""
    return None


def written(moment: datetime) -> str:
    """`moment` as phones write it: milliseconds, and the offset."""
    return moment.isoformat(timespec="milliseconds")


def _numbers(asked: Asked) -> Iterator[float]:
    facts, draws = asked.facts, asked.draws
    if facts.quantiles:
        base = asked.number_of(facts.of) if facts.of else 1.0
        drawn = at_rank(facts.quantiles, draws.rank(asked.step.name, facts)) * base
        if not math.isnan(drawn):
            yield drawn
            low, high = asked.bounds()
            yield min(max(drawn, low), high)
    low, high = asked.bounds()
    least = low if math.isfinite(low) else min(0.0, high)
    most = high if math.isfinite(high) else max(least, 0.0) + 20
    for skew in (2 if most - least > 200 else 1, 1, 1):
        yield least + (most - least) * draws.rng.random() ** skew
    yield from (least, most, 0.0, 1.0, (least + most) / 2)


def _integers(asked: Asked) -> Iterator[str]:
    for number in _numbers(asked):
        yield str(round(number))
    low, high = asked.bounds()
    yield from (str(math.ceil(bound)) for bound in (low, high - 1, high) if math.isfinite(bound))


def _decimals(asked: Asked) -> Iterator[str]:
    places = asked.facts.decimals or 1
    for number in _numbers(asked):
        yield f"{number:.{places}f}"
        yield repr(float(number))


def _choices(asked: Asked) -> Iterator[str]:
    offered = asked.offered()
    if not offered:
        return
    rank = asked.draws.share(asked.step.name, steady=asked.facts.steady)
    yield pick(_shares(asked.facts.shares, offered), rank)
    yield from asked.rng.sample(offered, len(offered))


def _shares(known: Mapping[str, float], offered: Sequence[str]) -> Mapping[str, float]:
    """The known shares of what is offered; what nobody knows of shares what is left."""
    if not known:
        return dict.fromkeys(offered, 1.0)
    left = max(1 - sum(known.values()), 0.0) / max(len(offered) - len(known), 1)
    shares = {name: known.get(name, left) for name in offered}
    return shares if sum(shares.values()) > 0 else dict.fromkeys(offered, 1.0)


def _several(asked: Asked) -> Iterator[str]:
    offered = asked.offered()
    if not offered:
        return
    for steady in (True, False, False, False):
        found = _picked(asked, offered, steady=steady and asked.facts.steady)
        yield " ".join(found)
        yield " ".join(found[: asked.rng.randint(1, 3)])
    yield from asked.rng.sample(offered, len(offered))


def _picked(asked: Asked, offered: Sequence[str], *, steady: bool) -> list[str]:
    facts, draws, name = asked.facts, asked.draws, asked.step.name
    if facts.alone:
        alone = {choice: facts.picks[choice] for choice in facts.alone if choice in offered}
        single = pick({**alone, "": 1 - sum(alone.values())}, draws.share(name, steady=steady))
        if single:
            return [single]
    chances = facts.chances or dict.fromkeys(offered, min(0.3, 2 / len(offered)))
    for turn in range(TURNS):
        found = [
            choice
            for choice in offered
            if draws.share(f"{name}/{choice}/{turn}", steady=steady) < chances.get(choice, 0.0)
        ]
        if found:
            return found
    return [pick({choice: chances.get(choice, 0.0) for choice in offered}, draws.rng.random())]


def _ranked(asked: Asked) -> Iterator[str]:
    offered = asked.offered()
    yield " ".join(asked.rng.sample(offered, len(offered)))


def _days(asked: Asked) -> Iterator[str]:
    today = (asked.now.date() - EPOCH).days
    low, high = asked.bounds()
    appearance = asked.question.appearance
    latest = min(today, high) if high >= min(today, low) else high
    earliest = max(low, latest - 60)
    for day in (earliest + (latest - earliest) * asked.rng.random(), latest, earliest, low, high, today):
        if math.isfinite(day) and abs(day) < 700_000:
            found = EPOCH + timedelta(days=math.floor(day))
            if "month-year" in appearance:
                yield found.replace(day=1).isoformat()
            elif "year" in appearance:
                yield found.replace(month=1, day=1).isoformat()
            yield found.isoformat()
            yield (found + timedelta(days=1)).isoformat()


def _moments(asked: Asked) -> Iterator[str]:
    for day in _days(asked):
        hour = asked.now.replace(hour=asked.rng.randrange(7, 17), minute=asked.rng.randrange(60))
        days = days_of(day) or 0.0
        yield written(hour + timedelta(days=days - (asked.now.date() - EPOCH).days))
    yield written(asked.now)


def _times(asked: Asked) -> Iterator[str]:
    for _ in range(3):
        yield f"{asked.rng.randrange(7, 17):02}:{asked.rng.randrange(60):02}:00.000+03:00"


def point(lat: float, lon: float, rng: random.Random) -> str:
    """A geopoint within some ten metres of `lat`, `lon`, as a phone writes it."""
    lat, lon = (round(value + rng.gauss(0, 0.0001), 7) for value in (lat, lon))
    return f"{lat} {lon} {round(rng.uniform(30, 900), 1)} {round(rng.uniform(3, 12), 1)}"


def _points(asked: Asked) -> Iterator[str]:
    lat, lon = asked.position or (asked.rng.uniform(33.0, 37.0), asked.rng.uniform(42.5, 45.5))
    yield point(lat, lon, asked.rng)


def _lines(asked: Asked) -> Iterator[str]:
    points = [next(_points(asked)) for _ in range(3)]
    yield "; ".join([*points, points[0]] if asked.question.type == "geoshape" else points)


def _texts(asked: Asked) -> Iterator[str]:
    rng = asked.rng
    patterns = [pattern for check in asked.step.checks for pattern in check.patterns if check.owner == asked.step.path]
    kind = asked.facts.text
    if kind:
        yield KINDS[kind](rng)
    for pattern in patterns:
        yield from (text for text in (sample_of(pattern, rng) for _ in range(8)) if text)
    remark = KINDS["remark"](rng)
    yield remark
    yield from (remark[:length].strip() for length in LENGTHS)
    yield from (f"{rng.randrange(10**15):015}"[:length] for length in LENGTHS)
    yield from (KINDS[other](rng) for other in ("email", "phone", "person"))


def _nothing_but_ok(_: Asked) -> Iterator[str]:
    yield "OK"


def _files(asked: Asked) -> Iterator[str]:
    if asked.step.required is True:
        yield FILES[asked.question.type]


_MAKERS: Mapping[str, Callable[[Asked], Iterator[str]]] = {
    "integer": _integers,
    "range": _integers,
    "decimal": _decimals,
    "select_one": _choices,
    "select_multiple": _several,
    "rank": _ranked,
    "date": _days,
    "dateTime": _moments,
    "time": _times,
    "geopoint": _points,
    "geotrace": _lines,
    "geoshape": _lines,
    "text": _texts,
    "barcode": _texts,
    "acknowledge": _nothing_but_ok,
    "trigger": _nothing_but_ok,
    **dict.fromkeys(FILES, _files),
}
