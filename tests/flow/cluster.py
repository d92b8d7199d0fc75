"""A cluster of one's own for a test: a copy of the definitions, a data folder, a stand-in server, and `cccm` as a user
runs it. What is tested with it stands in the test modules.
"""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.cli import main
from pipelines.project import Project
from pipelines.store.duck import connect, read_rows

REPOSITORY = Path(__file__).parents[2]
DEFINITIONS = ("xlsforms", "expectations", "warehouse")
TOKEN = "demo-token"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cluster:
    """A project on its own folder, with the port its sources.yml names."""

    project: Project
    port: int

    def cccm(self, *words: str, **environment: str) -> Done:
        """Run the command in this process: what it does is the same, and what it loads is loaded once."""
        out, err, before, words_before = io.StringIO(), io.StringIO(), dict(os.environ), sys.argv
        os.environ.update({**self._environment(), **environment})
        sys.argv = ["cccm", *words]
        code = 0
        try:
            with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os.environ.clear()
            os.environ.update(before)
            sys.argv = words_before
        return Done(code, out.getvalue(), err.getvalue())

    def command(self, *words: str) -> Done:
        """Run the command as a user does, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *words],
            cwd=REPOSITORY,
            env={**os.environ, **self._environment()},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def answer(self, *words: str, **environment: str) -> Any:
        """What the command printed as JSON."""
        done = self.cccm(*words, "--json", **environment)
        assert done.code == 0, done.err
        return json.loads(done.out)

    def rows(self, sql: str, *, restricted: bool = False) -> list[dict[str, Any]]:
        """Rows of the published file."""
        path = self.project.restricted_file if restricted else self.project.published_file
        with connect(path, read_only=True) as con:
            return read_rows(con, sql)

    def archived(self, tool: str, sql: str) -> list[dict[str, Any]]:
        """Rows of a tool's archive."""
        with connect(self.project.archive_file(tool), read_only=True) as con:
            return read_rows(con, sql)

    def _environment(self) -> Mapping[str, str]:
        return {
            "CCCM_PROJECT": str(self.project.root),
            "CCCM_DATA": str(self.project.data),
            "CCCM_DEMO_TOKEN": TOKEN,
            "COLUMNS": "200",
        }


def new_cluster(folder: Path) -> Cluster:
    """A cluster below `folder`, its source on a free port of 127.0.0.1."""
    root = folder / "cluster"
    for name in DEFINITIONS:
        shutil.copytree(REPOSITORY / name, root / name)
    port = free_port()
    sources = root / "xlsforms" / "sources.yml"
    sources.write_text(sources.read_text().replace(":8017", f":{port}"))
    return Cluster(Project(root, folder / "data"), port)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
