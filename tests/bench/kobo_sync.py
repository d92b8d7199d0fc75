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
    assert report.warning == "", report.warning
    seconds = time.perf_counter() - start
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)  # the process that counts beside is ours too
    peak = sum(resource.getrusage(who).ru_maxrss for who in both) / 1024
    print(json.dumps({"seconds": seconds, "requests": report.requests, "peak": peak}))


if __name__ == "__main__":
    main(sys.argv[1:])
