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
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines.archive.archive import Counts, open_archive
from pipelines.harmonize.build import build_tool
from pipelines.project import Project
from pipelines.sources.client import Client
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import SyncReport, Wish, sync_kobo
from pipelines.store.duck import connect, read_rows

ASSET = "akZ4DrNiYcWuqiRbjmocMx"
NOW = datetime(2026, 11, 22, 12, 0)  # noqa: DTZ001 - the archive keeps UTC without zone
TOKEN = "recorded"


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


def test_a_later_sync_finds_what_happened_in_between(recorded: Path, cluster: Project) -> None:
    """Row 1266 new, 8 edited, 9 and 7 of another validation status, 3 deleted: what the recording says."""
    _sync(recorded, cluster, "sync_t1")
    report = _sync(recorded, cluster, "sync_t2")
    assert report.counts == Counts(seen=7, new=1, edited=1, deleted=1, status_changed=2)
    with connect(cluster.archive_file("fsmt"), read_only=True) as con:
        changed = read_rows(
            con,
            """SELECT server_id::INT AS id, revision, gone_why FROM submission
               WHERE seen_run = 2 OR gone_run = 2 ORDER BY ALL""",
        )
    assert [(row["id"], row["revision"], row["gone_why"]) for row in changed] == [
        (3, 1, "deleted"),
        (7, 1, "replaced"),
        (7, 2, None),
        (8, 1, "replaced"),
        (8, 2, None),
        (9, 1, "replaced"),
        (9, 2, None),
        (1266, 1, None),
    ]


def _sync(recorded: Path, project: Project, snapshot: str) -> SyncReport:
    with _replay(recorded, snapshot) as url, open_archive(project.archive_file("fsmt")) as archive:
        kobo = Kobo(Client(url, TOKEN, named="recorded"))
        return sync_kobo(archive, kobo, "recorded", ASSET, wish=Wish(), now=NOW)


@contextmanager
def _replay(recorded: Path, snapshot: str) -> Iterator[str]:
    """A server that answers with the recorded bytes; only which rows a page holds follows the query."""
    asset = json.loads((recorded / f"{snapshot}_asset.json").read_text())
    pages = _Rows((recorded / f"{snapshot}_data.json").read_text())
    fixed = {
        "/me/": (recorded / "auth_me.json").read_bytes(),
        f"/api/v2/assets/{ASSET}/": (recorded / f"{snapshot}_asset.json").read_bytes(),
    }
    for version in asset["deployed_versions"]["results"]:
        fixed[f"/api/v2/assets/{ASSET}/versions/{version['uid']}/"] = _version(recorded, asset, version)

    class Replay(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            assert self.headers["Authorization"] == f"Token {TOKEN}"
            body = fixed.get(where.path) or pages.page(json.loads(parse_qs(where.query)["query"][0]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
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

    def page(self, query: dict[str, Any]) -> bytes:
        wanted = query["_id"]
        rows = [
            raw for number, raw in self._rows if number > wanted.get("$gt", 0) and number in wanted.get("$in", [number])
        ]
        return f'{{"count":{len(rows)},"next":null,"previous":null,"results":[{",".join(rows)}]}}'.encode()


def _version(recorded: Path, asset: dict[str, Any], version: dict[str, Any]) -> bytes:
    """The recorded version, or for the newest one, which was not recorded alone, the asset's own content."""
    file = recorded / f"version_v{version['version_number']}.json"
    return file.read_bytes() if file.exists() else json.dumps({**version, "content": asset["content"]}).encode()
