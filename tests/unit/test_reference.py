"""The reference tables of warehouse/reference: places, sites, organisations and how people write their names."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from pipelines.harmonize.convert import fold
from pipelines.harmonize.split import names_of, pieces

REFERENCE = Path(__file__).parents[2] / "warehouse/reference"
HEADERS = {
    "governorate": "adm1_pcode name_en name_ar name_ckb adm1_pcode_2014 region lat lon",
    "district": "adm2_pcode name_en name_ar adm1_pcode lat lon",
    "subdistrict": "adm3_pcode name_en name_ar adm2_pcode lat lon",
    "site": "site name_en name_ar adm1_pcode adm2_pcode adm3_pcode lat lon site_level parent_site open_2020_08 "
    "families_2020_08 individuals_2020_08",
    "site_alias": "alias site",
    "organisation": "organisation name org_type",
    "organisation_alias": "alias organisation",
    "activity_area": "activity_area name_en name_ar cluster position",
}
IRAQ = {"lat": (29.0, 37.5), "lon": (38.7, 48.8)}


def table(name: str) -> list[dict[str, str]]:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def keys(name: str, column: str) -> set[str]:
    return {row[column] for row in table(name)}


def aliases() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in table("organisation_alias"):
        found[fold(row["alias"])] = (*found.get(fold(row["alias"]), ()), row["organisation"])
    return found


@pytest.mark.parametrize("name", HEADERS)
def test_the_columns_are_those_that_others_read(name: str) -> None:
    assert list(table(name)[0]) == HEADERS[name].split()


def test_there_are_all_governorates_districts_subdistricts_sites_and_areas() -> None:
    counted = {name: len(table(name)) for name in ("governorate", "district", "subdistrict", "site", "activity_area")}
    assert counted == {"governorate": 18, "district": 101, "subdistrict": 294, "site": 98, "activity_area": 17}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("governorate", "adm1_pcode"), ("district", "adm2_pcode"), ("subdistrict", "adm3_pcode"), ("site", "site"),
        ("site_alias", "alias"), ("organisation", "organisation"), ("organisation", "name"),
        ("activity_area", "activity_area"),
    ],
)  # fmt: skip
def test_a_key_stands_once_whatever_its_case(name: str, key: str) -> None:
    times = Counter(row[key].casefold() for row in table(name))
    assert [value for value, count in times.items() if count > 1 or not value.strip()] == []


def test_an_alias_names_an_organisation_once() -> None:
    pairs = Counter((row["alias"].casefold(), row["organisation"]) for row in table("organisation_alias"))
    assert [pair for pair, count in pairs.items() if count > 1] == []


@pytest.mark.parametrize(
    ("name", "column", "other", "key"),
    [
        ("district", "adm1_pcode", "governorate", "adm1_pcode"),
        ("subdistrict", "adm2_pcode", "district", "adm2_pcode"),
        ("site", "adm1_pcode", "governorate", "adm1_pcode"),
        ("site", "adm2_pcode", "district", "adm2_pcode"),
        ("site", "adm3_pcode", "subdistrict", "adm3_pcode"),
        ("site_alias", "site", "site", "site"),
        ("organisation_alias", "organisation", "organisation", "organisation"),
    ],
)
def test_what_a_row_points_at_exists(name: str, column: str, other: str, key: str) -> None:
    assert keys(name, column) - keys(other, key) == set()


def test_a_site_lies_in_the_governorate_of_its_district() -> None:
    governorate_of = {row["adm2_pcode"]: row["adm1_pcode"] for row in table("district")}
    assert [row["site"] for row in table("site") if governorate_of[row["adm2_pcode"]] != row["adm1_pcode"]] == []


def test_the_governorate_of_a_site_is_never_read_from_its_id() -> None:
    """A site id counts the governorates as they were in 2014; today's P-codes count them anew."""
    arbat = next(row for row in table("site") if row["site"] == "IQ0510-0001")
    assert (arbat["name_en"], arbat["adm1_pcode"], arbat["adm2_pcode"]) == ("Arbat IDP", "IQG06", "IQG06Q01")


def test_sub_sites_name_the_site_they_belong_to_where_it_is_on_the_list() -> None:
    parents = Counter(row["parent_site"] for row in table("site"))
    assert dict(parents) == {"": 67, "IQ0102-0019": 31}


@pytest.mark.parametrize("name", ["governorate", "district", "subdistrict", "site"])
def test_every_point_lies_in_iraq(name: str) -> None:
    outside = [row for row in table(name) for axis, (low, high) in IRAQ.items() if not low <= float(row[axis]) <= high]
    assert outside == []


def test_the_camps_that_were_open_in_august_2020_have_their_figures() -> None:
    figures = {row["site"]: (row["families_2020_08"], row["individuals_2020_08"]) for row in table("site")}
    shown = [site for site, pair in figures.items() if all(pair)]
    assert (len(shown), figures["IQ0510-0001"]) == (43, ("301", "1395"))
    assert shown == [row["site"] for row in table("site") if row["open_2020_08"] == "yes"]


def test_organisation_codes_can_stand_as_choices_of_a_form() -> None:
    assert [code for code in keys("organisation", "organisation") if not re.fullmatch(r"[a-z][a-z0-9_]*", code)] == []


def test_an_answer_that_names_two_organisations_resolves_to_both() -> None:
    found = aliases()
    assert (found["ejccc/bcf"], found["ejccc"]) == (("bcf", "jcc"), ("jcc",))


def test_every_spelling_of_the_fact_sheet_resolves(shared: Path) -> None:
    known = aliases()
    with (shared / "reference/iraq/org_alias.csv").open(encoding="utf-8-sig", newline="") as file:
        written = [spelling for row in csv.DictReader(file) for spelling in row["observed_variants"].split("|")]
    assert [spelling for spelling in written if fold(spelling) not in known] == []


def test_at_most_a_tenth_of_the_organisations_really_reported_fail_to_resolve(shared: Path) -> None:
    names = names_of(aliases())
    resolved, unresolved = set[str](), set[str]()
    with (shared / "reference/iraq/fsmt_3w_strings_observed_2020_08.csv").open(
        encoding="utf-8-sig", newline=""
    ) as file:
        for row in csv.DictReader(file):
            for piece in pieces(row["value_as_reported"], names):
                resolved.update(piece.codes)
                unresolved.update(() if piece.codes else [fold(piece.written)])
    print(f"{len(resolved)} organisations resolved, {len(unresolved)} names not: {sorted(unresolved)}")
    assert {"unknown", "the swidish aid orgnization"} <= unresolved
    assert len(unresolved) <= (len(resolved) + len(unresolved)) / 10
