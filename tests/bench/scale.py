"""How harmonizing grows with the archive: seconds, memory, and the exponent between one size and the next.

`python -m tests.bench.scale --sizes 10000 100000` is a quick look; a million takes a quarter of an hour, most of it to
make the archive.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from math import log
from pathlib import Path

from tests.bench.corpus import write_archive, write_project
from tests.bench.ways import Figures

SIZES = (10_000, 100_000, 1_000_000)


def main(words: Sequence[str]) -> None:
    """Make an archive of each size, harmonize it in a process of its own, and say how both grow."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="submissions, smallest first")
    asked = parser.parse_args(words)
    figures = {size: _measured(size) for size in asked.sizes}
    for smaller, larger in pairwise(figures):
        exponent = log(figures[larger]["seconds"] / figures[smaller]["seconds"]) / log(larger / smaller)
        print(f"from {smaller:,} to {larger:,} the seconds grow with the power {exponent:.2f} (wanted: at most 1.1)")


def _measured(size: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="cccm-bench-") as name:
        folder = Path(name)
        for _ in write_archive(write_project(folder), folder, size, lines=False):
            pass
        command = [sys.executable, "-m", "tests.bench.harmonize", "--way", "ours", "--folder", name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: Figures = json.loads(done.stdout)
    print(f"{size:>9,} submissions: {found['seconds']:8.2f} s, {found['peak']:6,.0f} MB", flush=True)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
