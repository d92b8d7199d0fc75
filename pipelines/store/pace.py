"""Let DuckDB make large tables fast: every core at once, rows in any order, no compression that takes long to find; and
in so much memory that the smallest machine of an office has it.

Nothing here changes what is written; how files are opened is duck.py.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.store.duck import Connection

MEMORY = 2_000_000_000
"""Bytes; what needs more rests beside the file meanwhile. DuckDB would take four fifths of the machine's, which are its
own bounds where that is less.
"""

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
    "RESET memory_limit",
)


@contextmanager
def at_full_pace(con: Connection) -> Iterator[None]:
    """Run the block's statements so; not inside a transaction, for its commit is what takes longest."""
    for statement in FAST:
        con.execute(statement)
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.8 > MEMORY:
        con.execute(f"SET memory_limit = '{MEMORY}B'")
    try:
        yield
    finally:
        for statement in AS_BEFORE:
            con.execute(statement)
