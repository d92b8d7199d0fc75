"""An environment of its own for each tool, made once in the user's cache folder and never in the project's.

What a tool makes of the scenarios is its script; how it is judged is tests/drift/oracle.py.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PEERS: Mapping[str, tuple[str, ...]] = {
    "dlt": ("dlt[duckdb]==1.31.0",),
    "kobo2pandas": ("kobo2pandas==0.9.0",),
    "pykobo": ("pykobo==0.1.7", "pandas<3"),
}
"""Each tool, and what is installed from the registry for it; pykobo is older than pandas 3."""

QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false"}

Made = dict[str, dict[str, Any]]
"""What a tool made, as its script prints it: by asset, its rows and what it said where it could not."""


class CannotInstallError(Exception):
    """A tool's environment could not be made; the message says why and what to do."""


def python_of(peer: str) -> Path:
    """The Python of the tool's environment, which is made where there is none; CannotInstallError."""
    wanted = " ".join(PEERS[peer])
    folder = _cache() / peer
    done = folder / "installed"
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        print(f"  making an environment for {wanted} in {folder}", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], peer)
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *PEERS[peer]], peer)
        done.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"


def run_script(name: str, words: Sequence[str]) -> Any:
    """What a tool's script (run_<name>.py, of which the first word is the tool) prints, decoded; CannotInstallError."""
    peer = name.partition("_")[0]
    script = Path(__file__).parent / f"run_{name}.py"
    done = _run([str(python_of(peer)), str(script), *words], peer)
    return json.loads(done)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "cccm" / "peers"


def _run(command: Sequence[str], peer: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **QUIET})
    if done.returncode:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        message = (
            f"{peer} could not be installed or run ({last}); see that the registry of Python packages is reachable."
        )
        raise CannotInstallError(message)
    return done.stdout
