"""The layouts that docs/export-files.md shows can be read, and the one of a Google form brings its responses home."""

# ruff: noqa: DTZ001 - a workbook knows no zone

import io
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter

from pipelines.project.crosswalk import read_crosswalk
from pipelines.project.source import read_sources
from tests.flow.exits import TOOL, exits

GUIDE = Path(__file__).parents[2] / "docs" / "export-files.md"
BLOCKS = re.findall(r"^```yaml\n# (\S+).*?\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

QUESTIONS = ["Timestamp", "Which camp are you in?", "What do you need most?", "How many are you?", "Anything else?"]
RESPONSES = [
    [datetime(2026, 11, 3, 14, 5, 33), "Ashti", "School, for children, Water and electricity, Cash", 5, "شكراً, 007"],
    [datetime(2026, 11, 3, 9, 0, 0), "kabarto 1", "Water", 12, ""],
    [datetime(2026, 1, 2, 23, 59, 59), "مخيم كبرتو الأول", "cash, ماء وكهرباء", 1, "-"],
]
LANDED = [
    ("IQ0803-0002", datetime(2026, 1, 2, 20, 59, 59), "+03:00", ["cash", "power"], 1, "-"),
    ("IQ0803-0002", datetime(2026, 11, 3, 6, 0), "+03:00", ["water"], 12, None),
    ("IQ0510-0001", datetime(2026, 11, 3, 11, 5, 33), "+03:00", ["school", "power", "cash"], 5, "شكراً, 007"),
]


def as_csv(written: str) -> bytes:
    rows = [QUESTIONS, *([moment.strftime(written), *rest] for moment, *rest in RESPONSES)]
    return "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in rows).encode()


def as_workbook() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        shown = book.add_format({"num_format": "m/d/yyyy h:mm:ss"})
        sheet = book.add_worksheet("Form Responses 1")
        for number, row in enumerate([QUESTIONS, *RESPONSES]):
            for column, cell in enumerate(row):
                sheet.write(number, column, cell, shown if isinstance(cell, datetime) else None)
    return content.getvalue()


def _asked_for(name: str) -> str:
    (block,) = [text for named, text in BLOCKS if named == name]
    return block


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("responses.csv", as_csv("%m/%d/%Y %H:%M:%S")),
        ("responses.csv", as_csv("%Y/%m/%d %I:%M:%S %p GMT+3")),
        ("responses.xlsx", as_workbook()),
    ],
    ids=["sheet saved as csv", "downloaded responses", "sheet saved as xlsx"],
)
def test_responses_of_a_google_form_land(tmp_path: Path, name: str, content: bytes) -> None:
    with exits(tmp_path, with_kobo=False) as cluster:
        root = cluster.cluster.project.root / "xlsforms"
        (root / TOOL / "crosswalk.yml").write_text(_asked_for("layout"), encoding="utf-8")
        sources = (root / "sources.yml").read_text()
        (root / "sources.yml").write_text(sources.replace("exit_*.*", "*").replace("assist-2018", "google-form"))
        (cluster.inbox / name).write_bytes(content)
        assert cluster.harmonize() == []
        assert cluster.balanced()
        landed = cluster.rows(
            f"SELECT site, asked_at, asked_at_offset, needs, members, comment FROM harmonized.{TOOL} ORDER BY asked_at"
        )
        assert [tuple(row.values()) for row in landed] == LANDED
        sent = cluster.rows(f"SELECT _submitted_at, asked_at FROM harmonized.{TOOL}")
        assert all(row["_submitted_at"] == row["asked_at"] for row in sent)


def test_the_guides_layout_of_assist_is_one(tmp_path: Path) -> None:
    file = tmp_path / "crosswalk.yml"
    file.write_text(_asked_for("xlsforms/exit_interview/crosswalk.yml"), encoding="utf-8")
    layout = read_crosswalk(file).layouts["assist-2018"]
    assert (layout.id.hmac, layout.delimiter, layout.dates) == (("Family ID",), ";", ("%d/%m/%Y", "excel"))
    assert layout.columns["Camp"].by == "site_alias"
    (tmp_path / "sources.yml").write_text(_asked_for("xlsforms/sources.yml"))
    (source,) = read_sources(tmp_path / "sources.yml", ("exit_interview",), tmp_path)
    assert (source.folder, source.assets[0].layout) == (tmp_path / "inbox" / "assist", "assist-2018")


CAREFUL = """
layouts:
  old:
    encoding: auto
    id: [n]
    dates: [excel, "%d/%m/%Y", "%m/%d/%Y"]
    columns: {n: family_id, day: departure_date, time: asked_at, need: needs, need#2: comment, sum: debt, who: members}
"""

CELLS = [
    ("1", "44197", "44197.4375", "Cash|Water and electricity", "x", "12.50", "٣"),
    ("2", "25/11/2026", "2026-11-03T14:05:33", "Water؛ Cash", "", "1,200", "4.0"),
    ("3", "03/11/2026", "", "Cash Cash", "y", "", ""),
    ("4", "31/31/2026", "soon", "Water and", "", "0.00000000001", "1.5"),
]
HELD = [
    ("3", "day", "03/11/2026", "several_dates"),
    ("4", "day", "31/31/2026", "not_a_date"),
    ("4", "need", "Water and", "not_in_list"),
    ("4", "sum", "0.00000000001", "too_fine"),
    ("4", "time", "soon", "not_a_date"),
    ("4", "who", "1.5", "not_whole"),
]


def test_a_cell_is_held_exactly_or_waits_with_its_reason(tmp_path: Path) -> None:
    with exits(tmp_path, with_kobo=False) as cluster:
        root = cluster.cluster.project.root / "xlsforms"
        (root / TOOL / "crosswalk.yml").write_text(CAREFUL)
        (root / "sources.yml").write_text((root / "sources.yml").read_text().replace("assist-2018", "old"))
        lines = ["n,day,time,need,need,sum,who", *(",".join(f'"{cell}"' for cell in row) for row in CELLS)]
        (cluster.inbox / "exit_1.csv").write_bytes("\r".join(lines).encode("utf-16"))
        (warning,) = cluster.harmonize()
        assert warning.startswith("6 texts are none that layout 'old' or the form knows ('day': 2, 'need': 1, 'sum': 1")
        assert cluster.balanced()
        found = cluster.rows(
            "SELECT family_id, departure_date, asked_at, needs, comment, debt, members "
            f"FROM harmonized.{TOOL} ORDER BY family_id"
        )
        assert [tuple(row.values()) for row in found] == [
            ("1", date(2021, 1, 1), datetime(2021, 1, 1, 10, 30), ["cash", "power"], "x", Decimal("12.5"), 3),
            ("2", date(2026, 11, 25), datetime(2026, 11, 3, 14, 5, 33), ["water", "cash"], None, Decimal(1200), 4),
            ("3", None, None, ["cash"], "y", None, None),
            ("4", None, None, None, None, None, None),
        ]
        held = cluster.rows("SELECT _id, path, text, reason FROM ledger.quarantine ORDER BY ALL")
        assert [tuple(row.values()) for row in held] == HELD
