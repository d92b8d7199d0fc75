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
    con.execute("RESET pandas_analyze_sample")  # it finds the types of a frame as it does by itself
    for version in VERSIONS:
        today = {one.path: one.name for one in questions(version)}
        with (folder / f"{version}.ndjson").open(encoding="utf-8") as lines:
            documents = [json.loads(line) for line in lines]
        outer = [repeat for repeat in REPEATS if "/" not in repeat]
        _append(con, TOOL, pd.json_normalize(documents).drop(columns=outer).rename(columns=today))
        for repeat in REPEATS:
            path = [part for part in REPEATS if repeat == part or repeat.startswith(f"{part}/")]
            rows = pd.json_normalize(_having(documents, path), record_path=path, meta=["_uuid"])
            rows = rows.drop(columns=[inner for inner in REPEATS if inner in rows.columns])
            table = f"{TOOL}__{repeat.rpartition('/')[2]}"
            _append(con, table, rows.rename(columns=lambda name: name.rpartition("/")[2]))


def _having(documents: list[dict[str, Any]], path: list[str]) -> list[dict[str, Any]]:
    """The documents with rows at `path`, and of the rows around them those with such: pandas refuses any other."""
    if not path:
        return documents
    outer, *inner = path
    held = ((document, _having(document.get(outer, []), inner)) for document in documents)
    return [{**document, outer: rows} for document, rows in held if rows]


def _append(con: Connection, table: str, frame: pd.DataFrame) -> None:
    con.register("frame", frame)
    made = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall()
    verb = f'INSERT INTO "{table}" BY NAME' if made[0][0] else f'CREATE TABLE "{table}" AS'
    con.execute(f"{verb} SELECT * FROM frame")
    con.unregister("frame")


WAYS: dict[str, Callable[[Path], Figures]] = {"ours": ours, "limit": practical_limit, "pandas": with_pandas}
