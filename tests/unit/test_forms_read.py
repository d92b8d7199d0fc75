"""A question means the same wherever it was read: from a workbook, from Markdown, from what a Kobo server keeps."""

import json
from pathlib import Path

import pytest

from pipelines.errors import SchemaError
from pipelines.forms.form import Choice, Form, Group, Question, Repeat
from pipelines.forms.read import form_of_kobo, read_form, read_markdown, warnings_of, xform_of
from tests.flow.harmonizing import write_form

FORM = """
| survey |
|  | type | name | label::English (en) | label::Arabic (ar) | relevant | sensitivity | hxl |
|  | start | start |  |  |  | partners |  |
|  | begin_group | site | Site | الموقع |  |  |  |
|  | select_one kind | type | Type of site | نوع الموقع |  | public | #loc |
|  | begin_repeat | block | Block | قطاع | ${type}='camp' |  |  |
|  | integer | families | Families | العائلات | . != '' | public |  |
|  | begin_repeat | repair | Repair | إصلاح |  |  |  |
|  | text | item | Item | بند |  |  |  |
|  | end_repeat |  |  |  |  |  |  |
|  | end_repeat |  |  |  |  |  |  |
|  | end_group |  |  |  |  |  |  |
|  | note | thanks | Thank you | شكرا |  |  |  |
| choices |
|  | list_name | name | label::English (en) | label::Arabic (ar) | region |
|  | kind | camp | Camp | مخيم | north |
|  | kind | 2 | Centre | مركز |  |
| settings |
|  | form_title | form_id | version |
|  | Visit | visit | 2026-1 |
"""

EXPECTED = Form(
    tool="visit",
    version="1",
    title="Visit",
    form_id="visit",
    languages=("en", "ar"),
    questions=(
        Question(path="start", name="start", type="start", row=2, sensitivity="partners"),
        Question(
            path="site/type",
            name="type",
            type="select_one",
            row=4,
            list_name="kind",
            labels={"en": "Type of site", "ar": "نوع الموقع"},
            sensitivity="public",
            hxl="#loc",
        ),
        Question(
            path="site/block/families",
            name="families",
            type="integer",
            row=6,
            labels={"en": "Families", "ar": "العائلات"},
            relevant=". != ''",
            sensitivity="public",
            repeats=("site/block",),
        ),
        Question(
            path="site/block/repair/item",
            name="item",
            type="text",
            row=8,
            labels={"en": "Item", "ar": "بند"},
            repeats=("site/block", "site/block/repair"),
        ),
    ),
    groups=(Group(path="site", name="site", labels={"en": "Site", "ar": "الموقع"}),),
    repeats=(
        Repeat(path="site/block", name="block", labels={"en": "Block", "ar": "قطاع"}, relevant="${type}='camp'"),
        Repeat(
            path="site/block/repair", name="repair", labels={"en": "Repair", "ar": "إصلاح"}, repeats=("site/block",)
        ),
    ),
    choices={
        "kind": (
            Choice(list_name="kind", name="camp", labels={"en": "Camp", "ar": "مخيم"}, extra={"region": "north"}),
            Choice(list_name="kind", name="2", labels={"en": "Centre", "ar": "مركز"}),
        )
    },
)


def test_markdown_is_read_as_the_form_it_says() -> None:
    assert read_markdown(FORM, tool="visit") == EXPECTED


def test_a_workbook_is_read_as_the_form_it_says(tmp_path: Path) -> None:
    write_form(tmp_path / "1.xlsx", FORM)
    assert read_form(tmp_path / "1.xlsx", "visit", "1") == EXPECTED


def test_what_nobody_classified_is_restricted() -> None:
    form = read_markdown(FORM, tool="visit")
    assert {question.name: question.level for question in form.questions} == {
        "start": "partners",
        "type": "public",
        "families": "public",
        "item": "restricted",
    }


def test_a_question_is_asked_under_the_conditions_of_all_that_stand_around_it() -> None:
    form = read_markdown(FORM, tool="visit")
    assert form.relevance("site/block/families") == ("${type}='camp'", ". != ''")
    assert form.relevance("site/type") == ()


def test_the_form_that_a_kobo_server_keeps_reads_as_its_workbook(shared: Path) -> None:
    recorded = shared / "reference" / "kobo-fixtures"
    for version in ("1", "2"):
        workbook = read_form(recorded / "forms" / f"fsmt_v{version}.xlsx", "fsmt", version)
        content = json.loads((recorded / f"version_v{version}.json").read_text())["content"]
        served = form_of_kobo(content, "fsmt", version)
        assert [(q.path, q.type, q.list_name, q.repeats, q.labels) for q in served.questions] == [
            (q.path, q.type, q.list_name, q.repeats, q.labels) for q in workbook.questions
        ]
        assert served.repeats == workbook.repeats
        assert {name: [c.name for c in choices] for name, choices in served.choices.items()} == {
            name: [c.name for c in choices] for name, choices in workbook.choices.items()
        }


def test_a_kobo_form_without_named_languages_is_read() -> None:
    content = {
        "survey": [{"type": "text", "name": "camp", "label": ["Camp"]}, {"type": "note", "$autoname": "thanks"}],
        "translations": [None],
    }
    form = form_of_kobo(content, "visit", "v1")
    assert (form.languages, form.questions) == (
        ("default",),
        (Question(path="camp", name="camp", type="text", row=2, labels={"default": "Camp"}),),
    )


def test_or_other_asks_a_second_question() -> None:
    form = read_markdown(
        """
        | survey |
        | | type                     | name | label |
        | | select_one kind or_other | type | Type  |
        | choices |
        | | list_name | name | label |
        | | kind      | camp | Camp  |
        """
    )
    assert [(question.path, question.type) for question in form.questions] == [
        ("type", "select_one"),
        ("type_other", "text"),
    ]


TWICE = "| survey |\n| | type | name | label |\n| | text | a | A |\n| | text | a | B |"
OPEN = "| survey |\n| | type | name | label |\n| | begin_group | g | G |\n| | text | a | A |"
CROSSED = "| survey |\n| | type | name | label |\n| | begin_group | g | G |\n| | text | a | A |\n| | end_repeat | | |"


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        (TWICE, "sheet 'survey', row 3: the question 'a' stands already in row 2; rename one of them."),
        (OPEN, "sheet 'survey', row 2: 'g' begins and never ends; add its end row."),
        (CROSSED, "sheet 'survey', row 4: end_repeat found where 'g' is still open; mend the order."),
    ],
)
def test_a_form_that_cannot_be_says_where(markdown: str, message: str) -> None:
    with pytest.raises(SchemaError) as raised:
        read_markdown(markdown, tool="visit")
    assert str(raised.value) == f"visit/1 (Markdown), {message}"


def test_a_file_that_is_no_workbook_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "1.xlsx").write_text("not a workbook")
    with pytest.raises(SchemaError) as raised:
        read_form(tmp_path / "1.xlsx", "visit", "1")
    assert str(raised.value) == (
        f"{tmp_path}/1.xlsx cannot be read as an XLSForm workbook (.xlsx, .xlsm or .xls); "
        "open it and save it as an Excel workbook (.xlsx) without a password."
    )


def test_a_phone_gets_the_form_as_xml(tmp_path: Path) -> None:
    write_form(tmp_path / "1.xlsx", FORM)
    assert '<bind nodeset="/data/site/block/families" type="int"' in xform_of(tmp_path / "1.xlsx")
    assert warnings_of(tmp_path / "1.xlsx") == ()
