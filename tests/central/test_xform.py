"""A form means the same, read from its XLSForm and from the XForm that a server keeps of it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines.errors import SchemaError
from pipelines.forms.form import Choice, Form, Labels
from pipelines.forms.read import read_form, read_markdown, xform_of
from pipelines.forms.xform import form_of_xform, version_of_xform
from pipelines.harmonize.served import served_forms
from tests.flow.harmonizing import write_form

REPOSITORY = Path(__file__).parents[2]
FORMS = sorted((REPOSITORY / "xlsforms").glob("*/*.xlsx"))

EVERY_TYPE = """
| survey |
| | type | name | label::English (en) | label::Arabic (ar) | hint::English (en) | calculation | parameters |
| | start | start |
| | today | today |
| | deviceid | device |
| | username | who |
| | audit | audit |
| | start-geopoint | from |
| | background-audio | heard |
| | begin_group | g | Group | مجموعة |
| | text | name | Name of ${n} | اسم | As said |
| | note | hello | Hello | مرحبا |
| | integer | n | How many | كم |
| | decimal | d | Litres | لتر |
| | range | ra | From 1 to 9 | من ١ |  |  | start=1 end=9 step=1 |
| | date | on | On | يوم |
| | time | at | At | ساعة |
| | dateTime | when | When | متى |
| | geopoint | gps | Where | أين |
| | geotrace | way | Way | طريق |
| | geoshape | area | Area | منطقة |
| | image | photo | Photo | صورة |
| | audio | voice | Voice | صوت |
| | video | film | Film | فيلم |
| | file | doc | Paper | ورقة |
| | barcode | code | Code | رمز |
| | acknowledge | ok | Agreed | موافق |
| | calculate | total |  |  |  | ${n} + 1 |
| | hidden | secret |
| | end_group |
| | begin_repeat | r | Rows | صفوف |
| | select_one yn | one | One | واحد |
| | select_multiple yn | many | Many | عدة |
| | rank yn | order | Order | ترتيب |
| | select_one_from_file s.csv | site | Site | موقع |
| | begin_repeat | inner | Inner | داخل |
| | text | t | Text | نص |
| | end_repeat |
| | end_repeat |
| choices |
| | list_name | name | label::English (en) | label::Arabic (ar) | area |
| | yn | y | Yes | نعم | north |
| | yn | n | No | لا | south |
"""


def plain(labels: Labels) -> dict[str, str]:
    """Labels as pyxform hands them on: it straightens typographic quotes."""
    return {language: text.replace("’", "'").replace("‘", "'") for language, text in labels.items()}


def asked(form: Form) -> list[tuple[object, ...]]:
    """What a form asks, and how; the audit stands apart, for an XForm has it at its end."""
    return [
        (q.path, q.name, q.type, q.list_name, plain(q.labels), plain(q.hints), q.appearance, q.repeats)
        for q in sorted(form.questions, key=lambda question: question.type == "audit")
    ]


def held(form: Form) -> list[tuple[object, ...]]:
    """Its groups and repeats."""
    groups: list[tuple[object, ...]] = [(one.path, one.name, plain(one.labels)) for one in form.groups]
    return [*groups, *((one.path, one.name, plain(one.labels), one.repeats) for one in form.repeats)]


def offered(choices: Mapping[str, tuple[Choice, ...]], lists: set[str]) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: [(choice.name, plain(choice.labels), dict(choice.extra)) for choice in choices[name]]
        for name in sorted(lists)
    }


def assert_same(sheet: Form, xform: Form) -> None:
    lists = {question.list_name for question in sheet.questions if question.list_name in sheet.choices}
    assert asked(xform) == asked(sheet)
    assert held(xform) == held(sheet)
    assert offered(xform.choices, lists) == offered(sheet.choices, lists)
    assert (xform.title, xform.form_id, xform.languages) == (sheet.title, sheet.form_id, sheet.languages)


@pytest.mark.slow
@pytest.mark.parametrize("path", FORMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_our_forms_mean_the_same_as_xforms(path: Path) -> None:
    sheet = read_form(path, path.parent.name, path.stem)
    xform = form_of_xform(xform_of(path), path.parent.name, path.stem)
    assert len(sheet.questions) > 30
    assert_same(sheet, xform)


def test_every_type_of_question_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "every.xlsx"
    write_form(path, EVERY_TYPE)
    xform = form_of_xform(xform_of(path), "t", "1")
    sheet = read_markdown(EVERY_TYPE, "t", "1")
    assert asked(xform) == asked(sheet)
    assert held(xform) == held(sheet)
    assert offered(xform.choices, {"yn"}) == offered(sheet.choices, {"yn"})


def test_the_recorded_form_means_the_same_as_its_workbook(shared: Path) -> None:
    recorded = shared / "reference" / "odk-central-fixtures"
    served = form_of_xform((recorded / "forms" / "xml_version1.xml").read_text(encoding="utf-8"), "fsmt", "2026.1")
    assert_same(read_form(recorded / "xlsforms" / "fsmt_v1.xlsx", "fsmt", "2026.1"), served)


def test_older_forms_write_choices_into_the_question() -> None:
    xform = """<html xmlns:h="h"><h:title>Old</h:title><model><instance><data id="old" version="3"><g><q/></g></data>
        </instance><bind nodeset="/data/g/q" type="string"/></model>
        <select1 ref="/data/g/q"><label>Camp?</label>
          <item><label>Yes</label><value>y</value></item><item><label>No</label><value>n</value></item></select1></html>"""
    form = form_of_xform(xform, "t", "1")
    question = form.question("g/q")
    assert (question.type, question.list_name, question.labels) == ("select_one", "g_q", {"default": "Camp?"})
    assert [(choice.name, choice.labels) for choice in form.choices["g_q"]] == [
        ("y", {"default": "Yes"}),
        ("n", {"default": "No"}),
    ]


def test_the_version_of_an_xform_is_its_own_word() -> None:
    xform = "<h><model><instance><data version='2026.2[encrypted:AaIB]'><q/></data></instance></model></h>"
    assert version_of_xform(xform) == "2026.2[encrypted:AaIB]"


@pytest.mark.parametrize(
    "content",
    [
        "<",
        "<html/>",
        "<html><model><instance/></model></html>",
        '<!DOCTYPE a [<!ENTITY b "c">]><html><model><instance><data><q>&b;</q></data></instance></model></html>',
    ],
)
def test_what_is_no_xform_says_what_to_do(content: str) -> None:
    with pytest.raises(SchemaError, match=r"t, version 9 on the server: .*; (sync it again|publish the form anew)\."):
        form_of_xform(content, "t", "9")


@pytest.mark.slow
def test_a_served_xform_is_the_version_of_the_repository_that_asks_the_same() -> None:
    path = next(path for path in FORMS if path.parent.name == "population")
    known = [read_form(path, "population", "2026-1")]
    content = xform_of(path).replace('version="2026-1"', 'version="another"')
    served = served_forms(
        [("central", "population", "another", content), ("central", "population", "x", "<")], "population", known
    )
    assert {key: form.version for key, form in served.forms.items()} == {("central", "population", "another"): "2026-1"}
    assert list(served.unread) == [("central", "population", "x")]
