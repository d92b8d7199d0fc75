"""The words of a cell or an answer, written one way, so that a token is known again whatever type it rests in."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


def words(value: object) -> tuple[str, ...]:
    """The words in `value`: of a text those between spaces, of a list those of its members."""
    if value is None or isinstance(value, Mapping):
        return ()
    if isinstance(value, list | tuple):
        return tuple(word for member in value for word in words(member))
    if isinstance(value, Decimal | float):
        return (_word(f"{value:f}" if isinstance(value, Decimal) else repr(value)),)
    if isinstance(value, datetime | date):
        return (_word(value.isoformat()),)
    return tuple(map(_word, str(value).split()))


def _word(text: str) -> str:
    """A number without the zeros behind its point, a moment as UTC, anything else as it is."""
    if NUMBER.fullmatch(text):
        return re.sub(r"\.?0+$", "", text) if "." in text else text
    if MOMENT.fullmatch(text):
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None).isoformat()
    return text
