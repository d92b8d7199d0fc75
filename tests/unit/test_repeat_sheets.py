"""A workbook with a sheet for each repeat, as Kobo exports it: every row of every sheet goes where it belongs, or the
file is refused.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from pipelines.errors import CccmError, ConfigError, DataError
from pipelines.project.crosswalk import Layout, read_crosswalk
from pipelines.sources.export_file import check_export
from pipelines.sources.repeat_sheets import headers_of, rows_of
from pipelines.sources.table_file import Table

LAYOUT = """
layouts:
  export:
    sheet: main
    id: [_uuid]
    repeats:
      member: {sheet: members}
      illness: {within: member, joined_by: {_parent_index: _index}}
    columns: {camp: camp, member/age: age, illness/of: of}
"""
MAIN = [["camp", "_uuid", "_index"], ["Ashti", "u1", 1], ["Kabarto", "u2", 2], ["Empty", "u3", 3]]
MEMBERS = [["age", "_index", "_parent_index"], [3, 1, 2], [35, 2, 1], [None, 3, 2]]
ILLNESS = [["of", "_index", "_parent_index"], ["flu", 1, 3], ["cough", 2, 1], ["flu", 3, 1]]


def layout_of(folder: Path, written: str = LAYOUT) -> Layout:
    (folder / "crosswalk.yml").write_text(written, encoding="utf-8")
    return read_crosswalk(folder / "crosswalk.yml").layouts["export"]


def workbook(folder: Path, **sheets: list[list[Any]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in {"main": MAIN, "members": MEMBERS, "illness": ILLNESS, **sheets}.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(folder / "export.xlsx")
    return folder / "export.xlsx"


def table(rows: list[list[Any]]) -> Table:
    texts = [tuple("" if cell is None else str(cell) for cell in row) for row in rows]
    return Table(texts[0], tuple(texts[1:]))


def test_each_row_stands_in_the_row_that_it_belongs_to(tmp_path: Path) -> None:
    sheets = {"member": table(MEMBERS), "illness": table(ILLNESS)}
    rows = dict(rows_of(table(MAIN), sheets, layout_of(tmp_path), "export.xlsx"))
    assert rows == {
        2: {
            "camp": "Ashti",
            "_uuid": "u1",
            "_index": "1",
            "member": [{"member/age": "35", "member/_index": "2", "member/_parent_index": "1"}],
        },
        3: {
            "camp": "Kabarto",
            "_uuid": "u2",
            "_index": "2",
            "member": [
                {
                    "member/age": "3",
                    "member/_index": "1",
                    "member/_parent_index": "2",
                    "illness": [
                        {"illness/of": "cough", "illness/_index": "2", "illness/_parent_index": "1"},
                        {"illness/of": "flu", "illness/_index": "3", "illness/_parent_index": "1"},
                    ],
                },
                {
                    "member/_index": "3",
                    "member/_parent_index": "2",
                    "illness": [{"illness/of": "flu", "illness/_index": "1", "illness/_parent_index": "3"}],
                },
            ],
        },
        4: {"camp": "Empty", "_uuid": "u3", "_index": "3"},
    }


def test_the_columns_that_join_sheets_want_no_line(tmp_path: Path) -> None:
    sheets = {"member": table(MEMBERS), "illness": table(ILLNESS)}
    headers = headers_of(table(MAIN), sheets, layout_of(tmp_path))
    assert headers == ["camp", "_uuid", "_index", "member/age", "member/_index", "illness/of", "illness/_index"]


REFUSED = {
    "a row of nobody": ({"members": [*MEMBERS, [9, 4, 7]]}, r"sheet 'members', row 5: '_parent_index' names no row of"),
    "a row that names none": ({"members": [*MEMBERS, [9, 4, ""]]}, r"row 5: '_parent_index' names no row of the sheet"),
    "a row of two": ({"main": [*MAIN, ["Twin", "u4", 2]]}, r"row 2: '_parent_index' names 2 rows of .* by '_index'"),
    "a row of nobody deeper": (
        {"illness": [*ILLNESS, ["flu", 4, 9]]},
        r"sheet 'illness', row 5: '_parent_index' names",
    ),
    "no column to join by": ({"members": [["age", "_index"], [1, 1]]}, r"'members' has no column '_parent_index', by"),
    "no column to be joined by": ({"main": [["camp", "_uuid"], ["a", "u1"]]}, r"has no column '_index', by which"),
    "a column called as a repeat": ({"main": [[*row, "x"] for row in MAIN]}, r"call the repeat otherwise, and say"),
}
REFUSED["a column called as a repeat"][0]["main"][0][3] = "member/age"


@pytest.mark.parametrize("found", REFUSED)
def test_a_file_in_which_a_row_would_be_lost_is_refused(tmp_path: Path, found: str) -> None:
    sheets, says = REFUSED[found]
    with pytest.raises(CccmError, match=says):
        check_export(workbook(tmp_path, **sheets), "export", layout_of(tmp_path))


def test_a_sheet_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, LAYOUT.replace("sheet: members", "sheet: people"))
    with pytest.raises(ConfigError, match="has no sheet 'people': write one of main, members, illness as 'sheet'"):
        check_export(workbook(tmp_path), "export", layout)


def test_a_text_has_no_sheets(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text("camp,_uuid,_index\na,b,1\n")
    with pytest.raises(ConfigError, match="is no workbook and has no sheets for the repeats of layout 'export'"):
        check_export(tmp_path / "export.csv", "export", layout_of(tmp_path))


@pytest.mark.parametrize(
    ("repeats", "says"),
    [
        ("{a/b: {}}", "'a/b' is no name for a repeat: write a word without /"),
        ("{a: {within: b}, b: {}}", "'a' is within 'b', which no repeat above it is called: name one"),
        ("{a: {joined_by: {}}}", "joined_by"),
        ("{a: {sheets: x}}", "unknown key 'sheets': did you mean 'sheet'?"),
    ],
)
def test_a_layout_says_what_is_wrong_with_its_repeats(tmp_path: Path, repeats: str, says: str) -> None:
    with pytest.raises(ConfigError, match=r"crosswalk\.yml, line 6") as refused:
        layout_of(
            tmp_path,
            f"layouts:\n  export:\n    id: [a]\n    columns: {{a: b}}\n    # repeats\n    repeats: {repeats}\n",
        )
    assert says in str(refused.value)


def test_a_text_that_no_cell_holds_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        check_export(workbook(tmp_path, members=[]), "export", layout_of(tmp_path))


@st.composite
def exports(draw: st.DrawFn) -> tuple[list[list[Any]], list[list[Any]], list[list[Any]]]:
    """Three sheets whose rows stand in any order, each below one of the sheet around it."""
    counts = [draw(st.integers(1, 6)), draw(st.integers(0, 8)), draw(st.integers(0, 8))]
    counts[2] *= bool(counts[1])
    sheets = []
    for depth, count in enumerate(counts):
        rows = [
            [f"token {depth}.{n}", f"i{n}", f"i{draw(st.integers(0, max(counts[depth - 1], 1) - 1))}"]
            for n in range(count)
        ]
        sheets.append([["t", "_index", "_parent_index"], *draw(st.permutations(rows))])
    return sheets[0], sheets[1], sheets[2]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(exports())
def test_every_cell_stands_once_below_its_own_row(tmp_path: Path, made: tuple[list[list[Any]], ...]) -> None:
    main, members, illness = made
    sheets = {"member": table(members), "illness": table(illness)}
    rows = [cells for _, cells in rows_of(table(main), sheets, layout_of(tmp_path), "export.xlsx")]
    written = json.dumps(rows)
    for row in (*main[1:], *members[1:], *illness[1:]):
        assert written.count(f'"{row[0]}"') == 1
    for cells in rows:
        for member in cells.get("member", []):
            assert member["member/_parent_index"] == cells["_index"]
            assert {one["illness/_parent_index"] for one in member.get("illness", [])} <= {member["member/_index"]}


def test_the_guides_layout_of_a_workbook_with_three_sheets_is_one(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "export-files.md").read_text(encoding="utf-8")
    written = guide.partition("# kobo-export: a workbook with three sheets\n")[2].partition("```")[0]
    (tmp_path / "crosswalk.yml").write_text(written, encoding="utf-8")
    layout = read_crosswalk(tmp_path / "crosswalk.yml").layouts["kobo-export"]
    assert {name: (one.sheet, one.into, layout.around(name)) for name, one in layout.repeats.items()} == {
        "member": ("member", "member", ()),
        "illness": ("sick", "sickness", ("member",)),
    }
    assert [layout.repeat_of(path) for path in layout.columns] == ["", "member", "illness", ""]
