"""What changed between two versions of a form: each rule, what it does to the rows, the line that settles it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.drift import markdown
from pipelines.forms.change import CLASSES, RULES, Change
from pipelines.forms.diff import diff
from pipelines.forms.form import Form
from pipelines.forms.read import read_form, read_markdown
from pipelines.project.crosswalk import Computed, VersionEntry, read_crosswalk

HEAD = "| survey |\n| | type | name | label::English (en) | hint::English (en) | relevant | calculation | hxl |\n"
ASKED = HEAD + (
    "| | begin_group | g | G | | | | |\n"
    "| | text | camp | Name of the camp | | | | |\n"
    "| | integer | families | Families | | | | |\n"
    "| | end_group | | | | | | |\n"
    "| | select_one kind | kind | Kind of shelter | | | | |\n"
)
CHOICES = (
    "| choices |\n| | list_name | name | label::English (en) |\n"
    "| | kind | tent | Tent |\n| | kind | house | Rented house |\n"
)
OLD = ASKED + CHOICES


def changes(new: str, old: str = OLD, *entries: dict[str, object], count: int | None = 40) -> list[Change]:
    said = [VersionEntry.model_validate(entry) for entry in entries]
    return diff(read_markdown(old, version="1"), read_markdown(new, version="2"), said, lambda _path: count)


def told(new: str, old: str = OLD, *entries: dict[str, object]) -> list[tuple[str, str, str]]:
    return [(change.rule, change.path, change.sentence) for change in changes(new, old, *entries)]


def test_a_form_differs_from_itself_in_nothing() -> None:
    assert changes(OLD) == []


@pytest.mark.parametrize(
    ("was", "becomes", "found"),
    [
        ("Name of the camp", "Name of the Camp", ("D101", "g/camp", "the label of 'camp' is written otherwise in en")),
        (
            "| camp | Name of the camp | |",
            "| camp | Name of the camp | As on the sign |",
            None,
        ),
        ("Families | | |", "Families | | ${camp} != '' |", ("D104", "g/families", "'families' has another relevant")),
        ("Families | | | | |", "Families | | | | #pop |", ("D105", "g/families", "'families' has another hxl")),
        ("Families", "Persons", ("D305", "g/families", "the label of 'families' says something else in en")),
        ("Tent |", "Tents |", None),
        ("integer | families", "decimal | families", ("D304", "g/families", "'families' was integer, and is decimal")),
        ("integer | families", "date | families", ("D401", "g/families", "'families' was integer, and is date")),
        (
            "Rented house",
            "Own house",
            ("D403", "kind", "the code 'house' of 'kind' means something else in en"),
        ),
        (
            "| | kind | house | Rented house |\n",
            "",
            ("D405", "kind", "the choice 'house' of 'kind' is no longer offered"),
        ),
        (
            "| | kind | tent | Tent |\n",
            "| | kind | tent | Tent |\n| | kind | hut | Hut |\n",
            ("D202", "kind", "'kind' offers hut too"),
        ),
        ("| | text | camp | Name of the camp | | | | |\n", "", ("D404", "g/camp", "'camp' is no longer asked")),
    ],
)
def test_one_change_is_one_rule(was: str, becomes: str, found: tuple[str, str, str] | None) -> None:
    assert was in OLD
    assert told(OLD.replace(was, becomes)) == ([found] if found else [])


def test_a_hint_that_changes_is_harmless() -> None:
    old = OLD.replace("| camp | Name of the camp | |", "| camp | Name of the camp | As on the sign |")
    new = old.replace("As on the sign", "As people call it")
    assert [(change.rule, change.kind) for change in changes(new, old)] == [("D102", "harmless")]


def test_new_questions_languages_and_repeats_extend() -> None:
    repeat = (
        "| | begin_repeat | block | Block | | | | |\n| | text | name | Name | | | | |\n| | end_repeat | | | | | | |\n"
    )
    new = (ASKED + repeat + CHOICES).replace("| hxl |", "| hxl | label::Arabic (ar) |", 1)
    found = changes(new.replace("Name of the camp | | | | |", "Name of the camp | | | | | اسم المخيم |"))
    assert [(change.rule, change.kind, change.path) for change in found] == [
        ("D201", "extending", "block/name"),
        ("D203", "extending", ""),
        ("D204", "extending", "block"),
    ]


def test_a_question_moved_to_another_group_is_the_same_question() -> None:
    new = OLD.replace("| begin_group | g |", "| begin_group | site |")
    assert told(new) == [
        ("D302", "g/camp", "it stands at site/camp now"),
        ("D302", "g/families", "it stands at site/families now"),
    ]


def test_questions_in_another_order_are_harmless() -> None:
    rows = OLD.splitlines(keepends=True)
    rows[3], rows[4] = rows[4], rows[3]
    assert told("".join(rows)) == [("D103", "", "questions stand in another order")]


def test_a_question_that_goes_into_a_repeat_is_set_apart_until_a_line_says_where() -> None:
    new = OLD.replace("begin_group", "begin_repeat").replace("end_group", "end_repeat")
    found = [change for change in changes(new) if change.rule == "D402"]
    assert found[0] == Change(
        rule="D402",
        path="g/camp",
        sentence="'camp' was answered once for each submission, and is now in the repeat g",
        effect="40 submissions: in a table of their own, apart from the new ones",
        entry="- {from: g/camp, to: g.camp}",
    )
    back = [change for change in changes(OLD, new) if change.needs_a_line]
    assert [(change.rule, change.entry) for change in back] == [
        ("D402", "- {from: g/camp, to: camp}"),
        ("D402", "- {from: g/families, to: families}"),
    ]


def test_a_renamed_question_is_proposed_and_joined_only_by_a_line() -> None:
    new = OLD.replace("| camp | Name", "| camp_name | Name")
    removed = changes(new)[0]
    assert (removed.rule, removed.needs_a_line, removed.candidates) == (
        "D404",
        False,
        ("g/camp_name (labels 1.00, name 0.67)",),
    )
    (renamed,) = changes(new, OLD, {"from": "g/camp", "to": "camp_name"})
    assert renamed == Change(
        rule="D301",
        path="g/camp",
        sentence="'camp' is now called 'camp_name'",
        effect="40 submissions: in the column camp_name",
        settled=True,
    )


def test_the_line_to_add_settles_the_code_and_names_its_twin() -> None:
    new = OLD.replace("| tent | Tent |", "| tents | Tents |")
    gone = next(change for change in changes(new) if change.rule == "D405")
    assert gone.entry == '- {from: kind, to: kind, recode: {"tent": "tents"}}'
    settled = changes(new, OLD, {"from": "kind", "to": "kind", "recode": {"tent": "tents"}})
    assert [(change.rule, change.settled) for change in settled] == [("D303", True)]


def test_two_codes_that_swap_their_labels_are_both_alarms() -> None:
    swapped = OLD.replace("tent | Tent |", "tent | Rented house |", 1).replace("house | Rented house", "house | Tent")
    found = [change for change in changes(swapped) if change.needs_a_line]
    assert [(change.rule, change.entry) for change in found] == [
        ("D403", '- {from: kind, to: kind, recode: {"tent": "house", "house": "tent"}}'),
        ("D403", '- {from: kind, to: kind, recode: {"tent": "house", "house": "tent"}}'),
    ]


def test_a_type_that_cannot_hold_the_answers_is_settled_by_a_declared_cast() -> None:
    new = OLD.replace("| text | camp |", "| integer | camp |")
    (open_,) = [change for change in changes(new) if change.needs_a_line]
    assert (open_.rule, open_.entry) == ("D401", "- {from: g/camp, to: camp, cast: integer}")
    undeclared = changes(new, OLD, {"from": "g/camp", "to": "camp"})
    assert [change.rule for change in undeclared if change.needs_a_line] == ["D401"]
    declared = changes(new, OLD, {"from": "g/camp", "to": "camp", "cast": "integer"})
    assert [change.rule for change in declared if change.needs_a_line] == []


def test_a_question_that_a_column_is_computed_from_is_no_question_that_was_lost() -> None:
    new = OLD.replace("| integer | families |", "| integer | households |")
    said = [Computed.model_validate({"sum": ["g/families"], "to": "households"})]
    found = diff(read_markdown(OLD, version="1"), read_markdown(new, version="2"), (), lambda _path: 7, computed=said)
    assert [(change.rule, change.path, change.effect) for change in found] == [
        ("D309", "g/families", "7 submissions: kept in a column of its own, and in the computed one"),
        ("D201", "g/households", "older rows have no answer to it"),
    ]


def test_codes_that_are_said_to_mean_the_same_are_no_alarm() -> None:
    new = OLD.replace("Rented house", "Own house")
    assert changes(new, OLD, {"from": "kind", "to": "kind", "same": ["house"]}) == []


def test_a_list_that_means_something_else_altogether_is_told_in_one_sentence_for_all_its_codes() -> None:
    numbers = "zero one two three four five six seven eight nine ten".split()
    codes = [f"{a}{b}" for a in numbers for b in numbers]
    before = "".join(f"| | kind | {code} | Camp {code} of the list |\n" for code in codes)
    after = "".join(f"| | kind | {code} | Village {code} by the river |\n" for code in codes[:-30])
    found = [change for change in changes(OLD + after, OLD + before) if change.needs_a_line]
    assert [(change.rule, change.sentence) for change in found] == [
        ("D403", "91 codes of 'kind' mean something else in en (zerozero, zeroone, zerotwo, zerothree, zerofour, "
         "zerofive and 85 more)"),
        ("D405", "30 choices of 'kind' are no longer offered (eightthree, eightfour, eightfive, eightsix, eightseven, "
         "eighteight and 24 more)"),
    ]  # fmt: skip


def test_a_line_that_keeps_a_code_acknowledges_its_new_label() -> None:
    new = OLD.replace("Rented house", "Own house")
    assert changes(new, OLD, {"from": "kind", "to": "kind", "recode": {"house": "house"}}) == []


def test_what_a_line_splits_or_leaves_out_is_said_with_its_rows() -> None:
    new = OLD.replace("| | text | camp | Name of the camp | | | | |\n", "")
    (left,) = changes(new, OLD, {"from": "g/camp", "unmapped": "asked twice"})
    assert (left.rule, left.sentence, left.effect, left.settled) == (
        "D308",
        "'camp' goes nowhere: asked twice",
        "40 submissions: set apart",
        True,
    )
    split = {"into": "service", "value": "organisation", "by": "organisation_alias"}
    assert [change.rule for change in changes(new, OLD, {"from": "g/camp", "split": split})] == ["D307"]


@pytest.mark.parametrize(
    ("count", "rule", "effect"),
    [
        (0, "D107", "none: nobody answered it"),
        (1234, "D404", "1,234 submissions: kept in a column of its own, which is retired"),
        (None, "D404", "an unknown number of submissions: kept in a column of its own, which is retired"),
    ],
)
def test_a_question_that_nobody_answered_may_go(count: int | None, rule: str, effect: str) -> None:
    (gone,) = changes(OLD.replace("| | text | camp | Name of the camp | | | | |\n", ""), count=count)
    assert (gone.rule, gone.effect) == (rule, effect)


def test_every_rule_has_a_sentence_and_a_class() -> None:
    assert {Change(rule=rule, path="", sentence="").kind for rule in RULES} == set(CLASSES)
    assert [Change(rule=rule, path="", sentence="").kind for rule in ("D101", "D201", "D301", "D401")] == [
        "harmless",
        "extending",
        "mappable",
        "breaking",
    ]


def test_a_page_of_markdown_has_a_table_for_each_class_and_no_sign_of_a_form_breaks_it() -> None:
    page = markdown("fsmt", "1", "2", [Change(rule="D201", path="a|b", sentence="text '<b>' is new")])
    assert page == (
        "# fsmt: from 1 to 2\n\n## Extending (1)\n\n"
        "| rule | question | change | rows | crosswalk | candidates |\n| --- | --- | --- | --- | --- | --- |\n"
        "| D201 | a\\|b | text '&lt;b>' is new | none: rows stay as they are |  |  |\n\n- D201: a question is new\n"
    )


NAMES = st.sampled_from(["a", "b", "c", "d"])
TYPES = st.sampled_from(["text", "integer", "decimal", "date", "calculate"])


@st.composite
def forms(draw: st.DrawFn) -> Form:
    asked = draw(st.dictionaries(NAMES, st.tuples(TYPES, st.sampled_from(["", "g", "h"]))))
    rows = "".join(
        f"| | begin_group | {group} | | |\n| | {kind} | {name} | {name} | 1 |\n| | end_group | | | |\n"
        if group
        else f"| | {kind} | {name} | {name} | 1 |\n"
        for name, (kind, group) in asked.items()
    )
    return read_markdown("| survey |\n| | type | name | label | calculation |\n| | start | start | | |\n" + rows)


@given(forms(), forms())
def test_every_question_is_the_same_new_or_gone_and_never_two_of_them(old: Form, new: Form) -> None:
    found = diff(old, new)
    gone = {change.path for change in found if change.rule == "D404"}
    came = {change.path for change in found if change.rule == "D201"}
    kept = [question for question in old.questions if question.path not in gone]
    assert gone <= {question.path for question in old.questions}
    assert came <= {question.path for question in new.questions}
    assert len(kept) == len(new.questions) - len(came)


def test_versions_that_were_recorded_differ_as_their_makers_meant(shared: Path) -> None:
    folder = shared / "reference/kobo-fixtures/forms"
    first, second, third = (read_form(folder / f"fsmt_v{number}.xlsx", "fsmt", str(number)) for number in (1, 2, 3))
    assert [(change.rule, change.path) for change in diff(first, second)] == [
        ("D401", "wash/water_lpd"),
        ("D404", "wash/latrines_functional"),
        ("D405", "wash/water_source"),
        ("D302", "demographics/ind_count"),
        ("D201", "protection/eviction_detail"),
        ("D201", "protection/eviction_threat"),
        ("D201", "wash/latrines_in_use"),
        ("D202", "wash/water_source"),
    ]
    assert [(change.rule, change.sentence) for change in diff(second, third)] == [
        ("D403", "the code 'borehole' of 'water_source' means something else in en, ar, ku"),
        ("D404", "'comments' is no longer asked"),
    ]


def test_our_own_versions_need_no_further_line() -> None:
    folder = Path(__file__).parents[2] / "xlsforms/fsmt"
    old, new = (read_form(folder / f"{version}.xlsx", "fsmt", version) for version in ("2019-1", "2026-1"))
    entries = read_crosswalk(folder / "crosswalk.yml").versions["2019-1"]
    assert [change for change in diff(old, new, entries) if change.needs_a_line] == []
