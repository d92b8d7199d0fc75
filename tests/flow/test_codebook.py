"""The codebook: what a reader finds in the tables, in the workbook, in Markdown and in DDI XML."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import parse
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import ConfigError, DataError, DiskError
from pipelines.harmonize.codebook import codebook_of_forms
from pipelines.products.codebook import Code, Codebook, Origin, Variable, read_codebook
from pipelines.products.codebook_ddi import write_ddi
from pipelines.products.codebook_file import write_codebook_file
from pipelines.products.codebook_markdown import plain
from pipelines.project import Project
from pipelines.store.duck import Connection, in_memory
from tests.flow.harmonizing import TOOL, project_of
from tests.unit.ddi import LANG, NAMESPACE, faults

OLD = """
| survey |                      |          |                     |                      |             |
|        | type                 | name     | label::English (en) | label::Arabic (ar)   | sensitivity |
|        | select_one open_list | Open     | Is it open?         | هل هو مفتوح؟         | public      |
|        | integer              | tents    | Tents               | خيام                 | public      |
|        | text                 | services | Who works here      | من يعمل هنا          | partners    |
| choices |                     |          |                     |                      |             |
|         | list_name           | name     | label::English (en) | label::Arabic (ar)   |             |
|         | open_list           | Yes      | Yes                 | نعم                  |             |
|         | open_list           | No       | No                  | لا                   |             |
"""

NEW = """
| survey |             |          |                       |              |               |             |         |                 |
|        | type        | name     | label::en             | label::ar    | label::ckb    | sensitivity | hxl     | relevant        |
|        | begin_group | site     | The site              | الموقع       | شوێن          |             |         |                 |
|        | select_one open_list | open | +1 open?         | هل هو مفتوح؟ | کراوەیە؟      | public      | #status |                 |
|        | end_group   |          |                       |              |               |             |         |                 |
|        | text        | phone    | <b>Phone</b> / *it*   | هاتف         | تەلەفۆن       |             |         | ${open} = 'yes' |
|        | begin_repeat | service | Services              | خدمات        | خزمەتگوزاری   |             |         |                 |
|        | text        | provider | Provider              | جهة          | لایەن         | partners    | #org    |                 |
|        | end_repeat  |          |                       |              |               |             |         |                 |
| choices |            |          |                       |              |               |
|         | list_name  | name     | label::en             | label::ar    | label::ckb    |
|         | open_list  | yes      | Yes                   | نعم          | بەڵێ          |
|         | open_list  | no       | No                    | لا           | نەخێر         |
|         | open_list  | dnk      | Do not know           | لا أعلم      | نازانم        |
"""  # noqa: E501 - a sheet is as wide as it is

CROSSWALK = """
versions:
  '1':
    - {from: Open, to: open, recode: {"Yes": "yes", "No": "no"}, why: codes in small letters}
    - {from: services, split: {into: service, value: provider, by: organisation_alias}}
layouts:
  export:
    id: [Key]
    columns:
      Key: {unmapped: it is the key}
      Offen: open
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    forms = {"1": OLD, "2": NEW}
    return project_of(tmp_path, forms, crosswalk=CROSSWALK, tool="title: Visit\n")


@pytest.fixture
def tables(project: Project) -> Iterator[Connection]:
    with in_memory() as con:
        codebook_of_forms(con, project.tool(TOOL))
        yield con


def test_the_codebook_says_of_every_column_what_was_asked_and_what_joined_it(tables: Connection) -> None:
    codebook = read_codebook(tables, TOOL)
    assert (codebook.versions, codebook.languages, codebook.tables) == (
        ("1", "2"),
        ("en", "ar", "ckb"),
        ("visit", "visit__service"),
    )
    assert [(one.name, one.type, one.status, one.sensitivity, one.versions) for one in codebook.variables] == [
        ("open", "select_one", "current", "public", ("1", "2", "export")),
        ("phone", "text", "current", "restricted", ("2",)),
        ("tents", "integer", "retired", "public", ("1",)),
        ("provider", "text", "current", "partners", ("1", "2")),
    ]
    opened = codebook.variables[0]
    assert (opened.hxl, opened.labels["ckb"]) == ("#status", "کراوەیە؟")
    assert opened.origins == (
        Origin("1", "Open", "crosswalk", "Yes → yes; No → no", "codes in small letters"),
        Origin("2", "site/open", "names it", "", ""),
        Origin("export", "Offen", "crosswalk", "", ""),
    )
    assert codebook.nowhere == (Origin("export", "Key", "unmapped", "", "it is the key"),)


def test_codes_of_then_are_shown_as_those_of_now_and_codes_that_are_no_answer_are_named(tables: Connection) -> None:
    lists = read_codebook(tables, TOOL).lists
    assert {
        name: [(code.name, code.labels["ar"], code.missing) for code in codes] for name, codes in lists.items()
    } == {"open_list": [("yes", "نعم", ""), ("no", "لا", ""), ("dnk", "لا أعلم", "dont_know")]}


def test_an_analyst_finds_the_labels_of_groups_questions_and_choices_in_every_language(tables: Connection) -> None:
    sql = "SELECT kind, name, language, text FROM codebook.label WHERE version = '2' AND language = 'ckb' ORDER BY ALL"
    assert tables.execute(sql).fetchall() == [
        ("choice", "dnk", "ckb", "نازانم"),
        ("choice", "no", "ckb", "نەخێر"),
        ("choice", "yes", "ckb", "بەڵێ"),
        ("group", "service", "ckb", "خزمەتگوزاری"),
        ("group", "site", "ckb", "شوێن"),
        ("question", "open", "ckb", "کراوەیە؟"),
        ("question", "phone", "ckb", "تەلەفۆن"),
        ("question", "provider", "ckb", "لایەن"),
    ]


def test_the_workbook_keeps_foreign_text_as_text_and_arabic_from_the_right(tables: Connection, tmp_path: Path) -> None:
    path = write_codebook_file(tables, TOOL, tmp_path / "visit.xlsx")
    book = load_workbook(path)
    assert book.sheetnames == ["Questions", "Choices", "Where from"]
    sheet = book["Questions"]
    heads = [cell.value for cell in sheet[4]]
    row = dict(zip(heads, sheet[5], strict=True))
    assert heads[:7] == ["Table", "Column", "Type", "English", "Arabic", "Kurdish (Sorani)", "Choices"]
    assert (row["English"].value, row["English"].data_type) == ("+1 open?", "s")
    assert [row[name].alignment.readingOrder for name in ("English", "Arabic", "Kurdish (Sorani)")] == [0, 2, 2]
    assert {name: (book[name].freeze_panes, book[name].auto_filter.ref) for name in book.sheetnames} == {
        "Questions": ("C5", "A4:O8"),
        "Choices": ("C5", "A4:G7"),
        "Where from": ("C5", "A4:G12"),
    }
    formulas = [cell for one in book for cells in one.iter_rows() for cell in cells if cell.data_type == "f"]
    assert formulas == []


def test_the_same_forms_give_the_same_bytes(tables: Connection, tmp_path: Path) -> None:
    for suffix in ("xlsx", "md", "xml"):
        first, second = (write_codebook_file(tables, TOOL, tmp_path / f"{name}.{suffix}") for name in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_markdown_shows_foreign_text_as_it_is(tables: Connection, tmp_path: Path) -> None:
    text = write_codebook_file(tables, TOOL, tmp_path / "visit.md").read_text(encoding="utf-8")
    section = text.split("### phone\n")[1].split("\n## ")[0]
    assert section.strip().splitlines() == [
        r"- en: &lt;b&gt;Phone&lt;/b&gt; / \*it\*",
        '- ar: <span dir="rtl" lang="ar">هاتف</span>',
        '- ckb: <span dir="rtl" lang="ckb">تەلەفۆن</span>',
        "- Type: text",
        "- Asked in: 2",
        "- Now: current",
        "- Who may see it: restricted",
        r"- Asked only where: \${open} = 'yes'",
        "- From 2, phone (names it)",
        "",
        "### tents",
        "",
        "- en: Tents",
        '- ar: <span dir="rtl" lang="ar">خيام</span>',
        "- Type: integer",
        "- Asked in: 1",
        "- Now: retired",
        "- Who may see it: public",
        "- From 1, tents (retired)",
    ]
    assert plain("a|b\n[c](d)") == r"a\|b \[c\](d)"


def test_the_ddi_document_is_valid_and_says_the_same(tables: Connection, tmp_path: Path) -> None:
    root = parse(write_codebook_file(tables, TOOL, tmp_path / "visit.xml")).getroot()
    assert faults(root) == []
    variables = {var.get("name"): var for var in root.iter(f"{NAMESPACE}var")}
    assert list(variables) == ["open", "phone", "tents", "provider"]
    opened = variables["open"]
    assert [(labl.get(LANG), labl.text) for labl in opened.findall(f"{NAMESPACE}labl")] == [
        ("en", "+1 open?"),
        ("ar", "هل هو مفتوح؟"),
        ("ckb", "کراوەیە؟"),
    ]
    codes = [(found(one, "catValu"), one.get("missType")) for one in opened.findall(f"{NAMESPACE}catgry")]
    assert codes == [("yes", None), ("no", None), ("dnk", "dont_know")]
    assert [found(one, "version") for one in opened.findall(f"{NAMESPACE}verStmt")] == ["1", "2", "export"]
    assert found(opened, "concept") == "#status"
    assert found(variables["phone"], "universe") == "${open} = 'yes'"


def found(element: Element, name: str) -> str | None:
    return element.findtext(f"{NAMESPACE}{name}")


def test_the_rules_of_ddi_notice_what_is_wrong(tables: Connection, tmp_path: Path) -> None:
    path = write_codebook_file(tables, TOOL, tmp_path / "visit.xml")

    def wrong(before: str, after: str) -> list[str]:
        broken = tmp_path / "broken.xml"
        text = path.read_text(encoding="utf-8")
        assert re.search(before, text)
        broken.write_text(re.sub(before, after, text, count=1), encoding="utf-8")
        return faults(parse(broken).getroot())

    assert wrong(r"<titl>.*</titl>", "") == ["titlStmt holds 0 titl"]
    assert wrong(r'<var (.*) name="open"', r"<var \1") == ["var lacks name"]
    assert wrong(r'intrvl="discrete"', 'intrvl="often"') == ["var has intrvl='often'"]
    assert wrong(r'ID="var.visit.phone"', 'ID="var.visit.open"')[0] == "two elements have the ID var.visit.open"
    assert wrong(r'files="file.visit"', 'files="file.none"') == ["var refers to file.none, which is not there"]
    assert wrong(r'xml:lang="ckb"', 'xml:lang="Kurdish (ckb)"') == [f"labl has {LANG}='Kurdish (ckb)'"]
    assert wrong(r"<security>public</security>", "")[:1] == []
    assert "stand in another order" in wrong(r"(<catValu>yes</catValu>)(\s*<labl.*)", r"\2\1")[0]


WORDS = st.text(max_size=20)
NAMES = st.text(min_size=1, max_size=12)


@given(title=WORDS, names=st.lists(st.tuples(NAMES, WORDS, WORDS), max_size=5), language=NAMES)
def test_no_letter_in_a_form_makes_the_ddi_document_invalid(
    tmp_path_factory: pytest.TempPathFactory, title: str, names: list[tuple[str, str, str]], language: str
) -> None:
    variables = [
        Variable(
            *("visit", name, "select_one", "list", "current", "public", text, text, text, text, text),
            labels={language: text, "en": text},
            hints={language: text},
            codes=(Code(code, {language: text}, ("1",), ""),),
            origins=(Origin(text, name, "names it", code, text),),
        )
        for name, text, code in {each[0]: each for each in names}.values()
    ]
    path = tmp_path_factory.mktemp("ddi") / "visit.xml"
    write_ddi(Codebook("visit", title, ("1",), (language,), tuple(variables)), path)
    assert faults(parse(path).getroot()) == []


def test_a_file_of_no_known_kind_is_refused(tables: Connection, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"visit\.pdf ends in no kind of codebook; let it end in \.xlsx, \.md, \.xml\."
    ):
        write_codebook_file(tables, TOOL, tmp_path / "visit.pdf")
    for suffix in ("xlsx", "md", "xml"):
        with pytest.raises(DiskError, match="cannot be written"):
            write_codebook_file(tables, TOOL, tmp_path / "none" / f"visit.{suffix}")


def test_a_tool_that_the_tables_do_not_know_is_said_plainly(tables: Connection) -> None:
    with pytest.raises(DataError, match=r"The codebook says nothing of other; run `cccm build other` first\."):
        read_codebook(tables, "other")


def test_the_command_writes_the_codebook_before_anything_is_synced(project: Project, tmp_path: Path) -> None:
    environment = {"CCCM_PROJECT": str(project.root), "CCCM_DATA": str(project.data)}
    done = CliRunner().invoke(app, ["codebook", TOOL, "-o", str(tmp_path / "visit.xml")], env=environment)
    assert (done.exit_code, project.data.exists()) == (0, False)
    assert faults(parse(tmp_path / "visit.xml").getroot()) == []
