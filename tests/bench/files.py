"""How fast a file of another system goes: read, archived, read again unchanged, corrected, harmonized.

10,000 rows of 60 columns: labels, several labels in a cell, dates with the day first, numbers, free text. Each step is
held beside Python's own csv module reading the same bytes.

    python -m tests.bench.files [ROWS]
"""

import csv
import io
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from pipelines.archive.archive import open_archive
from pipelines.project.crosswalk import read_crosswalk
from pipelines.project.source import Source, SourceAsset
from pipelines.sources.export_file import sync_export
from pipelines.sources.sync import SyncReport
from pipelines.sources.table_file import read_table
from tests.flow.harmonizing import TOOL, built, project_of

KINDS = [
    *["text"] * 15,
    *["integer"] * 15,
    *["select_one kind"] * 15,
    *["select_multiple source"] * 8,
    *["date"] * 5,
    *["decimal"] * 2,
]
FORM = "\n".join(
    [
        "| survey |",
        "| | type | name | label |",
        *(f"| | {kind} | q{number} | q{number} |" for number, kind in enumerate(KINDS)),
        "| choices |",
        "| | list_name | name | label |",
        *(f"| | kind | k{number} | Kind number {number} |" for number in range(20)),
        *(f"| | source | s{number} | Source of kind {number} |" for number in range(12)),
    ]
)
CROSSWALK = "layouts:\n  old:\n    encoding: auto\n    id: [c0]\n    dates: ['%d/%m/%Y']\n    columns:\n" + "".join(
    f"      c{number}: q{number}\n" for number in range(len(KINDS))
)
NOW = datetime(2026, 11, 1)  # noqa: DTZ001


def main(words: Sequence[str]) -> None:
    """Print seconds for each step, and how many times those of the csv module that is."""
    rows = int(words[0]) if words else 10_000
    with tempfile.TemporaryDirectory() as folder:
        for step, seconds, of_csv in _steps(Path(folder), rows):
            print(f"{step:<34} {seconds:8.2f} s  {rows * len(KINDS) / seconds:12,.0f} cells/s  {of_csv:6.1f} x csv")


def _steps(folder: Path, rows: int) -> Iterator[tuple[str, float, float]]:
    project = project_of(folder, {"1": FORM}, crosswalk=CROSSWALK)
    (folder / "inbox").mkdir()
    file = folder / "inbox" / "export.csv"
    content = _content(rows)
    file.write_text(content, encoding="utf-8")
    asset = SourceAsset(tool=TOOL, asset="old", files="*.csv", layout="old")
    source = Source(name="assist", kind="export_file", folder=folder / "inbox", assets=(asset,))
    layout = read_crosswalk(project.tool(TOOL).crosswalk_file).layouts["old"]

    def sync() -> SyncReport:
        places = {"attachments": project.attachments, "key_file": project.key_file}
        with open_archive(project.archive_file(TOOL)) as archive:
            return sync_export(archive, source, asset, "old", layout, now=NOW, **places)

    def harmonize() -> bool:
        with built(project) as (_, report):
            return report.balanced

    floor = _seconds(lambda: len(list(csv.reader(io.StringIO(content, newline="")))) == rows + 1)
    measured = {
        "csv module alone": floor,
        "read as a table": _seconds(lambda: len(read_table(file, encoding="auto").rows) == rows),
        "first sync": _seconds(lambda: sync().counts.new == rows),
        "sync of the same file": _seconds(lambda: sync().counts.changed == 0),
    }
    file.write_text(_content(rows, corrected=rows // 100), encoding="utf-8")
    measured["sync of one corrected in 1 %"] = _seconds(lambda: sync().counts.edited == rows // 100)
    measured["harmonize"] = _seconds(harmonize)
    yield from ((step, seconds, seconds / floor) for step, seconds in measured.items())


def _seconds(work: Callable[[], bool]) -> float:
    start = time.perf_counter()
    if not work():
        message = "the bench did not do what it measures"
        raise RuntimeError(message)
    return time.perf_counter() - start


def _content(rows: int, corrected: int = 0) -> str:
    chance = random.Random(1)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([f"c{number}" for number in range(len(KINDS))])
    for row in range(rows):
        cells = [f"family {row}", *(_cell(kind, chance) for kind in KINDS[1:])]
        cells[1] += " corrected" * (row < corrected)
        writer.writerow(cells)
    return text.getvalue()


def _cell(kind: str, chance: random.Random) -> str:
    match kind.split(maxsplit=1)[0]:
        case "text":
            return f"text {chance.randrange(10**6)}"
        case "integer":
            return str(chance.randrange(100))
        case "select_one":
            return f"Kind number {chance.randrange(20)}"
        case "select_multiple":
            return ", ".join(f"Source of kind {number}" for number in sorted(chance.sample(range(12), 3)))
        case "date":
            return f"{chance.randrange(1, 29):02}/{chance.randrange(1, 13):02}/2020"
        case _:
            return f"{chance.randrange(1000)}.5"


if __name__ == "__main__":
    main(sys.argv[1:])
