"""Files of other systems: their cells as text, their rows as submissions, and each twice without a new revision."""

import hashlib
import io
import json
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.archive.archive import open_archive
from pipelines.errors import CccmError, ConfigError, DataError
from pipelines.project.crosswalk import Layout
from pipelines.project.layout import IdRule
from pipelines.project.source import Source, SourceAsset
from pipelines.sources.export_file import sync_export
from pipelines.sources.sync import SyncReport
from pipelines.sources.table_file import Table, read_table, table_of
from pipelines.store.duck import connect, read_rows
from tests.unit.old_workbook import old_workbook

# ---------------------------------------------------------------- one table of one file


def written(folder: Path, content: str | bytes, name: str = "round.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def workbook(sheets: dict[str, Sequence[Sequence[Any]]]) -> bytes:
    """An .xlsx with these rows on each sheet."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False}) as book:
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            time: book.add_format({"num_format": "hh:mm"}),
            timedelta: book.add_format({"num_format": "[h]:mm:ss"}),
        }
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    sheet.write(number, column, value, formats.get(type(value)))
    return content.getvalue()


@pytest.mark.parametrize("line", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_text_is_read_whatever_ends_its_lines(tmp_path: Path, line: str, start: bytes) -> None:
    text = line.join(["site,note", "A, two  ", '"B","a ""b"",', 'c"', "", ""])
    table = read_table(written(tmp_path, start + text.encode()))
    assert table == Table(("site", "note"), (("A", " two  "), ("B", f'a "b",{line}c')))


def test_cells_stay_as_written(tmp_path: Path) -> None:
    path = written(tmp_path, "a;b;c;d\n007;1e5;NA; \n=1+1;٣٥;-;12.50\n")
    assert read_table(path, delimiter=";").rows == (("007", "1e5", "NA", " "), ("=1+1", "٣٥", "-", "12.50"))


@pytest.mark.parametrize(
    ("encoding", "text"), [("cp1252", "Elderly – Women’s"), ("cp1256", "مخيم"), ("utf-16", "مخيم"), ("utf-8", "مخيم")]
)
def test_a_text_is_read_in_its_own_encoding(tmp_path: Path, encoding: str, text: str) -> None:
    path = written(tmp_path, f"site\n{text}\n".encode(encoding))
    assert read_table(path, encoding=encoding).rows == ((text,),)


def test_a_header_that_stands_twice_is_told_apart(tmp_path: Path) -> None:
    path = written(tmp_path, "a,a,a#2, a ,b\n1,2,3,4,5\n")
    assert read_table(path).headers == ("a", "a#3", "a#2", "a#4", "b")


def test_empty_rows_and_columns_around_are_left_out_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, ",,,\n\nsite,,n,\nA,,1,\n,,,\nB,x,,\n , ,,\n\n"))
    assert table.headers == ("site", "column B", "n")
    assert list(table.numbered()) == [(4, ("A", "", "1")), (6, ("B", "x", ""))]


def test_a_row_may_end_early(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "a,b,c\n1\n1,2\n")).rows == (("1", "", ""), ("1", "2", ""))


def test_a_workbook_gives_its_cells_as_text(tmp_path: Path) -> None:
    row = [35, 12.6, 1234567890123, "007", True, date(2020, 8, 1), datetime(2020, 8, 1, 10, 30), time(9, 5)]  # noqa: DTZ001
    content = workbook({"Data": [list("abcdefghi"), [*row, timedelta(hours=30)], [], ["x"]], "Other": [["z"], ["1"]]})
    path = written(tmp_path, content, "round.xlsx")
    assert read_table(path).rows == (
        ("35", "12.6", "1234567890123", "007", "TRUE", "2020-08-01", "2020-08-01T10:30:00", "09:05:00", "30:00:00"),
        ("",) * 9,
        ("x", *[""] * 8),
    )
    assert read_table(path, sheet="Other") == Table(("z",), (("1",),))


def test_an_old_workbook_gives_its_cells_as_text(tmp_path: Path) -> None:
    rows = [["site", "رقم", "day", "day"], ["Kabarto 1", "مخيم", 44197.0, 44197.4375], [None, "007", 12.5, 3.0]]
    path = written(tmp_path, old_workbook(rows, frozenset({(1, 2), (1, 3)})), "round.xls")
    assert read_table(path, sheet="Export") == Table(
        ("site", "رقم", "day", "day#2"),
        (("Kabarto 1", "مخيم", "2021-01-01", "2021-01-01T10:30:00"), ("", "007", "12.5", "3")),
    )
    assert read_table(path) == read_table(path, sheet="Export")


@given(
    st.lists(
        st.one_of(
            st.datetimes(datetime(1901, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),  # noqa: DTZ001
            st.integers(-(10**14), 10**14),
            st.decimals(-(10**6), 10**6, places=4).map(float),
            st.text("abc ١٢مخيم0.-=+\n", min_size=1, max_size=12),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_a_workbooks_cell_is_the_text_of_what_was_put_in(cells: list[Any]) -> None:
    table = table_of(
        workbook({"Data": [["a"], *([cell] for cell in cells)]}), "a.xlsx", encoding="", delimiter="", sheet=""
    )
    said = [row[0] for row in table.rows]
    assert said == [_shown(cell) for cell in cells][: len(said)]
    assert all(not _shown(cell).strip() for cell in cells[len(said) :])


def _shown(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else format(Decimal(repr(cell)), "f")
    return str(cell)


def test_a_workbook_is_known_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, workbook({"Data": [["a"], [1]]}), "round.csv")
    assert read_table(path) == Table(("a",), (("1",),))


REFUSALS: list[tuple[str | bytes, dict[str, str], type[CccmError], str]] = [
    ("a\nمخيم\n".encode("cp1256"), {}, DataError, r"round.csv, line 2: byte 2 is no utf-8-sig: write the encoding"),
    ("a\nمخيم\n", {"encoding": "cp1252"}, DataError, r"round.csv is utf-8, not cp1252: write 'encoding: utf-8'"),
    ("\ufeffa\n1\n", {"encoding": "cp1252"}, DataError, r"is utf-8, not cp1252"),
    ("a\n1\n".encode("utf-16"), {"encoding": "cp1252"}, DataError, r"is utf-16, not cp1252"),
    ("a\n", {"encoding": "cp9999"}, ConfigError, r"there is no encoding 'cp9999'"),
    ("a\n", {"delimiter": ";;"}, ConfigError, r"';;' cannot part cells"),
    ("", {}, DataError, r"round.csv is empty"),
    ("\n , \n", {}, DataError, r"round.csv is empty"),
    ('a,b\n1,2\n3,"4\n', {}, DataError, r"row 3: a quotation mark is not closed"),
    ("a,b\n1,2\n1,2,3\n", {}, DataError, r"row 3: it has 3 cells below 2 headers"),
    ("<!DOCTYPE html><p>Log in</p>", {}, DataError, r"is a web page and no table"),
    (b"PK\x03\x04 cut", {}, DataError, r"cannot be opened as a workbook"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 cut", {}, DataError, r"cannot be opened as a workbook"),
    (workbook({"Data": [["a"]]}), {"sheet": "Round"}, ConfigError, r"has no sheet 'Round': write one of Data"),
    (workbook({"Data": []}), {}, DataError, r"round.csv is empty"),
]


@pytest.mark.parametrize(("content", "said", "error", "why"), REFUSALS, ids=[why for *_, why in REFUSALS])
def test_what_cannot_be_read_is_said_in_one_sentence(
    tmp_path: Path, content: str | bytes, said: dict[str, str], error: type[CccmError], why: str
) -> None:
    with pytest.raises(error, match=why) as refused:
        read_table(written(tmp_path, content), **said)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.csv cannot be read \(No such file or directory\): put the file there"):
        read_table(tmp_path / "gone.csv")


# ---------------------------------------------------------------- a folder of files into the archive

NOW = datetime(2026, 11, 1, 8, 0)  # noqa: DTZ001
LAYOUT = Layout.model_validate(
    {
        "id": ["site", "month"],
        "dates": ["%y-%b"],
        "submitted_at": {"column": "month"},
        "columns": {"site": "site", "month": "report_month", "families": "total_families"},
    }
)
FIRST = "site,month,families\nA,20-Aug,10\nB,20-Aug,\nC,20-Aug,30\n"


class Inbox:
    """A folder of files, and what a sync of it comes to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "inbox"
        self.folder.mkdir()
        self.archive = folder / "archive.duckdb"
        self.attachments = folder / "attachments"

    def put(self, name: str, content: str | bytes, *, changed_at: str = "2026-10-18T09:00") -> Path:
        path = written(self.folder, content, name)
        moment = datetime.fromisoformat(changed_at).replace(tzinfo=UTC).timestamp()
        os.utime(path, (moment, moment))
        return path

    def sync(self, layout: Layout = LAYOUT, files: str = "*.csv") -> SyncReport:
        asset = SourceAsset(tool="fsmt", asset="map", files=files, layout="map")
        source = Source(name="maps", kind="export_file", folder=self.folder, assets=(asset,))
        with open_archive(self.archive) as archive:
            return sync_export(
                archive,
                source,
                asset,
                "map",
                layout,
                now=NOW,
                attachments=self.attachments,
                key_file=self.folder.parent / "key",
            )

    def rows(self, columns: str, order: str = "root_id, revision") -> list[tuple[Any, ...]]:
        with connect(self.archive, read_only=True) as con:
            found = read_rows(con, f"SELECT {columns} FROM submission ORDER BY {order}")
        return [tuple(row.values()) for row in found]

    def runs(self) -> list[dict[str, Any]]:
        with connect(self.archive, read_only=True) as con:
            return read_rows(con, "SELECT * FROM sync_run ORDER BY run")


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


def test_each_row_becomes_a_submission_as_it_stands(inbox: Inbox) -> None:
    path = inbox.put("round.csv", FIRST)
    report = inbox.sync()
    digest = hashlib.sha256(FIRST.encode()).hexdigest()
    august = datetime(2020, 8, 1)  # noqa: DTZ001
    assert inbox.rows("root_id, raw, raw_kind, instance_id, server_id, form_version, submitted_at, n_answers") == [
        (
            "A|20-Aug",
            '{"site": "A", "month": "20-Aug", "families": "10"}',
            "csv_row",
            f"{digest}:2",
            "",
            "map",
            august,
            3,
        ),
        ("B|20-Aug", '{"site": "B", "month": "20-Aug"}', "csv_row", f"{digest}:3", "", "map", august, 2),
        (
            "C|20-Aug",
            '{"site": "C", "month": "20-Aug", "families": "30"}',
            "csv_row",
            f"{digest}:4",
            "",
            "map",
            august,
            3,
        ),
    ]
    assert (inbox.attachments / digest).read_bytes() == path.read_bytes()
    assert (report.source, report.asset, report.counts.new, report.warning) == ("maps", "map", 3, "")
    assert report.server_time == datetime(2026, 10, 18, 9, 0)  # noqa: DTZ001
    assert [(run["complete"], run["server_time"], run["new"]) for run in inbox.runs()] == [
        (True, report.server_time, 3)
    ]


def test_the_same_files_again_add_nothing(inbox: Inbox) -> None:
    inbox.put("round.csv", FIRST)
    inbox.put("rounds.csv", FIRST.replace("30", "31"))
    inbox.sync()
    before = inbox.rows("*")
    assert inbox.sync().counts.changed == 0
    assert inbox.rows("*") == before
    assert len(list(inbox.attachments.iterdir())) == 2


def test_a_corrected_file_edits_the_rows_that_changed_and_no_other(inbox: Inbox) -> None:
    inbox.put("round.csv", FIRST)
    inbox.sync()
    inbox.put("round.csv", "site,month,families\r\nC,20-Aug,33\r\nD,20-Aug,40\r\nA,20-Aug,10\r\n")
    counts = inbox.sync().counts
    assert (counts.seen, counts.new, counts.edited, counts.deleted) == (3, 1, 1, 0)
    assert inbox.rows("root_id, revision, gone_why, raw->>'families'") == [
        ("A|20-Aug", 1, None, "10"),
        ("B|20-Aug", 1, None, None),
        ("C|20-Aug", 1, "replaced", "30"),
        ("C|20-Aug", 2, None, "33"),
        ("D|20-Aug", 1, None, "40"),
    ]


def test_of_a_row_in_several_files_the_last_by_name_counts(inbox: Inbox) -> None:
    inbox.put("2.csv", FIRST.replace("30", "32"), changed_at="2026-10-02T00:00")
    inbox.put("1.csv", FIRST.replace("30", "31"), changed_at="2026-10-09T00:00")
    report = inbox.sync()
    assert inbox.rows("raw->>'families'", "root_id") == [("10",), (None,), ("32",)]
    assert report.warning == "1 rows differ between the files; of each the last file by name counts"
    assert report.server_time == datetime(2026, 10, 9)  # noqa: DTZ001
    assert inbox.sync().counts.changed == 0


def test_a_second_row_of_the_same_id_is_not_lost(inbox: Inbox) -> None:
    inbox.put("round.csv", "site,month,families\nA,20-Aug,1\nA,20-Aug,2\nA#2,20-Aug,3\n,,4\n,,5\nA,20-Aug,6\n")
    assert inbox.sync().counts.new == 6
    assert inbox.rows("root_id, raw->>'families'", "raw->>'families'") == [
        ("A|20-Aug", "1"),
        ("A|20-Aug#2", "2"),
        ("A#2|20-Aug", "3"),
        ("|", "4"),
        ("|#2", "5"),
        ("A|20-Aug#3", "6"),
    ]
    assert inbox.sync().counts.changed == 0


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        ({}, "3 rows have nothing in 'site', 'month', which tells rows apart: they are told apart by their order"),
        ({}, "1 rows have in 'site', 'month' what an earlier row of the file has: both are kept"),
        (
            {"dates": ("%d/%m/%Y", "%m/%d/%Y")},
            "5 rows have in 'month' no time that 'dates' of the layout reads: the file's own stands for it",
        ),
    ],
)
def test_rows_that_are_not_sure_are_counted(inbox: Inbox, layout: dict[str, Any], told: str) -> None:
    inbox.put("round.csv", "site,month,families\nA,11/03/2026,1\nA,11/03/2026,2\n,,3\n,,4\n,,5\nB,25/11/2026,1\n")
    assert told in inbox.sync(LAYOUT.model_copy(update=layout)).warning.split("; ")


def test_a_time_without_a_zone_is_the_clock_of_who_wrote_it(inbox: Inbox) -> None:
    inbox.put("round.csv", "site,month,families\nA,03/11/2026 01:30,1\n")
    inbox.sync(LAYOUT.model_copy(update={"dates": ("%d/%m/%Y %H:%M",), "zone": "+03:00"}))
    assert inbox.rows("submitted_at") == [(datetime(2026, 11, 2, 22, 30),)]  # noqa: DTZ001


def test_another_id_rule_does_not_make_every_row_a_second_one(inbox: Inbox) -> None:
    inbox.put("round.csv", FIRST)
    inbox.sync()
    with pytest.raises(ConfigError, match=r"crosswalk.yml, layout 'map': what is archived has other keys than 'id'"):
        inbox.sync(LAYOUT.model_copy(update={"id": IdRule(columns=("site",))}))
    assert len(inbox.rows("*")) == 3
    assert [run["complete"] for run in inbox.runs()] == [True, False]


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ({"column": "month"}, "2026-10-18T09:00"),
        ({"column": "sent"}, "2020-09-02T21:30"),
        ({"constant": "2020-08-31"}, "2020-08-31T00:00"),
        ({}, "2026-10-18T09:00"),
    ],
)
def test_when_a_row_was_sent(inbox: Inbox, said: dict[str, str], moment: str) -> None:
    inbox.put("round.csv", "site,month,sent\nA,August,2020-09-03T00:30:00+03:00\n")
    inbox.sync(LAYOUT.model_copy(update={"submitted_at": type(LAYOUT.submitted_at)(**said)}))
    assert inbox.rows("submitted_at") == [(datetime.fromisoformat(moment),)]


def test_columns_that_the_layout_does_not_know_are_kept_and_told(inbox: Inbox) -> None:
    inbox.put("round.csv", "site,month,shade,site\nA,20-Aug,much,B\n")
    assert inbox.sync().warning == (
        "2 columns are not in layout 'map' and wait in quarantine ('shade', 'site#2'): add them to crosswalk.yml; "
        "1 columns of layout 'map' are not in every file ('families')"
    )
    assert [json.loads(raw) for (raw,) in inbox.rows("raw")] == [
        {"site": "A", "month": "20-Aug", "shade": "much", "site#2": "B"}
    ]


def test_what_an_office_program_leaves_beside_a_file_is_not_read(inbox: Inbox) -> None:
    inbox.put("round.csv", FIRST)
    inbox.put("~$round.csv", b"\x05owner")
    inbox.put(".round.csv.part", "half")
    (inbox.folder / "older.csv").mkdir()
    assert inbox.sync().counts.new == 3


@pytest.mark.parametrize(
    ("name", "content", "files", "why"),
    [
        ("round.xlsx", FIRST, "*.csv", r"source 'maps', tool 'fsmt': no file in .* matches '\*.csv'; put the export"),
        ("round.csv", FIRST, "", r"it does not say which files to read"),
        ("round.csv", FIRST, "/etc/*", r"'/etc/\*' is no pattern below the folder"),
        (
            "round.csv",
            FIRST.replace(",", ";"),
            "*.csv",
            r"has no column 'site', which layout 'map' needs; it begins with",
        ),
        ("round.csv", b"site\n\xff\n", "*.csv", r"is no utf-8-sig"),
    ],
)
def test_a_sync_that_cannot_read_its_files_leaves_the_archive_as_it_was(
    inbox: Inbox, name: str, content: str | bytes, files: str, why: str
) -> None:
    inbox.put("0.csv" if files == "*.csv" and name == "round.csv" else "0.txt", FIRST)
    inbox.put(name, content)
    with pytest.raises(CccmError, match=why) as refused:
        inbox.sync(files=files)
    assert "\n" not in str(refused.value)
    assert inbox.rows("*") == []
    assert [(run["complete"], run["error_class"]) for run in inbox.runs()] == [(False, refused.value.error_class)]
    assert not list(inbox.attachments.glob(".*"))


def test_a_folder_that_is_not_there(inbox: Inbox) -> None:
    inbox.folder.rmdir()
    with pytest.raises(ConfigError, match=r"the folder .*/inbox does not exist; make it and put the export there"):
        inbox.sync()
