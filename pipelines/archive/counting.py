"""Count the answers of many documents in a process beside this one, which meanwhile downloads and archives.

Counting is what archiving costs most, and Python does it in one thread at a time. The process beside ends with us,
however we end: its input is over then. Where it fails, or little is to come, the documents are counted here. What is
counted is leaves.py.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from struct import Struct, error
from threading import Lock
from typing import IO

import msgspec

from pipelines.archive.outline import NO_OUTLINE, Outline
from pipelines.archive.prepared import Prepared, counted, prepared
from pipelines.archive.submission import Submission

MANY = 5000
"""From so many documents on a process is worth its start, half a second on the other core."""

SECONDS_TO_END = 5

LENGTH = Struct("<Q")

Found = tuple[str, int | None, int | None]
"""SHA-256, number of answers, digest."""


class _Task(msgspec.Struct):
    outline: Outline | None
    documents: list[tuple[str, str, str]]  # root id, raw, its kind


READ_TASK = msgspec.msgpack.Decoder(_Task).decode
READ_FOUND = msgspec.msgpack.Decoder(list[Found]).decode
WRITE = msgspec.msgpack.Encoder().encode


class Counting:
    """Prepares submissions for the archive; several threads may ask it at once."""

    def __init__(self) -> None:
        self._beside: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = Lock()

    @property
    def beside(self) -> int | None:
        """The id of the process that counts beside this one; None where none does."""
        return self._beside.pid if self._beside else None

    def expect(self, documents: int) -> None:
        """Let a process beside this one count from now on, if that pays for so many `documents`."""
        if documents >= MANY and self._beside is None and (os.cpu_count() or 1) > 1:
            with suppress(OSError):
                self._beside = subprocess.Popen(
                    [sys.executable, "-m", "pipelines.archive.counting"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )

    def prepared(self, submissions: Sequence[Submission], outline: Outline = NO_OUTLINE) -> list[Prepared]:
        """`submissions`, of one form's `outline`, with all that can be said of them without the archive."""
        found = self._counted_beside(submissions, outline) if self._beside else None
        if found is None:
            return [prepared(one, outline) for one in submissions]
        return [Prepared(one, *said) for one, said in zip(submissions, found, strict=True)]

    def close(self) -> None:
        """End the process beside."""
        beside, self._beside = self._beside, None
        if beside is None:
            return
        with suppress(OSError, subprocess.TimeoutExpired):
            beside.communicate(timeout=SECONDS_TO_END)
        beside.kill()
        beside.wait()

    def _counted_beside(self, submissions: Sequence[Submission], outline: Outline) -> list[Found] | None:
        """What the process beside counted; None where it failed, which it then never does again."""
        task = _Task(
            None if outline is NO_OUTLINE else outline, [(one.root_id, one.raw, one.raw_kind) for one in submissions]
        )
        with self._one_at_a_time:
            beside = self._beside
            if beside is None or beside.stdin is None or beside.stdout is None:
                return None
            try:
                _send(beside.stdin, WRITE(task))
                return READ_FOUND(_received(beside.stdout))
            except (OSError, EOFError, msgspec.MsgspecError, UnicodeError):
                self.close()
                return None


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Answer each task until there are no more."""
    with suppress(EOFError, BrokenPipeError):
        while True:
            task = READ_TASK(_received(asked))
            outline = task.outline or NO_OUTLINE
            _send(answers, WRITE([counted(*document, outline) for document in task.documents]))


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def _received(pipe: IO[bytes]) -> bytes:
    """The next message; EOFError where there is none, or not all of it."""
    try:
        (length,) = LENGTH.unpack(pipe.read(LENGTH.size))
    except error:
        raise EOFError from None
    message = pipe.read(length)
    if len(message) < length:
        raise EOFError
    return message


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks, which then ends this one
    serve(sys.stdin.buffer, sys.stdout.buffer)
