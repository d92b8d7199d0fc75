"""Forms that are bad input (X-01 to X-19): refused with where, what and what to do, or accepted and right.

How long each takes and how much memory is measured by `python -m tests.bench.forms`. What changed between two versions
(X-18) is told in test_forms_diff.py; here only that nothing of it passes in silence.
"""

import socket
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import openpyxl
import pytest

from pipelines.errors import SchemaError
from pipelines.forms.diff import diff
from pipelines.forms.evaluate import Scope, evaluate
from pipelines.forms.expression import parse
from pipelines.forms.form import Form
from pipelines.forms.lint import lint, remarks_of
from pipelines.forms.pattern import matches, risk_of
from pipelines.forms.read import form_of_kobo, read_form, read_markdown, xform_of
from pipelines.forms.xform import form_of_xform
from tests.faults import workbooks
from tests.flow.harmonizing import write_form

NOT_A_WORKBOOK = (
    "cannot be read as an XLSForm workbook (.xlsx, .xlsm or .xls); "
    "open it and save it as an Excel workbook (.xlsx) without a password."
)


def refusal(path: Path) -> str:
    """What is said when the form at `path` is refused, without the folder."""
    with pytest.raises(SchemaError) as raised:
        read_form(path, "visit", "1")
    return str(raised.value).removeprefix(f"{path.parent}/")


def refused(tmp_path: Path, write: workbooks.Write) -> str:
    write(tmp_path / "1.xlsx")
    return refusal(tmp_path / "1.xlsx")


def accepted(tmp_path: Path, write: workbooks.Write) -> Form:
    write(tmp_path / "1.xlsx")
    return read_form(tmp_path / "1.xlsx", "visit", "1")


def remarks(tmp_path: Path, write: workbooks.Write) -> list[str]:
    form = accepted(tmp_path, write)
    return [str(remark) for remark in remarks_of(tmp_path / "1.xlsx", form)]


def edited(change: object) -> workbooks.Write:
    """A plain form that `change` has worked on with openpyxl."""

    def write(path: Path) -> None:
        workbooks.plain(path)
        book = openpyxl.load_workbook(path)
        change(book)  # type: ignore[operator]
        book.save(path)

    return write


def linted(survey: str) -> list[str]:
    return [str(remark) for remark in lint(read_markdown("| survey |\n" + survey))]


def test_x01_what_is_no_workbook_is_refused_with_the_types_that_are(tmp_path: Path) -> None:
    for name, content in {"a.xlsx": b"type,name\n", "b.ods": b"%PDF-1.4", "c.csv": b"survey,type\n"}.items():
        (tmp_path / name).write_bytes(content)
        assert refusal(tmp_path / name) == f"{name} {NOT_A_WORKBOOK}"
    (tmp_path / "empty.xlsx").touch()
    assert refusal(tmp_path / "empty.xlsx") == "empty.xlsx is empty; copy it again from where it came."
    assert refusal(tmp_path / "gone.xlsx") == "gone.xlsx does not exist; write the name of an XLSForm workbook."


def test_x01_a_truncated_workbook_is_refused(tmp_path: Path) -> None:
    workbooks.plain(tmp_path / "1.xlsx")
    whole = (tmp_path / "1.xlsx").read_bytes()
    for length in range(1, len(whole), 97):
        (tmp_path / "1.xlsx").write_bytes(whole[:length])
        assert refusal(tmp_path / "1.xlsx").startswith("1.xlsx cannot be read as an XLSForm workbook")


def test_x01_a_workbook_behind_a_password_and_a_binary_one_say_so(tmp_path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    (tmp_path / "locked.xlsx").write_bytes(ole + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"))
    (tmp_path / "old.xlsx").write_bytes(ole + b"\0" * 600)
    with zipfile.ZipFile(tmp_path / "binary.xlsx", "w") as package:
        package.writestr("xl/workbook.bin", b"")
    remedy = "save it as an Excel workbook (.xlsx) without a password."
    assert refusal(tmp_path / "locked.xlsx") == f"locked.xlsx is protected by a password; {remedy}"
    assert refusal(tmp_path / "old.xlsx") == f"old.xlsx is an old Excel file under a new name; open it and {remedy}"
    assert refusal(tmp_path / "binary.xlsx") == f"binary.xlsx is a binary workbook (.xlsb); open it and {remedy}"


def test_x02_macros_and_links_are_named_and_never_used(tmp_path: Path) -> None:
    extra = {"xl/vbaProject.bin": b"\0", "xl/externalLinks/externalLink1.xml": b"<externalLink/>"}
    said = remarks(tmp_path, lambda path: workbooks.rewritten(path, workbooks.as_it_is, extra))
    assert [line for line in said if line.startswith("L101")] == [
        "L101 the workbook holds macros, which are never run here; save it as .xlsx",
        "L101 the workbook takes values from other workbooks, which are never opened; paste them as values",
    ]


def test_x02_a_call_in_a_formula_is_never_made(tmp_path: Path) -> None:
    def call(book: openpyxl.Workbook) -> None:
        book["survey"]["C2"] = "=cmd|'/c calc'!A1"

    said = remarks(tmp_path, edited(call))
    assert [line[:4] for line in said] == ["L105", "L109"]
    assert said[0] == ("L105 sheet 'survey', cell C2 is a formula without a value; paste what it should say as a value")


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (workbooks.many_parts, "holds 5,0"),
        (partial(workbooks.many_parts, count=20_000), "holds far more parts than any workbook; save it anew"),
        (workbooks.leading_out, "holds a part whose name leads out of it; save it anew"),
        (workbooks.lying_size, "is damaged, or says what it does not hold; copy it again"),
    ],
)
def test_x03_a_package_that_deceives_is_refused_by_its_directory(
    tmp_path: Path, write: workbooks.Write, found: str
) -> None:
    assert found in refused(tmp_path, write)


def test_x03_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    assert "unpacks to far more than any form holds; take everything but the form" in refused(
        tmp_path, workbooks.huge_cell
    )
    assert "has 400,0" in refused(tmp_path, workbooks.many_cells)


def test_x04_a_cell_at_the_end_of_the_world_costs_nothing(tmp_path: Path) -> None:
    assert [question.path for question in accepted(tmp_path, workbooks.far_cell).questions] == ["camp"]


@pytest.mark.parametrize(
    "write", [workbooks.laughs, workbooks.quadratic, workbooks.reads_a_file, workbooks.asks_a_server]
)
def test_x05_entities_of_its_own_are_refused_and_nothing_is_fetched(
    tmp_path: Path, write: workbooks.Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", None)
    assert "declares entities of its own in xl/worksheets/sheet1.xml" in refused(tmp_path, write)


@pytest.mark.parametrize("write", [workbooks.in_utf16, workbooks.in_utf7])
def test_x05_xml_in_an_encoding_that_hides_entities_is_refused(tmp_path: Path, write: workbooks.Write) -> None:
    assert "writes xl/worksheets/sheet1.xml in another encoding than UTF-8" in refused(tmp_path, write)


def test_x06_what_is_hidden_or_merged_is_named_by_its_place(tmp_path: Path) -> None:
    def hide(book: openpyxl.Workbook) -> None:
        sheet = book["survey"]
        sheet.append(["text", "site", "Site", "#loc"])
        sheet["D1"] = "hxl"
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["D"].hidden = True
        sheet.merge_cells("E5:F6")
        book.create_sheet("about")
        sheet.sheet_state = "veryHidden"
        book.active = 1

    said = remarks(tmp_path, edited(hide))
    assert said == [
        "L102 sheet 'survey' is hidden, and is read all the same; show it or delete it",
        "L103 sheet 'survey': a column is hidden (D); show it",
        "L103 sheet 'survey': hidden rows are read all the same (3); show or delete them",
        "L104 sheet 'survey', cells E5:F6 are merged: only the first is read; part them",
    ]


def test_x06_a_date_and_rich_text_are_read_as_what_is_seen(tmp_path: Path) -> None:
    def change(book: openpyxl.Workbook) -> None:
        book["survey"]["C2"] = datetime(2026, 11, 3)  # noqa: DTZ001 - a workbook knows no zones

    assert accepted(tmp_path, edited(change)).questions[0].labels == {"default": "2026-11-03 00:00:00"}


def test_x07_headings_are_read_however_they_are_spaced_and_each_change_is_listed(tmp_path: Path) -> None:
    survey = (
        "| survey |\n| | Type | NAME | label::Arabic(ar) | Label::English (en) | constraint message:English (en) |\n"
        "| | text | camp | المخيم | Camp | No |\n"
    )
    write_form(tmp_path / "1.xlsx", survey)
    form = read_form(tmp_path / "1.xlsx", "visit", "1")
    assert (form.languages, form.questions[0].labels) == (("ar", "en"), {"ar": "المخيم", "en": "Camp"})
    assert form.questions[0].constraint_messages == {"en": "No"}
    assert [str(remark) for remark in remarks_of(tmp_path / "1.xlsx", form) if remark.code == "L107"] == [
        "L107 the heading 'Type' is read as 'type'",
        "L107 the heading 'NAME' is read as 'name'",
        "L107 the heading 'label::Arabic(ar)' is read as 'label::Arabic (ar)'",
        "L107 the heading 'Label::English (en)' is read as 'label::English (en)'",
        "L107 the heading 'constraint message:English (en)' is read as 'constraint_message::English (en)'",
    ]


def test_x07_a_label_without_a_language_is_one_of_the_default_language() -> None:
    survey = "| survey |\n| | type | name | label | label::Arabic (ar) |\n| | text | camp | Camp | المخيم |\n"
    settings = "| settings |\n| | default_language |\n| | English (en) |\n"
    assert read_markdown(survey + settings).questions[0].labels == {"en": "Camp", "ar": "المخيم"}
    assert read_markdown(survey).questions[0].labels == {"default": "Camp", "ar": "المخيم"}


def test_x08_names_that_cannot_stand_together_are_named() -> None:
    survey = "| | type | name | label |\n| | text | camp | C |\n| | text | Camp | C |\n| | text | meta | M |\n"
    assert linted(survey) == [
        "L201 sheet 'survey', row 3: 'Camp' and 'camp' differ by case alone; rename one",
        "L203 sheet 'survey', row 4: 'meta' is a name that servers use themselves; rename it",
    ]
    twice = "| survey |\n| | type | name | label |\n| | text | a | A |\n| | text | a | B |\n"
    with pytest.raises(SchemaError, match="row 3: the question 'a' stands already in row 2; rename one of them"):
        read_markdown(twice)
    groups = "| | begin_group | {0} | G |\n| | text | a | A |\n| | end_group | | |\n"
    assert linted("| | type | name | label |\n" + groups.format("g") + groups.format("h")) == []


def test_x08_a_question_named_as_a_group_is_named() -> None:
    survey = (
        "| | type | name | label |\n| | text | g | G |\n"
        "| | begin_group | g | G |\n| | text | a | A |\n| | end_group | | |\n"
    )
    assert linted(survey) == ["L201 'g' is a question and a group; rename one"]


def test_x09_choices_that_stand_twice_are_named_and_numbers_are_written_one_way(tmp_path: Path) -> None:
    def change(book: openpyxl.Workbook) -> None:
        sheet = book.create_sheet("choices")
        for row in [("list_name", "name", "label"), ("n", 1, "A"), ("n", "1", "B"), ("n", 1.0, "C"), ("n", 2.5, "D")]:
            sheet.append(row)
        book["survey"].append(["select_one n", "n", "N"])

    form = accepted(tmp_path, edited(change))
    assert [choice.name for choice in form.choices["n"]] == ["1", "1", "1", "2.5"]
    assert [str(remark) for remark in lint(form)] == [
        "L208 sheet 'choices', list 'n': 1, 1 stands twice; rename or drop it"
    ]


def test_x09_a_list_longer_than_phones_bear_is_named() -> None:
    content = {
        "survey": [{"type": "select_one", "select_from_list_name": "p", "name": "p", "label": ["P"]}],
        "choices": [{"list_name": "p", "name": f"p{n}", "label": ["P"]} for n in range(10_001)],
        "translations": [None],
    }
    assert [str(remark) for remark in lint(form_of_kobo(content, "visit", "1"))] == [
        "L209 sheet 'choices', list 'p' has 10,001 rows: phones grow slow; "
        "attach it as a file and use select_one_from_file"
    ]


def test_x10_gaps_are_listed_by_language() -> None:
    survey = (
        "| | type | name | label::English (en) | label::Arabic (ar) | label::Kurdish (ckb) |\n"
        "| | text | camp | Camp | | |\n| | text | site | Site | الموقع | |\n"
    )
    assert linted(survey) == [
        "L212 no label in ar: camp; translate it",
        "L212 no label in ckb: camp, site; translate it",
    ]


def test_x11_logic_that_goes_round_is_named_by_its_way() -> None:
    survey = (
        "| | type | name | label | calculation | relevant |\n"
        "| | calculate | a | | ${b} + 1 | |\n| | calculate | b | | ${c} | |\n| | text | c | C | | ${a} > 1 |\n"
        "| | calculate | own | | ${own} + 1 | |\n"
    )
    assert sorted(linted(survey)) == [
        "L206 each of these rests on the next: a -> b -> c -> a; take one of these references out",
        "L206 each of these rests on the next: own -> own; take one of these references out",
    ]


def test_x11_what_the_instance_before_answered_is_no_circle() -> None:
    survey = (
        "| | type | name | label | calculation |\n| | begin_repeat | r | R | |\n"
        "| | calculate | total | | indexed-repeat(${total}, ${r}, position(..) - 1) + 1 |\n| | end_repeat | | | |\n"
    )
    assert linted(survey) == []


@pytest.mark.parametrize(
    ("relevant", "found"),
    [
        ("(((", "L204 sheet 'survey', row 2, relevant: In the expression '(((', at character 4, it ends where"),
        ("${nope} = 1", "L205 sheet 'survey', row 2, relevant: ${nope} names nothing that this form asks"),
        ("nonsense(1)", "L204 sheet 'survey', row 2, relevant: In the expression 'nonsense(1)', at character 1, there"),
        ("${a} = 'x", "L204 sheet 'survey', row 2, relevant: In the expression"),
    ],
)
def test_x11_an_expression_that_cannot_be_is_named_by_row_and_sign(relevant: str, found: str) -> None:
    survey = f"| | type | name | label | relevant |\n| | text | a | A | {relevant} |\n"
    assert any(line.startswith(found) for line in linted(survey))


CATASTROPHIC = ["(a+)+$", "(a|aa)+$", "([a-z]+ ?)+!", "(a?){30}a{30}", "(.*a){20}", "a*a*a*a*a*b", "((a{1,20}){1,20})"]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_x12_a_pattern_that_never_ends_is_never_tried(pattern: str) -> None:
    constraint = f'| | type | name | label | constraint |\n| | text | a | A | regex(., "{pattern}") |\n'
    if "|" not in pattern:
        assert [line[:4] for line in linted(constraint)] == ["L207"]
    scope = Scope(now=datetime(2026, 11, 3, tzinfo=UTC), current="a" * 60)
    with pytest.raises(SchemaError, match="could take for ever on an answer of 60 characters; let no"):
        evaluate(parse(f'regex(., "{pattern}")'), scope)


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        (r"^(\+964|0)?7[0-9]{9}$", "07701234567", "12"),
        (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,4}", "im@cccm.org", "im"),
        (r"[ء-ي ]{1,60}", "مخيم دوميز", "Domiz"),
        (r"([0-9]{1,3}\.){3}[0-9]{1,3}", "127.0.0.1", "1"),
    ],
)
def test_x12_patterns_of_real_forms_still_work(pattern: str, fits: str, does_not: str) -> None:
    assert (risk_of(pattern), matches(fits, pattern), matches(does_not, pattern)) == ("", True, False)


CASCADE = """
| survey |
| | type | name | label | choice_filter |
| | select_one region | region | R | |
| | select_one camp | camp | C | {column} = ${{region}} |
| choices |
| | list_name | name | label | region |
| | region | north | N | |
| | camp | a | A | north |
| | camp | b | B | south |
"""


def test_x13_a_filter_on_a_column_that_is_not_there_and_a_choice_without_a_way_to_it_are_named() -> None:
    form = read_markdown(CASCADE.format(column="province"))
    assert [str(remark) for remark in lint(form)] == [
        "L210 sheet 'survey', row 3, choice_filter: list 'camp' has no column 'province'; "
        "add it to the sheet 'choices'",
        "L211 sheet 'survey', row 3, choice_filter: a, b can never be chosen, as 'region' offers no such province; "
        "mend the column",
    ]
    found = list(lint(read_markdown(CASCADE.format(column="region"))))
    assert [(remark.code, remark.serious) for remark in found] == [("L211", False)]
    assert "b can never be chosen" in found[0].text


@pytest.mark.parametrize("levels", [51, 60, 1200])
def test_x14_groups_within_groups_end_at_a_depth(tmp_path: Path, levels: int) -> None:
    assert refused(tmp_path, workbooks.deep(levels)) == (
        "1.xlsx, sheet 'survey', row 52: 'g50' stands within 50 groups and repeats; take some of them out."
    )


def test_x14_twelve_repeats_in_each_other_are_read(tmp_path: Path) -> None:
    question = accepted(tmp_path, workbooks.deep(12, "repeat")).questions[0]
    assert (question.path, len(question.repeats)) == ("/".join([*(f"g{n}" for n in range(12)), "camp"]), 12)


def test_x14_a_form_without_a_question_says_so(tmp_path: Path) -> None:
    def empty(book: openpyxl.Workbook) -> None:
        book["survey"].delete_rows(2)

    assert refused(tmp_path, edited(empty)) == ("1.xlsx: the workbook has no rows in a sheet named 'survey'; add one")


def test_x14_two_thousand_questions_are_read() -> None:
    rows = "".join(f"| | text | q{n} | Q |\n" for n in range(2500))
    assert len(read_markdown("| survey |\n| | type | name | label |\n" + rows).questions) == 2500


@pytest.mark.parametrize("named", ["../../etc/passwd.csv", "/etc/x.csv", "C:\\x.csv", "file:///x.xml"])
def test_x15_a_file_named_by_a_path_is_refused(named: str) -> None:
    with pytest.raises(SchemaError, match=r"row 2: the file '.*' is named by a path; write the name of a file that"):
        read_markdown(f"| survey |\n| | type | name | label |\n| | select_one_from_file {named} | a | A |\n")


def test_x15_a_list_in_a_file_is_named_and_not_opened() -> None:
    form = read_markdown(
        "| survey |\n| | type | name | label |\n| | select_one_from_file no-such.csv | a | A |\n"
        "| | csv-external | places | |\n"
    )
    assert [(q.name, q.type, q.list_name) for q in form.questions] == [("a", "select_one_from_file", "no-such.csv")]


@pytest.mark.parametrize("heading", ['bind::foo"><x', "instance::a b", "bind::<x/>"])
def test_x16_a_heading_never_breaks_the_xml_of_phones(tmp_path: Path, heading: str) -> None:
    write_form(tmp_path / "1.xlsx", f"| survey |\n| | type | name | label | {heading} |\n| | text | a | A | ]]><x> |\n")
    with pytest.raises(SchemaError):
        xform_of(tmp_path / "1.xlsx")


def test_x16_a_default_is_text_however_it_looks(tmp_path: Path) -> None:
    write_form(tmp_path / "1.xlsx", "| survey |\n| | type | name | label | default |\n| | text | a | A | ]]><x> |\n")
    assert "]]&gt;&lt;x&gt;" in xform_of(tmp_path / "1.xlsx")


@pytest.mark.parametrize("name", ["1st", "a b", "🏕", "a" * 300, "-a"])
def test_x17_a_name_that_servers_cannot_keep_is_named_by_its_row(name: str) -> None:
    survey = f"| | type | name | label |\n| | text | {name} | A |\n"
    (line,) = linted(survey)
    assert line.startswith(f"L202 sheet 'survey', row 2: '{name[:64]}' is no good name; begin it with a letter")


def test_x17_arabic_dots_and_dashes_are_names(tmp_path: Path) -> None:
    survey = "| survey |\n| | type | name | label |\n| | text | المخيم | A |\n| | text | a.b-c | A |\n"
    write_form(tmp_path / "1.xlsx", survey)
    form = read_form(tmp_path / "1.xlsx", "visit", "1")
    assert ([question.path for question in form.questions], list(lint(form))) == (["المخيم", "a.b-c"], [])


@pytest.mark.parametrize("sign", ["\u202e", "\u200b", "\u2066"])
def test_x17_a_sign_that_cannot_be_seen_in_a_name_is_refused(sign: str) -> None:
    with pytest.raises(SchemaError, match=r"row 2: the name '.*' holds a sign that cannot be seen; type it anew"):
        read_markdown(f"| survey |\n| | type | name | label |\n| | text | ca{sign}mp | A |\n")


def test_x17_a_label_that_turns_the_writing_round_is_named() -> None:
    survey = "| | type | name | label |\n| | text | a | \u202eevil |\n"
    assert linted(survey) == ["L213 signs that turn the writing round stand in the labels of a; type them anew"]


OLD = (
    "| survey |\n| | type | name | label |\n| | text | camp | Camp |\n| | integer | families | Families |\n"
    "| | text | moved | Moved |\n| | select_one k | kind | Kind |\n"
    "| choices |\n| | list_name | name | label |\n| | k | a | Tent |\n"
)


def test_x18_a_renamed_a_retyped_a_moved_question_and_a_code_used_again_are_each_named() -> None:
    new = (
        OLD.replace("| camp |", "| camp_name |")
        .replace("integer", "date")
        .replace(
            "| | text | moved | Moved |", "| | begin_group | g | G |\n| | text | moved | Moved |\n| | end_group | | |"
        )
        .replace("a | Tent", "a | House")
    )
    assert [(change.rule, change.path) for change in diff(read_markdown(OLD), read_markdown(new))] == [
        ("D401", "families"),
        ("D403", "kind"),
        ("D404", "camp"),
        ("D302", "moved"),
        ("D201", "camp_name"),
    ]


XFORM = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"><h:head><h:title>V</h:title>
<model><instance><data id="v" version="1"><camp/></data></instance><bind nodeset="/data/camp" type="string"/>{0}</model>
</h:head><h:body><input ref="/data/camp"><label>Camp</label></input></h:body></h:html>"""


@pytest.mark.parametrize(
    "before",
    [
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_x19_a_form_of_a_server_with_entities_of_its_own_is_refused(before: str) -> None:
    entity = "" if "SYSTEM" in before and "ENTITY" not in before else "&b;" if "ENTITY b" in before else "&x;"
    with pytest.raises(SchemaError, match="what was archived of it is no XForm; sync it again"):
        form_of_xform(before + XFORM.format(entity), "visit", "1")


def test_x19_a_form_of_a_server_with_a_huge_list_is_read() -> None:
    items = "".join(f"<item><name>c{number}</name><label>C</label></item>" for number in range(20_000))
    form = form_of_xform(XFORM.format(f'<instance id="camps"><root>{items}</root></instance>'), "visit", "1")
    assert [question.path for question in form.questions] == ["camp"]


def test_x03_x05_x14_refusing_takes_little_memory(tmp_path: Path) -> None:
    """All hostile workbooks in one child: the most it ever held, in kB."""
    for number, write in enumerate(workbooks.REFUSED.values()):
        write(tmp_path / f"{number}.xlsx")
    code = (
        "import re, sys\nfrom pathlib import Path\nfrom pipelines.errors import SchemaError\n"
        "from pipelines.forms.read import read_form\n"
        "for path in Path(sys.argv[1]).iterdir():\n"
        "    try:\n        read_form(path, 'visit', '1')\n        sys.exit(path.name)\n"
        "    except SchemaError:\n        pass\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) < 300_000
