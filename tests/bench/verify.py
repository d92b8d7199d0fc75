"""How long `cccm verify` takes: 100,000 submissions of 7 kB, every sum, count and digest from the bytes.

    python -m tests.bench.verify [SIZE]

Beside it stands what a run pays for the ledger each time it opens and leaves the archive.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipelines.archive.archive import open_archive
from pipelines.archive.verify import verify_archive
from tests.bench.corpus import TOOL, write_archive, write_project

T = TypeVar("T")

SIZE = 100_000
WANTED = 15.0


def main(words: list[str]) -> None:
    """Archive the corpus, then verify it."""
    size = int(words[0]) if words else SIZE
    with tempfile.TemporaryDirectory() as folder:
        project = write_project(Path(folder))
        for _ in write_archive(project, Path(folder), size, lines=False):
            pass
        path = project.archive_file(TOOL)
        found, seconds = _timed(lambda: verify_archive(path, project.attachments))
        assert found.problems == ()
        counted = found.counted
        print(
            f"cccm verify: {seconds:.1f} s for {counted.revisions:,} revisions, {counted.size / 1e6:,.0f} MB and "
            f"{counted.answers:,} answers by {os.cpu_count()} processes (wanted: {WANTED:.0f} s for {SIZE:,})"
        )
        _, seconds = _timed(lambda: _opened(path))
        print(f"opening and leaving an archive of {path.stat().st_size / 1e6:,.0f} MB: {seconds:.2f} s")


def _opened(path: Path) -> None:
    with open_archive(path):
        pass


def _timed(done: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = done()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1:])
