"""A form that lives on a server comes home as a workbook that asks the same, with what we know of its questions."""

# ruff: noqa: E501 - a form reads in whole rows

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipelines.demo.server import StandIn
from pipelines.forms.form import Form
from pipelines.forms.read import read_form, warnings_of, xform_of
from pipelines.forms.same import asks_the_same
from pipelines.project import Project
from tests.central.server import Central
from tests.flow.cluster import TOKEN, Cluster, Done
from tests.flow.harmonizing import write_form
from tests.flow.tiny import tiny_project

ONE = """
| survey |
|  | type | name | label::English (en) | label::Arabic (ar) | hint::English (en) | hint::Arabic (ar) | relevant | required | constraint | choice_filter | sensitivity | hxl |
|  | begin_group | site | Site | الموقع |  |  |  |  |  |  |  |  |
|  | select_one kind | type | Type of site | نوع الموقع |  |  |  | yes |  |  | public | #loc |
|  | select_one kind | second | Second type | نوع آخر |  |  | ${type} = 'camp' |  |  |  | public |  |
|  | select_one kind | third | Third type | ثالث |  |  |  |  |  | region = ${type} | public |  |
|  | end_group |  |  |  |  |  |  |  |  |  |  |  |
|  | begin_repeat | family | Family | عائلة |  |  |  |  |  |  |  |  |
|  | integer | members | Members | الأفراد | Count all | الكل |  |  | . > 0 and . < 40 |  | partners | #affected |
|  | dateTime | arrived | Arrived | وصل |  |  | ${members} > 3 |  |  |  |  |  |
|  | end_repeat |  |  |  |  |  |  |  |  |  |  |  |
| choices |
|  | list_name | name | label::English (en) | label::Arabic (ar) | region |
|  | kind | camp | Camp | مخيم | camp |
|  | kind | centre | Centre | مركز | camp |
| settings |
|  | form_title | form_id | version | default_language |
|  | Visit | visit | 2026-1 | English (en) |
"""
TWO = ONE.replace("| Second type |", "| Another type |").replace("2026-1", "2026-2")
SENSITIVE = ("sensitivity", "hxl", "indicator")


@dataclass(frozen=True)
class Servers:
    """A Kobo server and a Central server, a project that names both, and a folder for workbooks."""

    cluster: Cluster
    kobo: StandIn
    central: Central
    folder: Path

    @property
    def tool(self) -> Path:
        return self.cluster.project.xlsforms / "visit"

    def workbook(self, markdown: str, name: str = "sent.xlsx") -> Path:
        write_form(self.folder / name, markdown)
        return self.folder / name

    def deploy(self, markdown: str, day: int = 20) -> str:
        """Deploy a form on Kobo as its servers know it: without our own columns."""
        file = self.workbook(without_ours(markdown))
        self.kobo.set_clock(datetime(2026, 11, day, tzinfo=UTC))
        return self.kobo.deploy("aVisit", read_form(file, "visit", "x"), xform_of(file))

    def publish(self, markdown: str, *, as_xform: bool = False) -> None:
        """Publish a form on Central."""
        file = self.workbook(without_ours(markdown))
        self.central.store.publish("visit", xform_of(file), b"" if as_xform else file.read_bytes())

    def pull(self, *words: str) -> Done:
        return self.cluster.cccm("forms", "pull", "visit", *words, CENTRAL_EMAIL="im@example.org", CENTRAL_PASSWORD="p")

    def form(self, version: str) -> Form:
        return read_form(self.tool / f"{version}.xlsx", "visit", version)


SOURCES = """
sources:
  kobo: {{kind: kobo, url: "{kobo}", token_env: CCCM_DEMO_TOKEN}}
  central:
    {{kind: odk_central, url: "{central}", project: 1, email_env: CENTRAL_EMAIL, password_env: CENTRAL_PASSWORD}}
  inbox: {{kind: export_file, folder: inbox}}
"""


@contextmanager
def _servers(folder: Path) -> Iterator[Servers]:
    project: Project = tiny_project(folder)
    project.xlsforms.mkdir()
    kobo, central = StandIn(folder / "server.sqlite", token=TOKEN), Central()
    central.store.users["im@example.org"] = ("p", "viewer")
    with ExitStack() as open_:
        at = {"kobo": open_.enter_context(kobo.serve()), "central": open_.enter_context(central.serve())}
        (project.xlsforms / "sources.yml").write_text(SOURCES.format(**at))
        yield Servers(Cluster(project, 0), kobo, central, folder)
    kobo.close()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with _servers(tmp_path) as made:
        yield made


def without_ours(markdown: str) -> str:
    """The form as servers know it."""
    lines = [line.split("|") for line in markdown.splitlines()]
    return "\n".join("|".join(cells[:-3] + cells[-1:] if len(cells) == 15 else cells) for cells in lines)


def ours(form: Form) -> dict[str, tuple[str, ...]]:
    return {question.name: tuple(getattr(question, name) for name in SENSITIVE) for question in form.questions}


def test_what_kobo_has_in_use_becomes_a_tool(servers: Servers) -> None:
    servers.deploy(ONE)
    servers.deploy(TWO, day=22)
    done = servers.pull("--from", "kobo", "--asset", "aVisit")
    assert (done.code, done.err.count("error")) == (0, 0), done.err
    assert sorted(path.name for path in servers.tool.iterdir()) == ["2026-11-22.xlsx", "tool.yml"]
    sent = read_form(servers.workbook(without_ours(TWO)), "visit", "x")
    assert asks_the_same(servers.form("2026-11-22"), sent)
    assert warnings_of(servers.tool / "2026-11-22.xlsx") == ()
    assert servers.cluster.project.tool("visit").title == "Visit"
    assert "5 of 5 questions say nothing in the column 'sensitivity'" in done.err.replace("\n", " ")


def test_every_version_comes_with_all_and_none_comes_twice(servers: Servers) -> None:
    servers.deploy(ONE)
    servers.deploy(TWO)
    assert servers.pull("--from", "kobo", "--asset", "aVisit", "--all").code == 0
    before = {path.name: path.read_bytes() for path in servers.tool.iterdir()}
    assert sorted(before) == ["2026-11-20-2.xlsx", "2026-11-20.xlsx", "tool.yml"]
    again = servers.pull("--from", "kobo", "--asset", "aVisit", "--all")
    assert again.out.count("nothing was changed") == 2
    assert {path.name: path.read_bytes() for path in servers.tool.iterdir()} == before


@pytest.mark.parametrize("server", ["kobo", "central", "central as an XForm"])
def test_what_the_repository_says_of_a_question_stays_with_it(servers: Servers, server: str) -> None:
    assert servers.cluster.cccm("forms", "add", str(servers.workbook(ONE)), "--tool", "visit").code == 0
    changed = TWO.replace("| members | Members |", "| people | People |").replace("${members}", "${people}")
    if server == "kobo":
        servers.deploy(changed)
        asset = "aVisit"
    else:
        servers.publish(changed, as_xform=server != "central")
        asset = "visit"
    done = servers.pull("--from", server.split(maxsplit=1)[0], "--asset", asset, "--version", "2026-2")
    assert "3 of its questions say in our own columns what the version before says" in done.out
    pulled = servers.form("2026-2")
    assert ours(pulled) == {
        "type": ("public", "#loc", ""),
        "second": ("public", "", ""),
        "third": ("public", "", ""),
        "people": ("", "", ""),
        "arrived": ("", "", ""),
    }
    assert done.code == 0, done.out
    if server != "central as an XForm":
        assert asks_the_same(pulled, read_form(servers.workbook(without_ours(changed)), "visit", "x"))


def test_a_form_that_was_deployed_from_here_is_known_again(servers: Servers) -> None:
    servers.cluster.cccm("forms", "add", str(servers.workbook(ONE)), "--tool", "visit")
    servers.deploy(ONE)
    servers.publish(ONE)
    for server, asset in (("kobo", "aVisit"), ("central", "visit")):
        done = servers.pull("--from", server, "--asset", asset)
        assert (done.code, "asks what visit 2026-1 asks; nothing was changed" in done.out) == (0, True), done
    assert servers.cluster.project.tool("visit").versions == ("2026-1",)


def test_central_gives_the_workbook_that_was_uploaded_under_its_own_version(servers: Servers) -> None:
    servers.publish(ONE)
    servers.publish(TWO)
    assert servers.pull("--from", "central", "--asset", "visit", "--all").code == 0
    assert servers.cluster.project.tool("visit").versions == ("2026-1", "2026-2")
    assert (servers.tool / "2026-2.xlsx").read_bytes() == (servers.folder / "sent.xlsx").read_bytes()


def test_an_old_workbook_and_an_xform_come_home_too(servers: Servers) -> None:
    servers.publish(ONE, as_xform=True)
    assert servers.pull("--from", "central", "--asset", "visit").code == 0
    assert warnings_of(servers.tool / "2026-1.xlsx") == ()
    asked = [(q.path, q.type, q.labels, q.relevant, q.required) for q in servers.form("2026-1").questions]
    sent = read_form(servers.workbook(without_ours(ONE)), "visit", "x")
    assert asked == [(q.path, q.type, q.labels, q.relevant, q.required) for q in sent.questions]


REFUSED = {
    "no such source": (["--from", "nowhere"], "names no source 'nowhere'; it has central, inbox, kobo"),
    "no asset": (["--from", "kobo"], "source 'kobo' names no asset of visit; say with --asset which one is meant"),
    "no server": (["--from", "inbox", "--asset", "a"], "is of kind export_file and has no forms; name a server"),
    "two wishes": (["--from", "kobo", "--all", "--version", "1"], "leave one of the two out"),
    "unknown asset": (["--from", "kobo", "--asset", "aNobody"], "aNobody"),
    "unknown form": (["--from", "central", "--asset", "nobody"], "nobody"),
}


@pytest.mark.parametrize("wish", REFUSED)
def test_what_cannot_be_pulled_is_one_sentence_and_leaves_nothing(servers: Servers, wish: str) -> None:
    words, says = REFUSED[wish]
    done = servers.pull(*words)
    assert (done.code, says in done.err.replace("\n", " ")) == (2, True), done.err
    assert not servers.tool.exists()


def test_a_draft_that_was_never_deployed_is_no_version(servers: Servers) -> None:
    servers.kobo.draft("aVisit", read_form(servers.workbook(without_ours(ONE)), "visit", "x"))
    done = servers.pull("--from", "kobo", "--asset", "aVisit")
    assert (done.code, "was never deployed; deploy it there first" in done.err) == (2, True), done.err


def test_the_stand_in_gives_workbooks_as_a_real_central_server_does(servers: Servers, shared: Path) -> None:
    recorded = shared / "reference" / "odk-central-fixtures"
    lines = [json.loads(line) for line in (recorded / "index.jsonl").read_text().splitlines()]
    told = {line["name"]: line for line in lines if line["name"] in {"forms/xlsx_version1", "forms/xls_404"}}
    servers.publish(ONE)
    servers.central.store.sessions["t"] = "im@example.org"
    place = "/v1/projects/1/forms/visit/versions/2026-1"
    (url,) = [source.url for source in servers.cluster.project.sources() if source.name == "central"]
    for name, end in (("forms/xlsx_version1", ".xlsx"), ("forms/xls_404", ".xls")):
        connection = HTTPConnection(urlsplit(url).netloc)
        connection.request("GET", place + end, headers={"Authorization": "Bearer t"})
        answer = connection.getresponse()
        body, kind = answer.read(), answer.headers["Content-Type"].partition(";")[0]
        connection.close()
        assert answer.status == told[name]["status"]
        assert kind == told[name]["response_headers"]["Content-Type"].partition(";")[0]
        if end == ".xls":
            assert json.loads(body) == json.loads((recorded / told[name]["file"]).read_text())
