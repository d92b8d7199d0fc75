"""Which processes live. A process is named by its id and its start, for an id alone passes on to others.

Who asks: whoever finds what a process left behind (a draft of a file, a writer's slot) and must know whether it will
come back for it.
"""

import os
import re
import subprocess
from pathlib import Path

PROCESSES = Path("/proc")


def mine() -> str:
    """The name of this process: its id, a dash, when it started."""
    return f"{os.getpid()}-{_start(os.getpid())}"


def lives(name: str) -> bool:
    """Whether the process `name` is still there; of one that is named by its id alone, whether anybody has the id."""
    process, _, started = name.partition("-")
    if not process.isdecimal():
        return False
    now = _start(int(process))
    return bool(now) and (not started or started == now)


def _start(process: int) -> str:
    """When `process` started, in the system's own count; empty where there is none, or where it has ended."""
    status = PROCESSES / str(process) / "stat"
    if PROCESSES.joinpath("self", "stat").exists():
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    said = subprocess.run(  # noqa: S603 - a number is all that is passed on
        ["/bin/ps", "-o", "lstart=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return re.sub(r"\W", "", said.stdout)
