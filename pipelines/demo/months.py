"""What the demo sends, and when: the population of each open camp every month, and two rounds of the FSMT.

The second round comes while some camps still have the older form on their phones. Everything follows from the seed. The
mistakes that real rounds contain are made afterwards, in mistakes.py.
"""

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from pipelines.demo.answers import Answers, Context, Wish, answers_for
from pipelines.demo.population import Census, Site, census, older_bands, ranks
from pipelines.demo.profile import Draws, Place, Profile, chance, plausible
from pipelines.demo.services import Spellings, services, wishes_of
from pipelines.demo.text import REASONS, person, phone
from pipelines.demo.values import point
from pipelines.forms.form import Form

SEED = 20261120
MONTHS = ("2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10")
"""The months that population figures are sent for: the last full ones before the demo's day, 2026-11-20."""

ROUNDS: Mapping[str, tuple[str, ...]] = {"2026-04": ("2019-1",), "2026-10": ("2026-1", "2019-1")}
"""FSMT rounds -> the form versions in use, the newest first."""

STILL_OLDER = 0.25
"""The share of camps that send an older form when there is a newer one."""

IRAQ = timezone(timedelta(hours=3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One submission to be sent: `period` is the month or round it is about, `answers` as answers_for gives them."""

    tool: str
    form_version: str
    site: str
    period: str
    received_at: datetime
    submitter: str
    instance_id: str
    answers: Answers


@dataclass(frozen=True, slots=True)
class _Camp:
    """A camp, its months from the first of the demo on, its rank by size, and its place in the demo's chance."""

    site: Site
    months: Mapping[str, Census]
    rank: float
    place: Place

    def chance(self, *about: str) -> random.Random:
        """Chance for one thing about this camp."""
        return chance(self.place.key, self.site.site, *about)


def demo_submissions(
    forms: Sequence[Form],
    sites: Sequence[Site],
    *,
    months: Sequence[str] = MONTHS,
    rounds: Mapping[str, tuple[str, ...]] = ROUNDS,
    seed: int = SEED,
    spellings: Spellings | None = None,
) -> Iterator[Planned]:
    """Every submission of the demo, in the order in which the server receives them; only those of the `forms` given."""
    profile = plausible()
    version = {(form.tool, form.version): form for form in forms}
    camps = list(_camps(sites, (*months, *rounds), profile, seed))
    planned = []
    for camp in camps:
        if form := version.get(("population", "2026-1")):
            planned += [_population(form, camp, month) for month in months]
        for name, versions in rounds.items():
            known = [version["fsmt", number] for number in versions if ("fsmt", number) in version]
            if known:
                older = camp.place.share("still older") < STILL_OLDER
                planned += [_round(known[-1 if older else 0], camp, name, profile, spellings or {})]
    yield from sorted(planned, key=lambda one: (one.received_at, one.instance_id))


def _camps(sites: Sequence[Site], periods: Sequence[str], profile: Profile, seed: int) -> Iterator[_Camp]:
    opened = [site for site in sites if site.is_open]
    rank = ranks(opened)
    span = list(_months_between(min(periods), max(periods)))
    for number, site in enumerate(opened):
        # one month more, so that the first one sent has arrivals and departures too
        counted = census(site, profile.bands, chance(seed, site.site), months=len(span) + 1)
        months = dict(zip(["", *span], counted, strict=True))
        yield _Camp(site, months, rank[site.site], Place(str(seed), number, len(opened)))


def _months_between(first: str, last: str) -> Iterator[str]:
    month = date.fromisoformat(f"{first}-01")
    while month.isoformat()[:7] <= last:
        yield month.isoformat()[:7]
        month = (month + timedelta(days=31)).replace(day=1)


def _population(form: Form, camp: _Camp, month: str) -> Planned:
    rng = camp.chance("population", month)
    due = (date.fromisoformat(f"{month}-01") + timedelta(days=31)).replace(day=1)
    received = _moment(rng, due + timedelta(days=rng.choice((0, 0, 0, 1, 1, 1, 1, 2))))
    wishes = {**_people(camp, month, rng), "submitted_by_name": _manager(camp)}
    return _planned(form, camp, month, received, rng, wishes)


def _round(form: Form, camp: _Camp, name: str, profile: Profile, spellings: Spellings) -> Planned:
    rng = camp.chance("fsmt", name)
    received = _moment(rng, date.fromisoformat(f"{name}-01") + timedelta(days=rng.randint(7, 27)))
    provided = services(Draws(rng, camp.place), profile)
    wishes = {
        **_people(camp, name, rng),
        **wishes_of(provided, rng, profile, spellings),
        "Camp_Name": camp.site.name,
        **dict.fromkeys(("focal_point_name", "respondent_name"), _manager(camp)),
        "focal_point_phone": phone(camp.chance("phone")),
    }
    return _planned(form, camp, name, received, rng, wishes)


def _people(camp: _Camp, month: str, rng: random.Random) -> dict[str, Wish]:
    """What every form asks of a camp and its people, by each name it has been asked under."""
    site, now = camp.site, camp.months[month]
    first = f"{month}-01"
    plots = round((camp.site.families or now.families) * (1.05 + 0.5 * camp.place.share("plots")))
    return {
        "governorate": site.governorate,
        "district": site.district,
        **dict.fromkeys(("site", "site_name"), site.site),
        **dict.fromkeys(("report_month", "reporting_month", "month"), first),
        **dict.fromkeys(("location", "coordinates"), point(site.lat, site.lon, rng)),
        **dict.fromkeys(("families", "total_families"), str(now.families)),
        **dict.fromkeys(("individuals", "total_population"), str(now.individuals)),
        **{name: str(count) for name, count in {**older_bands(now.bands), **now.bands}.items()},
        **_moves(now),
        "plots_total": str(max(plots, now.families)),
        "plots_occupied": str(now.families),
        "change_reason": REASONS[0] if now.departures_families > now.families / 10 else rng.choice(("", *REASONS)),
    }


def _moves(now: Census) -> dict[str, Wish]:
    origin, camp = round(now.departures_individuals * 0.6), round(now.departures_individuals * 0.15)
    return {
        "arrivals_families": str(now.arrivals_families),
        "arrivals_individuals": str(now.arrivals_individuals),
        "departures_families": str(now.departures_families),
        "departures_individuals": str(now.departures_individuals),
        "departures_origin": str(origin),
        "departures_camp": str(camp),
        "departures_elsewhere": str(now.departures_individuals - origin - camp),
        "births": str(now.births),
        "deaths": str(now.deaths),
    }


def _planned(
    form: Form, camp: _Camp, period: str, received: datetime, rng: random.Random, wishes: Mapping[str, Wish]
) -> Planned:
    finished = (received - timedelta(seconds=rng.randint(20, 5400))).astimezone(IRAQ)
    context = Context(
        now=finished, wishes=wishes, place=camp.place, size=camp.rank, position=(camp.site.lat, camp.site.lon)
    )
    return Planned(
        tool=form.tool,
        form_version=form.version,
        site=camp.site.site,
        period=period,
        received_at=received,
        submitter=f"camp_{camp.site.site.lower().replace('-', '_')}",
        instance_id=instance_id(rng),
        answers=answers_for(form, rng, context),
    )


def instance_id(rng: random.Random) -> str:
    """A version 4 UUID out of `rng`."""
    return str(uuid.UUID(bytes=rng.randbytes(16), version=4))


def _moment(rng: random.Random, day: date) -> datetime:
    return datetime(
        day.year, day.month, day.day, rng.randint(5, 15), rng.randrange(60), rng.randrange(60),
        rng.randrange(1000) * 1000, tzinfo=UTC,
    )  # fmt: skip


def _manager(camp: _Camp) -> str:
    return person(camp.chance("manager"))
