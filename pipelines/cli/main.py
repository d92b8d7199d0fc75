"""The command as a whole: every group of commands, and the rim where an error becomes a sentence."""

import os
import sys
import tempfile
import traceback
from pathlib import Path

from pipelines.cli import asking, demo, forms, keeping, refreshing
from pipelines.cli.app import app
from pipelines.errors import CccmError
from pipelines.terminal import complain

__all__ = ["app", "asking", "demo", "forms", "keeping", "main", "refreshing"]


def main() -> None:
    """Run the command; an error becomes one sentence and exit code 2, what is not ours also a file to send us."""
    try:
        app()
    except CccmError as error:
        complain(error)
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the one rim where what nobody foresaw becomes a sentence
        complain(f"the program failed ({type(error).__name__}); please report it with the file {_kept(error)}.")
        sys.exit(2)


def _kept(error: Exception) -> Path:
    """The file that now holds the traceback of `error`; it may name answers, so only we may read it."""
    handle, path = tempfile.mkstemp(prefix="cccm-error-", suffix=".txt")
    with os.fdopen(handle, "w") as file:
        file.write("".join(traceback.format_exception(error)))
    return Path(path)
