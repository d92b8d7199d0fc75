"""`cccm forms`: what the questionnaires ask, what is wrong with them, and what changed between their versions."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines import drift
from pipelines import status as status_of
from pipelines.cli.app import Json, Tools, forms
from pipelines.errors import ConfigError
from pipelines.forms.adding import Added, add_form
from pipelines.forms.bringing import Brought, bring
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.propose_layout import proposed_layout
from pipelines.project import Project
from pipelines.sources.headings import heads_of
from pipelines.terminal import say, show_table, warn


@forms.command("check")
def forms_check(tools: Tools = None, as_json: Json = False) -> None:
    """Read every form and crosswalk: what is wrong, what is untranslated or unclassified, what awaits review."""
    project = Project.from_environment()
    _show_check(project, tools or [tool.name for tool in project.tools()], as_json=as_json)


@forms.command("add")
def forms_add(
    file: Annotated[Path, typer.Argument(help="An XLSForm workbook.")],
    tool: Annotated[str, typer.Option("--tool", help="The tool it is for, such as exit_interview; it may be new.")],
    version: Annotated[str, typer.Option("--version", help="What to call it; by itself as its sheet settings.")] = "",
    as_json: Json = False,
) -> None:
    """Take a questionnaire in as a version of a tool, or as a new tool, and say what is wrong with it."""
    project = Project.from_environment()
    added = add_form(project, file.expanduser(), tool, version)
    if not as_json:
        _say_added(project, added)
    _show_check(project, [tool], as_json=as_json)


def _show_check(project: Project, tools: list[str], *, as_json: bool) -> None:
    """Print a line a form version; exit 1 where one of them has a problem."""
    lines = status_of.forms(project, tools)
    show_table("Forms", lines, as_json=as_json)
    if any(line["problems"] for line in lines):
        raise typer.Exit(1)


def _say_added(project: Project, added: Added) -> None:
    """What was written, and what there is to do next."""
    tool, asked = added.form.tool, len(added.form.questions)
    what = "a new tool" if added.new_tool else f"a version of {tool}"
    if added.written:
        say(f"{added.file} is {what} now, with {asked} questions.")
    else:
        say(f"{added.file} is there already, as it is; nothing was changed.")
    if added.older_than:
        warn(f"versions are ordered by name, so {added.form.version} counts as older than {added.older_than}.")
    if added.unclassified:
        warn(
            f"{added.unclassified} of {asked} questions say nothing in the column 'sensitivity' of the sheet 'survey' "
            "and stay restricted, out of what partners and analysts get: write public, partners or restricted there."
        )
    if not any(asset.tool == tool for source in project.sources() for asset in source.assets):
        say(
            f"No source carries {tool} yet: add the line '{tool}: ASSET' below 'tools' of a source in "
            f"{project.xlsforms / 'sources.yml'}, then run `cccm run {tool}`."
        )


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


@forms.command("pull")
def forms_pull(
    tool: Annotated[str, typer.Argument(help="The tool it is for; it may be new.")],
    source: Annotated[str, typer.Option("--from", help="The server, as sources.yml calls it.")],
    asset: Annotated[str, typer.Option("--asset", help="The asset or form there; by itself the tool's own.")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Every version that was ever deployed, not only the last.")
    ] = False,
    version: Annotated[str, typer.Option("--version", help="What to call the last one.")] = "",
    as_json: Json = False,
) -> None:
    """Bring the form that a server has into the repository, with what our own columns say of its questions."""
    from pipelines.sources.offered_forms import asset_of, offered_by  # noqa: PLC0415 - loads what speaks to servers

    if every and version:
        raise ConfigError("--version names one version, and --all takes several: leave one of the two out.")
    project = Project.from_environment()
    server, uid = asset_of(project.sources(), source, tool, asset)
    for one in bring(project, tool, offered_by(server, uid, every=every), version):
        if not as_json:
            _say_brought(project, tool, one)
    _show_check(project, [tool], as_json=as_json)


def _say_brought(project: Project, tool: str, one: Brought) -> None:
    if one.added is None:
        say(f"{one.offered.where} asks what {tool} {one.same_as} asks; nothing was changed.")
        return
    _say_added(project, one.added)
    if one.carried:
        say(f"{one.carried} of its questions say in our own columns what the version before says.")


@forms.command("layout")
def forms_layout(
    tool: str,
    file: Annotated[Path, typer.Argument(help="An export file: .xlsx, .xls, .csv, .tsv.")],
    name: Annotated[str, typer.Option("--name", help="What to call the layout.")] = "export",
) -> None:
    """Lines for the crosswalk: where the columns of an export file would go. Look through them, then paste."""
    plan = plan_of(Project.from_environment().tool(tool), [])
    heads = heads_of(file.expanduser())
    typer.echo(proposed_layout(plan, name, heads.sheets, heads.delimiter), nl=False)
