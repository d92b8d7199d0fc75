"""Two at once: one writes, the other is told who does; whoever reads is never in the way, and never sees half."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import alive
from pipelines.archive.archive import open_archive
from pipelines.archive.verify import verify_archive
from pipelines.defs.slots import only_writer
from pipelines.errors import LockError
from pipelines.project import Project
from pipelines.store import duck
from pipelines.store.duck import connect, new_file
from pipelines.store.locks import alone
from pipelines.store.publish import publish
from pipelines.whole_file import draft_of
from tests.faults.child import NOW
from tests.faults.nursery import REPOSITORY, Nursery
from tests.flow.tiny import tiny_project


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Nursery]]:
    """Two places where children come from, so that two may run at once."""
    folder = tmp_path_factory.mktemp("twins")
    made = [Nursery(folder / f"said-{number}.txt") for number in range(2)]
    yield made
    for nursery in made:
        nursery.close()


def races(tmp_path: Path, twins: list[Nursery], times: int) -> None:
    """Let two processes archive the same next pages at once, so many times."""
    project = tiny_project(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        pairs = [list(pool.map(lambda twin: twin.run(project, ["archive"]), twins)) for _ in range(times)]
    ended = [one for pair in pairs for one in pair]
    assert {one.code for one in ended} <= {0, 3}
    assert {one.failed["class"] for one in ended if one.code} <= {"lock"}
    wrote = sum(one.code == 0 for one in ended)
    assert wrote >= times
    path = project.archive_file("camps")
    with open_archive(path) as archive:
        known = [row.root_id for row in archive.known("kobo", "aPages")]
        assert archive.mended == ""
    assert len(known) == len(set(known)) == wrote * 100
    assert verify_archive(path, project.attachments, processes=1).problems == ()


def test_f45_two_runs_at_once_write_one_after_the_other(tmp_path: Path, twins: list[Nursery]) -> None:
    races(tmp_path, twins, 3)


@pytest.mark.long
def test_f45_fifty_races_of_two_runs_double_nothing(tmp_path: Path, twins: list[Nursery]) -> None:
    races(tmp_path, twins, 50)


def test_f45_two_runs_that_both_begin_an_archive_begin_one(tmp_path: Path, twins: list[Nursery]) -> None:
    races(tmp_path, twins, 1)


def test_f45_who_waits_in_vain_is_told_who_writes_before_five_seconds_are_over(
    tmp_path: Path, nursery: Nursery
) -> None:
    assert duck.SECONDS_TO_WAIT_FOR_A_WRITER < 5
    project = tiny_project(tmp_path)
    with held_by_another(project, "open_archive(project.archive_file('camps'))") as holder:
        ended = nursery.run(project, ["archive"])
    assert (ended.code, ended.failed["class"]) == (3, "lock")
    assert ended.failed["error"] == (
        f"{project.archive_file('camps')} is being written by process {holder.pid}; wait until it has finished and run "
        "again."
    )


class held_by_another:
    """Hold something in a process of its own."""

    def __init__(self, project: Project, what: str) -> None:
        code = f"""
import sys
from pathlib import Path
from pipelines.archive.archive import open_archive
from pipelines.project import Project
from pipelines.store.locks import alone
project = Project(Path({str(project.root)!r}), Path({str(project.data)!r}))
with {what}:
    print("held", flush=True)
    sys.stdin.read()
"""
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> subprocess.Popen[str]:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.communicate("")


def test_f45_a_command_beside_another_is_told_who_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duck, "SECONDS_TO_WAIT_FOR_A_WRITER", 0.3)
    project = tiny_project(tmp_path)
    with (
        held_by_another(project, "alone(project.run_lock, 'A run')") as holder,
        pytest.raises(LockError) as refused,
        only_writer(project),
    ):
        pass
    assert str(refused.value) == (
        f"A run is being done by process {holder.pid}; wait until it has finished and run again."
    )


def test_a_lock_ends_with_its_holder_however_that_ends(tmp_path: Path) -> None:
    project = tiny_project(tmp_path)
    with held_by_another(project, "alone(project.run_lock, 'A run')") as holder:
        holder.kill()
        holder.wait()
        with alone(project.run_lock, "A run"):
            assert project.run_lock.read_text() == str(os.getpid())


def test_a_process_is_known_by_its_id_and_its_start() -> None:
    assert alive.lives(alive.mine())
    assert alive.lives(str(os.getpid()))
    assert not alive.lives(f"{os.getpid()}-1")
    assert not alive.lives("no process")
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert not alive.lives(str(ended.pid))
    assert not alive.lives(str(ended.pid))


def test_drafts_of_killed_runs_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with held_by_another(tiny_project(tmp_path), "open_archive(project.archive_file('camps'))") as other:
        living = tmp_path / f".a.duckdb.{other.pid}.new"
        for left in (living, tmp_path / ".a.duckdb.4194999-17.new", tmp_path / f".a.duckdb.{os.getpid()}-1.new"):
            left.touch()
        draft_of(path)
        assert sorted(tmp_path.glob(".a.duckdb.*")) == [living]


def readers_during_publishes(tmp_path: Path, readers: int, publishes: int, pause: float) -> None:
    """Let so many readers open the published file every `pause` seconds while it is replaced so many times."""
    work, published = tmp_path / "work.duckdb", tmp_path / "warehouse.duckdb"
    write(work, 0)
    publish(work, published, restricted=True)
    over = threading.Event()

    def read(_: int) -> set[int]:
        seen = set()
        while not over.wait(pause):
            with connect(published, read_only=True) as con:
                versions = [row[0] for row in con.execute(BOTH).fetchall()]
            assert versions[0] == versions[1]
            assert len(versions) == 2
            seen.add(versions[0])
        return seen

    with ThreadPoolExecutor(readers) as pool:
        read_by = [pool.submit(read, number) for number in range(readers)]
        for version in range(1, publishes + 1):
            write(work, version)
            publish(work, published, restricted=True)
            time.sleep(2 * pause)
        over.set()
        seen = set().union(*(one.result() for one in read_by))
    assert len(seen) > 1
    with connect(published, read_only=True) as con:
        assert con.execute(BOTH).fetchall() == [(publishes,), (publishes,)]


def test_f46_f47_readers_during_publishes_see_one_version_each(tmp_path: Path) -> None:
    readers_during_publishes(tmp_path, 8, 5, 0.05)


@pytest.mark.long
def test_f46_f47_a_hundred_readers_during_twenty_publishes_see_one_version_each(tmp_path: Path) -> None:
    readers_during_publishes(tmp_path, 100, 20, 0.5)


BOTH = "SELECT DISTINCT v FROM clean.t UNION ALL SELECT DISTINCT v FROM curated.t"


def write(work: Path, version: int) -> None:
    with new_file(work) as con:
        con.execute("CREATE SCHEMA codebook; CREATE SCHEMA clean; CREATE SCHEMA curated")
        for table in ("clean.t", "curated.t"):
            con.execute(f"CREATE TABLE {table} AS SELECT {version} AS v, i FROM range(2000) r(i)")


def test_f46_a_reader_of_an_archive_waits_for_its_writer_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duck, "SECONDS_TO_WAIT_FOR_A_WRITER", 0.3)
    project = tiny_project(tmp_path)
    path = project.archive_file("camps")
    with (
        held_by_another(project, "open_archive(project.archive_file('camps'))"),
        pytest.raises(LockError, match="is being written by process"),
        connect(path, read_only=True),
    ):
        pass
    with open_archive(path) as archive:
        assert archive.begin_run("kobo", "aPages", NOW).number == 1
