"""The way of an answer in a process that may be killed: sync, build, publish, without what takes seconds to load.

`python -m tests.faults.child PART...` does them once; `... serve` forks for each order that comes in, so that hundreds
of kills cost no start of Python. What is tested with it stands in the test modules.
"""

import ctypes
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.archive.archive import Submission, open_archive
from pipelines.defs import steps
from pipelines.defs.journal import Outcome
from pipelines.defs.stopping import stopped_at_once
from pipelines.defs.syncing import sync
from pipelines.errors import CccmError
from pipelines.products import write_product
from pipelines.project import Project
from pipelines.sources.sync import Wish
from pipelines.store.duck import connect

LOADED = pd
"""DuckDB loads it when it is first given a list, which would be half of a child's life."""

REFUSED = 3
"""The exit code where an error of ours was the end; it is in what was printed."""

NOW = datetime(2026, 11, 20)  # noqa: DTZ001 - the archive keeps UTC without zone


def sync_all(project: Project) -> Iterable[Outcome]:
    return [sync(project, source, asset, Wish()) for source in project.sources() for asset in source.assets]


def build_all(project: Project) -> Iterable[Outcome]:
    done = [steps.reference(project), steps.set_day(project)]
    for tool in project.tools():
        done += [steps.harmonize(project, tool.name), steps.clean(project, tool.name)]
    return done


def publish_all(project: Project) -> Iterable[Outcome]:
    return [steps.publish_warehouse(project)]


def archive_pages(project: Project) -> Iterable[Outcome]:
    """Archive pages without a server: the next hundred submissions, in pages of 20."""
    with open_archive(project.archive_file("camps")) as archive:
        first = len(archive.known("kobo", "aPages")) + 1
        run = archive.begin_run("kobo", "aPages", NOW)
        for start in range(first, first + 100, 20):
            run.record([page_row(number) for number in range(start, start + 20)])
            acknowledge(start + 19)
        run.complete(NOW)
    return []


def acknowledge(number: int) -> None:
    """Write into the log of refuse.c, where there is one, that all up to this number is stored."""
    disk = ctypes.CDLL(None)
    if hasattr(disk, "refuse_mark"):
        disk.refuse_mark(number)


def page_row(number: int) -> Submission:
    raw = json.dumps({"_id": number, "families": str(number), "remark": "خيمة " * (number % 40)}, ensure_ascii=False)
    return Submission(
        root_id=f"r{number}", raw=raw, raw_kind="kobo_json", server_id=str(number), form_version="1", submitted_at=NOW
    )


def write_products(project: Project) -> Iterable[Outcome]:
    """Write a product as of one day and as of another, again and again."""
    for turn in range(40):
        with connect(project.published_file, read_only=True) as con:
            write_product(con, project, "population_sheet", "2026-11", date(2026, 11, 19 + turn % 2), {})
    return []


PARTS: Mapping[str, Callable[[Project], Iterable[Outcome]]] = {
    "sync": sync_all,
    "build": build_all,
    "publish": publish_all,
    "archive": archive_pages,
    "products": write_products,
}


def work(root: str, data: str, parts: Iterable[str]) -> int:
    """Do `parts`; print each outcome as a line of JSON; the exit code."""
    project = Project(Path(root), Path(data))
    for part in parts:
        try:
            outcomes = list(PARTS[part](project))
        except CccmError as error:
            outcomes = [Outcome(part, anew=False, error=error)]
        for outcome in outcomes:
            said = {"step": outcome.step, "warning": outcome.warning, "figures": outcome.figures}
            failed = {"class": outcome.error.error_class, "error": str(outcome.error)} if outcome.error else {}
            print(json.dumps(said | failed), flush=True)
        if any(outcome.error for outcome in outcomes):
            return REFUSED
    return 0


def meet(fault: Mapping[str, Any], folder: str) -> None:
    """Let the disk below `folder` behave as `fault` says: refuse.c must be loaded for all but a limit."""
    if "memory" in fault:
        resource.setrlimit(resource.RLIMIT_AS, (fault["memory"], fault["memory"]))
    if "limit" in fault:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault["limit"], fault["limit"]))
    if "at" in fault:
        disk = ctypes.CDLL(None)
        disk.refuse_arm(folder.encode(), fault["at"], fault["errno"], fault["kinds"], fault["stays"])
    if "log" in fault:
        handle = os.open(fault["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        ctypes.CDLL(None).refuse_log(folder.encode(), handle)


def calls() -> int:
    """How many calls of the kinds asked for the disk has seen."""
    return int(ctypes.CDLL(None).refuse_count())


def serve() -> None:
    """Fork for each order that comes in, send the child a signal where that is ordered, and say how it ended.

    The signal is sent from here, for until its end is asked for a child's id is its own, dead or alive.
    """
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if not process:
            handle = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            meet(order["fault"], order["data"])
            with stopped_at_once():  # as the command has it
                code = work(order["root"], order["data"], order["parts"])
            if "at" in order["fault"]:
                print(json.dumps({"calls": calls()}), flush=True)
            os._exit(code)
        if order["sent"]:
            time.sleep(order["after"])
            os.kill(process, order["sent"])
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        sys.exit(work(os.environ["CCCM_PROJECT"], os.environ["CCCM_DATA"], sys.argv[1:]))
