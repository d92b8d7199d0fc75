"""How a Kobo project of many submissions is synced over a slow line: `python -m tests.bench.kobo [--size 100000]`.

The stand-in server runs in a process of its own and takes 300 ms longer for every answer; each sync runs in one too
(kobo_sync.py), whose peak memory is measured. Trust the ratios: they are of one run on one machine.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipelines.demo.answers import Context, answers_for
from pipelines.demo.server import StandIn
from pipelines.forms.form import Form
from pipelines.forms.read import read_form
from pipelines.sources.kobo import PAGE
from pipelines.store.duck import connect, read_rows, read_value
from tests.bench.kobo_sync import ASSET, TOKEN

SEED = 20261101
XLSFORMS = Path(__file__).parents[2] / "xlsforms"
TOOLS = {"fsmt": "2026-1", "population": "2026-1"}
FILLED = 200
"""How many forms are filled; the submissions are these, again and again, each under an id of its own."""
REMARK = "comments_of_the_bench"

Figures = dict[str, Any]


def main(words: Sequence[str]) -> None:
    """Measure, and print figures and ratios; with `--serve`, be the server."""
    given = _given(words)
    if given.serve:
        _serve(given.folder, given.latency)
    else:
        with TemporaryDirectory() as folder:
            _measure(Path(folder), given)


def _given(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kobo")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--tool", choices=TOOLS, default="fsmt", help="whose form is filled")
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--folder", type=Path)
    return parser.parse_args(words)


def _measure(folder: Path, given: argparse.Namespace) -> None:
    size = given.size
    kilobytes = _load(folder, given.tool, size)
    slow = f"{given.latency * 1000:.0f} ms added to every request"
    print(f"{size:,} submissions of {given.tool} of {kilobytes:.1f} kB, {slow}")
    with _server(folder, given.latency) as url:

        def sync(archive: str, parallel: int) -> Figures:
            return _in_a_process(folder, folder / archive, url, parallel)

        one = sync("one.duckdb", 1)
        _say("first sync, one page after another", one)
        several = sync("several.duckdb", given.parallel)
        _say(f"first sync, {given.parallel} at a time", several)
        print(f"  {one['seconds'] / several['seconds']:.1f} times faster (wanted: 3)")
        same = sync("several.duckdb", given.parallel)
        _say("nothing changed", same)
        print(f"  {same['requests']} requests (wanted: at most {110 * size / 100_000:.0f} for so many)")
        edited, deleted = _change(folder, size)
        changed = sync("several.duckdb", given.parallel)
        _say(f"{len(edited):,} edited, {len(deleted):,} deleted", changed)
        _judge(folder, changed, edited, deleted, bare=-(-size // PAGE))
    peak = max(figures["peak"] for figures in (several, same, changed))
    print(f"peak memory of a sync: {peak:.0f} MB (wanted: below 400)")


def _judge(folder: Path, changed: Figures, edited: list[int], deleted: list[int], *, bare: int) -> None:
    with connect(folder / "several.duckdb", read_only=True) as con:
        last = read_value(con, "SELECT max(run) FROM sync_run")
        sql = "SELECT server_id::INT AS id, gone_why FROM submission WHERE gone_run = ? ORDER BY id"
        gone = read_rows(con, sql, [last])
    found = {why: {row["id"] for row in gone if row["gone_why"] == why} for why in ("replaced", "deleted")}
    allowed = bare * 1.15 + len(edited) / 200
    whole = found == {"replaced": set(edited), "deleted": set(deleted)}
    print(f"  {'all of them found, and nothing else' if whole else 'NOT WHAT HAD CHANGED WAS FOUND'}")
    print(f"  {changed['requests']} requests (the bare index takes {bare}; wanted: at most {allowed:.0f})")


def _say(what: str, figures: Figures) -> None:
    seconds, requests, peak = figures["seconds"], figures["requests"], figures["peak"]
    print(f"{what}: {seconds:.1f} s, {requests} requests, {peak:.0f} MB at most")


def _load(folder: Path, tool: str, size: int) -> float:
    """Fill the server's file; the kilobytes of a submission."""
    form = read_form(XLSFORMS / tool / f"{TOOLS[tool]}.xlsx", tool, TOOLS[tool])
    filled = list(_filled(form))
    stand_in = StandIn(folder / "server.sqlite", token=TOKEN)
    stand_in.set_clock(datetime(2026, 11, 1, tzinfo=UTC))
    version = stand_in.deploy(ASSET, form, "<h/>")
    stand_in.load(ASSET, version, ({**filled[n % FILLED], REMARK: f"submission {n}"} for n in range(size)))
    stand_in.close()
    letters = sum(len(json.dumps(said, ensure_ascii=False).encode()) for said in filled)
    return letters / FILLED / 1000


def _filled(form: Form) -> Iterator[dict[str, Any]]:
    chance = random.Random(SEED)
    for _ in range(FILLED):
        yield dict(answers_for(form, chance, Context(now=datetime(2026, 11, 1, tzinfo=UTC))))


def _change(folder: Path, size: int) -> tuple[list[int], list[int]]:
    """Edit 1 % and delete 0.1 % of the submissions; which."""
    chance = random.Random(SEED)
    chosen = chance.sample(range(1, size + 1), size // 100 + size // 1000)
    edited, deleted = chosen[: size // 100], chosen[size // 100 :]
    stand_in = StandIn(folder / "server.sqlite", token=TOKEN)
    stand_in.edit(ASSET, edited, REMARK, "edited")
    stand_in.delete(deleted)
    stand_in.close()
    return sorted(edited), sorted(deleted)


@contextmanager
def _server(folder: Path, latency: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.kobo", "--serve", "--folder", str(folder), "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.communicate("")


def _serve(folder: Path, latency: float) -> None:
    """Serve until our input ends."""
    stand_in = StandIn(folder / "server.sqlite", token=TOKEN, latency=latency)
    with stand_in.serve() as url:
        print(url, flush=True)
        sys.stdin.read()
    stand_in.close()


def _in_a_process(folder: Path, archive: Path, url: str, parallel: int) -> Figures:
    command = [sys.executable, "-m", "tests.bench.kobo_sync", url, str(folder), str(archive), str(parallel)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
