"""`cccm verify`, `backup` and `restore`: that what was sent is still there, and stays."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.archive.backup import back_up
from pipelines.archive.backup import restore as put_back
from pipelines.cli.app import Json, app
from pipelines.project import Project
from pipelines.store.locks import alone
from pipelines.terminal import complain, say, show_table, warn


@app.command()
def verify(as_json: Json = False) -> None:
    """Recompute every sum, count and digest from the archived bytes, and the ledger of what was built of them."""
    from pipelines.defs.verifying import verify as lines_of  # noqa: PLC0415 - loads what builds the tables

    lines = list(lines_of(Project.from_environment()))
    show_table("Verified", [line.figures for line in lines], as_json=as_json)
    for line in lines:
        if line.note:
            warn(line.note)
        for problem in line.problems:
            complain(problem)
    if any(line.problems for line in lines):
        raise typer.Exit(1)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The ZIP to write; an older one is replaced when this is whole.")],
    as_json: Json = False,
) -> None:
    """Put all that is precious into one file: archives, decisions, files of submissions, keys."""
    project = Project.from_environment()
    with alone(project.run_lock, "A run"):
        made = back_up(project.data, file.expanduser().resolve(), now=_now())
    show_table("", [{"backup": str(file), "MB": round(made.size / 1e6, 1), "files": len(made.files)}], as_json=as_json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `cccm backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Also where an archive has more than the backup.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup back, checked before anything is changed; what stood there is kept in the folder `replaced`."""
    project = Project.from_environment()
    with alone(project.run_lock, "A run"):
        found = put_back(file.expanduser().resolve(), project.data, replace_newer=replace, now=_now())
    show_table("", [{"backup of": found.made_at, "archives": ", ".join(found.archives)}], as_json=as_json)
    say("Run `cccm verify`, then `cccm run`: it pulls what came after the backup and builds the tables anew.")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
