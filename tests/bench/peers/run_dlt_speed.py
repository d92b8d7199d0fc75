"""dlt, timed: lines of submissions into DuckDB, merged by `_id`; prints the seconds of the run without its start."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import dlt


def main(files: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "speed",
            pipelines_dir=folder,
            destination=dlt.destinations.duckdb(str(Path(folder) / "made.duckdb")),
            dataset_name="speed",
        )
        start = time.perf_counter()
        pipeline.run(dlt.resource(rows(files), name="bench", primary_key="_id", write_disposition="merge"))
        print(time.perf_counter() - start)


def rows(files: list[str]) -> Iterator[list[dict[str, object]]]:
    """The submissions in pages of 1,000, as the server gives them."""
    lines = [line for file in files for line in Path(file).read_text(encoding="utf-8").splitlines()]
    for start in range(0, len(lines), 1000):
        yield [json.loads(line) for line in lines[start : start + 1000]]


if __name__ == "__main__":
    main(sys.argv[1:])
