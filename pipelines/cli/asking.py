"""`cccm status`, `sources`, `unmapped` and `query`: what stands. Nothing is changed by asking."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import status as status_of
from pipelines.cli.app import Json, Tools, app
from pipelines.errors import DataError
from pipelines.project import Project
from pipelines.store.duck import connect, plain_errors, read_rows
from pipelines.terminal import complain, show_table, warn

if TYPE_CHECKING:
    from pipelines.sources.rights import Rights


@app.command()
def status(as_json: Json = False) -> None:
    """Per tool: versions, rows, last sync, findings open, who has not reported."""
    project = Project.from_environment()
    show_table("Tools", status_of.tools(project), as_json=as_json)
    if not as_json:
        show_table("In quarantine", status_of.quarantine(project))
        show_table("Not reported", status_of.not_reported(project))


@app.command()
def sources(as_json: Json = False) -> None:
    """Ask every KoboToolbox server whether it lets us in, and where our account may do more than read."""
    from pipelines.sources.rights import look  # noqa: PLC0415 - loads what speaks to servers

    kobo = [source for source in Project.from_environment().sources() if source.kind == "kobo"]
    found = [(source.name, rights) for source in kobo for rights in look(source)]
    show_table("Sources", [_rights_line(name, rights) for name, rights in found], as_json=as_json)
    for sentence in dict.fromkeys(str(rights.error) for _, rights in found if rights.error):
        complain(sentence)
    if any(rights.error for _, rights in found):
        raise typer.Exit(2)
    if any(rights.beyond for _, rights in found):
        warn("whoever finds a token may do all this: take tokens of accounts that may only view submissions.")
        raise typer.Exit(1)


def _rights_line(source: str, rights: "Rights") -> dict[str, object]:
    return {
        "source": source,
        "tool": rights.asset.tool,
        "asset": rights.asset.asset,
        "lets us in": "no" if rights.error else "yes",
        "beyond reading": ", ".join(rights.beyond),
    }


@app.command()
def unmapped(tools: Tools = None, as_json: Json = False) -> None:
    """Columns and texts of export files that no layout says, each with the line that would map it."""
    project = Project.from_environment()
    names = [project.tool(name).name for name in tools or []] or [tool.name for tool in project.tools()]
    with connect(project.work_file, read_only=True) as con, plain_errors(str(project.work_file), "run `cccm build`"):
        rows = read_rows(con, UNMAPPED, [names])
    show_table("Unmapped", rows, as_json=as_json)


UNMAPPED = """
SELECT tool, layout, path AS "column", text, answers, line FROM ledger.unmapped
WHERE tool IN (SELECT unnest(?::VARCHAR[])) ORDER BY tool, layout, path, answers DESC, text
"""


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
