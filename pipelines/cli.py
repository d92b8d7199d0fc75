"""The command `cccm`. Its commands only ask and show: what is done is defs/ and the rooms below.

Exit codes: 0 done, 1 a check failed, 2 it could not be done. No traceback reaches a user.
"""

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated

import typer

from pipelines import drift
from pipelines import status as status_of
from pipelines.errors import CccmError, ConfigError, DataError
from pipelines.project import Project
from pipelines.store.duck import connect, plain_errors, read_rows
from pipelines.terminal import complain, count_bar, say, show_table, step_bar, warn

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The information system of a CCCM cluster.",
)
forms = typer.Typer(no_args_is_help=True, help="The questionnaires.")
demo = typer.Typer(no_args_is_help=True, help="The stand-in server and a demo of the whole way.")
app.add_typer(forms, name="forms")
app.add_typer(demo, name="demo")

Tools = Annotated[list[str] | None, typer.Argument(help="Tools to do; all where none is named.", metavar="[TOOL]...")]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Only this source (may be given again).")]
Full = Annotated[bool, typer.Option("--full", help="Read every submission again.")]
Accept = Annotated[bool, typer.Option("--accept-deletions", help="Believe that what is gone was really deleted.")]
AsOf = Annotated[str, typer.Option("--as-of", help="Build as of this day (YYYY-MM-DD).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def sync(
    tools: Tools = None,
    source: Sources = None,
    full: Full = False,
    accept_deletions: Accept = False,
    as_json: Json = False,
) -> None:
    """Pull what is new or different from the servers, and archive it."""
    _refresh("sync", tools, source, full=full, accept=accept_deletions, as_json=as_json)


@app.command()
def build(tools: Tools = None, as_of: AsOf = "", as_json: Json = False) -> None:
    """Harmonize, check, clean, curate and publish what is archived (no network)."""
    _refresh("build", tools, None, as_of=as_of, as_json=as_json)


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
    _refresh("all", tools, source, full=full, accept=accept_deletions, as_of=as_of, as_json=as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """Per tool: versions, rows, last sync, findings open, who has not reported."""
    project = Project.from_environment()
    show_table("Tools", status_of.tools(project), as_json=as_json)
    if not as_json:
        show_table("In quarantine", status_of.quarantine(project))
        show_table("Not reported", status_of.not_reported(project))


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A SELECT on the published warehouse.")],
    as_json: Json = False,
    restricted: Annotated[bool, typer.Option("--restricted", help="Ask the IMO's file instead.")] = False,
) -> None:
    """Ask the published file; no other file can be read or written through this."""
    project = Project.from_environment()
    path = project.restricted_file if restricted else project.published_file
    with connect(path, read_only=True) as con, plain_errors("The query", "mend the SQL"):
        con.execute("SET enable_external_access = false")
        if len(con.extract_statements(sql)) != 1:
            raise DataError("The query is not one statement; write one SELECT.")
        rows = read_rows(con, sql)
    show_table("", rows, as_json=as_json)


@forms.command("check")
def forms_check(tools: Tools = None, as_json: Json = False) -> None:
    """Read every form and crosswalk: what is wrong, what is untranslated or unclassified, what awaits review."""
    project = Project.from_environment()
    lines = status_of.forms(project, tools or [tool.name for tool in project.tools()])
    show_table("Forms", lines, as_json=as_json)
    if any(line["problems"] for line in lines):
        raise typer.Exit(1)


@forms.command("diff")
def forms_diff(
    tool: str,
    old: Annotated[str, typer.Argument(help="The older version.", metavar="A")],
    new: Annotated[str, typer.Argument(help="The newer version.", metavar="B")],
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """What changed between two versions, and what it does to the answers that are there."""
    project = Project.from_environment()
    changes = drift.differences(project, project.tool(tool), old, new)
    if as_markdown:
        typer.echo(drift.markdown(tool, old, new, changes), nl=False)
    else:
        show_table(f"{tool}: from {old} to {new}", drift.lines(changes), as_json=as_json)


@forms.command("propose")
def forms_propose(tool: str) -> None:
    """Lines for the crosswalk: what questions that nothing joins may have become. Look through them, then paste."""
    lines = drift.proposed(Project.from_environment().tool(tool))
    typer.echo(lines or f"# Nothing in xlsforms/{tool} is like a question that a newer version leaves out.\n", nl=False)


@demo.command("serve")
def demo_serve(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8017) -> None:
    """Serve the stand-in KoboToolbox server alone, until interrupted."""
    from pipelines.demo.server import run as serve  # noqa: PLC0415 - starts a web server's libraries

    path = Project.from_environment().data / "demo-server.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    say(f"The stand-in server listens on http://127.0.0.1:{port}; Ctrl-C ends it.")
    serve(path, port)


@demo.command("run")
def demo_run() -> None:
    """Send the demo's submissions to the stand-in server over HTTP, then run everything and show what came of it."""
    from pipelines.demo import show  # noqa: PLC0415
    from pipelines.demo.server import StandIn  # noqa: PLC0415

    project = Project.from_environment()
    os.environ.setdefault("CCCM_DEMO_TOKEN", show.TOKEN)
    path = project.data / "demo-server.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    stand_in = StandIn(path)
    try:
        with stand_in.serve(_port_of(project)) as url:
            with count_bar("sending as phones do") as tell:
                show.fill(stand_in, url, project, show.assets_of(project), tell)
            _refresh("all", None, None)
    finally:
        stand_in.close()
    show_table("What came of it", status_of.summary(project))
    say(f"\nPublished: {project.published_file}\nProducts:  {project.products}")
    say(f'\ncccm query "{EXAMPLE}"')
    with connect(project.published_file, read_only=True) as con:
        show_table("", read_rows(con, EXAMPLE))


EXAMPLE = (
    "SELECT adm1_name AS governorate, sum(families) AS families, sum(individuals) AS individuals, count(*) AS camps "
    "FROM curated.site WHERE individuals > 0 GROUP BY adm1_name ORDER BY individuals DESC LIMIT 5"
)


def main() -> None:
    """Run the command; an error becomes one sentence and exit code 2, what is not ours also a file to send us."""
    try:
        app()
    except CccmError as error:
        complain(error)
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the one rim where what nobody foresaw becomes a sentence
        complain(f"the program failed ({type(error).__name__}); please report it with the file {_kept(error)}.")
        sys.exit(2)


def _kept(error: Exception) -> Path:
    """The file that now holds the traceback of `error`; it may name answers, so only we may read it."""
    handle, path = tempfile.mkstemp(prefix="cccm-error-", suffix=".txt")
    with os.fdopen(handle, "w") as file:
        file.write("".join(traceback.format_exception(error)))
    return Path(path)


def _refresh(
    part: str,
    tools: list[str] | None,
    sources: list[str] | None,
    *,
    full: bool = False,
    accept: bool = False,
    as_of: str = "",
    as_json: bool = False,
) -> None:
    from pipelines.defs.assets import day_of  # noqa: PLC0415 - Dagster takes seconds to load
    from pipelines.defs.running import Request, refresh, steps_of  # noqa: PLC0415 - Dagster takes seconds to load

    project = Project.from_environment()
    for name in tools or []:
        project.tool(name)
    _know(sources or [], project)
    day_of(as_of)
    request = Request(part, tuple(tools or ()), tuple(sources or ()), full, accept, as_of)
    with step_bar(len(steps_of(project, request)), quiet=as_json) as tell:
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


def _port_of(project: Project) -> int:
    from urllib.parse import urlsplit  # noqa: PLC0415

    kobo = [source for source in project.sources() if source.kind == "kobo"]
    port = urlsplit(kobo[0].url).port if kobo else None
    return port or 8017


if __name__ == "__main__":
    main()
