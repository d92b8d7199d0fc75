"""How long we take for a submission and how long dlt does: the bench's corpus of 150 questions, each in its process.

Ours is the way from the archive to typed tables with crosswalk, quarantine and ledger; dlt's the way from lines of the
same submissions to tables in DuckDB, merged by `_id`, as its documentation shows for such an interface.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.corpus import VERSIONS, write_archive, write_project
from tests.bench.harmonize import in_a_process
from tests.bench.peers.environment import run_script

WANTED = 30
"""Times faster."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds for so many submissions, ours and dlt's."""

    rows: int
    seconds: float
    dlt_rows: int
    dlt_seconds: float

    @property
    def ratio(self) -> float:
        """How many times faster a submission is with us."""
        return (self.dlt_seconds / self.dlt_rows) / (self.seconds / self.rows)

    @property
    def said(self) -> str:
        """All of it in a sentence."""
        return (
            f"{self.rows:,} submissions in {self.seconds:.2f} s, dlt {self.dlt_rows:,} in {self.dlt_seconds:.2f} s: "
            f"{self.ratio:.0f} times faster for each (wanted: {WANTED})"
        )


def compare_speed(rows: int, dlt_rows: int) -> Speed:
    """Measure both; CannotInstallError where dlt is not to be had."""
    with tempfile.TemporaryDirectory(prefix="cccm-bench-") as name:
        ours, theirs = Path(name) / "ours", Path(name) / "theirs"
        for folder, size in ((ours, rows), (theirs, dlt_rows)):
            for _ in write_archive(write_project(folder), folder, size):
                pass
        files = [str(theirs / f"{version}.ndjson") for version in VERSIONS]
        dlt_seconds = float(run_script("dlt_speed", files))
        seconds = min(in_a_process("ours", ours)["seconds"] for _ in range(3))
        return Speed(rows, seconds, dlt_rows, dlt_seconds)
