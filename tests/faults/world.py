"""A server with a few camps, what is sent, edited, deleted and approved there, and our archive of it.

It serves small pages, so that a first, a middle and a last one exist. What a sync made of a fault is compared as
`content`: everything the archive holds but the numbers of its runs.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from pipelines.archive.archive import open_archive
from pipelines.demo import data
from pipelines.demo.phone import Phone, submission_xml
from pipelines.demo.server import StandIn
from pipelines.forms.form import Form
from pipelines.forms.read import read_markdown
from pipelines.project.secret import disguises
from pipelines.sources.client import Client, Limits
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import SyncReport, Wish, sync_kobo
from pipelines.store.duck import connect, read_rows

NOW = datetime(2026, 11, 20)  # noqa: DTZ001 - the archive keeps UTC without zone
TOKEN = "canary-4f0c1e97d2b86a53"
"""Nowhere may it be found again, in whatever guise."""
ASSET = "aCamps"
PAGE = 4
ROWS = 18
QUICK = Limits(
    connect=1,
    silence=0.3,
    deadline=0.3,
    body=2_000_000,
    first_wait=0.001,
    longest_wait=0.001,
    longest_asked_wait=0.01,
    attempts=4,
)
"""Limits under which no fault takes long."""

FORM: Form = read_markdown(
    """
| survey |         |          |                     |
|        | type    | name     | label::English (en) |
|        | integer | families | Families            |
|        | text    | remark   | Remark              |
"""
)

Content = list[dict[str, Any]]


@dataclass(frozen=True)
class World:
    """The server."""

    stand_in: StandIn
    url: str
    version: str

    def send(self, *numbers: int) -> None:
        """Send a submission for each of `numbers`, which is its answer and its instance id."""
        with Phone(self.url, TOKEN) as phone:
            for number in numbers:
                answers = {"families": str(number), "remark": "خيمة"}
                xml = submission_xml(FORM, ASSET, self.version, answers, instance_id=_uuid(number))
                assert phone.send(xml) == 201

    def edit(self, number: int) -> None:
        """Edit the submission `number`."""
        xml = submission_xml(
            FORM,
            ASSET,
            self.version,
            {"families": str(number * 100)},
            instance_id=_uuid(number + 5000),
            deprecated_id=_uuid(number),
            root_id=_uuid(number),
        )
        with Phone(self.url, TOKEN) as phone:
            assert phone.send(xml) == 201

    def delete(self, number: int) -> None:
        self._ask("DELETE", f"/api/v2/assets/{ASSET}/data/{self._id(number)}/")

    def approve(self, number: int) -> None:
        body = json.dumps({"validation_status.uid": "validation_status_approved"}).encode()
        self._ask("PATCH", f"/api/v2/assets/{ASSET}/data/{self._id(number)}/validation_status/", body)

    def _id(self, number: int) -> int:
        query = quote(json.dumps({"families": str(number)}))
        return int(self._ask("GET", f"/api/v2/assets/{ASSET}/data/?query={query}&limit=1")["results"][0]["_id"])

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        assert answer.status < 300, said
        return json.loads(said) if said else None


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A server with `ROWS` submissions in pages of `PAGE`, kept below `folder`."""
    stand_in = StandIn(folder / "server.sqlite")
    stand_in.admit("imo", TOKEN, sees="all")
    stand_in.set_clock(datetime(2026, 11, 20, tzinfo=UTC))
    version = stand_in.deploy(ASSET, FORM, "<h/>")
    with pytest.MonkeyPatch.context() as settings, stand_in.serve() as url:
        settings.setattr(data, "LARGEST_PAGE", PAGE)
        camps = World(stand_in, url, version)
        camps.send(*range(1, ROWS + 1))
        yield camps
    stand_in.close()


def sync(url: str, archive: Path, *, limits: Limits = QUICK, wish: Wish = Wish(), token: str = TOKEN) -> SyncReport:  # noqa: B008
    """Bring `archive` up to date with what stands at `url`."""
    with open_archive(archive) as opened:
        kobo = Kobo(Client(url, token, named="kobo", limits=limits))
        return sync_kobo(opened, kobo, "kobo", ASSET, wish=wish, now=NOW)


def content(archive: Path) -> Content:
    """What the archive holds, without the numbers of runs, which are other ones where a run failed."""
    rows = """SELECT root_id, revision, instance_id, server_id, form_version, submitted_at, raw, raw_sha256, n_answers,
              digest, validation_status, gone_why FROM submission ORDER BY root_id, revision"""
    versions = "SELECT asset, version, content FROM form_version ORDER BY version"
    with connect(archive, read_only=True) as con:
        return [*read_rows(con, rows), *read_rows(con, versions)]


def last_run(archive: Path) -> tuple[bool, str | None]:
    """(complete, error class) of the last run."""
    with connect(archive, read_only=True) as con:
        row = read_rows(con, "SELECT complete, error_class FROM sync_run ORDER BY run DESC LIMIT 1")[0]
    return row["complete"], row["error_class"]


def given_away(folder: Path, *texts: str) -> list[str]:
    """Where the token can be found again: the files below `folder`, and which of `texts`."""
    forms = [form.encode() for form in disguises(TOKEN)]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [str(path) for path in files if any(form in path.read_bytes() for form in forms)]
    return [*found, *(text for text in texts if any(form in text.encode() for form in forms))]


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"
