"""What a sync makes of what happens on a server: every event found once, nothing believed too easily."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines.archive.archive import Counts, open_archive
from pipelines.demo.phone import Phone, submission_xml
from pipelines.demo.server import StandIn
from pipelines.errors import AuthError, ServerError
from pipelines.forms.read import read_markdown
from pipelines.sources.client import Client
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import SyncReport, Wish, sync_kobo
from pipelines.store.duck import connect, read_rows

NOW = datetime(2026, 11, 20)  # noqa: DTZ001 - the archive keeps UTC without zone
TOKEN = "demo-token"
ASSET = "aCamps"
FORM = read_markdown(
    """
| survey |         |          |                     |
|        | type    | name     | label::English (en) |
|        | integer | families | Families            |
"""
)


@dataclass(frozen=True)
class Camps:
    """A server with one project, and our archive of it."""

    stand_in: StandIn
    url: str
    version: str
    archive: Path

    def send(self, *numbers: int) -> None:
        """Send a submission for each of `numbers`, which is its answer and its instance id."""
        with Phone(self.url, TOKEN) as phone:
            for number in numbers:
                answers = {"families": str(number)}
                assert phone.send(submission_xml(FORM, ASSET, self.version, answers, instance_id=_uuid(number))) == 201

    def edit(self, number: int, families: int) -> None:
        """Edit the submission `number`."""
        xml = submission_xml(
            FORM,
            ASSET,
            self.version,
            {"families": str(families)},
            instance_id=_uuid(number + 5000),
            deprecated_id=_uuid(number),
            root_id=_uuid(number),
        )
        with Phone(self.url, TOKEN) as phone:
            assert phone.send(xml) == 201

    def delete(self, *numbers: int) -> None:
        """Delete submissions by their answer."""
        for number in numbers:
            listed = self.ask("GET", f'/api/v2/assets/{ASSET}/data/?query={{"families":"{number}"}}&limit=1')
            self.ask("DELETE", f"/api/v2/assets/{ASSET}/data/{listed['results'][0]['_id']}/")

    def ask(self, method: str, path: str) -> Any:
        """What the server answers, decoded."""
        connection = HTTPConnection(urlsplit(self.url).netloc)
        connection.request(method, path, headers={"Authorization": f"Token {TOKEN}"})
        body = connection.getresponse().read()
        connection.close()
        return json.loads(body) if body else None

    def sync(self, wish: Wish = Wish(), *, url: str = "", token: str = TOKEN) -> SyncReport:  # noqa: B008 - a value
        """Sync, from another address than the server's where one is given."""
        with open_archive(self.archive) as archive:
            kobo = Kobo(Client(url or self.url, token, named="kobo", retry=False))
            return sync_kobo(archive, kobo, "kobo", ASSET, wish=wish, now=NOW)

    def current(self) -> list[str]:
        """The answers that stand in the archive."""
        with connect(self.archive, read_only=True) as con:
            rows = read_rows(con, "SELECT raw FROM submission WHERE gone_run IS NULL")
        return sorted((json.loads(row["raw"])["families"] for row in rows), key=int)

    def runs(self) -> list[tuple[bool, str | None]]:
        """(complete, error class) of every run."""
        with connect(self.archive, read_only=True) as con:
            rows = read_rows(con, "SELECT complete, error_class FROM sync_run ORDER BY run")
        return [(row["complete"], row["error_class"]) for row in rows]


@pytest.fixture
def camps(tmp_path: Path) -> Iterator[Camps]:
    stand_in = StandIn(tmp_path / "server.sqlite")
    stand_in.set_clock(datetime(2026, 11, 20, tzinfo=UTC))
    version = stand_in.deploy(ASSET, FORM, "<h/>")
    with stand_in.serve() as url:
        yield Camps(stand_in, url, version, tmp_path / "archive" / "camps.duckdb")
    stand_in.close()


def test_new_edited_and_deleted_are_found_and_nothing_twice(camps: Camps) -> None:
    camps.send(*range(1, 11))
    assert camps.sync().counts == Counts(seen=10, new=10)
    assert camps.sync().counts == Counts(seen=10)
    camps.send(11)
    camps.edit(3, 300)
    camps.delete(5)
    assert camps.sync().counts == Counts(seen=10, new=1, edited=1, deleted=1)
    assert camps.current() == ["1", "2", "4", "6", "7", "8", "9", "10", "11", "300"]
    assert camps.sync(Wish(full=True)).counts == Counts(seen=10)


def test_a_submission_that_comes_back_under_another_number_stands(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    camps.delete(2)
    camps.send(2)
    camps.sync()
    assert camps.current() == ["1", "2", "3"]


def test_mass_deletion_is_believed_only_when_accepted(camps: Camps) -> None:
    camps.send(*range(1, 21))
    camps.sync()
    camps.delete(*range(1, 7))
    report = camps.sync()
    assert report.counts.deleted == 0
    assert "6 of 20 known submissions are gone" in report.warning
    assert len(camps.current()) == 20
    assert camps.runs()[-1] == (True, "data")
    assert camps.sync(Wish(accept_deletions=True)).counts.deleted == 6
    assert len(camps.current()) == 14


def test_an_account_that_sees_only_its_own_rows_deletes_nothing(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    camps.stand_in.admit("partner", "partner-token", sees="own")
    with pytest.raises(AuthError, match="refused the token"):
        camps.sync(token="nobody-token")
    report = camps.sync(Wish(accept_deletions=True), token="partner-token")
    assert report.counts.deleted == 0
    assert "not shown to our account" in report.warning
    assert camps.current() == ["1", "2", "3"]


def test_a_server_that_gives_fewer_rows_than_asked_is_asked_again(camps: Camps) -> None:
    camps.send(1)
    camps.sync()
    camps.send(*range(2, 31))
    with _between(camps.url, lambda page: {**page, "results": page["results"][:7]}) as url:
        report = camps.sync(url=url)
    assert report.counts == Counts(seen=30, new=29)
    assert camps.current() == [str(number) for number in range(1, 31)]


def test_a_server_that_counts_rows_and_shows_none_is_not_believed(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    with (
        _between(camps.url, lambda page: {**page, "results": []}) as url,
        pytest.raises(ServerError, match="counts 3 more submissions"),
    ):
        camps.sync(url=url)
    assert camps.current() == ["1", "2", "3"]
    assert camps.runs() == [(True, None), (False, "server")]


def test_a_key_does_not_move_when_a_server_begins_to_send_root_ids(camps: Camps) -> None:
    camps.send(1, 2, 3)

    def older(page: dict[str, Any]) -> dict[str, Any]:
        rows = [{key: value for key, value in row.items() if key != "meta/rootUuid"} for row in page["results"]]
        return {**page, "results": rows}

    with _between(camps.url, older) as url:
        camps.sync(url=url)
    report = camps.sync(Wish(full=True))
    assert (report.counts.new, report.counts.edited) == (0, 3)
    assert camps.current() == ["1", "2", "3"]


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


@contextmanager
def _between(upstream: str, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[str]:
    """A server between ours and the real one, which changes the pages of data."""

    class Between(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connection = HTTPConnection(urlsplit(upstream).netloc)
            connection.request("GET", self.path, headers={"Authorization": self.headers["Authorization"]})
            answer = connection.getresponse()
            body = answer.read()
            where = urlsplit(self.path)
            if where.path.endswith("/data/") and answer.status == 200:
                page = json.loads(body)
                asked_for_rows = "fields" not in parse_qs(where.query)
                body = json.dumps(changed(page) if asked_for_rows or not page["results"][7:] else page).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.getheader("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            connection.close()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
