"""One at a time, where DuckDB's own lock does not reach: a lock that ends with its process, however that ends.

Who holds it is written into its file, to be told to whoever waits in vain.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import LockError
from pipelines.store import duck


@contextmanager
def alone(file: Path, what: str) -> Iterator[None]:
    """Run the block while no other process is in one for `file`; after a while of waiting, a LockError names it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(handle, what)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, what: str) -> None:
    give_up_at = time.monotonic() + duck.SECONDS_TO_WAIT_FOR_A_WRITER
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                holder = os.pread(handle, 20, 0).decode(errors="replace").strip()
                who = f"process {holder}" if holder.isdecimal() else "another process"
                message = f"{what} is being done by {who}; wait until it has finished and run again."
                raise LockError(message) from None
            time.sleep(0.1)
        else:
            return
