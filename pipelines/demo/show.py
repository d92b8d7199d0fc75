"""Fill the stand-in server as a cluster would: deploy the forms, and send the planned submissions as phones do.

What is sent is months.py and mistakes.py; the server is server.py. Done once: a server that has submissions is left
alone.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from pipelines.demo.mistakes import Mistake, with_mistakes
from pipelines.demo.months import Planned, demo_submissions
from pipelines.demo.phone import Phone, submission_xml
from pipelines.demo.population import read_sites
from pipelines.demo.server import StandIn
from pipelines.demo.services import read_spellings
from pipelines.errors import ServerError
from pipelines.forms.form import Form
from pipelines.forms.read import read_form, xform_of
from pipelines.project import Project

TODAY = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
"""Where the demo's clock stands when all is sent."""

DEPLOYED = {"2019-1": datetime(2026, 1, 5, tzinfo=UTC), "2026-1": datetime(2026, 4, 20, tzinfo=UTC)}
"""When each form version came into use in the demo; versions not named came with the first."""

TOKEN = "demo-token"  # noqa: S105 - the stand-in listens on loopback and guards nothing


def fill(
    stand_in: StandIn, url: str, project: Project, assets: Mapping[str, str], tell: Callable[[int, int], None]
) -> tuple[Mistake, ...]:
    """Deploy every form of `assets` (tool -> asset uid) and send all submissions; `tell` gets how many of how many."""
    forms = {
        (tool, version): _form(project, tool, version) for tool in assets for version in project.tool(tool).versions
    }
    planned, mistakes = with_mistakes(
        demo_submissions(
            list(forms.values()),
            read_sites(project.reference / "site.csv"),
            spellings=read_spellings(project.reference / "organisation_alias.csv"),
        )
    )
    if all(stand_in.count(asset) for asset in assets.values()):
        return mistakes
    versions = {
        (tool, version): _deploy(stand_in, project, assets[tool], form) for (tool, version), form in forms.items()
    }
    with Phone(url, TOKEN) as phone:
        for number, one in enumerate(planned, start=1):
            _send(stand_in, phone, one, forms, versions, assets)
            tell(number, len(planned))
    stand_in.set_clock(TODAY)
    return mistakes


def _form(project: Project, tool: str, version: str) -> Form:
    return read_form(project.tool(tool).form_file(version), tool, version)


def _deploy(stand_in: StandIn, project: Project, asset: str, form: Form) -> str:
    stand_in.set_clock(DEPLOYED.get(form.version, DEPLOYED["2019-1"]))
    return stand_in.deploy(asset, form, xform_of(project.tool(form.tool).form_file(form.version)))


def _send(
    stand_in: StandIn,
    phone: Phone,
    one: Planned,
    forms: Mapping[tuple[str, str], Form],
    versions: Mapping[tuple[str, str], str],
    assets: Mapping[str, str],
) -> None:
    stand_in.set_clock(one.received_at)
    kind = (one.tool, one.form_version)
    xml = submission_xml(forms[kind], assets[one.tool], versions[kind], one.answers, instance_id=one.instance_id)
    status = phone.send(xml)
    if status not in {201, 202}:
        message = f"The stand-in server answered {status} to a submission of {one.tool}; delete its file and run again."
        raise ServerError(message)


def assets_of(project: Project) -> dict[str, str]:
    """The demo's assets: tool -> asset uid, from the project's first Kobo source."""
    kobo: Sequence[dict[str, str]] = [
        {asset.tool: asset.asset for asset in source.assets} for source in project.sources() if source.kind == "kobo"
    ]
    return kobo[0] if kobo else {}
