"""The mistakes that real rounds contain, made on purpose in the demo, and listed so that a test can look for each.

docs/demo-mistakes.md tells the recipe. Most of them break constraints of the form: so do old app versions and imports.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from pipelines.demo.answers import Answers
from pipelines.demo.months import SEED, Planned, instance_id
from pipelines.demo.profile import chance

PLANTED_PHONE = "07701234567"
"""Stands in one restricted answer of the demo, and must never be seen in a published file."""

WATER = ("water_lpd", "water_quantity")
POINTS = ("location", "coordinates")
KILOMETRES = ("court_distance_km", "distance_court_civiloffice_kms")
FAMILIES = ("families", "total_families")
INDIVIDUALS = ("individuals", "total_population")
COMMENTS = ("comments", "change_reason")
PHONES = ("contact_phone", "focal_point_phone")
TYPED = ("departures_families", "arrivals_families", "plots_capacity", "maxm_hosting_capacity")

ARABIC_INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: what kind, and in which submission; for a missing camp, the submission that is not sent."""

    kind: str
    tool: str
    site: str
    period: str
    instance_id: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How often a mistake is made: in `share` of a tool's submissions, and in at least one where it is above 0."""

    kind: str
    tool: str
    share: float


RECIPE = (
    Recipe("planted_phone", "fsmt", 0.001),
    Recipe("families_individuals_swapped", "population", 0.012),
    Recipe("families_individuals_swapped", "fsmt", 0.012),
    Recipe("litres_for_whole_camp", "fsmt", 0.035),
    Recipe("copied_column", "population", 0.012),
    Recipe("copied_column", "fsmt", 0.012),
    Recipe("gps_swapped", "fsmt", 0.025),
    Recipe("gps_zero", "fsmt", 0.025),
    Recipe("metres_for_kilometres", "fsmt", 0.035),
    Recipe("arabic_digits", "population", 0.02),
    Recipe("arabic_digits", "fsmt", 0.02),
    Recipe("phone_in_comment", "fsmt", 0.025),
    Recipe("late_report", "population", 0.04),
    Recipe("same_site_twice", "population", 0.016),
    Recipe("same_site_twice", "fsmt", 0.012),
    Recipe("missing_camp", "population", 0.03),
    Recipe("missing_camp", "fsmt", 0.035),
)


def with_mistakes(
    planned: Iterable[Planned], *, seed: int = SEED, recipe: Sequence[Recipe] = RECIPE
) -> tuple[tuple[Planned, ...], tuple[Mistake, ...]]:
    """`planned` with the mistakes of `recipe` made in it, at most one in a submission, and the list of them."""
    rng = chance(seed, "mistakes")
    untouched = {one.instance_id: one for one in planned}
    size = Counter(one.tool for one in untouched.values())
    sent: list[Planned] = []
    mistakes = []
    for item in recipe:
        ours = [one for one in untouched.values() if one.tool == item.tool]
        wanted = max(1, round(item.share * size[item.tool]))
        for one in rng.sample(ours, len(ours)):
            made = _KINDS[item.kind](one, rng) if wanted else None
            if made is not None:
                wanted -= 1
                sent += made
                del untouched[one.instance_id]
                mistakes.append(Mistake(item.kind, one.tool, one.site, one.period, one.instance_id))
    sent += untouched.values()
    return tuple(sorted(sent, key=lambda one: (one.received_at, one.instance_id))), tuple(mistakes)


def _path(answers: Answers, names: Sequence[str]) -> str | None:
    """The path of the first of the questions `names` that is answered, outside every repeat."""
    paths = {path.rpartition("/")[2]: path for path, answer in answers.items() if isinstance(answer, str)}
    return next((paths[name] for name in names if name in paths), None)


def _text(answers: Answers, path: str | None) -> str:
    answer = answers.get(path, "") if path else ""
    return answer if isinstance(answer, str) else ""


def _changed(planned: Planned, changes: Mapping[str | None, str]) -> list[Planned] | None:
    if None in changes:
        return None
    return [replace(planned, answers={**planned.answers, **{path: text for path, text in changes.items() if path}})]


def _swapped(planned: Planned, _: random.Random) -> list[Planned] | None:
    families, individuals = _path(planned.answers, FAMILIES), _path(planned.answers, INDIVIDUALS)
    return _changed(
        planned,
        {families: _text(planned.answers, individuals), individuals: _text(planned.answers, families)},
    )


def _litres(planned: Planned, _: random.Random) -> list[Planned] | None:
    water, people = _path(planned.answers, WATER), _path(planned.answers, INDIVIDUALS)
    if not (water and people):
        return None
    total = int(_text(planned.answers, water)) * int(_text(planned.answers, people))
    return _changed(planned, {water: str(total)})


def _copied(planned: Planned, _: random.Random) -> list[Planned] | None:
    copies: dict[str | None, str] = {}
    for path, answer in planned.answers.items():
        group, _slash, name = path.rpartition("/")
        source = f"{group}/{name.replace('females_', 'males_')}" if group else name.replace("females_", "males_")
        if name.startswith("females_") and isinstance(answer, str):
            copies[path] = _text(planned.answers, source)
    return _changed(planned, copies) if copies else None


def _gps(planned: Planned, _: random.Random) -> list[Planned] | None:
    path = _path(planned.answers, POINTS)
    if path is None:
        return None
    lat, lon, *rest = _text(planned.answers, path).split()
    return _changed(planned, {path: " ".join([lon, lat, *rest])})


def _gps_zero(planned: Planned, _: random.Random) -> list[Planned] | None:
    return _changed(planned, {_path(planned.answers, POINTS): "0.0 0.0 0.0 0.0"})


def _metres(planned: Planned, _: random.Random) -> list[Planned] | None:
    path = _path(planned.answers, KILOMETRES)
    if path is None or float(_text(planned.answers, path)) < 1:
        return None
    return _changed(planned, {path: f"{float(_text(planned.answers, path)) * 1000:.1f}"})


def _arabic(planned: Planned, _: random.Random) -> list[Planned] | None:
    path = _path(planned.answers, TYPED)
    return _changed(planned, {path: _text(planned.answers, path).translate(ARABIC_INDIC)})


def _phone_in_comment(planned: Planned, rng: random.Random) -> list[Planned] | None:
    path = _path(planned.answers, COMMENTS)
    text = f"للمزيد من المعلومات الاتصال على 0700 {rng.randrange(1000):03} {rng.randrange(10000):04}"
    return _changed(planned, {path: f"{_text(planned.answers, path)}. {text}"})


def _planted(planned: Planned, _: random.Random) -> list[Planned] | None:
    """The phone goes to the contact of the first service, in the newest form only."""
    for path, instances in planned.answers.items():
        if isinstance(instances, list) and path.rpartition("/")[2] == "service" and instances:
            first = {**instances[0], f"{path}/contact_phone": PLANTED_PHONE}
            return [replace(planned, answers={**planned.answers, path: [first, *instances[1:]]})]
    return None


def _late(planned: Planned, rng: random.Random) -> list[Planned] | None:
    return [replace(planned, received_at=planned.received_at + timedelta(days=rng.randint(6, 16)))]


def _twice(planned: Planned, rng: random.Random) -> list[Planned] | None:
    """Sent again by somebody else within two days, with a figure that differs a little."""
    path = _path(planned.answers, FAMILIES)
    if path is None:
        return None
    families = max(1, int(_text(planned.answers, path)) - rng.randint(1, 3))
    again = replace(
        planned,
        received_at=planned.received_at + timedelta(hours=rng.randint(2, 40)),
        submitter=f"{planned.submitter}_b",
        instance_id=instance_id(rng),
        answers={**planned.answers, path: str(families)},
    )
    return [planned, again]


def _missing(_: Planned, __: random.Random) -> list[Planned] | None:
    return []


_KINDS: Mapping[str, Callable[[Planned, random.Random], list[Planned] | None]] = {
    "families_individuals_swapped": _swapped,
    "litres_for_whole_camp": _litres,
    "copied_column": _copied,
    "gps_swapped": _gps,
    "gps_zero": _gps_zero,
    "metres_for_kilometres": _metres,
    "arabic_digits": _arabic,
    "phone_in_comment": _phone_in_comment,
    "planted_phone": _planted,
    "late_report": _late,
    "same_site_twice": _twice,
    "missing_camp": _missing,
}
