"""A date or a time as a file writes it, read by the ways that its layout declares, and by no other.

A way is a pattern such as "%d/%m/%Y", or "excel" for the number that a spreadsheet keeps a date as. Which ways a file
uses is the layout's word (layout.py); what a time comes to is said where it is used.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal

EXCEL = {"excel": datetime(1899, 12, 30), "excel-1904": datetime(1904, 1, 1)}  # noqa: DTZ001
"""Ways that count days since a day: day 0 of each."""

LAST_SERIAL = 2_958_465
"""31 December 9999."""

FEBRUARY_29_1900 = 60
"""A day that spreadsheets count and that never was; the days before it are one less far from day 0."""

ZONE = re.compile(r"[+-](0[0-9]|1[0-4]):[0-5][0-9]")
SHORT_ZONE = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?$")


def check_way(way: str) -> str:
    """`way`, where it is one; ValueError otherwise."""
    try:
        if way not in EXCEL:
            datetime.strptime("", way)  # noqa: DTZ007 - only whether the pattern is one
    except ValueError as error:
        if "does not match format" not in str(error):
            raise ValueError(f"{way!r} is no way to write a date: write one such as '%d/%m/%Y', or 'excel'") from None
    if way not in EXCEL and "%" not in way:
        raise ValueError(f"{way!r} is no way to write a date: write one such as '%d/%m/%Y', or 'excel'")
    return way


def check_zone(zone: str) -> str:
    """`zone`, where it is an offset from UTC; ValueError otherwise."""
    if not ZONE.fullmatch(zone):
        raise ValueError(f"{zone!r} is no offset from UTC: write one such as '+03:00'")
    return zone


def offset(zone: str) -> timezone:
    """The offset that a checked `zone` says."""
    distance = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return timezone(-distance if zone.startswith("-") else distance)


def readings(text: str, ways: Sequence[str]) -> tuple[datetime, ...]:
    """Every time that `text` says by one of `ways`, each once; several where 3/11 may be in March or in November."""
    plain = _in_ascii_digits(text.strip())
    found = (_read(plain, way) for way in ways)
    return tuple(dict.fromkeys(moment for moment in found if moment is not None))


def _in_ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    seen = (letter for letter in text if unicodedata.category(letter) != "Cf")
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in seen)


def _read(plain: str, way: str) -> datetime | None:
    if way in EXCEL:
        return _of_serial(plain, way)
    try:
        return datetime.strptime(_with_whole_zone(plain) if way.endswith("%z") else plain, way)  # noqa: DTZ007
    except ValueError:
        return None


def _with_whole_zone(plain: str) -> str:
    """`plain` with a zone at its end as Python reads it: GMT+3 is GMT+0300."""
    if plain.endswith(("GMT", "UTC")):
        return plain + "+0000"
    return SHORT_ZONE.sub(lambda zone: f"{zone[1]}{int(zone[2]):02}{zone[3] or '00'}", plain)


def _of_serial(plain: str, way: str) -> datetime | None:
    """The time that a spreadsheet shows for a number, to the millisecond; none for numbers it shows no date for."""
    if not re.fullmatch(r"\d{1,7}(\.\d{1,20})?", plain):
        return None
    number = Decimal(plain)
    day, first = int(number), 1 if way == "excel" else 0
    if not first <= day <= LAST_SERIAL or (way == "excel" and day == FEBRUARY_29_1900):
        return None
    if way == "excel" and day < FEBRUARY_29_1900:
        day += 1
    return EXCEL[way] + timedelta(days=day, milliseconds=round(number % 1 * 86_400_000))
