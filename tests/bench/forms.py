"""How long a hostile workbook takes to be refused, and how much memory: each in a process of its own.

python -m tests.bench.forms
"""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.faults.workbooks import ACCEPTED, REFUSED, many_parts

READ = """
import re, sys, time
from pathlib import Path
from pipelines.errors import SchemaError
from pipelines.forms.read import read_form
began = time.perf_counter()
try:
    read_form(Path(sys.argv[1]), "visit", "1")
    said = "accepted"
except SchemaError as error:
    said = str(error).removeprefix(sys.argv[1])[:60]
held = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(f"{time.perf_counter() - began:6.2f} s {int(held) // 1024:5} MB  {said}")
"""


def main(_words: list[str]) -> None:
    """Print a line for each workbook."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1.xlsx"
        for name, write in {**REFUSED, "X-03 100,000 parts": partial(many_parts, count=100_000), **ACCEPTED}.items():
            write(path)
            done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
            print(f"{name:24}{done.stdout.rstrip()}")


if __name__ == "__main__":
    main(sys.argv[1:])
