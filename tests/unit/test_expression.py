"""Reading the expressions of forms, and what they are worth."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import SchemaError
from pipelines.forms.evaluate import Scope, days_of, evaluate, is_true, number_of, text_of
from pipelines.forms.expression import (
    FUNCTIONS,
    MANY,
    OPERATORS,
    Answer,
    Call,
    Column,
    Here,
    Negative,
    Number,
    Operation,
    Parent,
    Text,
    names,
    parse,
    walk,
    write,
)

NOW = datetime.fromisoformat("2026-11-10T09:14:22.123+03:00")
ANSWERS = {
    "five": "5",
    "half": "0.5",
    "empty": "",
    "word": "camp",
    "several": "water food shelter",
    "yesterday": "2026-11-09",
    "moment": "2026-11-09T12:00:00.000+03:00",
    "bands": ("1", "2", "", "3"),
}


def scope(current="7", **more):
    return Scope(now=NOW, value_of=lambda name: ANSWERS.get(name, ""), current=current, **more)


def test_an_expression_becomes_a_small_tree():
    assert parse("${a} + 1 >= . and not(selected(${b}, 'x y'))") == Operation(
        "and",
        Operation(">=", Operation("+", Answer("a"), Number(1.0)), Here()),
        Call("not", (Call("selected", (Answer("b"), Text("x y"))),)),
    )


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("-${a} = 5", "(-${a}) = 5"),
        ("- 2 * 3", "(- 2) * 3"),
        ("1 < 2 = 3 > 2", "(1 < 2) = (3 > 2)"),
        ("'a' or 'b' and 'c'", "'a' or ('b' and 'c')"),
        ("6 div 3 mod 2", "(6 div 3) mod 2"),
        ("${ a }", "${a}"),
        ("(((1)))", "1"),
        (".5+.", "0.5 + ."),
        ("${a}>1and${b}<2", "(${a} > 1) and (${b} < 2)"),
    ],
)
def test_operators_bind_as_in_xpath(text, same_as):
    assert parse(text) == parse(same_as)


def test_names_with_hyphens_and_words_that_are_operators_elsewhere_are_columns():
    assert parse("report-month = div") == Operation("=", Column("report-month"), Column("div"))
    assert parse("position(..) - 1") == Operation("-", Call("position", (Parent(),)), Number(1.0))


def test_the_questions_that_an_expression_refers_to_are_named():
    node = parse("if(${a} > 1, jr:choice-name(${b}, '${b}'), concat(${c}, 'in ${d}'))")
    assert names(node) == {"a", "b", "c", "d"}
    assert len(list(walk(node))) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at character 1, nothing is written here; write a condition, or leave the cell empty."),
        ("${a} == 1", "at character 7, '=' stands where a value should be; write = once."),
        ("selectd(${a}, 'x')", "at character 1, there is no function 'selectd'; write selected."),
        ("if(${a}, 1)", "at character 1, if() has 2 arguments; give it 3."),
        ("${a} = 'x", 'at character 8, "\'" cannot be read; close the text with the quote it opened with.'),
        ("${a} = ‘x’", "at character 8, '‘' cannot be read; use straight quotes."),
        ("(1 + 2", "at character 7, it ends where ')' should be; close every bracket."),
        ("${a} ${b}", "at character 6, '${b}' follows a finished expression; join two conditions with and / or."),
        (
            "/data/a = 1",
            "at character 1, '/' cannot be read; paths are not understood here: name the question as ${name}.",
        ),
        ("${a b} = 1", "at character 1, '${a b}' names no question; write one question's name between ${ and }."),
        ("${a} && ${b}", "at character 6, '&' cannot be read; write and."),
        ("1 +", "at character 4, it ends where a value should be; write ${name}, a number, a 'text' or a function."),
        ("9" * 400, "at character 1, a number is too large to count with; write a smaller one."),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place_and_a_remedy(text, message):
    with pytest.raises(SchemaError) as error:
        parse(text)
    assert str(error.value) == f"In the expression {text!r}, {message}"


@pytest.mark.parametrize("text", ["(" * 5000, "1" + "+1" * 5000, "-" * 5000 + "1", "not(" * 5000])
def test_what_is_too_deep_is_refused_and_brings_nothing_down(text):
    with pytest.raises(SchemaError, match="too long to follow"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("${five} + 1", 6.0),
        ("${five} * ${half}", 2.5),
        ("7 mod 2", 1.0),
        ("-7 mod 2", -1.0),
        ("1 div 0", math.inf),
        (". + 1", 8.0),
        # no answer is no number: no comparison with one holds but !=
        ("${empty} > 5", False),
        ("${empty} < 5", False),
        ("${empty} = 0", False),
        ("${empty} != 5", True),
        ("not(${empty} > 5)", True),
        ("${empty} = ''", True),
        ("${empty} + 1", math.nan),
        ("${nobody} = ''", True),
        ("'1.0' = 1", True),
        ("'1.0' = '1'", False),
        ("${word} = 0", False),
        ("true() = 'any'", True),
        ("selected(${several}, 'food')", True),
        ("selected(${several}, 'foo')", False),
        ("selected(${empty}, 'food')", False),
        ("count-selected(${several})", 3.0),
        ("count-selected(${empty})", 0.0),
        ("selected-at(${several}, 1)", "food"),
        ("selected-at(${several}, 9)", ""),
        ("if(${five} > 4, 'large', 'small')", "large"),
        ("coalesce(${empty}, ${word})", "camp"),
        ("coalesce(${five}, ${word})", "5"),
        ("once(today())", "7"),
        ("regex(., '[0-9]')", True),
        ("regex('77', '[0-9]')", False),
        ("regex('٣', '\\d')", False),
        ("string-length(${word})", 4.0),
        ("string-length()", 1.0),
        ("today()", "2026-11-10"),
        ("now()", "2026-11-10T09:14:22.123+03:00"),
        ("today() - ${yesterday}", 1.0),
        ("${yesterday} < today()", True),
        ("${moment} - ${yesterday}", 0.5),
        ("date('2026-11-10') = today()", True),
        ("date(20000)", "2024-10-04"),
        ("date(today() - 30)", "2026-10-11"),
        ("date(${empty})", ""),
        ("format-date(today(), '%Y-%m')", "2026-11"),
        ("format-date(${moment}, '%e/%n/%y %H:%M %3%%')", "9/11/26 12:00 000%"),
        ("format-date(${word}, '%Y')", ""),
        ("sum(${bands})", 6.0),
        ("sum(${five}, ${empty}, 2)", 7.0),
        ("count(${bands})", 4.0),
        ("count-non-empty(${bands})", 3.0),
        ("min(${bands})", 1.0),
        ("max(${five}, 9)", 9.0),
        ("max(${empty})", math.nan),
        ("indexed-repeat(${bands}, ${repeat}, 4)", "3"),
        ("indexed-repeat(${bands}, ${repeat}, 9)", ""),
        ("position(..)", 2.0),
        ("join(', ', ${bands})", "1, 2, , 3"),
        ("concat(${word}, 1.50, '-', ${bands})", "camp1.5-123"),
        ("number('12.50')", 12.5),
        ("number('1e3')", math.nan),
        ("number('٣٥')", math.nan),
        ("int(-2.7)", -2.0),
        ("int('x')", math.nan),
        ("round(2.345, 2)", 2.35),
        ("round(-0.5)", 0.0),
        ("jr:choice-name(${word}, '${word}')", "label of word=camp"),
        ("name = 'a' and gov = 'IQG01'", True),
    ],
)
def test_an_expression_is_worth_what_a_phone_makes_of_it(text, worth):
    where = scope(
        columns={"name": "a", "gov": "IQG01"},
        position=2,
        label_of=lambda question, choice: f"label of {question}={choice}",
    )
    found = evaluate(parse(text), where)
    assert (type(found), text_of(found)) == (type(worth), text_of(worth))


@pytest.mark.parametrize(
    ("value", "text"),
    [(35.0, "35"), (12.5, "12.5"), (math.nan, ""), (math.inf, "Infinity"), (True, "true"), ((), ""), (("a", "b"), "a")],
)
def test_a_value_becomes_the_text_that_a_phone_would_keep(value, text):
    assert text_of(value) == text


def test_only_ascii_digits_in_plain_notation_are_a_number():
    assert number_of(" -12.5 ") == -12.5
    assert [math.isnan(number_of(text)) for text in ("1_000", "1e5", "٣٥", "inf", "0x1", "")] == [True] * 6


def test_a_date_that_does_not_exist_is_no_date():
    assert days_of("1970-01-02") == 1.0
    assert days_of("2026-02-30") is None


@pytest.mark.parametrize("text", ["..", "position(${a})", "pulldata('a', 'b', 'c', ${d})", "random()", "regex(., '[')"])
def test_what_only_a_phone_can_work_out_is_said_and_never_guessed(text):
    with pytest.raises(SchemaError):
        evaluate(parse(text), scope())


leaves = st.one_of(
    st.builds(Text, st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), max_size=6)),
    st.builds(Number, st.floats(min_value=0, max_value=1e12, allow_nan=False)),
    st.builds(Answer, st.sampled_from([*ANSWERS, "nobody", "last-saved#x"])),
    st.builds(Column, st.sampled_from(["name", "adm1_pcode", "report-month"])),
    st.just(Here()),
    st.just(Parent()),
)


@st.composite
def calls(draw, inner):
    function = draw(st.sampled_from(sorted(FUNCTIONS)))
    fewest, most = FUNCTIONS[function]
    return Call(
        function,
        tuple(draw(st.lists(inner, min_size=fewest, max_size=min(most, fewest + 2) if most == MANY else most))),
    )


trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Operation, st.sampled_from(sorted(OPERATORS)), inner, inner), st.builds(Negative, inner), calls(inner)
    ),
    max_leaves=12,
)


@given(trees)
@settings(max_examples=60, deadline=None)
def test_every_tree_can_be_written_and_read_again(tree):
    assert parse(write(tree)) == tree


@given(st.text(st.sampled_from("${}ab.'\" ()<>=!+-*,0123div mod and or selected( not(/&’\n")) | st.text())
@settings(max_examples=120, deadline=None)
def test_any_text_is_either_read_or_refused_with_a_schema_error(text):
    try:
        tree = parse(text)
    except SchemaError:
        return
    assert parse(write(tree)) == tree


@given(trees)
@settings(max_examples=120, deadline=None)
def test_every_tree_is_worth_something_or_says_why_not(tree):
    try:
        value = evaluate(tree, scope())
    except SchemaError:
        return
    assert isinstance(value, str | float | bool | tuple)
    assert is_true(tree, scope()) in (True, False)
    assert isinstance(text_of(value), str)


def test_the_clock_is_the_one_given():
    assert evaluate(parse("today()"), Scope(now=datetime(2020, 1, 31, tzinfo=UTC))) == "2020-01-31"
