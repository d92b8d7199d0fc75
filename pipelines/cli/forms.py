"""`cccm forms`: what the questionnaires ask, what is wrong with them, and what changed between their versions."""

from typing import Annotated

import typer

from pipelines import drift
from pipelines import status as status_of
from pipelines.cli.app import Json, Tools, forms
from pipelines.project import Project
from pipelines.terminal import show_table


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
