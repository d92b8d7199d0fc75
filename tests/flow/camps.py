"""A Kobo server with one project and our archive of it, for the tests of syncing; and what must hold of the two.

The project asks how many families a camp has and for a photo. A submission is known by the number of families that it
was first sent with.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.archive.archive import open_archive
from pipelines.archive.chain import linked
from pipelines.archive.opening import opened
from pipelines.demo.phone import Phone, submission_xml
from pipelines.demo.server import StandIn
from pipelines.forms.read import read_markdown
from pipelines.sources.client import Client
from pipelines.sources.kobo import PAGE, Kobo
from pipelines.sources.limits import Limits
from pipelines.sources.sync import Manner, SyncReport, Wish, sync_kobo
from pipelines.store.duck import connect, read_rows

NOW = datetime(2026, 11, 20)  # noqa: DTZ001 - the archive keeps UTC without zone
TOKEN = "demo-token"
ASSET = "aCamps"
FORM = read_markdown(
    """
| survey |         |          |                     |
|        | type    | name     | label::English (en) |
|        | integer | families | Families            |
|        | image   | photo    | Photo               |
"""
)
AT_ONCE = Limits(first_wait=0, longest_wait=0, longest_asked_wait=0, attempts=3)
"""A client that does not wait before it asks again."""


@dataclass
class Camps:
    """A server with one project, and our archive of it."""

    stand_in: StandIn
    url: str
    version: str
    folder: Path
    page: int = PAGE
    manner: Manner = field(default_factory=Manner)

    @property
    def archive(self) -> Path:
        return self.folder / "archive" / "camps.duckdb"

    @property
    def attachments(self) -> Path:
        return self.folder / "attachments"

    def send(
        self, *numbers: int, photo: str = "", files: Mapping[str, bytes] | None = None, token: str = TOKEN
    ) -> None:
        """Send a submission for each of `numbers`, which is its answer and its instance id."""
        with Phone(self.url, token) as phone:
            for number in numbers:
                assert phone.send(self.xml(number, photo=photo), files) == 201

    def post(self, xml: bytes, files: Mapping[str, bytes]) -> None:
        """Send a submission, perhaps once more, with these files."""
        with Phone(self.url, TOKEN) as phone:
            assert phone.send(xml, files) == 201

    def xml(self, number: int, *, families: int | None = None, photo: str = "", edits: int = 0) -> bytes:
        """What a phone sends for the submission `number`, edited so many times."""
        answers = {"families": str(number if families is None else families), "photo": photo}
        given = {name: answer for name, answer in answers.items() if answer}
        earlier = {"deprecated_id": instance(number, edits - 1), "root_id": instance(number)} if edits else {}
        return submission_xml(FORM, ASSET, self.version, given, instance_id=instance(number, edits), **earlier)

    def edit(self, number: int, families: int, *, photo: str = "", edits: int = 1) -> None:
        """Edit the submission `number`."""
        with Phone(self.url, TOKEN) as phone:
            assert phone.send(self.xml(number, families=families, photo=photo, edits=edits)) == 201

    def id_of(self, number: int) -> int:
        """The server's number of the submission that was first sent as `number`."""
        query = f'{{"meta/rootUuid":"uuid:{instance(number)}"}}'
        found: int = self.ask("GET", f"data/?query={query}&limit=1")["results"][0]["_id"]
        return found

    def delete(self, *numbers: int) -> None:
        """Delete submissions."""
        for number in numbers:
            self.ask("DELETE", f"data/{self.id_of(number)}/")

    def judge(self, number: int, status: str) -> None:
        """Give a validation status, or take it back."""
        where = f"data/{self.id_of(number)}/validation_status/"
        if status:
            self.ask("PATCH", where, {"validation_status.uid": f"validation_status_{status}"})
        else:
            self.ask("DELETE", where)

    def ask(self, method: str, below: str, body: Any = None) -> Any:
        """What the server answers below the project, decoded."""
        return json.loads(self.bytes_of(method, below, body) or b"null")

    def bytes_of(self, method: str, below: str, body: Any = None) -> bytes:
        """What the server answers below the project."""
        connection = HTTPConnection(urlsplit(self.url).netloc)
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        path = f"/api/v2/assets/{ASSET}/{below}"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        content = connection.getresponse().read()
        connection.close()
        return content

    def sync(self, wish: Wish = Wish(), *, url: str = "", token: str = TOKEN) -> SyncReport:  # noqa: B008 - a value
        """Sync, from another address than the server's where one is given."""
        with open_archive(self.archive) as archive:
            kobo = Kobo(Client(url or self.url, token, named="kobo", limits=AT_ONCE), page=self.page)
            return sync_kobo(archive, kobo, "kobo", ASSET, wish=wish, now=NOW, manner=self.manner)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the archive."""
        with connect(self.archive, read_only=True) as con:
            return read_rows(con, sql)

    def forget_files(self) -> None:
        """Empty the archive's list of files."""
        with opened(self.archive) as (con, _), linked(con):
            con.execute("DELETE FROM attachment")

    def current(self) -> list[str]:
        """The answers that stand in the archive."""
        rows = self.rows("SELECT raw FROM submission WHERE gone_run IS NULL")
        return sorted((json.loads(row["raw"])["families"] for row in rows), key=int)

    def runs(self) -> list[tuple[bool, str | None]]:
        """(complete, error class) of every run."""
        rows = self.rows("SELECT complete, error_class FROM sync_run ORDER BY run")
        return [(row["complete"], row["error_class"]) for row in rows]

    def holds(self) -> None:
        """Assert that the archive holds what the server has, byte for byte, each thing once, and its past whole."""
        there = {}
        for raw in rows_of(self.bytes_of("GET", 'data/?limit=1000&sort={"_id":1}').decode()):
            there[str(json.loads(raw)["_id"])] = sha256(raw.encode()).hexdigest()
        held = self.rows("SELECT server_id, root_id, raw_sha256 FROM submission WHERE gone_run IS NULL")
        assert {row["server_id"]: row["raw_sha256"] for row in held} == there
        assert len({row["root_id"] for row in held}) == len(held) == len(there)
        assert broken_pasts(self.rows(PAST)) == []


PAST = """
SELECT root_id, list({'revision': revision, 'seen': seen_run, 'gone': gone_run} ORDER BY revision) AS revisions
FROM submission GROUP BY root_id
"""


def broken_pasts(rows: list[dict[str, Any]]) -> list[str]:
    """The submissions whose revisions are not 1, 2, 3 … each gone when or before the next was seen."""

    def whole(revisions: list[dict[str, Any]]) -> bool:
        numbered = [one["revision"] for one in revisions] == list(range(1, len(revisions) + 1))
        return numbered and all(
            one["gone"] is not None and one["gone"] <= after["seen"] for one, after in pairwise(revisions)
        )

    return [row["root_id"] for row in rows if not whole(row["revisions"])]


def rows_of(page: str) -> Iterator[str]:
    """The rows of a page of data, each as it was sent."""
    decoder = json.JSONDecoder()
    at = page.index('"results":[') + len('"results":[')
    while page[at] == "{":
        _, end = decoder.raw_decode(page, at)
        yield page[at:end]
        at = end + 1


def instance(number: int, edits: int = 0) -> str:
    """The instance id of the submission `number` after so many edits."""
    return f"00000000-0000-4000-{8000 + edits:04}-{number:012d}"


@contextmanager
def camps_in(folder: Path, **given: Any) -> Iterator[Camps]:
    """A server and an archive below `folder`, both empty."""
    stand_in = StandIn(folder / "server.sqlite")
    stand_in.set_clock(datetime(2026, 11, 20, tzinfo=UTC))
    version = stand_in.deploy(ASSET, FORM, "<h/>")
    with stand_in.serve() as url:
        yield Camps(stand_in, url, version, folder, **given)
    stand_in.close()
