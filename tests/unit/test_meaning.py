"""Whether two labels of a code mean the same, held against pairs that people judged."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.forms.form import Choice, Form
from pipelines.forms.meaning import same_meaning
from pipelines.forms.read import read_form

FSMT = Path(__file__).parents[2] / "xlsforms" / "fsmt"

SAME = [
    ("Latrines", "latrines"),
    ("Camp", "Camps"),
    ("Don't know", "Do not know"),
    ("Dont know", "Don’t know"),
    ("Collective center", "Collective centre"),
    ("Reception Centre", "Reception center"),
    ("Organization", "Organisation"),
    ("Acess to water", "Access to water"),
    ("Fire extinguishers", "Fire extinguisher"),
    ("Vulnerability", "Vulnerabilty"),
    ("Registration", "Registeration"),
    ("Tent", "Tent."),
    ("Water trucking", "Water-trucking"),
    ("Water trucking", "Water trucking (private or public)"),
    ("Other (specify)", "Other"),
    ("Other, please specify", "Other - specify"),
    ("Male", "MALE"),
    ("Age 6-11", "Age 6 - 11"),
    ("Age 6-11", "Age: 6 to 11"),
    ("< 15 litres", "<15 liters"),
    ("Yes", "<b>Yes</b>"),
    ("Two families", "2 families"),
    ("Camp committee", "The camp committee"),
    ("Health facilities", "Health facility"),
    ("School and kindergarten", "Kindergarten and school"),
    ("إدارة المخيم", "ادارة المخيم"),
    ("مستشفى", "مستشفي"),
    ("خيمة", "خيمه"),
    ("عائلات", "العائلات"),
    ("نعم", "نَعَم"),
    ("مراحيض", "المراحيض"),
    ("١٥ لتر", "15 لتر"),
    ("مخيّم", "مخيم"),
    ("غير معروف", "غير معروف (أخرى)"),
    ("کەمپ", "كه‌مپ"),
    ("خێزان", "خێزانەکان"),
    ("قوتابخانە", "قوتابخانه"),
    ("ناوەندی تەندروستی", "ناوه‌ندی ته‌ندروستی"),
]
DIFFERENT = [
    ("Safe", "Unsafe"),
    ("Functional", "Non-functional"),
    ("Functional", "Not functional"),
    ("Yes", "No"),
    ("Male", "Female"),
    ("Men", "Women"),
    ("Age 6-11", "Age 6-12"),
    ("Age 0-4", "Age 5-17"),
    ("Less than 15 litres", "More than 15 litres"),
    ("< 15 litres", "> 15 litres"),
    ("At least 2", "At most 2"),
    ("More men than women", "More women than men"),
    ("Moved from Erbil to Duhok", "Moved from Duhok to Erbil"),
    ("Food", "Flood"),
    ("Food", "Wood"),
    ("Cash", "Crash"),
    ("North", "South"),
    ("East", "West"),
    ("Tent", "Caravan"),
    ("Water", "Waste water"),
    ("Camp management", "Camp committee"),
    ("Owned", "Rented"),
    ("Inside the camp", "Outside the camp"),
    ("Regular", "Irregular"),
    ("Adequate", "Inadequate"),
    ("One family", "Two families"),
    ("Borehole", "Network"),
    ("Open", "Closed"),
    ("Weekly", "Monthly"),
    ("2026", "2025"),
    ("Satisfied", "Dissatisfied"),
    ("Tent (new)", "Tent (old)"),
    ("Primary school", "Secondary school"),
    ("With a permit", "Without a permit"),
    ("نعم", "لا"),
    ("آمن", "غير آمن"),
    ("ذكور", "إناث"),
    ("أقل من ١٥ لتر", "أكثر من ١٥ لتر"),
    ("داخل المخيم", "خارج المخيم"),
    ("من أربيل إلى دهوك", "من دهوك إلى أربيل"),
    ("ماء", "طعام"),
    ("٥ عائلات", "٦ عائلات"),
    ("بەڵێ", "نەخێر"),
    ("سەلامەت", "ناسەلامەت"),
    ("نێر", "مێ"),
    ("کەمتر لە ٥", "زیاتر لە ٥"),
]


REWORDED = [
    ("Gender of the respondent", "Sex of the person interviewed"),
    ("Nobody", "No one"),
    ("Latrine", "Toilet"),
    ("Rarely", "Seldom"),
    ("IDPs", "Internally displaced persons"),
    ("Water", "Water supply"),
    ("مراحيض", "حمامات"),
    ("کەمپ", "ئۆردوگا"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_a_label_written_better_means_the_same(old: str, new: str) -> None:
    assert same_meaning(old, new)
    assert same_meaning(new, old)


@pytest.mark.parametrize(("old", "new"), DIFFERENT)
def test_another_answer_under_an_old_code_does_not(old: str, new: str) -> None:
    assert not same_meaning(old, new)
    assert not same_meaning(new, old)


@given(st.text(), st.text())
def test_the_judgement_does_not_depend_on_the_order(old: str, new: str) -> None:
    assert same_meaning(old, old)
    assert same_meaning(old, new) == same_meaning(new, old)


def pairs(one: Choice, other: Choice) -> Iterator[tuple[str, str]]:
    return ((one.labels[language], other.labels[language]) for language in one.labels.keys() & other.labels.keys())


def told_apart(form: Form) -> Iterator[tuple[str, str]]:
    """The labels of any two codes of one list: people chose them to be told apart."""
    for name, choices in form.choices.items():
        if name not in {"site", "organisation", "district"}:
            for one, other in combinations(choices, 2):
                yield from pairs(one, other)


def test_what_is_said_in_other_words_is_left_to_people() -> None:
    """The price of being careful: pairs of one meaning that raise an alarm, beside those that do not."""
    alarms = [pair for pair in [*SAME, *REWORDED] if not same_meaning(*pair)]
    print(f"\n{len(alarms)} of {len(SAME) + len(REWORDED)} pairs of one meaning raise an alarm")
    assert alarms == REWORDED


@pytest.mark.slow
def test_choices_of_our_own_forms_are_told_apart() -> None:
    forms = [read_form(FSMT / f"{version}.xlsx", "fsmt", version) for version in ("2019-1", "2026-1")]
    different = [pair for form in forms for pair in told_apart(form)]
    assert len(different) > 1000
    assert [pair for pair in different if same_meaning(*pair)] == []


@pytest.mark.long
def test_choices_that_real_forms_tell_apart_are_told_apart(shared: Path) -> None:
    """Labels of two codes of one list in the forms of REACH and UNHCR: English, Arabic, Dari, Pashto, French."""
    files = [
        path
        for path in sorted((shared / "data/open").glob("*/*.xls*"))
        if path.name.startswith(("AFG", "03_", "data-raw_REACH", "RMS_CATI_v0."))
    ]
    if not files:
        pytest.skip("shared/data with real forms is not beside this repository")
    seen: set[tuple[str, str]] = set()
    for path in files:
        form = read_form(path, "t", "1")
        for choices in form.choices.values():
            if len(choices) <= 40:
                seen.update(pair for one, other in combinations(choices, 2) for pair in pairs(one, other))
    different = sorted(pair for pair in seen if pair[0].strip().casefold() != pair[1].strip().casefold())
    missed = [pair for pair in different if same_meaning(*pair)]
    print(f"\n{len(missed)} of {len(different)} pairs that real forms tell apart are taken for the same")
    for pair in missed[:40]:
        print("  ", *pair, sep=" | ")
    assert len(different) > 5000
    assert len(missed) / len(different) < 0.005
