"""`cccm status`, `sources`, `unmapped`, `quarantine`, `codebook`, `query`: what stands. Asking changes nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import status as status_of
from pipelines.cli.app import Json, Tools, app
from pipelines.errors import DataError
from pipelines.harmonize import waiting
from pipelines.harmonize.codebook import codebook_of_forms
from pipelines.project import Project
from pipelines.store.duck import connect, in_memory, plain_errors, read_rows
from pipelines.terminal import complain, say, show_table, warn

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
def unmapped(
    tools: Tools = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="With each text that people wrote, and the line that would map it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Columns of export files that no layout says, or how many texts in them."""
    show_table("Unmapped", waiting.unmapped(Project.from_environment(), tools, values=show_values), as_json=as_json)


@app.command()
def quarantine(
    tools: Tools = None,
    restricted: Annotated[bool, typer.Option("--restricted", help="With the answers' texts.")] = False,
    as_json: Json = False,
) -> None:
    """Each answer that waits in quarantine: where it stands, why, and the line that would land it."""
    rows = waiting.quarantined(Project.from_environment(), tools, restricted=restricted)
    show_table("In quarantine", rows, as_json=as_json)


@app.command()
def codebook(
    tool: Annotated[str, typer.Argument(help="The tool.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file ending in .xlsx, .md or .xml.")] = None,
) -> None:
    """Write what a tool asks and asked: questions, choices, versions and mappings, in all languages."""
    from pipelines.products.codebook_file import write_codebook_file  # noqa: PLC0415 - workbooks take a while to load

    with in_memory() as con:
        codebook_of_forms(con, Project.from_environment().tool(tool))
        say(f"Written: {write_codebook_file(con, tool, output)}")


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
