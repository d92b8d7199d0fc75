"""Synthetic answers: what they keep to for any form, and the submissions and mistakes of the demo."""

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.demo.answers import Answers, Context, answers_for
from pipelines.demo.mistakes import PLANTED_PHONE, RECIPE, Recipe, with_mistakes
from pipelines.demo.months import MONTHS, demo_submissions
from pipelines.demo.pattern import sample_of
from pipelines.demo.population import Site, census, older_bands, read_sites
from pipelines.demo.profile import Place, Profile, plausible
from pipelines.errors import SchemaError
from pipelines.forms.evaluate import Scope, is_true
from pipelines.forms.expression import parse
from pipelines.forms.form import Choice, Form, Question
from pipelines.forms.read import read_form, read_markdown

ROOT = Path(__file__).parents[2]
NOW = datetime.fromisoformat("2026-11-10T09:14:22.123+03:00")
NEVER_MISSING = Profile()


def answered(markdown: str, seed: int = 1, **wishes) -> Answers:
    return answers_for(
        read_markdown(markdown), random.Random(seed), Context(now=NOW, wishes=wishes, profile=NEVER_MISSING)
    )


def test_every_type_is_written_as_a_phone_sends_it():
    answers = answered(
        """
        | survey |                    |       |       |
        |        | type               | name  | label |
        |        | start              | start |       |
        |        | end                | end   |       |
        |        | today              | today |       |
        |        | deviceid           | phone |       |
        |        | begin_group        | g     | G     |
        |        | integer            | i     | I     |
        |        | decimal            | d     | D     |
        |        | select_one yn      | s     | S     |
        |        | select_multiple yn | m     | M     |
        |        | date               | day   | D     |
        |        | dateTime           | when  | W     |
        |        | time               | hour  | H     |
        |        | geopoint           | here  | H     |
        |        | acknowledge        | ok    | O     |
        |        | rank yn            | rank  | R     |
        |        | end_group          |       |       |
        |        | text               | t     | T     |
        | choices |           |      |       |
        |         | list_name | name | label |
        |         | yn        | yes  | Yes   |
        |         | yn        | no   | No    |
        """,
        m="no yes",
    )
    moment = r"2026-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+03:00"
    shapes = {
        "start": moment,
        "end": r"2026-11-10T09:14:22\.123\+03:00",
        "today": "2026-11-10",
        "phone": r"collect:[0-9a-f]{16}",
        "g/i": r"\d+",
        "g/d": r"\d+\.\d",
        "g/s": "yes|no",
        "g/m": "yes no",
        "g/day": r"2026-\d\d-\d\d",
        "g/when": moment,
        "g/hour": r"\d\d:\d\d:00\.000\+03:00",
        "g/here": r"\d+\.\d+ \d+\.\d+ \d+\.\d \d+\.\d",
        "g/ok": "OK",
        "g/rank": "yes no|no yes",
        "t": ".+",
    }
    assert list(answers) == list(shapes)
    assert {path: bool(re.fullmatch(shape, answers[path])) for path, shape in shapes.items()} == dict.fromkeys(
        shapes, True
    )


def test_a_cascade_agrees_with_itself():
    form = """
    | survey |                 |      |       |          |               |
    |        | type            | name | label | required | choice_filter |
    |        | select_one gov  | gov  | G     | yes      |               |
    |        | select_one site | site | S     | yes      | gov = ${gov}  |
    | choices |           |      |       |     |
    |         | list_name | name | label | gov |
    |         | gov       | a    | A     |     |
    |         | gov       | b    | B     |     |
    |         | site      | a1   | A1    | a   |
    |         | site      | b1   | B1    | b   |
    |         | site      | b2   | B2    | b   |
    """
    seen = {(found["gov"], found["site"]) for seed in range(40) for found in [answered(form, seed)]}
    assert seen == {("a", "a1"), ("b", "b1"), ("b", "b2")}
    assert answered(form, gov="b", site="b2") == {"gov": "b", "site": "b2"}
    # a wish that the form does not allow is not granted
    assert answered(form, gov="a", site="b2") == {"gov": "a", "site": "a1"}


@pytest.mark.parametrize(
    "constraints",
    [
        {"c": "${a} + ${b} + . = ${total}"},
        {"a": ". + ${b} + ${c} = ${total}"},
        {"total": ". = ${a} + ${b} + ${c} and . > 5"},
    ],
)
def test_parts_add_up_to_their_total_wherever_the_form_says_so(constraints):
    rows = "\n".join(
        f"| | integer | {name} | L | yes | {constraints.get(name, '. >= 0')} |" for name in ("total", "a", "b", "c")
    )
    for seed in range(20):
        found = answered(f"| survey | | | | | |\n| | type | name | label | required | constraint |\n{rows}", seed)
        numbers = {name: int(text) for name, text in found.items()}
        assert numbers["a"] + numbers["b"] + numbers["c"] == numbers["total"]
        assert min(numbers.values()) >= 0 or "total" in constraints


def test_repeats_stand_inside_each_other_and_are_counted():
    answers = answered(
        """
        | survey |              |         |       |              |             |                  |
        |        | type         | name    | label | repeat_count | calculation | constraint       |
        |        | integer      | members | M     |              |             | . = 2            |
        |        | begin_repeat | person  | P     | ${members}   |             |                  |
        |        | calculate    | number  |       |              | position(..) |                 |
        |        | integer      | age     | A     |              |             | . > 3 and . < 90 |
        |        | begin_repeat | trip    | T     |              |             |                  |
        |        | text         | to      | T     |              |             |                  |
        |        | end_repeat   |         |       |              |             |                  |
        |        | end_repeat   |         |       |              |             |                  |
        |        | calculate    | years   |       |              | sum(${age}) |                  |
        |        | calculate    | oldest  |       |              | max(${age}) |                  |
        """,
        person=[{"age": "40", "trip": [{"to": "Erbil"}, {"to": "Duhok"}]}, {"age": "5", "trip": []}],
    )
    assert answers == {
        "members": "2",
        "person": [
            {
                "person/number": "1",
                "person/age": "40",
                "person/trip": [{"person/trip/to": "Erbil"}, {"person/trip/to": "Duhok"}],
            },
            {"person/number": "2", "person/age": "5"},
        ],
        "years": "45",
        "oldest": "40",
    }


def test_what_cannot_be_answered_names_the_question_and_the_remedy():
    with pytest.raises(
        SchemaError, match=r"^t/1, question 'a': no answer that we tried is allowed; make its constraint"
    ):
        answered(
            "| survey | | | | | |\n| | type | name | label | required | constraint |\n"
            "| | integer | a | A | yes | . > 5 and . < 5 |"
        )


def test_an_expression_that_only_a_phone_can_read_is_as_if_it_were_empty():
    found = answered(
        "| survey | | | | |\n| | type | name | label | calculation |\n| | text | a | A | |\n"
        "| | calculate | b | | pulldata('sites', 'name', 'code', ${a}) |",
        a="x",
    )
    assert found == {"a": "x"}


@pytest.mark.parametrize(
    "pattern", [r"^07[0-9]{9}$", r"[A-Z]{2}\d{4}-\d{4}(-\d{3})?", "(a|bc)+x?", "[^0-9]{3}", r"^[^@]+@[^@]+\.[a-z]{2,}$"]
)
def test_a_text_for_a_simple_pattern_is_accepted_by_it(pattern):
    for seed in range(10):
        assert re.fullmatch(pattern, sample_of(pattern, random.Random(seed)))
    assert sample_of("(?=x)", random.Random(1)) is None


# --- any form ---


CONSTRAINTS = {
    "integer": ["", ". >= 0", ". > 3 and . <= 90", ". != 7 or . = 7"],
    "decimal": ["", ". > 0.5 and . < 9.5"],
    "select_one": [""],
    "select_multiple": ["", "not(selected(., 'none') and count-selected(.) > 1)", "count-selected(.) <= 2"],
    "text": ["", "string-length(.) <= 12", "regex(., '^[A-Z]{2}[0-9]{4}$')"],
    "date": ["", ". <= today()", ". > date('2026-01-01') and . < today()"],
}


@st.composite
def small_forms(draw) -> Form:
    """Up to seven questions, with conditions and constraints that look at those before them."""
    asked: list[Question] = []
    for number in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(sorted(CONSTRAINTS)))
        before = [question.name for question in asked]
        later = [f". <= 50 or . > ${{{name}}}" for name in before] if kind == "integer" else []
        asked.append(
            Question(
                path=draw(st.sampled_from(["", "group/"])) + f"q{number}",
                name=f"q{number}",
                type=kind,
                list_name="answer" if kind.startswith("select") else "",
                required=draw(st.sampled_from(["", "yes", "true()"])),
                relevant=draw(st.sampled_from(["", *(f"${{{name}}} = 'yes' or ${{{name}}} > 10" for name in before)])),
                constraint=draw(st.sampled_from(CONSTRAINTS[kind] + later)),
            )
        )
    choices = tuple(Choice(list_name="answer", name=name) for name in ("yes", "no", "none"))
    return Form(tool="t", version="1", questions=tuple(asked), choices={"answer": choices})


@given(small_forms(), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_any_form_is_answered_as_it_asks(form, seed):
    answers = answers_for(form, random.Random(seed), Context(now=NOW))
    by_name = {question.name: answers.get(question.path, "") for question in form.questions}
    for question in form.questions:
        text = by_name[question.name]
        where = Scope(now=NOW, value_of=lambda name: by_name.get(name, ""), current=text)
        asked = all(is_true(parse(condition), where) for condition in form.relevance(question.path))
        assert asked or not text
        assert text or not asked or question.required == ""
        assert not text or not question.constraint or is_true(parse(question.constraint), where)
        assert not question.list_name or set(text.split()) <= {"yes", "no", "none"}
    assert answers == answers_for(form, random.Random(seed), Context(now=NOW))


# --- plausible ---


def test_a_round_of_all_places_has_the_shares_that_were_asked_for():
    form = read_markdown(
        "| survey | | | |\n| | type | name | label |\n| | select_one yn | open_defecation | D |\n"
        "| choices | | | |\n| | list_name | name | label |\n| | yn | yes | Yes |\n| | yn | no | No |"
    )
    found = Counter(
        answers_for(form, random.Random(1), Context(now=NOW, place=Place("k", number, 40)))["open_defecation"]
        for number in range(40)
    )
    assert abs(found["yes"] / 40 - plausible().by_name["open_defecation"].shares["Yes"]) < 0.05


def test_a_camp_changes_smoothly_and_its_people_add_up():
    site = Site("S1", "Camp", "G", "D", 36.0, 43.0, families=900, individuals=4600)
    months = list(census(site, plausible().bands, random.Random(3), months=8))
    for before, after in pairwise(months):
        moved = after.arrivals_individuals - after.departures_individuals + after.births - after.deaths
        assert after.individuals == before.individuals + moved
        assert after.families == before.families + after.arrivals_families - after.departures_families
        assert abs(after.individuals / before.individuals - 1) < 0.08
    assert {
        sum(month.bands.values()) == month.individuals == sum(older_bands(month.bands).values()) for month in months
    } == {True}


# --- the demo ---


@pytest.fixture(scope="module")
def planned():
    forms = [
        read_form(ROOT / f"xlsforms/{tool}/{version}.xlsx", tool, version)
        for tool, version in (("fsmt", "2019-1"), ("fsmt", "2026-1"), ("population", "2026-1"))
    ]
    return list(demo_submissions(forms, read_sites(ROOT / "warehouse/reference/site.csv")))


def test_every_open_camp_reports_each_month_and_some_still_send_the_older_form(planned):
    counted = Counter((one.tool, one.period) for one in planned)
    assert counted == {
        **{("population", month): 43 for month in MONTHS},
        ("fsmt", "2026-04"): 43,
        ("fsmt", "2026-10"): 43,
    }
    versions = Counter(one.form_version for one in planned if one.period == "2026-10" and one.tool == "fsmt")
    assert set(versions) == {"2019-1", "2026-1"}
    assert 5 <= versions["2019-1"] <= 15
    assert len({one.instance_id for one in planned}) == len(planned)
    assert {one.received_at.tzinfo for one in planned} == {UTC}
    october = [one.received_at.date() for one in planned if one.tool == "population" and one.period == "2026-10"]
    assert (min(october), max(october)) == (date(2026, 11, 1), date(2026, 11, 3))


def mistaken(planned, kind: str, tool: str):
    sent, mistakes = with_mistakes(planned, recipe=[Recipe(kind, tool, 0.001)])
    assert [(mistake.kind, mistake.tool) for mistake in mistakes] == [(kind, tool)]
    before = {one.instance_id: one for one in planned}
    return before[mistakes[0].instance_id], [one for one in sent if before.get(one.instance_id) != one]


def answer(submission, name: str) -> str:
    return next(text for path, text in submission.answers.items() if path.rpartition("/")[2] == name)


def test_swapped_families_and_individuals(planned):
    before, [after] = mistaken(planned, "families_individuals_swapped", "population")
    assert answer(after, "families") == answer(before, "individuals")
    assert answer(after, "individuals") == answer(before, "families")


def test_litres_for_the_whole_camp_and_metres_for_kilometres(planned):
    before, [after] = mistaken(planned, "litres_for_whole_camp", "fsmt")
    water = "water_lpd" if before.form_version == "2026-1" else "water_quantity"
    assert int(answer(after, water)) == int(answer(before, water)) * int(answer(before, "total_population"))
    before, [after] = mistaken(planned, "metres_for_kilometres", "fsmt")
    name = "distance_court_civiloffice_kms"
    assert float(answer(after, name)) == pytest.approx(float(answer(before, name)) * 1000)


def test_a_copied_column(planned):
    _, [after] = mistaken(planned, "copied_column", "population")
    bands = [path for path in after.answers if "/males_" in path]
    assert len(bands) == 7
    assert all(after.answers[path] == after.answers[path.replace("/males_", "/females_")] for path in bands)


def test_points_swapped_and_at_zero(planned):
    before, [after] = mistaken(planned, "gps_swapped", "fsmt")
    name = "location" if before.form_version == "2026-1" else "coordinates"
    assert answer(after, name).split()[:2] == answer(before, name).split()[1::-1]
    before, [after] = mistaken(planned, "gps_zero", "fsmt")
    assert answer(after, "location" if before.form_version == "2026-1" else "coordinates") == "0.0 0.0 0.0 0.0"


def test_a_site_twice_a_site_late_and_a_site_missing(planned):
    before, [again] = mistaken(planned, "same_site_twice", "population")
    assert (again.site, again.period) == (before.site, before.period)
    assert again.instance_id != before.instance_id
    before, [late] = mistaken(planned, "late_report", "population")
    assert 6 <= (late.received_at - before.received_at).days <= 16
    _, gone = mistaken(planned, "missing_camp", "population")
    assert gone == []


def test_arabic_digits_and_phone_numbers(planned):
    _, [after] = mistaken(planned, "arabic_digits", "population")
    assert re.fullmatch("[٠-٩]+", answer(after, "departures_families"))
    _, [after] = mistaken(planned, "phone_in_comment", "fsmt")
    assert re.search(r"0700 \d{3} \d{4}$", answer(after, "comments"))
    _, [after] = mistaken(planned, "planted_phone", "fsmt")
    assert after.answers["service"][0]["service/contact_phone"] == PLANTED_PHONE


def test_all_mistakes_are_made_and_none_in_the_same_submission(planned):
    sent, mistakes = with_mistakes(planned)
    assert {(mistake.kind, mistake.tool) for mistake in mistakes} == {(item.kind, item.tool) for item in RECIPE}
    assert len({mistake.instance_id for mistake in mistakes}) == len(mistakes)
    assert str(list(texts(sent))).count(PLANTED_PHONE) == 1
    assert (sent, mistakes) == with_mistakes(planned)


def texts(sent) -> Iterator[str]:
    for one in sent:
        yield from within(one.answers)


def within(answers: Mapping) -> Iterator[str]:
    for text in answers.values():
        if isinstance(text, str):
            yield text
        else:
            for instance in text:
                yield from within(instance)
