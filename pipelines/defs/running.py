"""Run the refresh job in this process, on the instance that the UI shows, and say what came of it.

The terminal and Dagster thus run the same assets; how it is shown there is cli.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg

from pipelines.defs.assembly import REFRESH, definitions_of
from pipelines.defs.journal import Outcome, keep_journal
from pipelines.defs.slots import mine, only_writer
from pipelines.project import Project

QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a run: which part of the way ("sync", "build" or "all"), and what Asked says to the assets."""

    part: str = "all"
    tools: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    full: bool = False
    accept_deletions: bool = False
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a run came to. `failures` are sentences of steps that stopped; `failed_checks` are of severity error."""

    run_id: str
    outcomes: tuple[Outcome, ...]
    failures: tuple[str, ...]
    failed_checks: tuple[str, ...]


def steps_of(project: Project, request: Request) -> list[dg.AssetKey]:
    """The assets that `request` is about, in no order."""
    executable = definitions_of(project).resolve_asset_graph().executable_asset_keys
    return [asset for asset in executable if _is_about(asset.path, request)]


def _is_about(path: Sequence[str], request: Request) -> bool:
    """Whether the asset at `path` is part of what is asked: of a tool that was not named, nothing is done."""
    layer, name = path[0], path[-1]
    of_a_tool = layer in {"archive", "harmonized", "clean"}
    if of_a_tool and request.tools and name not in request.tools:
        return False
    if layer == "archive" and request.sources and path[1] not in request.sources:
        return False
    return request.part == "all" or (request.part == "sync") == (layer == "archive")


def refresh(project: Project, request: Request, on_progress: Callable[[str, int | None], None]) -> Refresh:
    """Run what `request` asks for; nothing is raised for a step that fails."""
    asked = {
        "tools": list(request.tools),
        "sources": list(request.sources),
        "full": request.full,
        "accept_deletions": request.accept_deletions,
        "as_of": request.as_of,
    }
    job = definitions_of(project).resolve_job_def(REFRESH)
    with only_writer(project) as instance, keep_journal(on_progress) as journal:
        result = job.execute_in_process(
            instance=instance,
            run_config={"resources": {"asked": {"config": asked}}, "loggers": QUIET},
            asset_selection=steps_of(project, request),
            raise_on_error=False,
            tags=mine(),
        )
        return Refresh(
            result.run_id,
            tuple(journal.outcomes),
            tuple(_why(event) for event in result.all_events if event.is_step_failure),
            tuple(
                f"{check.asset_key.to_user_string()}: {check.check_name}"
                for check in result.get_asset_check_evaluations()
                if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
            ),
        )


def _why(event: dg.DagsterEvent) -> str:
    """The sentence of a step that failed; for an error that is not ours, its kind and where to read on."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    cause = data.error.cause if data.error and data.error.cause else data.error
    kind = cause.cls_name if cause else "unknown"
    return f"{event.step_key} stopped with an error of the program ({kind}); the run's page in the Dagster UI has it."
