"""Put the definitions of a project together: one job, in one process, because DuckDB has one writer."""

import dagster as dg

from pipelines.defs.assets import Asked, assets_of
from pipelines.defs.checks import checks_of
from pipelines.defs.inbox import sensors_of
from pipelines.defs.schedules import schedules_of
from pipelines.project import Project

REFRESH = "refresh"
"""The job that does everything: sync, harmonize, check, clean, curate, publish, products."""


@dg.definitions
def defs() -> dg.Definitions:
    """Everything of the project that the environment names."""
    return definitions_of(Project.from_environment())


def definitions_of(project: Project) -> dg.Definitions:
    """Everything Dagster is told about `project`."""
    assets = list(assets_of(project))
    checks = list(checks_of(project))
    selection = dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks()
    job = dg.define_asset_job(REFRESH, selection=selection, executor_def=dg.in_process_executor)
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[job],
        schedules=list(schedules_of(project, REFRESH)),
        sensors=list(sensors_of(project, REFRESH)),
        resources={"asked": Asked.configure_at_launch()},
        executor=dg.in_process_executor,
    )
