"""What a process beside ours counts is what we would have counted; where it fails, we do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipelines.archive.counting import MANY, Counting
from pipelines.archive.outline import Outline
from pipelines.archive.prepared import prepared
from pipelines.archive.submission import Submission

FORM = Outline(frozenset({"row"}), {"camp": "", "row/name": "row"}, frozenset())
DOCUMENTS = [
    ("kobo_json", '{"_id":1,"camp":"خانكى","row":[{"row/name":"A1"},{"row/name":"12.50"}]}'),
    ("kobo_json", '{"a":1,"a":2}'),
    ("kobo_json", '{"half":"\\ud83d"}'),
    ("odk_csv", '{"Submissions":[["KEY","camp"],["d","x"]],"Submissions-row":[["KEY","name"],["d/row[1]","y"]]}'),
    ("odk_xml", "<data><camp>x</camp><row><name>y</name></row></data>"),
]
SENT = [Submission(root_id=str(number), raw=raw, raw_kind=kind) for number, (kind, raw) in enumerate(DOCUMENTS)]
EXPECTED = [prepared(one, FORM) for one in SENT]


@pytest.fixture
def counting() -> Iterator[Counting]:
    with closing(Counting()) as one:
        one.expect(MANY)
        yield one


@pytest.mark.slow
def test_a_process_beside_ours_counts_what_we_would_count(counting: Counting) -> None:
    assert counting.beside is not None
    assert [counting.prepared(SENT, FORM) for _ in range(3)] == [EXPECTED] * 3
    assert counting.beside is not None, "it was the process that counted"


@pytest.mark.slow
def test_where_the_process_beside_is_killed_we_count_ourselves(counting: Counting) -> None:
    assert counting.beside is not None
    os.kill(counting.beside, 9)
    assert [counting.prepared(SENT, FORM) for _ in range(2)] == [EXPECTED] * 2
    assert counting.beside is None


def test_no_process_is_started_for_little() -> None:
    with closing(Counting()) as counting:
        counting.expect(MANY - 1)
        assert counting.beside is None
        assert counting.prepared(SENT, FORM) == EXPECTED


@pytest.mark.slow
def test_the_process_beside_ends_with_us(counting: Counting) -> None:
    beside = counting.beside
    assert beside is not None
    counting.close()
    with pytest.raises(ProcessLookupError):
        os.kill(beside, 0)


def test_the_process_beside_loads_no_database() -> None:
    loaded = (
        "import sys, pipelines.archive.counting; print(sorted({'duckdb', 'pandas', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", loaded], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "[]"
