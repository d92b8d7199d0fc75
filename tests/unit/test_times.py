"""A time is read by the ways that a layout declares; what two of them read differently is two times."""

# ruff: noqa: DTZ001 - a file names no zone

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.project.times import check_way, check_zone, offset, readings

BAGHDAD = timezone(timedelta(hours=3))

READ = [
    ("03/11/2026", ["%d/%m/%Y"], [datetime(2026, 11, 3)]),
    ("٠٣/١١/٢٠٢٦\u200f", ["%d/%m/%Y"], [datetime(2026, 11, 3)]),
    (" 03/11/2026 ", ["%d/%m/%Y"], [datetime(2026, 11, 3)]),
    ("03/11/2026", ["%d/%m/%Y", "%m/%d/%Y"], [datetime(2026, 11, 3), datetime(2026, 3, 11)]),
    ("25/11/2026", ["%d/%m/%Y", "%m/%d/%Y"], [datetime(2026, 11, 25)]),
    ("11/11/2026", ["%d/%m/%Y", "%m/%d/%Y"], [datetime(2026, 11, 11)]),
    ("2026-11-03", ["%d/%m/%Y"], []),
    ("2026/11/03 2:05:33 PM GMT+3", ["%Y/%m/%d %I:%M:%S %p GMT%z"], [datetime(2026, 11, 3, 14, 5, 33, tzinfo=BAGHDAD)]),
    (
        "2026/11/03 2:05:33 PM GMT+0330",
        ["%Y/%m/%d %I:%M:%S %p GMT%z"],
        [datetime(2026, 11, 3, 14, 5, 33, tzinfo=timezone(timedelta(hours=3, minutes=30)))],
    ),
    (
        "2026/11/03 2:05:33 PM GMT",
        ["%Y/%m/%d %I:%M:%S %p GMT%z"],
        [
            datetime(2026, 11, 3, 14, 5, 33, tzinfo=timezone.utc)  # noqa: UP017
        ],
    ),
    ("44197", ["excel"], [datetime(2021, 1, 1)]),
    ("44197.4375", ["excel"], [datetime(2021, 1, 1, 10, 30)]),
    ("44197.999988425925", ["excel"], [datetime(2021, 1, 1, 23, 59, 59)]),
    ("1", ["excel"], [datetime(1900, 1, 1)]),
    ("59", ["excel"], [datetime(1900, 2, 28)]),
    ("60", ["excel"], []),
    ("61", ["excel"], [datetime(1900, 3, 1)]),
    ("0", ["excel"], []),
    ("0", ["excel-1904"], [datetime(1904, 1, 1)]),
    ("42735", ["excel-1904"], [datetime(2021, 1, 1)]),
    ("2958465", ["excel"], [datetime(9999, 12, 31)]),
    ("2958466", ["excel"], []),
    ("-5", ["excel"], []),
    ("4.4e4", ["excel"], []),
    ("1e5", ["excel"], []),
    ("", ["excel", "%d/%m/%Y"], []),
    ("20-Aug", ["%y-%b"], [datetime(2020, 8, 1)]),
]


@pytest.mark.parametrize(("text", "ways", "said"), READ, ids=[f"{text!r} by {ways}" for text, ways, _ in READ])
def test_a_text_says_what_its_ways_read(text: str, ways: list[str], said: list[datetime]) -> None:
    assert list(readings(text, ways)) == said


@given(st.dates(date(1900, 3, 1), date(9999, 12, 31)))
def test_a_day_that_a_spreadsheet_counts_is_that_day(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    assert [moment.date() for moment in readings(str(serial), ["excel"])] == [day]


@given(st.text(max_size=20))
def test_no_text_is_an_error(text: str) -> None:
    found = readings(text, ["excel", "excel-1904", "%d/%m/%Y", "%d/%m/%Y %H:%M %z", "%y-%b"])
    assert all(isinstance(moment, datetime) for moment in found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("way", ["dd/mm/yyyy", "%d/%Q/%Y", "excel 1900", "", "%"])
def test_what_is_no_way_is_said(way: str) -> None:
    with pytest.raises(ValueError, match=r"is no way to write a date: write one such as '%d/%m/%Y', or 'excel'"):
        check_way(way)


@pytest.mark.parametrize("way", ["%d/%m/%Y", "excel", "excel-1904", "%Y/%m/%d %I:%M:%S %p GMT%z"])
def test_a_way_is_taken_as_it_stands(way: str) -> None:
    assert check_way(way) == way


def test_a_zone_is_an_offset() -> None:
    assert offset(check_zone("+03:00")).utcoffset(None) == timedelta(hours=3)
    assert offset(check_zone("-04:30")).utcoffset(None) == -timedelta(hours=4, minutes=30)
    for zone in ("Asia/Baghdad", "+3", "+15:00", "+03:60", ""):
        with pytest.raises(ValueError, match=r"is no offset from UTC: write one such as '\+03:00'"):
            check_zone(zone)
