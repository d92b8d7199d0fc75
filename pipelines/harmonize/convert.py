"""One answer's text, brought into the form its kind expects: what careful landing knows and SQL does not.

A value is never changed here, only its writing: ٣٥ is 35, 35.0 is 35, a label is its code. What would change the value
is refused with a reason, and the answer goes to quarantine. Where an answer belongs is careful.py.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext

from pipelines.project.times import offset, readings

NOT_WHOLE, NOT_A_NUMBER, TOO_LARGE, TOO_FINE = "not_whole", "not_a_number", "too_large", "too_fine"
NOT_A_DATE, NOT_A_POINT, NOT_IN_LIST = "not_a_date", "not_a_point", "not_in_list"
SEVERAL_DATES, NOT_IN_REFERENCE = "several_dates", "not_in_reference"

NUMBER = r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?"
"""Decimal would read more: 1_000, Infinity, and exponents that take minutes to write out."""

BETWEEN = " ,;/|،؛"
"""What may stand between two labels in one cell."""

SAME_LETTER = str.maketrans(
    {
        **dict.fromkeys("یى", "ي"),
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ةہ", "ه"),
        "ک": "ك",
        **dict.fromkeys("ـ" + "".join(map(chr, [*range(0x64B, 0x653), 0x670])), ""),
    }
)
"""Letters that keyboards write differently -> one of them; without tatweel and vowel signs."""

REMEDIES: Mapping[str, str] = {
    NOT_WHOLE: "correct the number by a decision, or ask for a decimal in the next version",
    NOT_A_NUMBER: "correct the answer by a decision",
    TOO_LARGE: "correct the answer by a decision",
    TOO_FINE: "correct the answer by a decision",
    NOT_A_DATE: "correct the answer by a decision, or name its way of writing under 'dates' of the layout",
    SEVERAL_DATES: "leave one of the ways that read it differently under 'dates' of the layout",
    NOT_A_POINT: "correct the answer by a decision",
    NOT_IN_LIST: "add a recode for this text to the crosswalk, or the choice to the form",
    NOT_IN_REFERENCE: "add this text, and the one thing it stands for, to the reference table that the layout names",
    "unknown_key": "add an entry for this path to crosswalk.yml, or the form version that asks it",
    "unmapped": "nothing: the layout says why this column goes nowhere",
    "clash": "another answer has this column already; decide in the crosswalk which of the two paths it is",
    "list_where_one": "the form has no repeat here; add the version that has one",
    "unreadable": "ask the server's administrator to mend or delete this submission",
    "not_unicode": "correct the answer on the server",
}
"""What to do about each reason for quarantine."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A text as its kind expects it; None where the answer says that there is none. `why` names what was done."""

    text: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a text cannot be held by its kind."""

    reason: str


Answer = Converted | Refused
"""What a text comes to."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a source writes: texts that mean "no answer", ways to write a date, folded labels of choices -> codes.

    Where it is `closed`, a text that no label says is refused and not kept as it is. `zone` is the clock of times that
    name none.
    """

    missing: frozenset[str] = frozenset()
    dates: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    from_labels: bool = False
    closed: bool = False
    zone: str = "+00:00"


def convert(text: str, kind: str, writing: Writing, recode: Mapping[str, str], factor: Decimal | None = None) -> Answer:
    """`text` as a `kind`; the recode comes first, for it speaks of the text as written. A number is multiplied by
    `factor`.
    """
    if writing.from_labels and text.strip() in {"", *writing.missing}:
        return Converted(None, "missing")
    recoded = recode.get(text, recode.get(text.strip(), text)) if kind != "multiple" else text
    match kind:
        case "integer":
            return _integer(_number(recoded), factor)
        case "decimal" | "double":
            return _decimal(_number(recoded), factor, exact=kind == "decimal")
        case "date":
            return _date(recoded, writing.dates)
        case "datetime":
            return _moment(recoded, writing)
        case "geopoint":
            return _point(recoded)
        case "multiple":
            return _multiple(recoded, writing, recode)
        case _:
            return _one(recoded, writing)


def fold(text: str) -> str:
    """`text` for comparing labels: case, spaces, Unicode form, apostrophes and unseen marks do not count.

    Nor does which keyboard an Arabic letter came from: ی is ي, ک is ك, أ is ا, ة is ه; stretched and vowelled words are
    the plain ones.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("‘", "'")
    return " ".join(_without_marks(plain).translate(SAME_LETTER).split())


def plain_digits(text: str) -> str:
    """`text` with decimal digits (Arabic-Indic, Persian) and Arabic separators as ASCII, and without unseen marks."""
    if text.isascii():
        return text.strip()
    seen = _without_marks(text).strip()
    digits = "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in seen)
    return digits.replace("٫", ".").replace("٬", ",")


def _without_marks(text: str) -> str:
    """`text` without marks that nobody sees: those of writing direction, of joining, of byte order."""
    return text if text.isascii() else "".join(letter for letter in text if unicodedata.category(letter) != "Cf")


def _number(text: str) -> Decimal | None:
    plain = plain_digits(text)
    if re.fullmatch(r"[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", plain):
        plain = plain.replace(",", "")
    return Decimal(plain) if re.fullmatch(NUMBER, plain) else None


def _integer(number: Decimal | None, factor: Decimal | None) -> Answer:
    number = _in_unit(number, factor)
    if number is None:
        return Refused(NOT_A_NUMBER)
    if number != number.to_integral_value():
        return Refused(NOT_WHOLE)
    if not -(2**63) <= number < 2**63:
        return Refused(TOO_LARGE)
    return Converted(str(int(number)), "rewritten")


def _in_unit(number: Decimal | None, factor: Decimal | None) -> Decimal | None:
    """The very product, however many digits it has."""
    if number is None or factor is None:
        return number
    with localcontext(prec=len(number.as_tuple().digits) + len(factor.as_tuple().digits)):
        return number * factor


def _decimal(number: Decimal | None, factor: Decimal | None, *, exact: bool) -> Answer:
    number = _in_unit(number, factor)
    if number is None:
        return Refused(NOT_A_NUMBER)
    if not exact:
        return Refused(TOO_LARGE) if math.isinf(float(number)) else Converted(repr(float(number)), "rewritten")
    if abs(number) >= 10**18:
        return Refused(TOO_LARGE)
    if number != round(number, 10):
        return Refused(TOO_FINE)
    written = format(number, "f")
    return Converted(written.rstrip("0").rstrip(".") if "." in written else written, "rewritten")


def _date(text: str, ways: Sequence[str]) -> Answer:
    said = {moment.date() for moment in readings(plain_digits(text), ["%Y-%m-%d"]) or readings(text, ways)}
    if len(said) > 1:
        return Refused(SEVERAL_DATES)
    return Converted(said.pop().isoformat(), "rewritten") if said else Refused(NOT_A_DATE)


def _moment(text: str, writing: Writing) -> Answer:
    try:
        said: Sequence[datetime] = (datetime.fromisoformat(plain_digits(text)),)
    except ValueError:
        said = readings(text, writing.dates)
    if len(said) != 1:
        return Refused(SEVERAL_DATES if said else NOT_A_DATE)
    moment = said[0].replace(tzinfo=said[0].tzinfo or offset(writing.zone))
    fine = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return Converted(moment.isoformat(timespec=fine), "rewritten")


def _point(text: str) -> Answer:
    parts = plain_digits(text).split()
    numbers = [_number(part) for part in parts]
    degrees = [float(number) for number in numbers if number is not None]
    if not 2 <= len(parts) == len(degrees) <= 4 or any(map(math.isinf, degrees)):
        return Refused(NOT_A_POINT)
    return Converted(" ".join(map(repr, degrees)), "rewritten")


def _one(text: str, writing: Writing) -> Answer:
    if not writing.from_labels or not (writing.labels or writing.closed):
        return Converted(text)
    code = writing.labels.get(fold(text))
    if code is None and writing.closed:
        return Refused(NOT_IN_REFERENCE)
    return Converted(code, "label") if code is not None else Converted(text, NOT_IN_LIST)


def _multiple(text: str, writing: Writing, recode: Mapping[str, str]) -> Answer:
    if not writing.from_labels:
        return Converted(" ".join(recode.get(code, code) for code in text.split()), "rewritten")
    known = {**writing.labels, **{fold(then): now for then, now in recode.items()}}
    codes = _cut(fold(text), known)
    if codes is None:
        return Refused(NOT_IN_REFERENCE if writing.closed else NOT_IN_LIST)
    return Converted(" ".join(dict.fromkeys(filter(None, codes))) or None, "label" if any(codes) else "missing")


def _cut(text: str, known: Mapping[str, str]) -> list[str] | None:
    """The codes of the labels that `text` is made of, the longest label first; None where no labels make it up."""
    starts = {len(text): list[str]()}
    for at in range(len(text) - 1, -1, -1):
        if text[at] in BETWEEN and at + 1 in starts:
            starts[at] = starts[at + 1]
        if at and text[at - 1] not in BETWEEN:
            continue
        ends = [at + len(label) for label in known if label and text.startswith(label, at)]
        for end in sorted(ends, reverse=True):
            if end in starts and (end == len(text) or text[end] in BETWEEN):
                starts[at] = [known[text[at:end]], *starts[end]]
                break
    return starts.get(0)
