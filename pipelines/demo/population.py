"""The camps of the demo and their people, month by month: smooth, and adding up.

Starts from the last published figure of each site (warehouse/reference/site.csv). What a form asks of this is wished
for in months.py; the shares by age and sex are in plausible.yml.
"""

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOUSEHOLD = 5.0
"""People in a family, where a site has no figure of its own."""

BANDS = ("0_2", "3_5", "6_11", "12_17", "18_30", "31_59", "60_over")
OLDER_BANDS = {"0_4": ("0_2",), "5_17": ("6_11", "12_17"), "18_59": ("18_30", "31_59"), "60_over": ("60_over",)}
"""The bands asked before 2020, from those asked since; 3_5 is shared between two, see older_bands."""


@dataclass(frozen=True, slots=True)
class Site:
    """A formal site, as far as a demo needs to know it."""

    site: str
    name: str
    governorate: str
    district: str
    lat: float
    lon: float
    is_open: bool = True
    families: int | None = None
    individuals: int | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """A camp at the end of a month; `bands` -> people, which add up to `individuals`."""

    families: int
    individuals: int
    bands: Mapping[str, int]
    arrivals_families: int = 0
    arrivals_individuals: int = 0
    departures_families: int = 0
    departures_individuals: int = 0
    births: int = 0
    deaths: int = 0


def read_sites(path: Path) -> tuple[Site, ...]:
    """The sites of warehouse/reference/site.csv, in its order."""
    with path.open(encoding="utf-8", newline="") as lines:
        return tuple(map(_site, csv.DictReader(lines)))


def _site(row: Mapping[str, str]) -> Site:
    figures = (row["families_2020_08"], row["individuals_2020_08"])
    families, individuals = (int(figure) if figure else None for figure in figures)
    return Site(
        site=row["site"],
        name=row["name_en"],
        governorate=row["adm1_pcode"],
        district=row["adm2_pcode"],
        lat=float(row["lat"]),
        lon=float(row["lon"]),
        is_open=row["open_2020_08"] == "yes",
        families=families,
        individuals=individuals,
    )


def ranks(sites: Sequence[Site]) -> dict[str, float]:
    """Site -> its rank by size among `sites`, between 0 for the smallest and 1 for the largest."""
    by_size = sorted(sites, key=lambda site: (site.families or 0, site.site))
    return {site.site: (number + 0.5) / len(by_size) for number, site in enumerate(by_size)}


def census(site: Site, shares: Mapping[str, float], rng: random.Random, *, months: int = 1) -> Iterator[Census]:
    """The camp in each of `months` months, beginning near its last known figure."""
    families = site.families or rng.randint(80, 1500)
    individuals = site.individuals or round(families * rng.gauss(HOUSEHOLD, 0.3))
    own = {band: share * rng.lognormvariate(0, 0.08) for band, share in shares.items()}
    leaving, coming = rng.uniform(0.002, 0.02), rng.uniform(0.0, 0.008)
    # one camp in fifteen loses a quarter of its people in one month: returns, or a closure nearby
    exodus = rng.randint(1, months) if rng.random() < 1 / 15 else 0
    yield Census(families, individuals, _parted(individuals, own))
    for month in range(1, months):
        gone = round(families * (0.27 if month == exodus else leaving * rng.uniform(0.5, 1.5)))
        come = round(families * coming * rng.uniform(0, 2))
        people = individuals / families
        born, died = (round(individuals * rate * rng.uniform(0.5, 1.5)) for rate in (0.002, 0.0003))
        gone_people, come_people = (round(count * max(people, 1) * rng.uniform(1, 1.1)) for count in (gone, come))
        families += come - gone
        individuals += come_people - gone_people + born - died
        bands = _parted(individuals, own)
        yield Census(families, individuals, bands, come, come_people, gone, gone_people, born, died)


def _parted(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """`total` in whole people by `shares`, the largest remainders rounded up."""
    whole = sum(shares.values()) or 1.0
    exact = {name: total * share / whole for name, share in shares.items()}
    parts = {name: int(part) for name, part in exact.items()}
    for name in sorted(exact, key=lambda name: parts[name] - exact[name])[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


def older_bands(bands: Mapping[str, int]) -> dict[str, int]:
    """The 8 bands asked before 2020: two of the three years of 3 to 5 lie below 5."""
    older = {}
    for sex in ("males", "females"):
        young = round(bands.get(f"{sex}_3_5", 0) * 2 / 3)
        for band, newer in OLDER_BANDS.items():
            older[f"{sex}_{band}"] = sum(bands.get(f"{sex}_{part}", 0) for part in newer)
        older[f"{sex}_0_4"] += young
        older[f"{sex}_5_17"] += bands.get(f"{sex}_3_5", 0) - young
    return older
