"""See that one run writes, and give back the writer's slot of a run that was killed.

Dagster's daemon does the latter for its own runs; without it, a run killed in this process would hold the one slot for
ever and the next would wait for it for ever. A run that lives is waited for a while; then a LockError names it.
"""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy.exc import OperationalError

from pipelines import alive
from pipelines.errors import DiskError, LockError
from pipelines.project import Project, prepare_dagster_home
from pipelines.store import duck
from pipelines.store.failures import volume_of
from pipelines.store.locks import alone

PROCESS = "cccm/process"
"""The tag of a run that says which process it runs in."""


def mine() -> dict[str, str]:
    """The tag for a run in this process."""
    return {PROCESS: alive.mine()}


@contextmanager
def only_writer(project: Project) -> Iterator[dg.DagsterInstance]:
    """Yield Dagster's instance to the one that writes: alone among commands, and not beside a run that the UI or the
    daemon began.

    LockError after a while of waiting; DiskError where the volume of Dagster's own storage is full.
    """
    with alone(project.run_lock, "A run"), _room_for_dagster(project):
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(project))
        with dg.DagsterInstance.get() as instance:
            _wait_for_others(instance)
            yield instance


def _wait_for_others(instance: dg.DagsterInstance) -> None:
    give_up_at = time.monotonic() + duck.SECONDS_TO_WAIT_FOR_A_WRITER
    while writing := free_slots_of_the_dead(instance):
        if time.monotonic() > give_up_at:
            raise LockError(
                f"Run {writing[:8]} of Dagster is writing; wait for its end, or end it in the UI, and run again."
            )
        time.sleep(0.2)


@contextmanager
def _room_for_dagster(project: Project) -> Iterator[None]:
    try:
        yield
    except (OperationalError, sqlite3.OperationalError, OSError) as error:
        full = "is full" in str(error) or getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        if not full and "disk I/O error" not in str(error):
            raise
        message = (
            f"The volume {volume_of(project.dagster_home)} is full or fails: Dagster could not write into "
            f"{project.dagster_home}; make room and run again, what was stored before stands."
        )
        raise DiskError(message) from error


def free_slots_of_the_dead(instance: dg.DagsterInstance) -> str:
    """Free what runs hold that have ended or whose process is gone; such a run is marked as failed. The id of a run
    that holds a slot and lives, or nothing.
    """
    writing = ""
    log = instance.event_log_storage
    for pool in log.get_concurrency_keys():
        claims = log.get_concurrency_info(pool)
        for run_id in claims.active_run_ids | claims.pending_run_ids:
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                if _lives(run):
                    writing = run_id
                    continue
                instance.report_run_failed(run, "The process of this run was ended from outside.")
            log.free_concurrency_slots_for_run(run_id)
    return writing


def _lives(run: dg.DagsterRun) -> bool:
    """Whether the run's process is there; a run without the tag is the daemon's to judge."""
    process = run.tags.get(PROCESS)
    return process is None or (alive.lives(process) and process != alive.mine())
