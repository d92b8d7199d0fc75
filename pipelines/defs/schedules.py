"""When a tool's answers are fetched by themselves: what the calendar in tool.yml says."""

from collections.abc import Iterator

import dagster as dg

from pipelines.project import Project

TIMEZONE = "Asia/Baghdad"
"""A day that is due is a day where the camps are."""


def schedules_of(project: Project, job: str) -> Iterator[dg.ScheduleDefinition]:
    """A schedule for each tool whose calendar names one; it syncs that tool and builds what follows from it."""
    for tool in project.tools():
        if tool.calendar.schedule:
            yield dg.ScheduleDefinition(
                name=f"{tool.name}_schedule",
                job_name=job,
                cron_schedule=tool.calendar.schedule,
                execution_timezone=TIMEZONE,
                run_config={"resources": {"asked": {"config": {"tools": [tool.name]}}}},
                description=f"Fetch {tool.title} when it is due.",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
