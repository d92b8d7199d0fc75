"""Let DuckDB make large tables fast: every core at once, rows in any order, no compression that takes long to find; and
in no more memory than that takes.

Nothing here changes what is written; how files are opened is duck.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import duckdb

from pipelines.store.duck import Connection, read_value

MEMORY_OF_A_THREAD = 1_000_000_000
"""Bytes; what is needed beyond rests beside the file meanwhile. By itself DuckDB took seven gigabytes for a million
submissions, which two threads make in two, as fast.
"""

UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

T = TypeVar("T")

FAST = (
    # One thread for every 122,880 rows is too few where a row is a document of several kB.
    "PRAGMA verify_parallelism",
    # Rows rest in no order anyway; whoever reads them asks for the one he needs.
    "SET preserve_insertion_order = false",
    # Finding out that it would save 7 % of the file takes a fifth of the time of writing it.
    "SET disabled_compression_methods = 'fsst'",
)
AS_BEFORE = (
    "PRAGMA disable_verify_parallelism",
    "RESET preserve_insertion_order",
    "RESET disabled_compression_methods",
)


@contextmanager
def at_full_pace(con: Connection) -> Iterator[None]:
    """Run the block's statements so; not inside a transaction, for its commit is what takes longest."""
    for statement in FAST:
        con.execute(statement)
    try:
        yield
    finally:
        for statement in AS_BEFORE:
            con.execute(statement)


def sparingly(con: Connection, work: Callable[[], T]) -> T:
    """What `work` gives, done in little memory; where that was too little for it, done anew in all that we may take."""
    allowed = _memory(con)
    bound = MEMORY_OF_A_THREAD * max(2, read_value(con, "SELECT current_setting('threads')"))
    if bound < allowed:
        with suppress(duckdb.OutOfMemoryException):
            try:
                con.execute(f"SET memory_limit = '{bound}B'")
                return work()
            finally:
                con.execute(f"SET memory_limit = '{allowed}B'")  # RESET says it did, and does not
    return work()


def _memory(con: Connection) -> int:
    """How many bytes DuckDB may take, which it shows cut off after a tenth."""
    number, unit = read_value(con, "SELECT current_setting('memory_limit')").split()
    return int((float(number) + 0.05) * UNITS[unit])
