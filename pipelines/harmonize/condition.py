"""A condition of a form as SQL: what forms/evaluate.py works out answer by answer, worked out over a whole table.

Answers are texts, "" where there is none; what is not a number is NULL here where phones say NaN, so that every
comparison says what to make of it. Which column an answer stands in is the caller's. What is not listed here, and what
only the phone knew (the day, chance), cannot be said in SQL.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pipelines.errors import SchemaError
from pipelines.forms.expression import Answer, Call, Here, Negative, Node, Number, Operation, Text, parse
from pipelines.harmonize.kinds import Sql
from pipelines.store.duck import literal

NUMBER = r"^\s*(-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))\s*$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
MOMENT = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(?:Z|[+-][0-9]{2}:[0-9]{2})?$"
)
BLANKS = r"[\s\p{Z}]+"


class UnsaidError(Exception):
    """This condition cannot be said in SQL."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a condition as SQL, and what it is there: a text or a truth, never NULL, or a number, NULL if none."""

    kind: Literal["text", "number", "truth"]
    sql: Sql


NOTHING = Term("text", "''")
"""The answer of the question itself: only empty cells are asked about."""


def conditions(expression: str) -> tuple[Node, ...]:
    """The conditions that must all hold for `expression` to hold; UnsaidError where it cannot be read."""
    try:
        return tuple(_parts(parse(expression)))
    except SchemaError as error:
        raise UnsaidError from error


def condition_sql(condition: Node, answer: Callable[[str], Sql]) -> Sql:
    """SQL that is true or false as `condition` is; `answer` gives the SQL text of a question's answer by its name.

    UnsaidError where the condition, or an answer that it asks for, cannot be said in SQL.
    """
    return _truth(_term(condition, answer))


def _parts(node: Node) -> Iterator[Node]:
    if isinstance(node, Operation) and node.operator == "and":
        yield from (*_parts(node.left), *_parts(node.right))
    else:
        yield node


def _term(node: Node, answer: Callable[[str], Sql]) -> Term:
    match node:
        case Answer(name):
            return Term("text", f"coalesce({answer(name)}, '')")
        case Text(value):
            return Term("text", literal(value))
        case Number(value):
            return Term("number", f"CAST({literal(repr(value))} AS DOUBLE)")
        case Here():
            return NOTHING
        case Negative(operand):
            return Term("number", f"(-{_number(_term(operand, answer))})")
        case Operation(operator, left, right):
            return _operation(operator, _term(left, answer), _term(right, answer))
        case Call(function, arguments) if function in CALLS:
            return CALLS[function](*(_term(argument, answer) for argument in arguments))
    raise UnsaidError


def _operation(operator: str, left: Term, right: Term) -> Term:
    if operator in {"and", "or"}:
        return Term("truth", f"({_truth(left)} {operator.upper()} {_truth(right)})")
    if operator in {"=", "!="}:
        return Term("truth", _equal(left, right, wanted=operator == "="))
    a, b = _number(left), _number(right)
    if operator in {"<", "<=", ">", ">="}:
        return Term("truth", f"coalesce({a} {operator} {b}, false)")
    if operator in {"+", "-", "*"}:
        return Term("number", _known(f"{a} {operator} {b}"))
    if operator == "div":
        return Term("number", _known(f"CASE WHEN {b} = 0 THEN {a} * CAST('inf' AS DOUBLE) ELSE {a} / {b} END"))
    return Term("number", _known(f"CASE WHEN {b} <> 0 AND isfinite({a}) THEN fmod({a}, {b}) END"))


def _equal(left: Term, right: Term, *, wanted: bool) -> Sql:
    sign = "=" if wanted else "<>"
    if "truth" in {left.kind, right.kind}:
        return f"({_truth(left)} {sign} {_truth(right)})"
    if "number" in {left.kind, right.kind}:
        return f"coalesce({_number(left)} {sign} {_number(right)}, {'false' if wanted else 'true'})"
    return f"({left.sql} {sign} {right.sql})"


def _truth(term: Term) -> Sql:
    if term.kind == "number":
        return f"(coalesce({term.sql}, 0) <> 0)"
    return term.sql if term.kind == "truth" else f"({term.sql} <> '')"


def _number(term: Term) -> Sql:
    if term.kind == "truth":
        return f"CAST(CAST({term.sql} AS INTEGER) AS DOUBLE)"
    if term.kind == "number":
        return term.sql
    date = f"CASE WHEN regexp_matches({term.sql}, '{DAY}') THEN TRY_CAST({term.sql} AS TIMESTAMP) END"
    moment = rf"TRY_CAST(regexp_replace({term.sql}, '{MOMENT}', '\1 \2') AS TIMESTAMP)"
    days = f"epoch(coalesce({date}, CASE WHEN regexp_matches({term.sql}, '{MOMENT}') THEN {moment} END)) / 86400"
    return f"coalesce(TRY_CAST(regexp_extract({term.sql}, '{NUMBER}', 1) AS DOUBLE), {days})"


def _text(term: Term) -> Sql:
    """The text of a term; how a reckoned number is written is the phone's alone."""
    if term.kind == "number":
        raise UnsaidError
    return f"CASE WHEN {term.sql} THEN 'true' ELSE 'false' END" if term.kind == "truth" else term.sql


def _known(number: Sql) -> Sql:
    return f"nullif({number}, CAST('nan' AS DOUBLE))"


def _if(condition: Term, then: Term, otherwise: Term) -> Term:
    if then.kind != otherwise.kind:
        raise UnsaidError
    return Term(then.kind, f"CASE WHEN {_truth(condition)} THEN {then.sql} ELSE {otherwise.sql} END")


def _selected(value: Term, choice: Term) -> Term:
    wanted = f"trim({_text(choice)})"
    return Term(
        "truth", f"({wanted} <> '' AND list_contains(regexp_split_to_array({_text(value)}, '{BLANKS}'), {wanted}))"
    )


def _count_selected(value: Term) -> Term:
    codes = f"regexp_split_to_array({_text(value)}, '{BLANKS}')"
    return Term("number", f"CAST(len(list_filter({codes}, lambda code: code <> '')) AS DOUBLE)")


def _coalesce(first: Term, second: Term) -> Term:
    return Term("text", f"coalesce(nullif({_text(first)}, ''), {_text(second)})")


def _sum(*terms: Term) -> Term:
    return Term("number", "(" + " + ".join(f"coalesce({_number(term)}, 0)" for term in terms) + ")")


def _each(function: str, terms: tuple[Term, ...]) -> Term:
    return Term("number", f"{function}({', '.join(map(_number, terms))})")


CALLS: Mapping[str, Callable[..., Term]] = {
    "true": lambda: Term("truth", "true"),
    "false": lambda: Term("truth", "false"),
    "not": lambda value: Term("truth", f"(NOT {_truth(value)})"),
    "boolean": lambda value: Term("truth", _truth(value)),
    "number": lambda value: Term("number", _number(value)),
    "string": lambda value: Term("text", _text(value)),
    "int": lambda value: Term("number", f"trunc({_number(value)})"),
    "abs": lambda value: Term("number", f"abs({_number(value)})"),
    "sum": _sum,
    "min": lambda *terms: _each("least", terms),
    "max": lambda *terms: _each("greatest", terms),
    "selected": _selected,
    "count-selected": _count_selected,
    "string-length": lambda value=NOTHING: Term("number", f"CAST(length({_text(value)}) AS DOUBLE)"),
    "coalesce": _coalesce,
    "if": _if,
    "concat": lambda *terms: Term("text", f"concat({', '.join(map(_text, terms))})"),
    "contains": lambda value, part: Term("truth", f"contains({_text(value)}, {_text(part)})"),
    "starts-with": lambda value, part: Term("truth", f"starts_with({_text(value)}, {_text(part)})"),
    "ends-with": lambda value, part: Term("truth", f"ends_with({_text(value)}, {_text(part)})"),
}
"""The functions that mean the same in SQL."""
