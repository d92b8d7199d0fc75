"""The three ways from submissions to tables, each measured in a process of its own, so that its memory is its own."""

import json
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.harmonize.build import build_tool
from pipelines.project import Project
from pipelines.store.duck import Connection, connect
from tests.bench import limit
from tests.bench.corpus import REPEATS, TOOL, VERSIONS, questions

Figures = dict[str, float]
"""What was measured: seconds, peak (MB), and shares of the seconds by what they were spent on."""

PARTS = (
    (
        "decoding",
        ("CREATE OR REPLACE TEMP TABLE decoded", 'CREATE OR REPLACE TEMP TABLE "decoded', "DELETE FROM decoded"),
    ),
    ("landing", ("INSERT INTO harmonized", "UPDATE harmonized")),
    (
        "ledger",
        ("INSERT INTO landed", "INSERT INTO cell", "CREATE OR REPLACE TEMP TABLE unbalanced", "INSERT INTO orphan"),
    ),
    ("writing", ("COMMIT", "CHECKPOINT")),
)
"""What a statement of a build is for, by how it begins."""


class Clocked:
    """A connection that remembers how long its statements took, by what they are for."""

    def __init__(self, con: Connection) -> None:
        self._con = con
        self.seconds: Counter[str] = Counter()

    def execute(self, sql: str, *given: Any) -> Any:
        start = time.perf_counter()
        try:
            return self._con.execute(sql, *given)
        finally:
            begins = " ".join(sql.split())
            part = next((name for name, starts in PARTS if begins.startswith(starts)), "the rest")
            self.seconds[part] += time.perf_counter() - start

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


def measure(way: str, folder: Path) -> Figures:
    """Seconds and peak memory of `way` on the corpus in `folder`, from nothing to a file that is written."""
    start = time.perf_counter()
    parts = WAYS[way](folder)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak, **parts}


def ours(folder: Path) -> Figures:
    """From the archive to typed tables, with crosswalk, quarantine, ledger and codebook."""
    project = Project(folder, folder / "data")
    project.work_file.unlink(missing_ok=True)
    with connect(project.work_file) as con:
        clocked: Any = Clocked(con)
        report = build_tool(clocked, project, project.tool(TOOL))
        clocked.execute("CHECKPOINT")
    assert report.balanced
    return dict(clocked.seconds)


def practical_limit(folder: Path) -> Figures:
    """read_json with declared columns into the same tables."""
    return _into(folder / "limit.duckdb", lambda con: limit.land(con, folder))


def with_pandas(folder: Path) -> Figures:
    """json_normalize, today's names, and the tables as pandas infers them: untyped, which spares it work."""
    return _into(folder / "pandas.duckdb", lambda con: _normalize(con, folder))


def _into(file: Path, land: Callable[[Connection], None]) -> Figures:
    file.unlink(missing_ok=True)
    with connect(file) as con:
        land(con)
        con.execute("CHECKPOINT")
    return {}


def _normalize(con: Connection, folder: Path) -> None:
    for version in VERSIONS:
        today = {one.path: one.name for one in questions(version)}
        with (folder / f"{version}.ndjson").open(encoding="utf-8") as lines:
            documents = [json.loads(line) for line in lines]
        _append(con, TOOL, pd.json_normalize(documents).drop(columns=list(REPEATS)).rename(columns=today))
        for repeat in REPEATS:
            having = [document for document in documents if document.get(repeat)]
            rows = pd.json_normalize(having, record_path=repeat, meta=["_uuid"])
            _append(con, f"{TOOL}__{repeat}", rows.rename(columns=lambda path: path.rpartition("/")[2]))


def _append(con: Connection, table: str, frame: pd.DataFrame) -> None:
    con.register("frame", frame)
    made = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall()
    verb = f'INSERT INTO "{table}" BY NAME' if made[0][0] else f'CREATE TABLE "{table}" AS'
    con.execute(f"{verb} SELECT * FROM frame")
    con.unregister("frame")


WAYS: dict[str, Callable[[Path], Figures]] = {"ours": ours, "limit": practical_limit, "pandas": with_pandas}
