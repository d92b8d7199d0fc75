"""Give back the writer's slot of a run that was killed.

Dagster's daemon does this for its own runs; without it, a run killed in this process would hold the one slot for ever
and the next would wait for it for ever.
"""

import os

import dagster as dg

PROCESS = "cccm/process"
"""The tag of a run that says which process it runs in."""


def mine() -> dict[str, str]:
    """The tag for a run in this process."""
    return {PROCESS: str(os.getpid())}


def free_slots_of_the_dead(instance: dg.DagsterInstance) -> None:
    """Free what runs hold that have ended or whose process is gone; such a run is marked as failed."""
    log = instance.event_log_storage
    for pool in log.get_concurrency_keys():
        claims = log.get_concurrency_info(pool)
        for run_id in claims.active_run_ids | claims.pending_run_ids:
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                if _lives(run):
                    continue
                instance.report_run_failed(run, "The process of this run was ended from outside.")
            log.free_concurrency_slots_for_run(run_id)


def _lives(run: dg.DagsterRun) -> bool:
    """Whether the run's process is there; a run without the tag is the daemon's to judge."""
    process = run.tags.get(PROCESS)
    if process is None:
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return int(process) != os.getpid()
