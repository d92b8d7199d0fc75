"""`cccm forms`: what the questionnaires ask, and what is wrong with them."""

import typer

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
