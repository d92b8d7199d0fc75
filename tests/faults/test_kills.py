"""A run may be killed at any moment: nothing is lost, nothing doubled, every file opens, and one more run heals."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.defs.stopping import COULD_NOT_RUN
from pipelines.defs.stopping import STOPPED as SAID_WHEN_STOPPED
from pipelines.defs.verifying import verify
from pipelines.demo.server import StandIn
from pipelines.store.duck import connect
from tests.faults.nursery import ALL, REPOSITORY, World
from tests.flow.cluster import TOKEN, Cluster, new_cluster

SEED = 20261126
MOMENTS = [("sync",), ("build",), ("publish",), ALL]


def took(run: Callable[[], object]) -> float:
    """How long something takes, which says when a kill may fall."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def killed(there: World, parts: tuple[str, ...], chance: random.Random, longest: float) -> None:
    """Kill a run of `parts` at some moment; a run that was faster than its killer does not count."""
    while not there.kill(parts, chance.uniform(0, longest)):
        longest *= 0.7


def test_f39_forty_kills_lose_and_double_nothing(synced: World) -> None:
    chance = random.Random(SEED)
    longest = {part: took(lambda part=part: synced.run(part)) for part in ALL}
    for turn in range(14):
        for part in ALL[: 1 if turn == 13 else 3]:
            if part == "sync":
                synced.change(turn)
            before = synced.revisions()
            killed(synced, (part,), chance, longest[part])
            synced.must_open()
            healed = synced.run(part)
            assert healed.code == 0, healed.failed
            assert before <= synced.revisions()
        if turn % 3 == 2:
            assert synced.run().code == 0
            synced.must_be_healed()


@pytest.mark.long
def test_f39_two_hundred_kills_lose_and_double_nothing(synced: World) -> None:
    chance = random.Random(SEED + 1)
    longest = {parts: took(lambda parts=parts: synced.run(*parts)) for parts in MOMENTS}
    for turn in range(200):
        synced.change(turn)
        before = synced.revisions()
        parts = MOMENTS[turn % 4]
        killed(synced, parts, chance, longest[parts])
        synced.must_open()
        assert before <= synced.revisions()
        healed = synced.run()
        assert healed.code == 0, healed.failed
        synced.must_be_healed()
        assert before <= synced.revisions()


def test_f42_a_kill_during_the_very_first_run_leaves_no_broken_file(here: World) -> None:
    chance = random.Random(SEED + 2)
    killed(here, ALL, chance, 0.6)
    here.must_open()
    assert here.run().code == 0
    here.must_be_healed()


@pytest.mark.long
def test_f42_forty_kills_during_the_very_first_run_leave_no_broken_file(here: World, tmp_path: Path) -> None:
    chance = random.Random(SEED + 3)
    for turn in range(40):
        here.project = type(here.project)(here.project.root, tmp_path / f"data-{turn}")
        killed(here, ALL, chance, 1.2)
        here.must_open()
        assert here.run().code == 0
        here.must_be_healed()


def test_what_a_killed_run_had_stored_is_taken_over_and_said_in_one_sentence(synced: World) -> None:
    synced.project.archive_file("camps")
    leave_a_wal(synced)
    synced.must_open()
    ended = synced.run("sync")
    assert ended.code == 0
    assert ended.said[0]["warning"] == (
        "A run was killed while it wrote camps.duckdb: what it had stored stands, checked."
    )
    assert synced.run().said[0]["warning"] == ""
    synced.must_be_healed()


def leave_a_wal(there: World) -> None:
    """Archive a form version, then be killed before anything is put from the WAL into the file."""
    code = f"""
        import os, signal
        from pathlib import Path
        from datetime import datetime
        from pipelines.archive.archive import open_archive
        with open_archive(Path({str(there.project.archive_file("camps"))!r})) as archive:
            run = archive.begin_run("kobo", "aCamps", datetime(2026, 11, 20))
            run.keep_form_version("vOther", "{{}}")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    done = subprocess.run([sys.executable, "-c", dedented(code)], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL


def dedented(code: str) -> str:
    return "\n".join(line[8:] for line in code.splitlines())


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ("sync", signal.SIGTERM),
        ("build", signal.SIGINT),
        pytest.param("sync", signal.SIGINT, marks=pytest.mark.long),
        pytest.param("build", signal.SIGTERM, marks=pytest.mark.long),
    ],
)
def test_f40_a_run_that_is_asked_to_stop_stops_and_the_next_goes_on(
    part: str, sent: signal.Signals, synced: World
) -> None:
    synced.change(1)
    if part == "build":
        assert synced.run("sync").code == 0
    code = synced.nursery.run(synced.project, [part], sent=sent, after=0.1).code
    assert code in {0, COULD_NOT_RUN}
    synced.must_open()
    assert synced.run().code == 0
    synced.must_be_healed()


@pytest.mark.long
def test_f40_a_run_that_runs_out_of_memory_harms_nothing(synced: World) -> None:
    for megabytes in range(900, 2000, 100):
        synced.change(megabytes)
        ended = synced.nursery.run(synced.project, ALL, fault={"memory": megabytes * 1_000_000})
        synced.must_open()
        if ended.code == 0:
            break
    assert synced.run().code == 0
    synced.must_be_healed()


@pytest.mark.long
def test_f40_ten_kills_through_dagster_leave_no_run_that_blocks_the_next(tmp_path: Path) -> None:
    cluster = new_cluster(tmp_path)
    assert cluster.command("demo", "run").code == 0
    stand_in = StandIn(cluster.project.data / "demo-server.sqlite")
    chance = random.Random(SEED + 4)
    tools = ("fsmt", "population")
    with stand_in.serve(cluster.port):
        before = {tool: archived(cluster, tool) for tool in tools}
        kills = 0
        longest = took(lambda: cluster.command("run"))
        while kills < 10:
            cluster.project.work_file.unlink(missing_ok=True)
            if kill_command(cluster, after=chance.uniform(longest * 0.2, longest)) != -signal.SIGKILL:
                continue
            kills += 1
            done = cluster.command("run")
            assert done.code == 0, done.err
            assert [problem for line in verify(cluster.project) for problem in line.problems] == []
            assert {tool: archived(cluster, tool) for tool in tools} == before
    stand_in.close()


@pytest.mark.long
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=lambda sent: sent.name)
def test_f40_a_command_that_is_asked_to_stop_stops_at_once_with_a_sentence(sent: signal.Signals, here: World) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "pipelines.cli", "run"]
    environment = {**os.environ, "CCCM_PROJECT": str(here.project.root), "CCCM_DATA": str(here.project.data)}
    environment["CCCM_DEMO_TOKEN"] = TOKEN
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        while not here.project.work_file.exists():
            time.sleep(0.01)
        process.send_signal(sent)
        said = process.communicate()[1]
    assert process.returncode == 2
    assert said.strip().endswith(f"error: {SAID_WHEN_STOPPED}")
    here.must_open()
    assert here.run().code == 0
    here.must_be_healed()


def kill_command(cluster: Cluster, *, after: float) -> int:
    """How `cccm run` ended that was killed, unless it was faster."""
    environment = {
        **os.environ,
        "CCCM_PROJECT": str(cluster.project.root),
        "CCCM_DATA": str(cluster.project.data),
        "CCCM_DEMO_TOKEN": TOKEN,
    }
    command = [sys.executable, "-m", "pipelines.cli", "run"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            return process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def archived(cluster: Cluster, tool: str) -> list[tuple[object, ...]]:
    with connect(cluster.project.archive_file(tool), read_only=True) as con:
        columns = "source, asset, root_id, revision, raw_sha256, gone_why"
        return con.execute(f"SELECT {columns} FROM submission ORDER BY ALL").fetchall()
