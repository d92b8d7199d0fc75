"""The disk is full, fails or refuses at any call: the run says so, what stood stands, and the next run heals."""

import errno
import itertools
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from pipelines.errors import DataError, DiskError
from pipelines.store.duck import connect, new_file
from pipelines.store.failures import volume_of, why_not_open
from tests.faults.nursery import ALL, Nursery, World
from tests.faults.power import images, operations
from tests.flow.tiny import tiny_project

WRITES, SYNCS, NAMES, CUTS = 1, 2, 4, 8
FULL = {"errno": errno.ENOSPC, "kinds": WRITES, "stays": 1}
FAILS = {"errno": errno.EIO, "kinds": WRITES | SYNCS, "stays": 0}
CLOSED = {"errno": errno.EROFS, "kinds": WRITES | NAMES, "stays": 1}
KILLS = {"errno": 0, "kinds": WRITES | SYNCS | NAMES | CUTS, "stays": 0}
FAULTS = {"full": FULL, "fails": FAILS, "closed": CLOSED}


def refused(there: World, part: str, fault: dict[str, int], at: int) -> bool:
    """Let a run of `part` meet `fault` at call number `at`: what must hold of how it ends. Whether it met it at all."""
    before, published = there.revisions(), there.published()
    ended = there.nursery.run(there.project, [part], fault={**fault, "at": at})
    met = ended.said[-1].get("calls", at) >= at if ended.said else True
    if met and fault["errno"]:
        assert ended.code in {0, 3}, ended
        if ended.code == 3:
            assert ended.failed["class"] == "disk", ended.failed
            assert str(volume_of(there.project.data)) in ended.failed["error"]
    if met and not fault["errno"]:
        assert ended.code == -signal.SIGKILL
    there.must_open()
    assert before <= there.revisions()
    if part == "publish":
        assert there.published() in (published, there.current())
    else:
        assert there.published() == published
    healed = there.run(part)
    assert healed.code == 0, healed.failed
    return met


def every_call(there: World, part: str, fault: dict[str, int], step: int = 1) -> int:
    """Meet `fault` at every call of a run of `part` (or each `step`th), the first to the last; how many there were."""
    points, at, turn = 0, 1, 0
    while True:
        there.change(turn)
        turn += 1
        if part != "sync":
            assert there.run(*ALL[: ALL.index(part)]).code == 0
        if not refused(there, part, fault, at):
            break
        points += 1
        at += step
    assert there.run().code == 0
    there.must_be_healed()
    return points


@pytest.mark.usefixtures("refusing")
def test_f36_f37_f38_a_disk_that_refuses_or_kills_at_some_calls_harms_nothing(synced: World) -> None:
    for turn, (fault, at) in enumerate(itertools.product((FULL, FAILS, KILLS), (2, 12))):
        synced.change(turn)
        assert refused(synced, "sync", fault, at)
    assert synced.run().code == 0
    synced.must_be_healed()


@pytest.mark.usefixtures("refusing")
@pytest.mark.long
@pytest.mark.parametrize("part", ALL)
@pytest.mark.parametrize("fault", FAULTS)
def test_f36_f37_a_disk_that_refuses_at_any_call_harms_nothing(fault: str, part: str, synced: World) -> None:
    assert every_call(synced, part, FAULTS[fault]) >= 5


@pytest.mark.usefixtures("refusing")
@pytest.mark.long
@pytest.mark.parametrize("part", ALL)
def test_f38_a_kill_at_any_call_harms_nothing(part: str, synced: World) -> None:
    assert every_call(synced, part, KILLS) >= 10


def test_f36_files_that_may_not_grow_are_a_full_disk(here: World) -> None:
    for limit in (2_000, 20_000, 400_000):
        ended = here.nursery.run(here.project, ["sync"], fault={"limit": limit})
        assert (ended.code, ended.failed["class"]) == (3, "disk")
        assert "may not grow that far (File too large)" in ended.failed["error"]
    assert here.run().code == 0
    here.must_be_healed()


@pytest.mark.long
def test_f57_a_full_volume_is_named_and_its_published_file_still_served(here: World, small_volume: Path) -> None:
    here.project = type(here.project)(here.project.root, small_volume / "data")
    ended = here.run()
    assert (ended.code, ended.failed["class"]) == (3, "disk")
    assert f"the volume {small_volume} is full" in ended.failed["error"]
    subprocess.run(["mount", "-o", "remount,size=60m", small_volume], check=True)
    assert here.run().code == 0
    here.must_be_healed()
    with (small_volume / "filler").open("wb") as filler:
        filler.write(b"\0" * (shutil.disk_usage(small_volume).free - 300_000))
    here.change(1)
    before = here.published()
    ended = here.run()
    assert (ended.code, ended.failed["class"]) == (3, "disk")
    assert f"the volume {small_volume} is full" in ended.failed["error"]
    assert here.published() == before
    (small_volume / "filler").unlink()
    assert here.run().code == 0
    here.must_be_healed()


def test_f57_room_that_a_big_query_lacks_is_named(small_volume: Path) -> None:
    path = small_volume / "work.duckdb"
    with pytest.raises(DiskError, match=f"the volume {small_volume} is full"), new_file(path) as con:  # noqa: PT012
        con.execute("SET memory_limit = '60MB'; SET threads = 1")
        con.execute("CREATE TABLE t AS SELECT i, md5(i::VARCHAR) AS m FROM range(3000000) r(i) ORDER BY m")
    assert not path.exists()
    assert list(small_volume.iterdir()) == []


@pytest.mark.parametrize(
    ("message", "kind", "says"),
    [
        (
            'IO Error: Could not set lock on file "/d/a.duckdb": Conflicting lock is held in python (PID 4711).',
            "lock",
            "/d/a.duckdb is being written by process 4711; wait until it has finished and run again.",
        ),
        (
            "IO Error: Trying to read a database file with version number 999, but we can only read version 68.",
            "data",
            "/d/a.duckdb was written by a newer DuckDB than ours; update cccm, and leave the file as it is.",
        ),
        (
            'IO Error: Cannot open file "/d/a.duckdb": Permission denied',
            "disk",
            "/d/a.duckdb: the volume / refuses to let us write a.duckdb (Permission denied); correct its permissions "
            "and run again.",
        ),
    ],
    ids=["locked", "newer", "closed"],
)
def test_f37_f51_why_a_file_cannot_be_opened_is_said_in_a_sentence(message: str, kind: str, says: str) -> None:
    error = why_not_open(Path("/d/a.duckdb"), message)
    assert (error.error_class, str(error)) == (kind, says)


def lost_power(tmp_path: Path, nursery: Nursery, count: int) -> None:
    """Archive five pages, twice, and look at what a loss of power may leave of it, `count` times."""
    project = tiny_project(tmp_path)
    log = tmp_path / "log"
    ended = nursery.run(project, ["archive", "archive"], fault={"log": str(log)})
    assert ended.code == 0
    done = operations(log.read_bytes(), project.data)
    assert [each.offset for each in done if each.what == "A"] == [20, 40, 60, 80, 100, 120, 140, 160, 180, 200]
    for number, image in enumerate(images(done, count)):
        data = tmp_path / f"image-{number}"
        image.lay_out(data)
        opened_and_whole(data / "archive" / "camps.duckdb", image.acknowledged)
        shutil.rmtree(data)


def opened_and_whole(path: Path, acknowledged: int) -> None:
    """The archive opens, for it is mended by itself, and holds at least all that was acknowledged."""
    from pipelines.archive.archive import open_archive  # noqa: PLC0415

    if not path.exists():
        assert acknowledged == 0
        return
    with open_archive(path) as archive:
        known = archive.known("kobo", "aPages")
    assert len(known) >= acknowledged
    assert len(known) % 20 == 0
    with connect(path, read_only=True) as con:
        assert con.execute("SELECT count(*) FROM submission WHERE sha256(raw) <> raw_sha256").fetchall() == [(0,)]


@pytest.mark.usefixtures("refusing")
def test_f41_what_a_loss_of_power_leaves_opens_and_lacks_no_acknowledged_page(tmp_path: Path, nursery: Nursery) -> None:
    lost_power(tmp_path, nursery, 12)


@pytest.mark.usefixtures("refusing")
@pytest.mark.long
def test_f41_five_hundred_losses_of_power_leave_what_opens(tmp_path: Path, nursery: Nursery) -> None:
    lost_power(tmp_path, nursery, 500)


def test_a_broken_file_is_no_matter_of_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    path.write_bytes(b"x" * 20_000)
    with pytest.raises(DataError, match="put back its last backup"), connect(path):
        pass
