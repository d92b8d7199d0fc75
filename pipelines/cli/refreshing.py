"""`cccm sync`, `build` and `run`: a run of the assets that the Dagster UI shows, and what came of it."""

import typer

from pipelines import status as status_of
from pipelines.cli.app import Accept, AsOf, File, Full, Json, Sources, Tools, app
from pipelines.errors import ConfigError
from pipelines.project import Project
from pipelines.terminal import complain, show_table, step_bar, warn


@app.command()
def sync(
    tools: Tools = None,
    source: Sources = None,
    full: Full = False,
    accept_deletions: Accept = False,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Pull what is new or different from the servers, and archive it."""
    if file:
        from pipelines.defs.bringing import bring  # noqa: PLC0415 - as below

        tools = [bring(Project.from_environment(), source or [], file, tools or [])]
    refresh_and_show("sync", tools, source, full=full, accept=accept_deletions, as_json=as_json)


@app.command()
def build(tools: Tools = None, as_of: AsOf = "", as_json: Json = False) -> None:
    """Harmonize, check, clean, curate and publish what is archived (no network)."""
    refresh_and_show("build", tools, None, as_of=as_of, as_json=as_json)


@app.command()
def run(
    tools: Tools = None,
    source: Sources = None,
    full: Full = False,
    accept_deletions: Accept = False,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Sync, then build."""
    refresh_and_show("all", tools, source, full=full, accept=accept_deletions, as_of=as_of, as_json=as_json)


def refresh_and_show(
    part: str,
    tools: list[str] | None,
    sources: list[str] | None,
    *,
    full: bool = False,
    accept: bool = False,
    as_of: str = "",
    as_json: bool = False,
) -> None:
    """Run what is asked, and print what each step came to; exit 2 where a step failed, 1 where a ledger does."""
    from pipelines.defs.assets import day_of  # noqa: PLC0415 - Dagster takes seconds to load
    from pipelines.defs.running import Request, refresh, steps_of  # noqa: PLC0415 - Dagster takes seconds to load
    from pipelines.defs.stopping import stopped_at_once  # noqa: PLC0415

    project = Project.from_environment()
    for name in tools or []:
        project.tool(name)
    _know(sources or [], project)
    day_of(as_of)
    request = Request(part, tuple(tools or ()), tuple(sources or ()), full, accept, as_of)
    with stopped_at_once(), step_bar(len(steps_of(project, request)), quiet=as_json) as tell:
        done = refresh(project, request, tell)
    show_table("", [status_of.line(outcome) for outcome in done.outcomes], as_json=as_json)
    for outcome in done.outcomes:
        if outcome.warning:
            warn(f"{outcome.step}: {outcome.warning}")
    errors = [str(outcome.error) for outcome in done.outcomes if outcome.error]
    for sentence in dict.fromkeys([*errors, *done.failures]):
        complain(sentence)
    failed = {outcome.step for outcome in done.outcomes if outcome.error}
    ledgers = [check for check in done.failed_checks if check.endswith(": ledger") and check[:-8] not in failed]
    for check in ledgers:
        complain(f"{check} does not balance; see the check in the Dagster UI.")
    if done.failures or any(outcome.error for outcome in done.outcomes):
        raise typer.Exit(2)
    if ledgers:
        raise typer.Exit(1)


def _know(sources: list[str], project: Project) -> None:
    known = [source.name for source in project.sources()]
    for source in sources:
        if source not in known:
            message = f"xlsforms/sources.yml names no source '{source}'; it has {', '.join(known) or 'none'}."
            raise ConfigError(message)
