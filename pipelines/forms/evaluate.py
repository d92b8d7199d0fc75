"""What an expression of a form is worth for given answers: the rules of XPath 1.0 as phones apply them.

Answers are texts, as sent; "" is no answer. A date is its text, and counts as days since 1970-01-01 (a dateTime as days
and a fraction, in the phone's own time). Nothing is a number that is not written as one: no answer compares as NaN, so
that every <, > and = with a number is false and != is true. Reading expressions is expression.py.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count

from pipelines.errors import SchemaError
from pipelines.forms.expression import Answer, Call, Column, Here, Negative, Node, Number, Operation, Parent, Text
from pipelines.forms.pattern import matches

Value = str | float | bool | tuple[str, ...]
"""A text, a number, true or false, or the answers of one question in several instances of a repeat."""

_NUMBER = re.compile(r"\s*-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d.*)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _no_answers(name: str) -> Value:
    raise SchemaError(f"${{{name}}} is asked for where no answers are at hand; use it only inside the form.")


def _no_chance() -> float:
    raise SchemaError("random() is asked for where nothing may be left to chance; take it out of the expression.")


@dataclass(slots=True, kw_only=True)
class Scope:
    """What an expression can see from where it stands.

    `value_of` gives the answer of a question by name ("" where there is none), or all answers where the question stands
    in a repeat that is not around us; `columns` is the row of the choices sheet that a choice_filter looks at;
    `position` the number, from 1, of the instance of the repeat around us.
    """

    now: datetime
    value_of: Callable[[str], Value] = _no_answers
    current: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    position: int = 1
    label_of: Callable[[str, str], str] = lambda _question, choice: choice
    chance: Callable[[], float] = _no_chance


Worth = Callable[[Scope], Value]
"""An expression made ready: give it a scope, and it says what it is worth there."""


def evaluate(node: Node, scope: Scope) -> Value:
    """What `node` is worth in `scope`; SchemaError where it asks for what is not at hand."""
    return compiled(node)(scope)


@lru_cache(maxsize=4096)
def compiled(node: Node) -> Worth:
    """`node` made ready to be worked out many times; SchemaError where phones alone can work it out."""
    match node:
        case Answer(name):
            return lambda scope: scope.value_of(name)
        case Text(value) | Number(value):
            return lambda _: value
        case Here():
            return lambda scope: scope.current
        case Operation(operator, left, right):
            return _operation(operator, compiled(left), compiled(right))
        case Call(function, arguments):
            return _call(function, arguments)
        case Column(name):
            return lambda scope: scope.columns.get(name, "")
        case Negative(operand):
            worth = compiled(operand)
            return lambda scope: -number_of(worth(scope))
        case Parent():
            raise SchemaError("'..' stands outside position(..); name a question as ${name} instead.")


def is_true(node: Node, scope: Scope) -> bool:
    """Whether the condition `node` holds in `scope`."""
    return truth_of(compiled(node)(scope))


def text_of(value: Value) -> str:
    """`value` as a text: whole numbers without a point, NaN as no answer."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return value[0] if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) if value == int(value) else repr(value)


def number_of(value: Value) -> float:
    """`value` as a number: dates as days, NaN for what is not written as a number."""
    if isinstance(value, bool | float):
        return float(value)
    text = text_of(value)
    if (text.isdigit() and text.isascii()) or _NUMBER.fullmatch(text):
        return float(text)
    day = days_of(text)
    return math.nan if day is None else day


def truth_of(value: Value) -> bool:
    """`value` as true or false: any text, and any number but 0 and NaN, is true."""
    if isinstance(value, float):
        return value != 0 and not math.isnan(value)
    return bool(value)


def days_of(text: str) -> float | None:
    """The days from 1970-01-01 to the date or dateTime `text`; None where it is neither."""
    moment = _moment(text)
    if moment is None:
        return None
    return (moment - _EPOCH).total_seconds() / 86400


def _moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        # the offset is left out: phones count in their own time
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _operation(operator: str, left: Worth, right: Worth) -> Worth:
    match operator:
        case "and":
            return lambda scope: truth_of(left(scope)) and truth_of(right(scope))
        case "or":
            return lambda scope: truth_of(left(scope)) or truth_of(right(scope))
        case "=":
            return lambda scope: _equal(left(scope), right(scope), wanted=True)
        case "!=":
            return lambda scope: _equal(left(scope), right(scope), wanted=False)
    reckon = _ARITHMETIC[operator]
    return lambda scope: reckon(number_of(left(scope)), number_of(right(scope)))


def _equal(a: Value, b: Value, *, wanted: bool) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return (truth_of(a) == truth_of(b)) is wanted
    if isinstance(a, float) or isinstance(b, float):
        return (number_of(a) == number_of(b)) is wanted
    return (text_of(a) == text_of(b)) is wanted


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if not a or math.isnan(a) else math.copysign(math.inf, a)


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "div": _divide,
    "mod": lambda a, b: math.fmod(a, b) if b and math.isfinite(a) else math.nan,
}


def _call(function: str, arguments: tuple[Node, ...]) -> Worth:
    if function == "position":
        if arguments[0] != Parent():
            raise SchemaError("position() knows only the repeat around it; write position(..).")
        return lambda scope: float(scope.position)
    worths = tuple(compiled(argument) for argument in arguments)
    if special := _SPECIAL.get(function):
        return lambda scope: special(worths, scope)
    plain = _PLAIN.get(function)
    if plain is None:
        raise SchemaError(f"{function}() cannot be worked out here; use another function, or a question of its own.")
    return lambda scope: plain(*[worth(scope) for worth in worths])


Worths = tuple[Worth, ...]


def _indexed_repeat(arguments: Worths, scope: Scope) -> Value:
    if len(arguments) != 3:
        raise SchemaError("indexed-repeat() of repeats within repeats is not worked out here; name one repeat.")
    answers, index = _many(arguments[0](scope)), number_of(arguments[2](scope))
    return answers[int(index) - 1] if 1 <= index <= len(answers) else ""


def _choice_name(arguments: Worths, scope: Scope) -> Value:
    choice, question = (text_of(argument(scope)) for argument in arguments)
    return scope.label_of(question.strip().removeprefix("${").removesuffix("}").strip(), choice)


_SPECIAL: Mapping[str, Callable[[Worths, Scope], Value]] = {
    "if": lambda given, scope: given[1 if truth_of(given[0](scope)) else 2](scope),
    "once": lambda given, scope: scope.current or given[0](scope),
    "indexed-repeat": _indexed_repeat,
    "jr:choice-name": _choice_name,
    "string-length": lambda given, scope: float(len(text_of(given[0](scope) if given else scope.current))),
    "today": lambda _, scope: scope.now.date().isoformat(),
    "now": lambda _, scope: scope.now.isoformat(timespec="milliseconds"),
    "random": lambda _, scope: scope.chance(),
}
"""Functions that look at more than the worth of their arguments."""


def _many(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (text_of(value),)


def _numbers(values: tuple[Value, ...]) -> list[float]:
    """Every number in `values`; what is not a number is left out, as phones do in sum, min and max."""
    flat = (number_of(part) for value in values for part in (value if isinstance(value, tuple) else (value,)))
    return [number for number in flat if not math.isnan(number)]


def _round(value: Value, places: Value = 0.0) -> float:
    number, digits = number_of(value), number_of(places)
    if not math.isfinite(number) or not abs(digits) <= 15 or abs(number) > 1e15:
        return number
    scale = 10.0 ** int(digits)
    return math.floor(number * scale + 0.5) / scale


def _int(value: Value) -> float:
    number = number_of(value)
    return float(math.trunc(number)) if math.isfinite(number) else number


def _date(value: Value) -> str:
    if isinstance(value, str) and days_of(value) is not None:
        return value[:10]
    number = number_of(value)
    return (_EPOCH + timedelta(days=number)).date().isoformat() if -700_000 < number < 2_900_000 else ""


def _format_date(value: Value, pattern: Value) -> str:
    moment = _moment(_date(value) if isinstance(value, float) else text_of(value))
    if moment is None:
        return ""
    own = {"n": moment.month, "e": moment.day, "h": moment.hour, "3": f"{moment.microsecond // 1000:03}", "%": "%"}
    found = text_of(pattern)
    return re.sub(r"%(.)", lambda part: str(own[part[1]] if part[1] in own else moment.strftime(part[0])), found)


_PLAIN: Mapping[str, Callable[..., Value]] = {
    "true": lambda: True,
    "false": lambda: False,
    "not": lambda value: not truth_of(value),
    "boolean": truth_of,
    "number": number_of,
    "string": text_of,
    "int": _int,
    "round": _round,
    "abs": lambda value: abs(number_of(value)),
    "sum": lambda *values: float(sum(_numbers(values))),
    "min": lambda *values: min(_numbers(values), default=math.nan),
    "max": lambda *values: max(_numbers(values), default=math.nan),
    "count": lambda value: float(len(_many(value))),
    "count-non-empty": lambda value: float(sum(1 for part in _many(value) if part)),
    "count-selected": lambda value: float(len(text_of(value).split())),
    "selected": lambda value, choice: text_of(choice).strip() in text_of(value).split(),
    "selected-at": lambda value, at: dict(zip(count(0.0), text_of(value).split())).get(number_of(at), ""),
    "coalesce": lambda first, second: text_of(first) or text_of(second),
    "concat": lambda *values: "".join(part for value in values for part in _many(value)),
    "join": lambda glue, *values: text_of(glue).join(part for value in values for part in _many(value)),
    "contains": lambda value, part: text_of(part) in text_of(value),
    "starts-with": lambda value, part: text_of(value).startswith(text_of(part)),
    "ends-with": lambda value, part: text_of(value).endswith(text_of(part)),
    "regex": lambda value, pattern: matches(text_of(value), text_of(pattern)),
    "date": _date,
    "format-date": _format_date,
    "format-date-time": _format_date,
}
