"""Harmonizing beside the practical limit and pandas, in one run, interleaved; medians, ratios, memory.

`python -m tests.bench.harmonize --size 20000 --rounds 1` is a quick look.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.bench.corpus import PAGE, REPEATS, TOOL, VERSIONS, inside, questions, write_archive, write_project
from tests.bench.ways import PARTS, WAYS, Figures, measure

SAID = {
    "ours": "archive to typed tables, with crosswalk, ledger and codebook",
    "limit": "DuckDB read_json with declared columns (the practical limit)",
    "pandas": "pandas.json_normalize, landed in DuckDB untyped",
}
CAREFUL = 2000
"""Submissions of the small corpus that shows what an answer costs that must be landed with care."""


def main(words: Sequence[str]) -> None:
    """Run the bench, or one way of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.harmonize", description=__doc__)
    parser.add_argument("--size", type=int, default=100_000, help="submissions (100,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts (3)")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.way:
        print(json.dumps(measure(asked.way, asked.folder)))
        return
    with tempfile.TemporaryDirectory(prefix="cccm-bench-") as name:
        _bench(Path(name), asked.size, asked.rounds)


def _bench(folder: Path, size: int, rounds: int) -> None:
    _archive(folder / "all", size)
    found: dict[str, list[Figures]] = {way: [] for way in WAYS}
    for number in range(1, rounds + 1):
        for way in WAYS:
            found[way].append(in_a_process(way, folder / "all"))
            print(f"  round {number}, {way}: {found[way][-1]['seconds']:.2f} s", flush=True)
    _print_ways(found)
    _print_parts(found["ours"])
    _print_careful(folder)


def _archive(folder: Path, size: int) -> None:
    """Make the corpus and archive it, and say how long the archive took for it."""
    project = write_project(folder)
    recording = 0.0
    pages = write_archive(project, folder, size)
    for _ in pages:  # it yields before a page is recorded, and after
        start = time.perf_counter()
        next(pages)
        recording += time.perf_counter() - start
    asked = len(questions("3")) + sum(len(inside(repeat, "3")) for repeat in REPEATS)
    kilobytes = sum(file.stat().st_size for file in folder.glob("*.ndjson")) / size / 1000
    print(
        f"{size:,} submissions of {asked} questions, {len(REPEATS)} repeats, {len(VERSIONS)} versions, "
        f"{kilobytes:.1f} kB each"
    )
    megabytes = project.archive_file(TOOL).stat().st_size / 1e6
    speed = recording / size * 10_000
    print(f"Archive.record: {speed:.2f} s for 10,000, in pages of {PAGE:,}; the archive takes {megabytes:,.0f} MB")


def in_a_process(way: str, folder: Path) -> Figures:
    """What `way` takes on the corpus in `folder`, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.harmonize", "--way", way, "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: Figures = json.loads(done.stdout)
    return result


def _print_ways(found: dict[str, list[Figures]]) -> None:
    medians = {way: median(one["seconds"] for one in figures) for way, figures in found.items()}
    print(f"\n{'way':8} {'median s':>9} {'x limit':>8} {'peak MB':>8}")
    for way, figures in found.items():
        peak = max(one["peak"] for one in figures)
        print(f"{way:8} {medians[way]:9.2f} {medians[way] / medians['limit']:8.2f} {peak:8,.0f}  {SAID[way]}")
    print(f"\nours is {medians['pandas'] / medians['ours']:.1f} times faster than json_normalize (wanted: 3),")
    print(f"and takes {medians['ours'] / medians['limit']:.1f} times the limit (wanted: at most 2); its time goes to")


def _print_parts(figures: list[Figures]) -> None:
    names = [*(name for name, _ in PARTS), "the rest"]
    seconds = {name: median(one.get(name, 0.0) for one in figures) for name in names}
    total = median(one["seconds"] for one in figures)
    python = max(0.0, total - sum(seconds.values()))
    shares = [f"{name} {part / total:.0%}" for name, part in [*seconds.items(), ("Python", python)]]
    print(", ".join(shares) + ".")


def _print_careful(folder: Path) -> None:
    """What it costs to land a submission answer by answer, because one of them could not be held as it was sent."""
    seconds = {}
    for share in (0.0, 1.0):
        place = folder / f"careful-{share}"
        list(write_archive(write_project(place), place, CAREFUL, careful=share))
        seconds[share] = in_a_process("ours", place)["seconds"]
    each = (seconds[1.0] - seconds[0.0]) / CAREFUL * 1000
    print(f"A submission with a number in Arabic digits (or the like) costs {each:.1f} ms more.")


if __name__ == "__main__":
    main(sys.argv[1:])
