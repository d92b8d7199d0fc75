"""What goes wrong outside of us becomes one sentence that says where, what and what to do; exit code 2; archive
unharmed.
"""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256

import pytest

from pipelines.demo import show
from pipelines.demo.server import StandIn
from pipelines.sources.limits import Limits
from tests.flow.cluster import Cluster, Done, free_port, new_cluster


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose population archive is filled, its server still up."""
    cluster = new_cluster(tmp_path_factory.mktemp("bad"))
    stand_in = StandIn(cluster.project.data / "demo-server.sqlite")
    with stand_in.serve(cluster.port) as url:
        show.fill(stand_in, url, cluster.project, show.assets_of(cluster.project), lambda _done, _total: None)
        assert cluster.cccm("sync").code == 0
        yield cluster
    stand_in.close()


@pytest.fixture
def unharmed(synced: Cluster) -> Iterator[Cluster]:
    """The cluster; afterwards its definitions are as before, and so is every submission of its archive."""
    before = _submissions(synced)
    definitions = {path: path.read_bytes() for path in synced.project.xlsforms.rglob("*") if path.is_file()}
    yield synced
    for path in synced.project.xlsforms.rglob("*"):
        if path.is_file() and path not in definitions:
            path.unlink()
    for path, content in definitions.items():
        path.write_bytes(content)
    assert _submissions(synced) == before


def test_wrong_token(unharmed: Cluster) -> None:
    done = unharmed.cccm("sync", CCCM_DEMO_TOKEN="wrong-token")
    _is_one_sentence_each(done, f"http://127.0.0.1:{unharmed.port}/me/", "401", "set it anew")
    assert "wrong-token" not in done.err + done.out


def test_no_token(unharmed: Cluster) -> None:
    done = unharmed.cccm("sync", CCCM_DEMO_TOKEN="")
    _is_one_sentence_each(done, "demo", "no token", "CCCM_DEMO_TOKEN")


def test_unknown_asset(unharmed: Cluster) -> None:
    _replace(unharmed, "aPopulationDemo0000001", "aNobodyKnows0000000001")
    done = unharmed.cccm("sync", "population")
    _is_one_sentence_each(done, "aNobodyKnows0000000001", "404", "check the asset's uid")


def test_server_down(unharmed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.sources.client.LIMITS", Limits(attempts=2))
    _replace(unharmed, str(unharmed.port), str(free_port()))
    done = unharmed.cccm("sync", "population")
    _is_one_sentence_each(done, "does not answer", "check the address")


def test_html_instead_of_json(unharmed: Cluster) -> None:
    with _web_page() as port:
        _replace(unharmed, str(unharmed.port), str(port))
        done = unharmed.cccm("sync", "population")
    _is_one_sentence_each(done, "web page (HTML) instead of JSON", "sources.yml")


def test_a_broken_xlsform(unharmed: Cluster) -> None:
    file = unharmed.project.tool("population").form_file("2026-1")
    file.write_bytes(b"this is no workbook")
    done = unharmed.cccm("build", "population")
    _is_one_sentence_each(done, str(file), "cannot be read as an XLSForm", "save it as an Excel workbook")


def test_an_unknown_key_in_a_yaml(unharmed: Cluster) -> None:
    file = unharmed.project.tool("population").folder / "tool.yml"
    file.write_text(file.read_text() + "colour: blue\n")
    done = unharmed.cccm("build")
    _is_one_sentence_each(done, str(file), "colour")


def test_a_locked_file(unharmed: Cluster) -> None:
    path = unharmed.project.archive_file("population")
    hold = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == "held\n"
        done = unharmed.cccm("sync", "population")
        holder.stdin.close()
    _is_one_sentence_each(done, str(path), str(holder.pid), "run again")


def test_an_unknown_tool_and_an_unknown_source(unharmed: Cluster) -> None:
    _is_one_sentence_each(unharmed.cccm("sync", "rasq"), "rasq", "fsmt, population")
    _is_one_sentence_each(unharmed.cccm("sync", "--source", "moon"), "moon", "demo")


def test_a_query_that_is_no_sql(unharmed: Cluster) -> None:
    done = unharmed.cccm("query", "SELEC 1")
    assert done.code == 2
    assert done.err.count("\n") == 1


def _is_one_sentence_each(done: Done, *parts: str) -> None:
    """Exit code 2; every error on one line; all `parts` said; no traceback."""
    assert done.code == 2, done.out + done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert errors, done.err
    assert "Traceback" not in done.err + done.out
    for part in parts:
        assert part in " ".join(errors), done.err


def _replace(cluster: Cluster, old: str, new: str) -> None:
    file = cluster.project.xlsforms / "sources.yml"
    file.write_text(file.read_text().replace(old, new))


def _submissions(cluster: Cluster) -> str:
    rows = [
        cluster.archived(tool, "SELECT * FROM submission ORDER BY source, asset, root_id, revision")
        for tool in ("fsmt", "population")
    ]
    return sha256(repr(rows).encode()).hexdigest()


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<html><body>Please sign in</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _web_page:
    def __enter__(self) -> int:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return int(self._server.server_address[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
