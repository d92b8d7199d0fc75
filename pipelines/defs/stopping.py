"""End a run where somebody asks for it (Ctrl-C, a service manager): at once, with a sentence.

Dagster takes such a signal for itself; then a step that waits for the writer's slot waits for ever. We need no help to
end well: whatever a kill may interrupt is whole or not there, and the next run goes on.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ASKED = frozenset({signal.SIGINT, signal.SIGTERM})
COULD_NOT_RUN = 2
STOPPED = "The run was stopped; what was stored before stands, and the next run goes on from there."
SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """Let a signal that asks for the end of this process end it during the block, whoever else listens to it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKED)
    over = threading.Event()
    threading.Thread(target=_wait, args=[over], daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait(over: threading.Event) -> None:
    """End the process when it is asked to end; the thread ends soon after the block is `over`."""
    while not over.is_set():
        if signal.sigtimedwait(ASKED, 0.2) is not None:
            sys.stderr.write(f"{SHOW_CURSOR if sys.stderr.isatty() else ''}\nerror: {STOPPED}\n")
            sys.stderr.flush()
            os._exit(COULD_NOT_RUN)
