"""How long it takes from a changed XLSForm in its folder to rebuilt published tables, codebook and checks.

`python -m tests.bench.newform` makes a demo of its own in a temporary folder (the stand-in server, all its submissions,
a first `cccm run`), puts a changed fsmt/2026-2.xlsx beside the older versions, and runs `cccm run` as a user does. The
aim is under a minute. With a folder as its argument the demo is kept there, and the next time not made anew.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from openpyxl import load_workbook

from pipelines.demo.server import StandIn
from pipelines.project import Project
from pipelines.store.duck import connect, read_rows
from tests.flow.cluster import Cluster, new_cluster

ADDED = ("integer", "solar_lamps", "Solar lamps handed out", "public")
CHANGED = "Camp or site"


def main(words: Sequence[str]) -> None:
    """Print the seconds of each part, in the folder that `words` name or in one that goes away."""
    with tempfile.TemporaryDirectory() as temporary:
        measure(Path(words[0]) if words else Path(temporary))


def measure(folder: Path) -> None:
    """Run the demo once, then time the way of a changed form."""
    cluster = demo_in(folder)
    stand_in = StandIn(cluster.project.data / "demo-server.sqlite")
    with stand_in.serve(cluster.port):
        print(f"cccm run, nothing changed       {timed(cluster, 'run'):6.1f} s")
        change(cluster)
        before = cluster.project.published_file.stat().st_mtime_ns
        start, busy = time.perf_counter(), processor()
        checked = timed(cluster, "forms", "check", "fsmt")
        seconds = timed(cluster, "run")
        whole, busy = time.perf_counter() - start, processor() - busy
    stand_in.close()
    assert cluster.project.published_file.stat().st_mtime_ns != before, "nothing was published"
    print(f"cccm forms check fsmt           {checked:6.1f} s")
    print(f"cccm run, with fsmt/2026-2.xlsx {seconds:6.1f} s")
    print(f"changed form to published       {whole:6.1f} s  (aim: under 60; {busy:.1f} s of processor)")
    print(f"what is there now               {', '.join(published(cluster))}")


def demo_in(folder: Path) -> Cluster:
    """The demo that was made in `folder`, without the changed form, or a new one."""
    root = folder / "cluster"
    if not root.exists():
        cluster = new_cluster(folder)
        print(f"the demo, from nothing          {timed(cluster, 'demo', 'run'):6.1f} s")
        return cluster
    project = Project(root, folder / "data")
    cluster = Cluster(project, urlsplit(project.sources()[0].url).port or 0)
    changed = project.xlsforms / "fsmt" / "2026-2.xlsx"
    if changed.exists():
        changed.unlink()
        timed(cluster, "build")
    return cluster


def change(cluster: Cluster) -> None:
    """Put a version 2026-2 beside the others: a label of 2026-1 worded anew, and one more question."""
    tool = cluster.project.tool("fsmt")
    book = load_workbook(tool.form_file("2026-1"))
    sheet = book["survey"]
    heads = {str(cell.value): number for number, cell in enumerate(sheet[1], start=1)}
    label = next(head for head in heads if head.startswith("label::English"))
    worded = next(row for row in range(2, sheet.max_row) if sheet.cell(row, heads[label]).value)
    sheet.cell(worded, heads[label], CHANGED)
    row = sheet.max_row + 1
    for head, text in zip(("type", "name", label, "sensitivity"), ADDED, strict=True):
        sheet.cell(row, heads[head], text)
    for other in (head for head in heads if head.startswith("label::") and head != label):
        sheet.cell(row, heads[other], "-")
    version = next(cell for cell in book["settings"][1] if cell.value == "version")
    book["settings"].cell(2, version.column, "2026-2")
    book.save(tool.folder / "2026-2.xlsx")


def published(cluster: Cluster) -> list[str]:
    """That the published file knows the new question: its column, its line in the codebook, the checks of its table."""
    asked = f"name = '{ADDED[1]}'"
    with connect(cluster.project.published_file, read_only=True) as con:
        columns = read_rows(
            con, f"SELECT count(*) AS n FROM duckdb_columns() WHERE column_name = '{ADDED[1]}' AND table_name = 'fsmt'"
        )
        questions = read_rows(con, f"SELECT count(*) AS n FROM codebook.question WHERE version = '2026-2' AND {asked}")
        rows = read_rows(con, "SELECT count(*) AS n FROM harmonized.fsmt")
    assert columns[0]["n"] >= 1, "the new question has no column"
    assert questions[0]["n"] == 1, "the codebook does not know the new question"
    return [f"{rows[0]['n']} rows", f"{columns[0]['n']} columns {ADDED[1]}", "its question in the codebook"]


def timed(cluster: Cluster, *words: str) -> float:
    """The seconds of one command, in a process of its own as a user runs it."""
    start = time.perf_counter()
    done = cluster.command(*words)
    seconds = time.perf_counter() - start
    assert done.code == 0, done.out + done.err
    return seconds


def processor() -> float:
    """The seconds that all commands together have kept a processor busy: what is left where others work beside."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(sys.argv[1:])
