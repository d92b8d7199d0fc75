"""Every type of question that XLSForm and Kobo know is one value, whichever way the form was read."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.archive.leaves import SERVER_KEYS
from pipelines.errors import SchemaError
from pipelines.forms.form import Choice, Form, Question
from pipelines.forms.read import form_of_kobo, read_form, read_markdown
from pipelines.forms.types import type_of

ALL = """
| survey |
| | type | name | label::English (en) | label::Arabic (ar) | calculation | choice_filter | parameters | team |
| | start | start | | | | | | |
| | audit | audit | | | | | | |
| | username | username | | | | | | |
| | background-audio | sound | | | | | | |
| | start-geopoint | began_at | | | | | | |
| | begin_group | g | Group | مجموعة | | | | |
| | note | hello | Hello | مرحبا | | | | |
| | select_one kind or_other | kind | Kind | نوع | | | | A |
| | select_multiple kind | kinds | Kinds | أنواع | | | | |
| | begin_repeat | r | R | ت | | | | |
| | begin_repeat | rr | RR | تت | | | | |
| | rank kind | order | Order | ترتيب | | | | |
| | end_repeat | | | | | | | |
| | range | share | Share | حصة | | | start=0 end=10 step=0.5 | |
| | end_repeat | | | | | | | |
| | end_group | | | | | | | |
| | select_one_from_file camps.csv | camp | Camp | مخيم | | | | |
| | calculate | total | | | 1 + 1 | | | |
| | geopoint | here | Here | هنا | | | | |
| | geotrace | way | Way | طريق | | | | |
| | geoshape | area | Area | مساحة | | | | |
| | image | photo | Photo | صورة | | | | |
| | file | plan | Plan | خطة | | | | |
| | barcode | tag | Tag | بطاقة | | | | |
| | acknowledge | ok | OK | نعم | | | | |
| | hidden | secret | | | | | | |
| | dateTime | at | At | متى | | | | |
| | time | hour | Hour | ساعة | | | | |
| | xml-external | places | | | | | | |
| | csv-external | people | | | | | | |
| choices |
| | list_name | name | label::English (en) | label::Arabic (ar) | region |
| | kind | a | A | ا | north |
| | kind | b | B | ب | south |
"""


def shape(form: Form) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(question.path, question.type, question.list_name, question.repeats) for question in form.questions]


def test_every_type_of_xlsform_is_a_question_where_it_is_answered() -> None:
    assert shape(read_markdown(ALL)) == [
        ("start", "start", "", ()),
        ("meta/audit", "audit", "", ()),
        ("username", "username", "", ()),
        ("sound", "background-audio", "", ()),
        ("began_at", "start-geopoint", "", ()),
        ("g/kind", "select_one", "kind", ()),
        ("g/kind_other", "text", "", ()),
        ("g/kinds", "select_multiple", "kind", ()),
        ("g/r/rr/order", "rank", "kind", ("g/r", "g/r/rr")),
        ("g/r/share", "range", "", ("g/r",)),
        ("camp", "select_one_from_file", "camps.csv", ()),
        ("total", "calculate", "", ()),
        ("here", "geopoint", "", ()),
        ("way", "geotrace", "", ()),
        ("area", "geoshape", "", ()),
        ("photo", "image", "", ()),
        ("plan", "file", "", ()),
        ("tag", "barcode", "", ()),
        ("ok", "acknowledge", "", ()),
        ("secret", "hidden", "", ()),
        ("at", "dateTime", "", ()),
        ("hour", "time", "", ()),
    ]


def test_further_columns_parameters_and_filters_are_kept() -> None:
    form = read_markdown(ALL)
    assert (form.question("g/kind").extra, form.question("g/r/share").parameters) == (
        {"team": "A"},
        "start=0 end=10 step=0.5",
    )
    assert form.choices["kind"][1] == Choice(
        list_name="kind", name="b", labels={"en": "B", "ar": "ب"}, extra={"region": "south"}
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("select_one yes_no", ("select_one", "yes_no", False)),
        ("select one  yes_no or_other", ("select_one", "yes_no", True)),
        ("Select_Multiple kinds OR_OTHER", ("select_multiple", "kinds", True)),
        ("select all that apply from kinds or specify other", ("select_multiple", "kinds", True)),
        ("add select one prompt using kinds", ("select_one", "kinds", False)),
        ("select_one_from_file camps.csv", ("select_one_from_file", "camps.csv", False)),
        ("select_one", ("select_one", "", False)),
        ("q int", ("integer", "", False)),
        ("add date prompt", ("date", "", False)),
        ("Integer", ("integer", "", False)),
        ("trigger", ("acknowledge", "", False)),
        ("datetime", ("dateTime", "", False)),
        ("phone number", ("phonenumber", "", False)),
        ("begin looped group", ("begin_repeat", "", False)),
        ("no such type", ("no such type", "", False)),
        ("", ("", "", False)),
    ],
)
def test_old_and_sloppy_names_of_types_mean_the_type(written: str, meant: tuple[str, str, bool]) -> None:
    assert type_of(written) == meant


def content_of(shared: Path) -> dict[str, Any]:
    recorded = json.loads((shared / "reference/kobo-fixtures/zoo_asset_detail_v1.json").read_text())
    content: dict[str, Any] = recorded["content"]
    return content


def keys_of(row: dict[str, Any]) -> set[str]:
    """Every key of a submission at any depth of repeats."""
    inner = [
        inside for value in row.values() if isinstance(value, list) for inside in value if isinstance(inside, dict)
    ]
    repeats = {key for key, value in row.items() if isinstance(value, list)}
    return (set(row) - repeats).union(*(keys_of(inside) for inside in inner))


def test_every_key_that_a_kobo_server_sent_is_a_question_or_its_own(shared: Path) -> None:
    form = form_of_kobo(content_of(shared), "zoo", "1")
    (row,) = json.loads((shared / "reference/kobo-fixtures/zoo_data_v1.json").read_text())["results"]
    row.pop("_attachments")
    asked = {question.path for question in form.questions}
    assert keys_of(row) - asked - SERVER_KEYS["kobo_json"] == set()
    not_answered = {"phonenumber", "simserial", "hid"}
    assert asked - keys_of(row) == not_answered


def test_the_kinds_of_the_form_builder_mean_the_same_in_a_workbook_and_on_the_server(shared: Path) -> None:
    workbook = read_form(shared / "reference/kobo-fixtures/forms/zoo_v1.xlsx", "zoo", "1")
    served = form_of_kobo(content_of(shared), "zoo", "1")
    assert sorted(shape(workbook)) == sorted(shape(served))
    assert {question.path: question.labels for question in workbook.questions} == {
        question.path: question.labels for question in served.questions
    }
    assert served.question("mx_tent/mx_tent_ok") == Question(
        path="mx_tent/mx_tent_ok",
        name="mx_tent_ok",
        type="select_one",
        row=served.question("mx_tent/mx_tent_ok").row,
        list_name="yn",
        labels={"default": "Tent: OK"},
        kuid="pmbgP67UE",
    )


MATRIX = "| survey |\n| | type | name | label | kobo--matrix_list |\n| | begin_kobomatrix | mx | M | {0} |\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            MATRIX.format("") + "| | end_kobomatrix | | | |\n",
            "row 2: 'mx' names no list of choices; write one into its column kobo--matrix_list.",
        ),
        (MATRIX.format("rows"), "row 2: 'mx' begins and never ends; add its end row."),
        (
            MATRIX.format("rows") + "| | begin_group | g | G | |\n",
            "row 3: 'begin_group' stands within 'mx', which can hold questions only; mend the order.",
        ),
    ],
)
def test_a_matrix_that_cannot_be_says_where(rows: str, message: str) -> None:
    with pytest.raises(SchemaError) as raised:
        read_markdown(rows)
    assert str(raised.value) == f"t/1 (Markdown), sheet 'survey', {message}"


NO_FORM = "the workbook has no rows in a sheet named 'survey'; add one"
NO_TYPE = "the sheet 'survey' has no column 'type' in its first row; add one"
EVERY_WORKBOOK: dict[str, int | str] = {
    "inst_data.xlsx": NO_FORM,
    "inst_data_likert.xlsx": NO_TYPE,
    "inst_form_likert.xlsx": 20,
    "inst_sample_xlsform.xlsx": 9,
    "inst_sample_xlsform_with_plan.xlsx": 165,
    "bulletin_dummy_data.xlsx": NO_FORM,
    "bulletin_sampling_frame.xlsx": NO_TYPE,
    "bulletin_update-kobo-tool.xlsx": NO_FORM,
    "data-raw_REACH_2024_MSNA-kobo-tool_draft_v11.xlsx": 251,
    "data-raw_dummy_raw_data.xlsx": "more than any form",
    "data-raw_loa.xlsx": NO_FORM,
    "inst_extdata_Research_cycle_data_cleaning_logbook_template_v4_202331_AA.xlsx": NO_FORM,
    "03_tools_02_sites_tool_site.xlsx": 64,
    "AFG2003a_Tool_1_HH_Survey_Kobo_Final_27052020v4.xls": 296,
    "AFG2003a_Tool_1_HH_Survey_Kobo_Final_27052020v4.xlsx": 296,
    "AFG2003a_Tool_2_Partners_Kobo_Final_27052020.xls": 194,
    "RMS_CATI_v0.xlsx": 338,
    "RMS_CATI_v0_mapper.xlsx": "sheet 'survey', row 3: the question",
    "dummy_RMS_CATI_v0.xlsx": NO_FORM,
    "inst_KoBoXLSFormExamples.xlsx": 1,
    "data_form.xls": 294,
    "inst_script_XLSform_template.xlsx": 33,
    "inst_script_form.xls": 294,
    "inst_extdata_sample1.xlsx": 4,
    "inst_extdata_sample2.xlsx": 5,
}
"""Every workbook of the real data: how many questions it asks, or what its refusal says."""


@pytest.mark.slow
def test_every_real_workbook_is_read_or_refused_with_a_reason(shared: Path) -> None:
    files = {path.name: path for path in (shared / "data/open").glob("*/*.xls*") if path.suffix != ".csv"}
    if not files:
        pytest.skip("shared/data with real forms is not beside this repository")
    found: dict[str, int | str] = {}
    for name, path in files.items():
        wanted = EVERY_WORKBOOK.get(name)
        try:
            found[name] = len(read_form(path, "t", "1").questions)
        except SchemaError as error:
            found[name] = wanted if isinstance(wanted, str) and wanted in str(error) else str(error)
    assert found == EVERY_WORKBOOK


def test_an_old_workbook_is_read_as_its_new_copy(shared: Path) -> None:
    folder = shared / "data/open/mhkhan27__AFG_2020_Surge"
    if not folder.is_dir():
        pytest.skip("the forms of REACH Afghanistan are not beside this repository")
    old, new = (
        read_form(folder / f"AFG2003a_Tool_1_HH_Survey_Kobo_Final_27052020v4.{end}", "t", "1")
        for end in ("xls", "xlsx")
    )
    assert shape(old) == shape(new)
