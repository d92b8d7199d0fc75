"""One sync of the benched Kobo project, in a process of its own that knows nothing of the server; see kobo.py.

`python -m tests.bench.kobo_sync URL FOLDER ARCHIVE PARALLEL` prints its figures as JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipelines.archive.archive import open_archive
from pipelines.sources.client import Client
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import Manner, Wish, sync_kobo

ASSET, TOKEN = "aBench", "bench-token"


def main(words: Sequence[str]) -> None:
    """Sync, and print the seconds, the requests and the peak of memory (MB)."""
    url, folder, archive, parallel = words
    manner = Manner(parallel=int(parallel), attachments=Path(folder) / "attachments")
    start = time.perf_counter()
    with open_archive(Path(archive)) as opened:
        kobo = Kobo(Client(url, TOKEN, named="bench"))
        now = datetime.now(UTC).replace(tzinfo=None)
        report = sync_kobo(opened, kobo, "bench", ASSET, wish=Wish(), now=now, manner=manner)
        beside = _peaks_beside()
    assert report.warning == "", report.warning
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + beside
    print(json.dumps({"seconds": seconds, "requests": report.requests, "peak": peak}))


def _peaks_beside() -> float:
    """The peaks (MB) of the processes that we started and that still run, together; the kernel's own figure for ended
    ones holds what we had ourselves when we started them.
    """
    started = [pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()]
    lines = [line for pid in started for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(sys.argv[1:])
