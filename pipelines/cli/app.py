"""The command's groups, and what their commands may be told. The commands themselves are the other modules."""

from pathlib import Path
from typing import Annotated

import typer

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
File = Annotated[Path | None, typer.Option("--file", help="Take this export file into the source's folder first.")]
AsOf = Annotated[str, typer.Option("--as-of", help="Build as of this day (YYYY-MM-DD).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
