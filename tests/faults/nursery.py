"""A server with one small tool, our copy of it, and children that sync and build it and may be killed.

What must hold after whatever happened to them is here too; what happens stands in the test modules.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from pipelines.defs.verifying import verify
from pipelines.demo.phone import Phone, submission_xml
from pipelines.demo.server import StandIn
from pipelines.forms.form import Form
from pipelines.forms.read import read_form
from pipelines.project import Project
from pipelines.store.duck import connect, read_rows
from tests.flow.tiny import add_form, tiny_project

REPOSITORY = Path(__file__).parents[2]
TOOL, ASSET, TOKEN = "camps", "aCamps", "demo-token"
QUESTIONS = [["integer", "families", "Families", "public"]]
ALL = ("sync", "build", "publish")

SOURCES = """
sources:
  kobo:
    kind: kobo
    url: {url}
    token_env: CCCM_DEMO_TOKEN
    tools:
      camps: aCamps
"""

NO_FAULT: Mapping[str, object] = MappingProxyType({})

Revisions = frozenset[tuple[str, int, str]]


@dataclass(frozen=True)
class Ended:
    """How a child ended, and what it said of each step."""

    code: int
    said: list[dict[str, Any]]

    @property
    def failed(self) -> dict[str, Any]:
        """What the step that failed said."""
        return next((line for line in self.said if "error" in line), {})


class Nursery:
    """A process that forks a child for each order."""

    def __init__(self, out: Path, disk: Path | None = None) -> None:
        self._out = out
        preload = {"LD_PRELOAD": str(disk)} if disk else {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.child", "serve"],
            cwd=REPOSITORY,
            env={**os.environ, "CCCM_DEMO_TOKEN": TOKEN, **preload},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        project: Project,
        parts: Sequence[str],
        *,
        sent: int = 0,
        after: float = 0.0,
        fault: Mapping[str, object] = NO_FAULT,
    ) -> Ended:
        """What a child came to that did `parts`; a signal is `sent` to it `after` seconds, its disk has a `fault`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        place = {"root": str(project.root), "data": str(project.data), "out": str(self._out)}
        order = {**place, "parts": parts, "fault": dict(fault), "sent": sent, "after": after}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Ended(code, said_in(self._out.read_text()))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def said_in(text: str) -> list[dict[str, Any]]:
    """The outcomes among the lines of a child; a line that a kill cut short is none."""
    whole = [line for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
    return [json.loads(line) for line in whole]


@dataclass
class World:
    """The server, what it holds (submission -> answer), and our copy."""

    project: Project
    stand_in: StandIn
    url: str
    form: Form
    version: str
    nursery: Nursery
    holds: dict[int, int] = field(default_factory=dict)
    sent: int = 0

    def send(self, count: int) -> None:
        """Let phones send so many new submissions."""
        with Phone(self.url, TOKEN) as phone:
            for number in range(self.sent + 1, self.sent + count + 1):
                assert phone.send(self._xml(number, number, instance_id=_uuid(number))) == 201
                self.holds[number] = number
        self.sent += count

    def edit(self, number: int, families: int) -> None:
        """Let a person edit a submission that was never edited before."""
        with Phone(self.url, TOKEN) as phone:
            edited = self._xml(
                number,
                families,
                instance_id=_uuid(number + 500_000),
                deprecated_id=_uuid(number),
                root_id=_uuid(number),
            )
            assert phone.send(edited) == 201
        self.holds[number] = families

    def delete(self, number: int) -> None:
        """Let a person delete a submission."""
        query = f'/api/v2/assets/{ASSET}/data/?query={{"families":"{self.holds.pop(number)}"}}&limit=1'
        found = self._ask("GET", query)["results"][0]["_id"]
        self._ask("DELETE", f"/api/v2/assets/{ASSET}/data/{found}/")

    def change(self, turn: int) -> None:
        """Two more submissions, one edited, and now and then one deleted."""
        self.send(2)
        self.edit(self.sent - 2, 100_000 + turn)
        if turn % 4 == 3:
            self.delete(self.sent - 1)

    def run(self, *parts: str) -> Ended:
        """A run that nothing happens to."""
        return self.nursery.run(self.project, parts or ALL)

    def kill(self, parts: Sequence[str], after: float) -> bool:
        """Kill a run `after` seconds; whether it still ran then."""
        return self.nursery.run(self.project, parts, sent=signal.SIGKILL, after=after).code == -signal.SIGKILL

    def revisions(self) -> Revisions:
        """Everything that the archive ever kept: (root id, revision, sum); nothing where there is none yet."""
        path = self.project.archive_file(TOOL)
        if not path.exists():
            return frozenset()
        with connect(path, read_only=True) as con:
            return frozenset(con.execute("SELECT root_id, revision, raw_sha256 FROM submission").fetchall())

    def current(self) -> list[int]:
        """The answers that stand in the archive."""
        with connect(self.project.archive_file(TOOL), read_only=True) as con:
            raws = read_rows(con, "SELECT raw FROM submission WHERE gone_run IS NULL")
        return sorted(int(json.loads(row["raw"])["families"]) for row in raws)

    def published(self) -> list[int]:
        """The answers in the published file, the same in each of its tables; nothing where there is none."""
        if not self.project.published_file.exists():
            return []
        with connect(self.project.published_file, read_only=True) as con:
            sql = f"SELECT families FROM harmonized.{TOOL} ORDER BY 1"
            answers, cleaned = (
                [row[0] for row in con.execute(text).fetchall()] for text in (sql, sql.replace("harmonized", "clean"))
            )
        assert answers == cleaned
        return answers

    def must_open(self) -> None:
        """Every DuckDB file is there or is not, and can be read."""
        for path in self.project.data.rglob("*.duckdb"):
            if path.name.startswith("."):
                continue
            with connect(path, read_only=True) as con:
                tables = con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
                assert tables != []
                for (table,) in tables:
                    con.execute(f"SELECT count(*) FROM {table}").fetchall()

    def must_be_archived(self) -> None:
        """Everything that the server holds stands in the archive, once."""
        assert self.current() == sorted(self.holds.values())

    def must_be_healed(self) -> None:
        """Nothing lost, nothing doubled, nothing left lying about, every sum right, the ledger balanced."""
        self.must_be_archived()
        assert self.published() == self.current()
        lines = list(verify(self.project))
        assert [problem for line in lines for problem in line.problems] == []
        assert [line.note for line in lines if line.note] == []
        assert lines[0].figures["ledger"] == "balances"
        assert [str(path) for path in self.project.data.rglob("*") if path.suffix in {".new", ".wal", ".tmp"}] == []

    def _xml(self, _number: int, families: int, **ids: str) -> bytes:
        return submission_xml(self.form, ASSET, self.version, {"families": str(families)}, **ids)

    def _ask(self, method: str, path: str) -> Any:
        connection = HTTPConnection(urlsplit(self.url).netloc)
        connection.request(method, path, headers={"Authorization": f"Token {TOKEN}"})
        body = connection.getresponse().read()
        connection.close()
        return json.loads(body) if body else None


@contextmanager
def world(folder: Path, nursery: Nursery, *, like: Path | None = None) -> Iterator[World]:
    """Yield a server that runs and holds a hundred submissions, and an empty data folder; or a copy of a world that
    nothing happened to since it was synced.
    """
    if like is not None:
        shutil.copytree(like, folder, dirs_exist_ok=True)
        project = Project(folder / "cluster", folder / "data")
    else:
        project = tiny_project(folder)
        add_form(project, TOOL, "1", QUESTIONS)
    form = read_form(project.tool(TOOL).form_file("1"), TOOL, "1")
    stand_in = StandIn(folder / "server.sqlite")
    stand_in.set_clock(datetime(2026, 11, 20, tzinfo=UTC))
    try:
        version = stand_in.deployed_versions(ASSET)[-1] if like else stand_in.deploy(ASSET, form, "<h/>")
        with stand_in.serve() as url:
            (project.xlsforms / "sources.yml").write_text(SOURCES.format(url=url))
            made = World(project, stand_in, url, form, version, nursery)
            if like is None:
                made.send(100)
            else:
                made.sent, made.holds = 100, {number: number for number in range(1, 101)}
            yield made
    finally:
        stand_in.close()


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"
