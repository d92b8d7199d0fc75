"""A text becomes what its kind expects, or is refused with a reason; its value never changes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.harmonize.convert import Converted, Refused, Writing, convert, fold

PLAIN = Writing()

HELD = [
    ("integer", "35", "35"),
    ("integer", "٣٥", "35"),
    ("integer", "۳۵", "35"),
    ("integer", " 35.0 ", "35"),
    ("integer", "+007", "7"),
    ("integer", "1,234,567", "1234567"),
    ("integer", "١٬٢٣٤", "1234"),
    ("integer", "12\u200f", "12"),
    ("integer", "-9223372036854775807", "-9223372036854775807"),
    ("decimal", "12.50", "12.5"),
    ("decimal", "٣٫٥", "3.5"),
    ("decimal", "1200", "1200"),
    ("decimal", "1e-5", "0.00001"),
    ("decimal", "-123456789012345678.0123456789", "-123456789012345678.0123456789"),
    ("double", "36.7863", "36.7863"),
    ("date", "2020-08-31", "2020-08-31"),
    ("date", "٢٠٢٠-٠٨-٣١", "2020-08-31"),
    ("datetime", "2026-11-10T09:12:33.120+03:00", "2026-11-10T09:12:33.120+03:00"),
    ("datetime", "2026-11-10T09:12:33.123456+03:00", "2026-11-10T09:12:33.123456+03:00"),
    ("datetime", "2026-11-10 09:12", "2026-11-10T09:12:00.000+00:00"),
    ("geopoint", "36.1 43.2", "36.1 43.2"),
    ("geopoint", "٣٦٫١ ٤٣٫٢ 0 4.5", "36.1 43.2 0.0 4.5"),
    ("text", " as it is ", " as it is "),
    ("multiple", "a  b", "a b"),
]

REFUSED = [
    ("integer", "12.6", "not_whole"),
    ("integer", "9223372036854775808", "too_large"),
    ("integer", "12 families", "not_a_number"),
    ("integer", "1_000", "not_a_number"),
    ("integer", "1,23", "not_a_number"),
    ("integer", "²", "not_a_number"),
    ("integer", "", "not_a_number"),
    ("integer", "1e999999999", "not_a_number"),
    ("decimal", "1000000000000000000", "too_large"),
    ("decimal", "0.12345678901", "too_fine"),
    ("decimal", "NaN", "not_a_number"),
    ("decimal", "Infinity", "not_a_number"),
    ("double", "1e400", "too_large"),
    ("date", "2020-02-30", "not_a_date"),
    ("date", "31/08/2020", "not_a_date"),
    ("date", "", "not_a_date"),
    ("datetime", "yesterday", "not_a_date"),
    ("geopoint", "36.1", "not_a_point"),
    ("geopoint", "36.1 43.2 0 4.5 9", "not_a_point"),
    ("geopoint", "36,1 43,2", "not_a_point"),
    ("geopoint", "36.1 nan", "not_a_point"),
]


@pytest.mark.parametrize(("kind", "text", "becomes"), HELD)
def test_a_text_that_its_kind_can_hold(kind: str, text: str, becomes: str) -> None:
    converted = convert(text, kind, PLAIN, {})
    assert isinstance(converted, Converted)
    assert converted.text == becomes


@pytest.mark.parametrize(("kind", "text", "reason"), REFUSED)
def test_a_text_that_its_kind_cannot_hold(kind: str, text: str, reason: str) -> None:
    assert convert(text, kind, PLAIN, {}) == Refused(reason)


@given(st.text() | st.decimals().map(str) | st.integers().map(str), st.sampled_from(["integer", "decimal", "double"]))
def test_any_text_is_a_number_or_is_refused(text: str, kind: str) -> None:
    converted = convert(text, kind, PLAIN, {})
    assert isinstance(converted, Refused) or Decimal(converted.text or "").is_finite()


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_whole_number_stays_itself(number: int) -> None:
    assert convert(f"{number:,}", "integer", PLAIN, {}) == Converted(str(number), "rewritten")


@given(st.decimals(min_value=-(10**17), max_value=10**17, places=10))
def test_a_decimal_keeps_its_value(number: Decimal) -> None:
    converted = convert(str(number), "decimal", PLAIN, {})
    assert isinstance(converted, Converted)
    assert Decimal(converted.text or "") == number


# What a file writes: labels instead of codes, its own dates, its own word for "no answer"

YES_NO = {fold(label): code for label, code in {"Yes": "yes", "No": "no", "نعم": "yes", "no": "no"}.items()}
COMMITTEES = {
    fold(label): code
    for label, code in {
        "Women committee": "women",
        "Women committee leader": "leader",
        "Youth committee": "youth",
        "Other(s) - specify": "other",
        "Camp management": "cm",
        "Camp management / women": "cmw",
    }.items()
}
FILE = Writing(frozenset({"NA", "-"}), ("%y-%b", "%d/%m/%Y"), YES_NO, from_labels=True)
LISTS = Writing(frozenset({"NA"}), (), COMMITTEES, from_labels=True)


@pytest.mark.parametrize("text", ["NA", " NA ", "-", "", "  "])
@pytest.mark.parametrize("kind", ["integer", "decimal", "double", "date", "geopoint", "text", "multiple"])
def test_what_a_file_writes_for_no_answer_is_no_answer(kind: str, text: str) -> None:
    assert convert(text, kind, FILE, {}) == Converted(None, "missing")


def test_no_answer_is_written_so_in_files_only() -> None:
    assert convert("NA", "text", PLAIN, {}) == Converted("NA")


@pytest.mark.parametrize(("text", "day"), [("20-Aug", "2020-08-01"), ("31/08/2020", "2020-08-31")])
def test_a_file_writes_dates_in_its_own_way(text: str, day: str) -> None:
    assert convert(text, "date", FILE, {}) == Converted(day, "rewritten")


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("Yes", Converted("yes", "label")),
        ("yes", Converted("yes", "label")),
        (" YES\u200e ", Converted("yes", "label")),
        ("نعم", Converted("yes", "label")),
        ("Perhaps", Converted("Perhaps", "not_in_list")),
    ],
)
def test_a_label_in_any_language_is_its_code(text: str, becomes: Converted) -> None:
    assert convert(text, "text", FILE, {}) == becomes


def test_a_recode_speaks_of_the_text_as_written_and_comes_first() -> None:
    assert convert("Yes", "text", FILE, {"Yes": "no"}) == Converted("no", "label")
    assert convert("a dozen", "integer", FILE, {"a dozen": "12"}) == Converted("12", "rewritten")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Women committee", "women"),
        ("Women committee Youth committee", "women youth"),
        ("Youth committee, women  committee; other(s) - specify", "youth women other"),
        ("Women committee leader Women committee", "leader women"),
        ("youth women", "youth women"),
        ("Women committee Women committee", "women"),
        ("Camp management / Women", "cmw"),
        ("Camp management / Women committee", "cm women"),
    ],
)
def test_a_cell_of_several_labels_is_cut_by_them_the_longest_first(text: str, codes: str) -> None:
    writing = Writing(from_labels=True, labels={**COMMITTEES, **{code: code for code in COMMITTEES.values()}})
    assert convert(text, "multiple", writing, {}) == Converted(codes, "label")


@pytest.mark.parametrize(
    "text", ["Women", "Women committees", "Women committee Elders", "Women committeeYouth committee"]
)
def test_a_cell_that_labels_do_not_make_up_is_refused_whole(text: str) -> None:
    assert convert(text, "multiple", LISTS, {}) == Refused("not_in_list")


def test_a_recode_of_several_answers_speaks_of_one_or_of_the_whole_cell() -> None:
    recode = {"Elders": "other", "Women and youth": "women", "nobody": ""}
    assert convert("Elders Youth committee", "multiple", LISTS, recode) == Converted("other youth", "label")
    assert convert("women and youth", "multiple", LISTS, recode) == Converted("women", "label")
    assert convert("nobody", "multiple", LISTS, recode) == Converted(None, "missing")


def test_codes_of_then_become_codes_of_now() -> None:
    assert convert("a b", "multiple", PLAIN, {"a": "x"}) == Converted("x b", "rewritten")
    assert convert("a", "text", PLAIN, {"a": "x"}) == Converted("x")


@pytest.mark.parametrize("between", [" ", ", ", ",", "، ", "؛", ";", "|", " / ", "\n"])
def test_whatever_stands_between_two_labels(between: str) -> None:
    text = f"Youth committee{between}Women committee leader"
    assert convert(text, "multiple", LISTS, {}) == Converted("youth leader", "label")


@pytest.mark.parametrize(
    ("kind", "text", "becomes"),
    [
        ("date", "11/03/2026", Refused("several_dates")),
        ("date", "25/11/2026", Converted("2026-11-25", "rewritten")),
        ("date", "44197", Converted("2021-01-01", "rewritten")),
        ("date", "44197.4375", Converted("2021-01-01", "rewritten")),
        ("datetime", "44197.4375", Converted("2021-01-01T10:30:00.000+03:00", "rewritten")),
        ("datetime", "2026-11-03T14:05:33", Converted("2026-11-03T14:05:33.000+03:00", "rewritten")),
        ("datetime", "2026-11-03T14:05:33Z", Converted("2026-11-03T14:05:33.000+00:00", "rewritten")),
        ("datetime", "25/11/2026", Converted("2026-11-25T00:00:00.000+03:00", "rewritten")),
        ("datetime", "11/03/2026", Refused("several_dates")),
        ("datetime", "1445-02-30", Refused("not_a_date")),
        ("date", "2024-02-30", Refused("not_a_date")),
        ("date", "20240102", Refused("not_a_date")),
        ("date", "infinity", Refused("not_a_date")),
        ("date", "epoch", Refused("not_a_date")),
    ],
)
def test_a_time_is_read_by_the_ways_of_its_file(kind: str, text: str, becomes: Converted | Refused) -> None:
    writing = Writing(dates=("excel", "%d/%m/%Y", "%m/%d/%Y"), from_labels=True, zone="+03:00")
    assert convert(text, kind, writing, {}) == becomes


def test_a_text_that_a_reference_does_not_have_is_refused_and_not_kept() -> None:
    known = Writing(labels={fold("Essian"): "IQ1"}, from_labels=True, closed=True)
    assert convert("ESSIAN ", "text", known, {}) == Converted("IQ1", "label")
    assert convert("Esyan", "text", known, {}) == Refused("not_in_reference")
    assert convert("Esyan", "text", known, {"Esyan": "Essian"}) == Converted("IQ1", "label")
    assert convert("Esyan Essian", "multiple", known, {}) == Refused("not_in_reference")
    assert convert("x", "text", Writing(from_labels=True, closed=True), {}) == Refused("not_in_reference")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("مخيم كبرتو", "مخیم کبرتو"),
        ("الأنبار", "الانبار"),
        ("بلدة", "بلده"),
        ("مـخيـم", "مخيم"),
        ("مُخَيَّم", "مخيم"),
        ("ﻣﺨﻴﻢ", "مخيم"),
    ],
)
def test_a_label_is_the_same_from_any_keyboard(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("دار", "دور"), ("ئاشتی", "اشتی"), ("گوند", "كوند"), ("ە", "ه")])
def test_letters_of_two_sounds_stay_two(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_labels_are_compared_without_case_spaces_or_unseen_marks() -> None:
    assert fold("  Samaritan’s\u00a0 PURSE\u200f ") == "samaritan's purse"
