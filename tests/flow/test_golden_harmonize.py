"""What becomes of answers, in cases that a field officer can read: tests/golden/harmonize/<case>/.

`make test ARGS="-k golden_harmonize"` compares; with CCCM_WRITE_GOLDEN=1 it writes what it found, to be read before it
is kept. What a case may hold is in tests/golden/harmonize/README.md.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pipelines.archive.archive import Submission
from pipelines.harmonize.build import balance_of
from pipelines.project import Project
from pipelines.store.duck import Connection, columns_of, quote
from tests.flow.harmonizing import TOOL, archive, built, project_of, submission

GOLDEN = Path(__file__).parents[1] / "golden" / "harmonize"
CASES = sorted(folder for folder in GOLDEN.iterdir() if folder.is_dir())

NOTE = "_id, repeat, _index, path, text, table_name, column_name, landed_index, landed, reason"
QUARANTINE = "_id, _form_version, repeat, _index, path, text, reason"


class Sent(msgspec.Struct):
    """The keys of a submission that the archive has columns for."""

    root_id: int | str = msgspec.field(name="_id")
    version: str = msgspec.field(name="__version__", default="")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_land_as_the_case_says(case: Path, tmp_path: Path) -> None:
    project = prepared(case, tmp_path)
    with built(project) as (con, report):
        assert report.balanced
        assert [line.unbalanced for line in balance_of(con, project, project.tool(TOOL))] == [0] * len(report.balance)
        found = dict(texts(con, report.rows, case / "expected"))
    if os.environ.get("CCCM_WRITE_GOLDEN"):
        write(case / "expected", found)
    assert found == {file.name: file.read_text(encoding="utf-8") for file in (case / "expected").glob("*.csv")}


def prepared(case: Path, folder: Path) -> Project:
    """The project of a case, with its submissions archived."""
    forms = {file.stem.removeprefix("form_"): file.read_text(encoding="utf-8") for file in case.glob("form_*.md")}
    project = project_of(
        folder, forms, crosswalk=content(case / "crosswalk.yml"), tool=content(case / "tool.yml") or "title: Visit\n"
    )
    for file in (case / "reference").glob("*.csv"):
        project.reference.mkdir(parents=True, exist_ok=True)
        (project.reference / file.name).write_bytes(file.read_bytes())
    archive(project, list(sent(case)), form_versions={file.stem: content(file) for file in case.glob("served/*.json")})
    return project


def sent(case: Path) -> Iterator[Submission]:
    """The submissions of a case: those of submissions.json as they stand, rows of a file, documents by themselves."""
    for raw in msgspec.json.decode(content(case / "submissions.json") or "[]", type=list[msgspec.Raw]):
        row = msgspec.json.decode(raw, type=Sent)
        yield submission(str(row.root_id), bytes(raw).decode(), row.version)
    for number, cells in enumerate(json.loads(content(case / "rows.json") or "[]"), start=1):
        yield submission(str(number), cells, "layout", "csv_row")
    for file in sorted(case.glob("document_*.txt")):
        yield submission(file.stem.removeprefix("document_"), content(file).rstrip("\n"), "1")


def content(file: Path) -> str:
    """The text of a file that need not be there."""
    return file.read_text(encoding="utf-8") if file.exists() else ""


def texts(con: Connection, tables: dict[str, int], expected: Path) -> Iterator[tuple[str, str]]:
    """(file name, the table as CSV text) for every table, and for notes and quarantine where there are any.

    A table is shown with every question; of our own columns, with those that the expected file names.
    """
    for table in tables:
        key = ["_id", "_index"] if "_index" in columns_of(con, "harmonized", table) else ["_id"]
        named = content(expected / f"{table}.csv").split("\n", 1)[0].split(",")
        ours = [*key, *(name for name in named if name.startswith("_") and name not in key)]
        questions = [name for name in columns_of(con, "harmonized", table) if not name.startswith("_")]
        yield f"{table}.csv", csv(con, f"harmonized.{quote(table)}", ", ".join(map(quote, [*ours, *questions])))
    for table, columns in (("note", NOTE), ("quarantine", QUARANTINE)):
        text = csv(con, f"ledger.{table}", columns)
        if text.count("\n") > 1:
            yield f"{table}.csv", text


def csv(con: Connection, table: str, columns: str) -> str:
    """`columns` of `table` as CSV, in their own order; a missing answer is empty, an empty text is two quotes."""
    found = con.execute(f"SELECT {columns} FROM {table} ORDER BY ALL")
    header = ",".join(name for name, *_ in found.description or [])
    rows = sorted(found.fetchall(), key=lambda row: int(row[0]) if row[0].isdecimal() else 0)
    lines = [header, *(",".join(map(cell, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def cell(value: object) -> str:
    """A value as a person writes it in CSV."""
    if value is None:
        return ""
    if isinstance(value, list):
        value = "[" + " ".join(value) + "]"
    text = re.sub(r"\.0$", "", str(value)) if isinstance(value, float) else str(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if not text or re.search(r'[",\n]|^\s|\s$', text) else text


def write(folder: Path, found: dict[str, str]) -> None:
    """Put what was found where it is expected."""
    folder.mkdir(exist_ok=True)
    for file in folder.glob("*.csv"):
        file.unlink()
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")
