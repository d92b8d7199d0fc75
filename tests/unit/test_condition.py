"""A condition in SQL says what the phone said: held against forms/evaluate.py, answer by answer."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.forms.evaluate import Scope, is_true
from pipelines.forms.expression import parse
from pipelines.harmonize.condition import UnsaidError, condition_sql, conditions
from pipelines.store.duck import Connection, in_memory, literal, read_value

NAMES = ("a", "b")
TEXTS = st.sampled_from(
    ["", "yes", "no", "0", "3", "3.0", "-2", " 3 ", ".5", "1e3", "٣", "yes no", "other  yes", "true", "false", "Yes",
     "'", "NaN", "2026-11-03", "2026-02-30", "2026-11-03T09:30:00.000+03:00", "1970-01-02", "inf",
     "12."]
)  # fmt: skip
NUMBERS = st.sampled_from(["0", "1", "3", "0.5", "20760", "-2"])
OPERANDS = st.one_of(
    st.sampled_from([f"${{{name}}}" for name in NAMES]),
    NUMBERS,
    st.sampled_from(["'yes'", "''", "'3'", "true()", "false()", "."]),
)
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "and", "or", "+", "-", "*", "div", "mod"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two, one = st.tuples(inner, inner), inner
    return st.one_of(
        st.tuples(inner, OPERATORS, inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        one.map(lambda part: f"not({part})"),
        one.map(lambda part: f"boolean({part})"),
        one.map(lambda part: f"number({part})"),
        one.map(lambda part: f"int({part})"),
        two.map(lambda parts: f"sum({parts[0]}, {parts[1]})"),
        two.map(lambda parts: f"min({parts[0]}, {parts[1]})"),
        two.map(lambda parts: f"max({parts[0]}, {parts[1]})"),
        two.map(lambda parts: f"if({parts[0]}, {parts[1]}, {parts[1]})"),
        st.sampled_from(NAMES).flatmap(
            lambda name: st.sampled_from(
                [
                    f"selected(${{{name}}}, 'yes')",
                    f"count-selected(${{{name}}})",
                    f"string-length(${{{name}}})",
                    f"coalesce(${{{name}}}, 'no')",
                    f"contains(${{{name}}}, 'e')",
                    f"starts-with(${{{name}}}, 'y')",
                    f"concat(${{{name}}}, 's')",
                ]
            )
        ),
    )


CONDITIONS = st.recursive(OPERANDS, larger, max_leaves=6)


@pytest.fixture(scope="module")
def con() -> Iterator[Connection]:
    with in_memory() as opened:
        yield opened


@settings(max_examples=300)
@given(condition=CONDITIONS, a=TEXTS, b=TEXTS)
def test_sql_says_what_the_phone_said(con: Connection, condition: str, a: str, b: str) -> None:
    answers = {"a": a, "b": b}
    said = is_true(parse(condition), Scope(now=datetime(2026, 11, 1, tzinfo=UTC), value_of=answers.__getitem__))
    try:
        sql = condition_sql(parse(condition), lambda name: literal(answers[name]) if answers[name] else "NULL")
    except UnsaidError:
        return
    assert read_value(con, f"SELECT {sql}") is said, f"{condition} with {answers}"


@pytest.mark.parametrize(
    "condition",
    ["${a} > today()", "random() < 0.5", "count(${a}) > 1", "regex(${a}, '[0-9]+')", "position(..) = 1", "broken("],
)
def test_what_only_the_phone_knew_is_not_guessed(condition: str) -> None:
    with pytest.raises(UnsaidError):
        [condition_sql(part, literal) for part in conditions(condition)]


def test_most_conditions_of_the_forms_can_be_said() -> None:
    for condition in ("${open} = 'yes'", "selected(${kind}, 'other') or ${n} > 0", "not(selected(${c}, 'none'))"):
        assert condition_sql(parse(condition), lambda name: f"answer_{name}")


def test_what_must_hold_together_is_said_part_by_part() -> None:
    parts = conditions("${a} = 1 and (${b} = 2 and today() > '2026-01-01') and (${a} or ${b})")
    assert parts == tuple(map(parse, ("${a} = 1", "${b} = 2", "today() > '2026-01-01'", "${a} or ${b}")))
