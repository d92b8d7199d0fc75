"""`cccm demo`: the stand-in server, and the whole way on its answers."""

import os
from typing import Annotated

import typer

from pipelines import status as status_of
from pipelines.cli.app import demo
from pipelines.cli.refreshing import refresh_and_show
from pipelines.project import Project
from pipelines.store.duck import connect, read_rows
from pipelines.terminal import count_bar, say, show_table


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
    from pipelines.defs.stopping import stopped_at_once  # noqa: PLC0415
    from pipelines.demo import show  # noqa: PLC0415
    from pipelines.demo.server import StandIn  # noqa: PLC0415

    project = Project.from_environment()
    os.environ.setdefault("CCCM_DEMO_TOKEN", show.TOKEN)
    path = project.data / "demo-server.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    stand_in = StandIn(path)
    try:
        with stopped_at_once(), stand_in.serve(_port_of(project)) as url:
            with count_bar("sending as phones do") as tell:
                show.fill(stand_in, url, project, show.assets_of(project), tell)
            refresh_and_show("all", None, None)
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


def _port_of(project: Project) -> int:
    from urllib.parse import urlsplit  # noqa: PLC0415

    kobo = [source for source in project.sources() if source.kind == "kobo"]
    port = urlsplit(kobo[0].url).port if kobo else None
    return port or 8017
