"""What is written as a workbook reads back as the same form, whichever server it came from, and phones can take it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import SchemaError
from pipelines.forms.carry import carry_over
from pipelines.forms.form import Form
from pipelines.forms.read import form_of_kobo, read_form, sheets_of_kobo, warnings_of, xform_of
from pipelines.forms.same import asks_the_same
from pipelines.forms.sheets import Sheets
from pipelines.forms.write import write_sheets
from pipelines.forms.xform import form_of_xform
from pipelines.forms.xform_sheets import sheets_of_xform
from tests.flow.harmonizing import write_form

LOGIC = """
| survey |
|  | type | name | label::English (en) | label::Arabic (ar) | relevant | constraint | constraint_message::English (en) | required | calculation | choice_filter | appearance | default | parameters | repeat_count | trigger | readonly |
|  | start | start |
|  | audit | audit |
|  | begin_group | g | G | ج | ${n} > 1 |
|  | integer | n | N ${k} | ن | | . > 1 and . < ${k} | bad | yes |
|  | integer | k | K | ك |
|  | select_one l | s | S | س | | | | | | reg = ${n} | minimal |
|  | select_multiple l or_other | m | M | م | selected(${s}, 'a ${n}') |
|  | end_group |
|  | begin_repeat | r | R | ر | ${n} > 1 | | | | | | | | | ${n} |
|  | text | t | T | ت | ${u} = 'x' and ${n} = 1 |
|  | text | u | U | ث | | | | | | | | today() |
|  | select_one l | v | V | ف | | | | | | reg = ${t} | | | randomize=true seed=42 |
|  | end_repeat |
|  | calculate | c | | | | | | | sum(${n}) |
|  | range | rg | Rg | ر | | | | | | | | | start=0 end=10 step=2 |
|  | select_one_from_file sites.csv | f | F | ف | | | | | | | | | value=id label=nm |
|  | note | nt | Hi ${n} | ه |
|  | calculate | tr | | | | | | | now() | | | | | | ${n} |
|  | text | ro | RO | ق | | | | | | | | hello | | | | yes |
|  | background-audio | ba |
|  | image | im | Im | ص | | | | | | | signature | | max-pixels=1000 |
| choices |
|  | list_name | name | label::English (en) | label::Arabic (ar) | reg |
|  | l | a | A | ا | 1 |
|  | l | b | B | ب | 2 |
| settings |
|  | form_title | form_id | version | instance_name | default_language |
|  | Hi | hi | 7 | concat(${n}, 'x') | English (en) |
"""  # noqa: E501 - a form reads in whole rows


def written(sheets: Sheets, folder: Path) -> Path:
    path = folder / "written.xlsx"
    path.unlink(missing_ok=True)
    write_sheets(sheets, path, "a form")
    return path


def plain(form: Form) -> Form:
    """The form without the numbers of its rows, which change where one row comes out as several."""
    return replace(form, questions=tuple(replace(question, row=0) for question in form.questions))


def as_phones_see(path: Path) -> str:
    return canonicalize(xform_of(path))


def contents(recorded: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(recorded.glob("*version_v*.json")):
        yield file.name, json.loads(file.read_text())["content"]


def test_what_a_real_kobo_server_keeps_reads_back_as_the_same_form(shared: Path, tmp_path: Path) -> None:
    found = list(contents(shared / "reference" / "kobo-fixtures"))
    assert [name for name, _ in found] == ["version_v1.json", "version_v2.json", "zoo_version_v1.json"]
    for name, content in found:
        path = written(sheets_of_kobo(content), tmp_path)
        assert plain(read_form(path, "t", "1")) == plain(form_of_kobo(content, "t", "1")), name
        assert not [warning for warning in warnings_of(path) if not re.search("max-pixels|simserial", warning)]


def test_kobos_own_workbook_asks_what_ours_asks(shared: Path, tmp_path: Path) -> None:
    recorded = shared / "reference" / "kobo-fixtures"
    theirs = read_form(recorded / "asset_xls.xlsx", "t", "1")
    content = json.loads((recorded / "asset_detail_v2.json").read_text())["content"]
    assert asks_the_same(theirs, read_form(written(sheets_of_kobo(content), tmp_path), "t", "1"))


def test_a_form_knows_its_own_workbook_again(shared: Path) -> None:
    recorded = shared / "reference" / "kobo-fixtures"
    for version in ("1", "2"):
        content = json.loads((recorded / f"version_v{version}.json").read_text())["content"]
        workbook = read_form(recorded / "forms" / f"fsmt_v{version}.xlsx", "t", version)
        assert asks_the_same(workbook, form_of_kobo(content, "t", version))
        assert not asks_the_same(workbook, read_form(recorded / "forms" / "fsmt_v3.xlsx", "t", "3"))


def test_an_xform_of_a_real_central_server_comes_out_as_the_same_xform(shared: Path, tmp_path: Path) -> None:
    recorded = shared / "reference" / "odk-central-fixtures" / "forms"
    for name in ("xml.xml", "xml_version1.xml"):
        xform = (recorded / name).read_text(encoding="utf-8")
        assert as_phones_see(written(sheets_of_xform(xform, name), tmp_path)) == canonicalize(xform)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["fsmt/2026-1", "population/2026-1"])
def test_our_own_forms_survive_the_way_by_xform(project: Any, tmp_path: Path, form: str) -> None:
    original = project.xlsforms / f"{form}.xlsx"
    path = written(sheets_of_xform(xform_of(original), form), tmp_path)
    assert as_phones_see(path) == as_phones_see(original)


def test_the_logic_of_an_xform_comes_back_in_names(tmp_path: Path) -> None:
    write_form(tmp_path / "form.xlsx", LOGIC)
    path = written(sheets_of_xform(xform_of(tmp_path / "form.xlsx"), "a form"), tmp_path)
    sent, back = (read_form(file, "t", "1") for file in (tmp_path / "form.xlsx", path))
    facts = ("type", "list_name", "labels", "constraint", "constraint_messages", "required", "calculation", "repeats")
    facts += ("choice_filter", "appearance", "default", "parameters", "relevant", "hints")
    other = "g/m_other"  # it comes with or_other, and stands for itself now
    assert back.question("tr").type == "hidden"  # what an answer sets is hidden in an XForm
    for question in (question for question in sent.questions if question.path not in {other, "tr"}):
        found = back.question(question.path)
        assert {name: getattr(found, name) for name in facts} == {name: getattr(question, name) for name in facts}
    assert back.question(other).relevant == "selected(${m}, 'other')"
    assert back.repeats == sent.repeats
    assert back.groups == sent.groups


TEXT = st.text(st.sampled_from("abc أبج=+-'\"<&{}%ێ"), max_size=8).map(lambda text: " ".join(text.split()).strip("- "))
"""A lone - is what an XForm writes for a text that is not translated."""

NAME = st.text("abcxyz", min_size=1, max_size=5)
LANGUAGES = st.sampled_from([[None], ["English (en)"], ["English (en)", "Arabic (ar)"], [None, "Arabic (ar)"]])


@st.composite
def kobo_contents(draw: st.DrawFn) -> dict[str, Any]:
    """What a server keeps: groups, repeats, selects, texts in any of its languages, names that are all different."""
    languages = draw(LANGUAGES)
    numbers = iter(range(1000))

    def label() -> list[str | None]:
        return [draw(TEXT) or "x" for _ in languages]

    def rows(depth: int) -> Iterator[dict[str, Any]]:
        for _ in range(draw(st.integers(1, 4))):
            name = f"{draw(NAME)}{next(numbers)}"
            kind = draw(
                st.sampled_from(["text", "integer", "select_one", "select_multiple", "begin_group", "begin_repeat"])
            )
            row: dict[str, Any] = {"type": kind, "name": name, "$kuid": f"k{name}", "$xpath": name, "label": label()}
            if kind.startswith("begin_"):
                if depth:
                    yield row
                    yield {"type": "text", "name": f"in_{name}", "label": label()}
                    yield from rows(depth - 1)
                    yield {"type": kind.replace("begin", "end"), "$kuid": f"e{name}"}
                continue
            if kind.startswith("select"):
                row |= {"select_from_list_name": "l", "appearance": draw(st.sampled_from(["", "minimal"]))}
            if draw(st.booleans()):
                row |= {
                    "hint": [draw(TEXT) or None for _ in languages],
                    "required": draw(st.sampled_from([True, "yes"])),
                }
            if draw(st.booleans()):
                row |= {"relevant": "1 = 1", "extra": draw(TEXT) or "y", "sensitivity": "public"}
            yield row

    survey = [{"type": "text", "name": "first", "label": label()}, *rows(2)]
    codes = draw(st.lists(NAME, min_size=1, max_size=3, unique=True))
    choices = [
        {"list_name": "l", "name": code, "label": label(), "$autovalue": code, "of": draw(TEXT) or "y"}
        for code in codes
    ]
    return {"survey": survey, "choices": choices, "settings": {"id_string": "f"}, "translations": languages}


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(kobo_contents())
def test_any_content_reads_back_as_the_same_form(tmp_path: Path, content: dict[str, Any]) -> None:
    path = written(sheets_of_kobo(content), tmp_path)
    form = read_form(path, "t", "1")
    assert plain(form) == plain(form_of_kobo(content, "t", "1"))
    xform = xform_of(path)
    again = written(sheets_of_xform(xform, "t"), tmp_path)
    asked = form_of_xform(xform, "t", "1")
    back = read_form(again, "t", "1")
    assert [(q.path, q.type, q.labels, q.hints, q.list_name, q.repeats) for q in back.questions] == [
        (q.path, q.type, q.labels, q.hints, q.list_name, q.repeats) for q in asked.questions
    ]
    assert (back.languages, back.choices) == (asked.languages, asked.choices)
    assert canonicalize(xform_of(again)) == canonicalize(xform)


def test_a_text_is_no_formula_and_stays_as_it_is(tmp_path: Path) -> None:
    content = {"survey": [{"type": "text", "name": "a", "label": ['=HYPERLINK("http://x")']}], "translations": [None]}
    form = read_form(written(sheets_of_kobo(content), tmp_path), "t", "1")
    assert form.questions[0].labels == {"default": '=HYPERLINK("http://x")'}


@pytest.mark.parametrize("text", ["a\x0bb", "x" * 40_000])
def test_what_no_cell_holds_is_refused_with_its_row(tmp_path: Path, text: str) -> None:
    content = {"survey": [{"type": "text", "name": "a", "label": [text]}], "translations": [None]}
    with pytest.raises(SchemaError, match="a form, sheet 'survey', row 2: a text is longer than a cell can hold"):
        write_sheets(sheets_of_kobo(content), tmp_path / "x.xlsx", "a form")


KNOWN = """
| survey |
|  | type | name | label | sensitivity | hxl | indicator |
|  | text | a | A | public | #x | 1.1 |
|  | begin_group | g | G |
|  | text | b | B | restricted |
|  | text | moved | M | partners |
|  | end_group |
|  | begin_group | h | H |
|  | text | b | B | public |
|  | end_group |
"""
NEXT = """
| survey |
|  | Type | name | label | Sensitivity |
|  | text | a | A | restricted |
|  | note | n | Note |
|  | text | moved | M |
|  | text | b | B |
|  | text | new | N |
"""


def test_our_columns_follow_a_question_that_keeps_its_name(tmp_path: Path) -> None:
    for name, markdown in (("known", KNOWN), ("next", NEXT)):
        write_form(tmp_path / f"{name}.xlsx", markdown)
    known, form = (read_form(tmp_path / f"{name}.xlsx", "t", name) for name in ("known", "next"))
    assert carry_over(tmp_path / "next.xlsx", form, known) == 2
    carried = read_form(tmp_path / "next.xlsx", "t", "next")
    assert {q.name: (q.sensitivity, q.hxl, q.indicator) for q in carried.questions} == {
        "a": ("public", "#x", "1.1"),
        "moved": ("partners", "", ""),
        "b": ("", "", ""),  # which of the two it was nobody can tell: it is restricted until somebody says
        "new": ("", "", ""),
    }
    assert asks_the_same(form, carried)
    assert carry_over(tmp_path / "next.xlsx", carried, known) == 0
