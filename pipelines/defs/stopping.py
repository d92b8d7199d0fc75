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
    hears, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_listen, args=[hears], daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        signal.set_wakeup_fd(before)
        os.close(told)  # which ends the thread


def _listen(hears: int) -> None:
    """End the process when it is asked to end, before its main thread has done anything about it."""
    while numbers := os.read(hears, 64):
        if ASKED.intersection(numbers):
            sys.stderr.write(f"{SHOW_CURSOR if sys.stderr.isatty() else ''}\nerror: {STOPPED}\n")
            sys.stderr.flush()
            os._exit(COULD_NOT_RUN)
    os.close(hears)
