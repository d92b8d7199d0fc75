"""A source of kind odk_central in sources.yml: its form comes into the archive, its list into the reference tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.defs.syncing import sync
from pipelines.errors import ConfigError, TransientError
from pipelines.forms.read import xform_of
from pipelines.project import Project
from pipelines.project.folders import read_sources
from pipelines.sources.central_reference import keep_lists
from pipelines.sources.sync import Wish
from pipelines.store.duck import in_memory, read_rows
from pipelines.store.reference import fingerprint, load_reference
from tests.central.camp import NOW, Camp, camp_in
from tests.central.test_central_harmonize import FIRST
from tests.faults.hostile import always, at, cut, hostile
from tests.flow.harmonizing import project_of

pytestmark = pytest.mark.slow

SITES = (
    "__id,label,pcode,geometry,__createdAt,__creatorId,__creatorName,__updates,__updatedAt,__version\n"
    'a-1,"Khanke, new",IQ-1,36.77 42.93 480 5,2026-11-22T02:36:46.312Z,6,Ninewa team 1,0,,1\n'
    "a-2,شاريا,IQ-2,,2026-11-22T02:36:46.312Z,6,Ninewa team 1,0,,1\n"
)
SOURCES = """
sources:
  central:
    kind: odk_central
    url: {url}
    email_env: CENTRAL_EMAIL
    password_env: CENTRAL_PASSWORD
    project: 1
    reference: {{central_site: sites}}
    tools: {{visit: visit}}
"""


@pytest.fixture
def camp(tmp_path: Path) -> Iterator[Camp]:
    with camp_in(tmp_path / "camp") as camp:
        camp.server.store.datasets["sites"] = SITES
        yield camp


@pytest.fixture
def project(tmp_path: Path, camp: Camp, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = project_of(tmp_path / "project", {"1": FIRST})
    project.reference.mkdir(parents=True)
    (project.xlsforms / "sources.yml").write_text(SOURCES.format(url=camp.url), encoding="utf-8")
    monkeypatch.setenv("CENTRAL_EMAIL", "viewer@example.org")
    monkeypatch.setenv("CENTRAL_PASSWORD", "viewer-password")
    camp.server.store.forms.clear()
    camp.server.store.publish("visit", xform_of(project.tool("visit").form_file("1")))
    return project


def synced(project: Project):
    [source] = project.sources()
    return sync(project, source, source.assets[0], Wish())


def table(project: Project, name: str = "central_site") -> list[dict[str, object]]:
    with in_memory() as con:
        load_reference(con, project.reference, project.lists)
        return read_rows(con, f"SELECT * FROM reference.{name} ORDER BY 1")


def test_a_source_of_central_is_synced_with_its_list(project: Project, camp: Camp) -> None:
    camp.send("<site><name>Khanke</name><families>12</families></site>")
    outcome = synced(project)
    assert (outcome.error, outcome.anew, outcome.figures["new"]) == (None, True, 1)
    assert table(project) == [
        {
            "__id": "a-1", "label": "Khanke, new", "pcode": "IQ-1", "geometry": "36.77 42.93 480 5",
            "__createdAt": "2026-11-22T02:36:46.312Z", "__updates": "0", "__updatedAt": None, "__version": "1",
            "lat": 36.77, "lon": 42.93,
        },
        {
            "__id": "a-2", "label": "شاريا", "pcode": "IQ-2", "geometry": None,
            "__createdAt": "2026-11-22T02:36:46.312Z", "__updates": "0", "__updatedAt": None, "__version": "1",
            "lat": None, "lon": None,
        },
    ]  # fmt: skip
    [kept] = (project.lists / "central_site").iterdir()
    assert kept.read_text(encoding="utf-8") == SITES


def test_every_state_of_a_list_is_kept_once_and_the_last_is_the_table(project: Project, camp: Camp) -> None:
    central, arguments = camp.central(), ({"central_site": "sites"}, project.lists, project.reference)
    assert keep_lists(central, *arguments, NOW) == ["central_site"]
    before = fingerprint(project.reference, project.lists)
    assert keep_lists(central, *arguments, NOW.replace(hour=1)) == []
    camp.server.store.datasets["sites"] = SITES.replace("شاريا", "Shariya")
    assert keep_lists(central, *arguments, NOW.replace(hour=2)) == ["central_site"]
    assert [row["label"] for row in table(project)] == ["Khanke, new", "Shariya"]
    assert len(list((project.lists / "central_site").iterdir())) == 2
    assert fingerprint(project.reference, project.lists) != before


def test_a_list_does_not_replace_what_is_reviewed_like_code(project: Project, camp: Camp) -> None:
    (project.reference / "central_site.csv").write_text("site\nours\n", encoding="utf-8")
    camp.send("<site><name>Khanke</name></site>")
    outcome = synced(project)
    assert isinstance(outcome.error, ConfigError)
    assert "which is a file of warehouse/reference already" in str(outcome.error)
    assert table(project) == [{"site": "ours"}]


def test_a_list_that_arrives_cut_is_asked_for_again_and_never_kept_so(project: Project, camp: Camp) -> None:
    arguments = ({"central_site": "sites"}, project.lists, project.reference, NOW)
    with hostile(camp.url, at(1, cut(0.7, "close"), path=".csv")) as server:
        assert keep_lists(camp.central(url=server.url), *arguments) == ["central_site"]
    camp.server.store.datasets["sites"] = SITES + "a-3,Bajet,,,,,,,,\n"
    with hostile(camp.url, always(cut(0.7, "close"), path=".csv")) as server, pytest.raises(TransientError):
        keep_lists(camp.central(url=server.url), *arguments)
    assert len(table(project)) == 2


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("reference: {Site-1: sites}", "no name of a table"),
        ("kind: kobo\n    token_env: T\n    reference: {site: sites}", "only a source of kind odk_central"),
    ],
)
def test_a_list_that_cannot_be_is_refused(said: str, found: str, tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    central = "kind: odk_central\n    email_env: E\n    password_env: P\n    project: 1\n    "
    kind = "" if "kind" in said else central
    file.write_text(f"sources:\n  central:\n    {kind}{said}\n    url: https://c.example.org\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=found):
        read_sources(file, (), tmp_path)
