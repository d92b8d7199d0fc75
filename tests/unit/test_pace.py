"""A large piece of work is done in little memory, and in all that there is where that was too little."""

from pathlib import Path

import duckdb
import pytest

from pipelines.store import pace
from pipelines.store.duck import Connection, connect, read_value
from pipelines.store.pace import sparingly

LONG = "SELECT length(string_agg(repeat(range::VARCHAR, 100), ',')) FROM range(200_000)"
"""One text of a hundred megabytes, which can rest nowhere but in memory."""


def limit(con: Connection) -> str:
    return str(read_value(con, "SELECT current_setting('memory_limit')"))


def test_work_that_fits_is_done_once_in_little_memory(tmp_path: Path) -> None:
    with connect(tmp_path / "work.duckdb") as con:
        before, limits = limit(con), list[str]()

        def work() -> int:
            limits.append(limit(con))
            return 7

        assert sparingly(con, work) == 7
        assert (
            limits == ["1.8 GiB"] if (read_value(con, "SELECT current_setting('threads')")) <= 2 else len(limits) == 1
        )
        assert limit(con) == before


def test_work_that_does_not_fit_is_done_anew_in_all_the_memory_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MEMORY_OF_A_THREAD", 20_000_000)
    with connect(tmp_path / "work.duckdb") as con:
        before, tries = limit(con), list[str]()

        def work() -> int:
            tries.append(limit(con))
            return int(read_value(con, LONG))

        assert sparingly(con, work) == 109_088_999
        assert len(tries) == 2
        assert tries[1] == limit(con) == before


def test_what_does_not_fit_at_all_is_refused_and_the_limit_is_as_before(tmp_path: Path) -> None:
    with connect(tmp_path / "work.duckdb") as con:
        before = limit(con)

        def work() -> int:
            raise duckdb.OutOfMemoryException

        with pytest.raises(duckdb.OutOfMemoryException):
            sparingly(con, work)
        assert limit(con) == before
