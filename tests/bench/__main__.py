"""Time harmonizing beside the practical limit and pandas, in one run, interleaved: medians, ratios, memory.

Each way runs in a process of its own, so that its memory is its own; `--size 20000` is a quick look.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import pandas as pd

from pipelines.harmonize.build import balance_of, build_tool
from pipelines.project import Project
from pipelines.store.duck import Connection, connect
from tests.bench import limit
from tests.bench.corpus import REPEATS, VERSIONS, write_archive, write_project

TOOL = "bench"
WAYS = ("ours", "limit", "pandas")
SAID = {
    "ours": "archive to typed tables, crosswalk, ledger, codebook",
    "limit": "DuckDB read_json with declared columns (the practical limit)",
    "pandas": "pandas.json_normalize, landed in DuckDB",
}


def main(words: Sequence[str]) -> None:
    """Run the bench, or one way of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args(words)
    if asked.way:
        print(json.dumps(_one(asked.way, asked.folder)))
        return
    with tempfile.TemporaryDirectory(prefix="cccm-bench-") as name:
        _bench(Path(name), asked.size, asked.rounds)


def _bench(folder: Path, size: int, rounds: int) -> None:
    project = write_project(folder)
    seconds = _timed(lambda: list(write_archive(project, folder, size)))
    what = f"150 questions, {len(REPEATS)} repeats, {len(VERSIONS)} versions"
    print(f"{size:,} submissions of {what}; made and archived in {seconds:.0f} s")
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for number in range(1, rounds + 1):
        for way in WAYS:
            found[way].append(_in_a_process(way, folder))
            print(f"  round {number}, {way}: {found[way][-1]['seconds']:.2f} s", flush=True)
    medians = {way: median(one["seconds"] for one in found[way]) for way in WAYS}
    print(f"\n{'way':8} {'median s':>9} {'x limit':>8} {'peak MB':>8}")
    for way in WAYS:
        peak = max(one["peak"] for one in found[way])
        print(f"{way:8} {medians[way]:9.2f} {medians[way] / medians['limit']:8.2f} {peak:8,.0f}  {SAID[way]}")
    print(f"\nours is {medians['pandas'] / medians['ours']:.1f} times faster than json_normalize;")
    print(f"of ours, the ledger's comparison alone takes {median(one['ledger'] for one in found['ours']):.2f} s.")


def _in_a_process(way: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench", "--way", way, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _one(way: str, folder: Path) -> dict[str, float]:
    """Seconds and peak memory (MB) of one way, from nothing to a checkpointed file."""
    file = folder / f"{way}.duckdb"
    file.unlink(missing_ok=True)
    ledger = 0.0
    if way == "ours":
        project = Project(folder, folder / "data")
        project.work_file.unlink(missing_ok=True)
        seconds = _timed(lambda: _ours(project))
        with connect(project.work_file) as con:
            ledger = _timed(lambda: balance_of(con, project, project.tool(TOOL)))
    else:
        seconds = _timed(lambda: _landed(file, folder, limit.land if way == "limit" else _pandas))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak, "ledger": ledger}


def _ours(project: Project) -> None:
    with connect(project.work_file) as con:
        report = build_tool(con, project, project.tool(TOOL))
        con.execute("CHECKPOINT")
    assert report.balanced
    assert not report.quarantined


def _landed(file: Path, folder: Path, land: Callable[[Connection, Path], None]) -> None:
    with connect(file) as con:
        land(con, folder)
        con.execute("CHECKPOINT")


def _pandas(con: Connection, folder: Path) -> None:
    for version in VERSIONS:
        with (folder / f"{version}.ndjson").open(encoding="utf-8") as lines:
            documents = [json.loads(line) for line in lines]
        frames = {TOOL: pd.json_normalize(documents)}
        for repeat in REPEATS:
            having = [document for document in documents if document.get(repeat)]
            frames[f"{TOOL}__{repeat}"] = pd.json_normalize(having, record_path=repeat, meta=["_uuid"])
        for table, frame in frames.items():
            con.register("frame", frame.drop(columns=[column for column in frame if column in REPEATS]))
            con.execute(f'CREATE TABLE "{table}__{version}" AS SELECT * FROM frame')
            con.unregister("frame")


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1:])
