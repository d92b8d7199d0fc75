"""A real KoboToolbox server's recorded answers, replayed over HTTP: every row lands, and the next sync finds all that
happened in between.
"""

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines.archive.archive import Counts, open_archive
from pipelines.harmonize.build import build_tool
from pipelines.project import Project
from pipelines.sources.client import Client
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import Manner, SyncReport, Wish, sync_kobo
from pipelines.store.duck import connect, read_rows

ASSET = "akZ4DrNiYcWuqiRbjmocMx"
NOW = datetime(2026, 11, 22, 12, 0)  # noqa: DTZ001 - the archive keeps UTC without zone
TOKEN = "recorded"
PHOTO = "attLmCFFBgpNC8owZAA6fgPE"
"""The file of row 7, whose bytes were recorded."""


@pytest.fixture
def recorded(shared: Path) -> Path:
    return shared / "reference" / "kobo-fixtures"


@pytest.fixture
def cluster(recorded: Path, tmp_path: Path) -> Project:
    """A project whose fsmt is the form that was on the recorded server."""
    folder = tmp_path / "cluster" / "xlsforms" / "fsmt"
    folder.mkdir(parents=True)
    for version in (1, 2, 3):
        shutil.copy(recorded / "forms" / f"fsmt_v{version}.xlsx", folder / f"{version}.xlsx")
    (folder / "tool.yml").write_text("title: Recorded\nunit: [camp]\nperiod: visit_date\n")
    return Project(tmp_path / "cluster", tmp_path / "data")


def test_every_recorded_row_lands(recorded: Path, cluster: Project) -> None:
    report = _sync(recorded, cluster, "sync_t1")
    rows = json.loads((recorded / "sync_t1_data.json").read_text())["results"]
    assert report.counts == Counts(seen=len(rows), new=len(rows))
    assert report.server_time == datetime(2026, 11, 22, 2, 34, 3)  # noqa: DTZ001
    with connect(cluster.work_file) as con:
        built = build_tool(con, cluster, cluster.tool("fsmt"))
        landed = read_rows(
            con, "SELECT _server_id, _form_version, hh_count FROM harmonized.fsmt ORDER BY _server_id::INT"
        )
        blocks = read_rows(con, "SELECT count(*) AS n FROM harmonized.fsmt__block")
        held = read_rows(con, "SELECT path, reason FROM ledger.quarantine")
    assert built.balanced
    assert [int(row["_server_id"]) for row in landed] == [row["_id"] for row in rows]
    assert [row["hh_count"] for row in landed] == [int(row["demographics/hh_count"]) for row in rows]
    assert blocks == [{"n": sum(len(row.get("block", [])) for row in rows)}]
    assert held == []


def test_raw_is_what_the_server_sent(recorded: Path, cluster: Project) -> None:
    _sync(recorded, cluster, "sync_t1")
    sent = (recorded / "sync_t1_data.json").read_text()
    with connect(cluster.archive_file("fsmt"), read_only=True) as con:
        kept = read_rows(con, "SELECT raw FROM submission ORDER BY server_id::INT")
    assert all(row["raw"] in sent for row in kept)
    assert sum(len(row["raw"]) for row in kept) > 0.95 * len(sent)


def test_the_same_again_adds_no_revision(recorded: Path, cluster: Project) -> None:
    _sync(recorded, cluster, "sync_t1")
    report = _sync(recorded, cluster, "sync_t1")
    assert report.counts.changed == 0
    with connect(cluster.archive_file("fsmt"), read_only=True) as con:
        assert read_rows(con, "SELECT max(revision) AS r, count(*) AS n FROM submission") == [{"r": 1, "n": 7}]


def test_a_later_sync_finds_what_happened_in_between_and_nothing_else(recorded: Path, cluster: Project) -> None:
    """Row 1266 new, 8 edited, 9 given and 7 relieved of a validation status, 3 deleted: what the recording says."""
    _sync(recorded, cluster, "sync_t1")
    report = _sync(recorded, cluster, "sync_t2")
    assert report.counts == Counts(seen=7, new=1, edited=1, deleted=1, status_changed=2)
    assert (report.warning, report.server_count) == ("", 7)
    with connect(cluster.archive_file("fsmt"), read_only=True) as con:
        changed = read_rows(
            con,
            """SELECT server_id::INT AS id, revision, gone_why, changed FROM submission
               WHERE seen_run = 2 OR gone_run = 2 ORDER BY ALL""",
        )
    assert [(row["id"], row["revision"], row["gone_why"], row["changed"]) for row in changed] == [
        (3, 1, "deleted", None),
        (7, 1, "replaced", None),
        (7, 2, None, "status"),
        (8, 1, "replaced", None),
        (8, 2, None, "answers"),
        (9, 1, "replaced", None),
        (9, 2, None, "status"),
        (1266, 1, None, None),
    ]
    assert _sync(recorded, cluster, "sync_t2").counts == Counts(seen=7)


def test_the_recorded_photo_is_stored_and_the_others_awaited(recorded: Path, cluster: Project) -> None:
    report = _sync(recorded, cluster, "sync_t2")
    photo = (recorded / "attachment_download.jpg").read_bytes()
    assert {file.name: file.read_bytes() for file in cluster.attachments.iterdir()} == {
        sha256(photo).hexdigest(): photo
    }
    with connect(cluster.archive_file("fsmt"), read_only=True) as con:
        rows = read_rows(con, "SELECT uid, state FROM attachment WHERE uid IS NOT NULL")
    listed = {
        file["uid"]: file["is_deleted"]
        for row in json.loads((recorded / "sync_t2_data.json").read_text())["results"]
        for file in row["_attachments"]
    }
    states = {uid: "gone" if deleted else "stored" if uid == PHOTO else "awaited" for uid, deleted in listed.items()}
    assert {row["uid"]: row["state"] for row in rows} == states
    assert (report.attachments_stored, report.attachments_failed) == (1, {})
    assert report.attachments_awaited == 0


def _sync(recorded: Path, project: Project, snapshot: str) -> SyncReport:
    with _replay(recorded, snapshot) as url, open_archive(project.archive_file("fsmt")) as archive:
        kobo = Kobo(Client(url, TOKEN, named="recorded"))
        manner = Manner(attachments=project.attachments)
        return sync_kobo(archive, kobo, "recorded", ASSET, wish=Wish(), now=NOW, manner=manner)


@contextmanager
def _replay(recorded: Path, snapshot: str) -> Iterator[str]:
    """A server that answers with the recorded bytes; only which rows a page holds follows the query."""
    asset = json.loads((recorded / f"{snapshot}_asset.json").read_text())
    pages = _Rows((recorded / f"{snapshot}_data.json").read_text())
    fixed = {
        "/me/": (recorded / "auth_me.json").read_bytes(),
        f"/api/v2/assets/{ASSET}/": (recorded / f"{snapshot}_asset.json").read_bytes(),
    }
    fixed[f"/api/v2/assets/{ASSET}/data/7/attachments/{PHOTO}/"] = (recorded / "attachment_download.jpg").read_bytes()
    for version in asset["deployed_versions"]["results"]:
        fixed[f"/api/v2/assets/{ASSET}/versions/{version['uid']}/"] = _version(recorded, asset, version)

    class Replay(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            assert self.headers["Authorization"] == f"Token {TOKEN}"
            photo = where.path.endswith(f"/{PHOTO}/")
            there = "attachments" not in where.path or photo
            body = fixed.get(where.path) or (pages.page(parse_qs(where.query)) if there else b'{"detail":"Not found."}')
            self.send_response(200 if there else 404)
            self.send_header("Content-Type", "image/jpeg" if photo else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Rows:
    """The rows of a recorded page, each as the bytes that were sent."""

    def __init__(self, page: str) -> None:
        decoder = json.JSONDecoder()
        at = page.index('"results":[') + len('"results":[')
        self._rows: list[tuple[int, str]] = []
        while page[at] == "{":
            row, end = decoder.raw_decode(page, at)
            self._rows.append((row["_id"], page[at:end]))
            at = end + 1

    def page(self, asked: dict[str, list[str]]) -> bytes:
        """The page that a query on `_id` gets, cut to `fields`, in the order of `sort`, from `start`, up to `limit`."""
        wanted = json.loads(asked["query"][0])["_id"]
        rows = [(number, raw) for number, raw in self._rows if _is_wanted(number, wanted)]
        rows.sort(reverse=json.loads(asked["sort"][0])["_id"] < 0)
        start, limit = int(asked.get("start", ["0"])[0]), int(asked["limit"][0])
        texts = [raw for _, raw in rows[start : start + limit]]
        if "fields" in asked:
            texts = [_cut(raw, json.loads(asked["fields"][0])) for raw in texts]
        return f'{{"count":{len(rows)},"next":null,"previous":null,"results":[{",".join(texts)}]}}'.encode()


def _is_wanted(number: int, wanted: dict[str, Any]) -> bool:
    above, up_to = wanted.get("$gt", 0), wanted.get("$lte", number)
    return above < number <= up_to and number in wanted.get("$in", [number])


def _cut(raw: str, fields: list[str]) -> str:
    """The row as the server shows it when only `fields` are asked for."""
    row = {key: value for key, value in json.loads(raw).items() if key in {*fields, "_uuid", "meta/rootUuid"}}
    return json.dumps({"_validation_status": {}, **row}, ensure_ascii=False, separators=(",", ":"))


def _version(recorded: Path, asset: dict[str, Any], version: dict[str, Any]) -> bytes:
    """The recorded version, or for the newest one, which was not recorded alone, the asset's own content."""
    file = recorded / f"version_v{version['version_number']}.json"
    return file.read_bytes() if file.exists() else json.dumps({**version, "content": asset["content"]}).encode()
