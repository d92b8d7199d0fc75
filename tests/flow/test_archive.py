"""What was sent is kept, for ever, byte by byte; what a sync does to it is all there or not at all."""

import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pipelines.archive.archive import Counts, Known, Submission, open_archive
from pipelines.archive.leaves import count_and_digest
from pipelines.archive.reading import attached, last_complete_sync
from pipelines.errors import LockError
from pipelines.store import duck
from pipelines.store.duck import connect, in_memory, read_rows
from tests.flow.harmonizing import NOW, submission

REPOSITORY = Path(__file__).parents[2]
ONE = submission("1", {"camp": "Chamishku", "families": "4210"})
TWO = submission("2", {"camp": "Essian"})
EDITED = replace(submission("1", {"camp": "Chamishku", "families": "4195"}), instance_id="1-2")
APPROVED = replace(ONE, raw=ONE.raw[:-1] + ', "_validation_status": {"uid": "approved"}}', validation_status="approved")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "archive" / "visit.duckdb"


def record(file: Path, *pages: Sequence[Submission], gone: Sequence[str] = ()) -> Counts:
    """One sync that archives `pages` and believes that `gone` are deleted."""
    with open_archive(file) as archive:
        run = archive.begin_run("kobo", "asset", NOW)
        for page in pages:
            run.record(page)
        if gone:
            run.mark_deleted(gone)
        run.complete(NOW)
        return run.counts


def revisions(file: Path) -> list[tuple[Any, ...]]:
    """(root id, revision, run that saw it, run in which it went, why) of everything that was ever archived."""
    with connect(file, read_only=True) as con:
        columns = "root_id, revision, seen_run, gone_run, gone_why"
        return con.execute(f"SELECT {columns} FROM submission ORDER BY root_id, revision").fetchall()


def test_a_submission_is_kept_as_it_was_sent(file: Path) -> None:
    raw = '{"camp" : "خانكى",\r\n "n": 12.50, "bad": "\\ud83d"}'
    sent = replace(submission("1", raw), validation_status="on_hold")
    assert record(file, [sent]) == Counts(seen=1, new=1)
    with connect(file, read_only=True) as con:
        rows = read_rows(con, "SELECT * FROM submission")
    assert rows == [
        {
            "source": "kobo",
            "asset": "asset",
            "root_id": "1",
            "revision": 1,
            "instance_id": "1-1",
            "server_id": "1",
            "form_version": "1",
            "submitted_at": datetime(2026, 11, 3, 8, 30),  # noqa: DTZ001
            "submitted_by": "enumerator",
            "raw": raw,
            "raw_kind": "kobo_json",
            "raw_sha256": sha256(raw.encode()).hexdigest(),
            "n_answers": None,
            "digest": None,
            "validation_status": "on_hold",
            "seen_run": 1,
            "gone_run": None,
            "gone_why": None,
            "changed": None,
        }
    ]


def test_count_and_digest_are_taken_when_it_is_archived(file: Path) -> None:
    record(file, [ONE])
    with connect(file, read_only=True) as con:
        taken = con.execute("SELECT n_answers, digest FROM submission").fetchall()
    assert taken == [count_and_digest("1", ONE.raw, "kobo_json")]


@pytest.mark.parametrize(
    ("again", "counts", "kept"),
    [
        ([ONE, TWO], Counts(seen=2), [("1", 1, 1, None, None), ("2", 1, 1, None, None)]),
        (
            [EDITED, TWO],
            Counts(seen=2, edited=1),
            [("1", 1, 1, 2, "replaced"), ("1", 2, 2, None, None), ("2", 1, 1, None, None)],
        ),
        (
            [APPROVED],
            Counts(seen=1, status_changed=1),
            [("1", 1, 1, 2, "replaced"), ("1", 2, 2, None, None), ("2", 1, 1, None, None)],
        ),
        (
            [submission("3", {})],
            Counts(seen=1, new=1),
            [("1", 1, 1, None, None), ("2", 1, 1, None, None), ("3", 1, 2, None, None)],
        ),
    ],
    ids=["unchanged", "edited", "status", "new"],
)
def test_a_later_sync_adds_what_is_different_and_nothing_else(
    again: list[Submission], counts: Counts, kept: list[tuple[Any, ...]], file: Path
) -> None:
    record(file, [ONE, TWO])
    assert record(file, again) == counts
    assert revisions(file) == kept


def test_what_was_deleted_may_return(file: Path) -> None:
    record(file, [ONE, TWO])
    assert record(file, gone=["1"]) == Counts(deleted=1)
    assert revisions(file)[0] == ("1", 1, 1, 2, "deleted")
    assert record(file, [ONE, TWO]) == Counts(seen=2, returned=1)
    assert revisions(file) == [("1", 1, 1, 2, "deleted"), ("1", 2, 3, None, None), ("2", 1, 1, None, None)]


def test_one_submission_twice_in_a_page_is_two_revisions(file: Path) -> None:
    assert record(file, [ONE, TWO, EDITED]) == Counts(seen=3, new=2, edited=1)
    assert revisions(file) == [("1", 1, 1, 1, "replaced"), ("1", 2, 1, None, None), ("2", 1, 1, None, None)]


def test_sources_and_assets_do_not_meet(file: Path) -> None:
    with open_archive(file) as archive:
        for source, asset in (("kobo", "a"), ("kobo", "b"), ("central", "a")):
            assert archive.begin_run(source, asset, NOW).record([ONE]) == Counts(seen=1, new=1)
        assert archive.known("kobo", "b") == (Known("1", "1", "1-1", "1", ""),)


def test_every_sync_has_its_line(file: Path) -> None:
    record(file, [ONE], [TWO])
    with open_archive(file) as archive:
        run = archive.begin_run("kobo", "asset", NOW)
        run.note_unchanged(2)
        run.fail("transient")
        lines = archive.runs()
    same = {
        "source": "kobo",
        "asset": "asset",
        "started_at": NOW,
        "edited": 0,
        "deleted": 0,
        "returned": 0,
        "status_changed": 0,
        **dict.fromkeys(("attachments_stored", "attachments_awaited", "server_count", "permission", "requests")),
    }
    assert lines == [
        {**same, "run": 1, "seen": 2, "new": 2, "complete": True, "server_time": NOW, "error_class": None},
        {**same, "run": 2, "seen": 2, "new": 0, "complete": False, "server_time": None, "error_class": "transient"},
    ]
    assert last_complete_sync(file) == NOW


def test_an_archive_can_be_read_as_it_stood_after_any_run(file: Path) -> None:
    record(file, [ONE, TWO])
    record(file, [EDITED], gone=["2"])
    record(file, [TWO])

    def standing(run: int | None) -> list[tuple[str, int]]:
        with in_memory() as con, attached(con, file, as_of_run=run) as archive:
            return con.execute(f"SELECT root_id, revision FROM {archive.current} ORDER BY ALL").fetchall()

    assert standing(1) == [("1", 1), ("2", 1)]
    assert standing(2) == [("1", 2)]
    assert standing(3) == standing(None) == [("1", 2), ("2", 2)]


def test_the_epoch_moves_with_every_change_and_with_nothing_else(file: Path) -> None:
    def epoch() -> str:
        with in_memory() as con, attached(con, file) as archive:
            return archive.epoch()

    record(file, [ONE, TWO])
    first = epoch()
    record(file, [ONE, TWO])
    assert epoch() == first
    record(file, [EDITED])
    edited = epoch()
    record(file, gone=["2"])
    deleted = epoch()
    with open_archive(file) as archive:
        archive.begin_run("kobo", "asset", NOW).keep_form_version("v2", "{}")
    assert len({first, edited, deleted, epoch()}) == 4


def test_form_versions_are_kept_with_their_content(file: Path) -> None:
    with open_archive(file) as archive:
        run = archive.begin_run("kobo", "asset", NOW)
        run.keep_form_version("v1", '{"content": 1}')
        run.keep_form_version("v2", '{"content": 2}')
        assert archive.form_versions("kobo", "asset") == {"v1", "v2"}
        assert archive.form_versions("kobo", "other") == set()
    with in_memory() as con, attached(con, file) as archive:
        assert archive.form_versions() == [
            ("kobo", "asset", "v1", '{"content": 1}'),
            ("kobo", "asset", "v2", '{"content": 2}'),
        ]


def test_documents_rest_compressed_in_one_file_that_only_we_read(file: Path) -> None:
    text = "يحتاج المخيم إلى صيانة شبكة المياه قبل الشتاء " * 50
    record(file, [submission(str(number), {"remark": f"{text} {number}"}) for number in range(3000)])
    with connect(file, read_only=True) as con:
        used = """SELECT DISTINCT compression FROM pragma_storage_info('submission')
                  WHERE column_name = 'raw' AND segment_type = 'VARCHAR'"""
        assert con.execute(used).fetchall() == [("ZSTD",)]
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_size < 2_000_000


@pytest.mark.parametrize("moment", ["record._insert", "archive.Run._add"])
def test_a_kill_inside_a_page_leaves_nothing_of_it(moment: str, file: Path) -> None:
    record(file, [ONE])
    killed = run_python(
        f"""
        import os, signal
        from pipelines.archive import archive, record as record_page
        from tests.flow.test_archive import *
        where, name = {moment.replace("record.", "record_page.").rpartition(".")[0]}, {moment.rpartition(".")[2]!r}
        done = getattr(where, name)
        def kill(*given):
            done(*given)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(where, name, kill)
        record(Path({str(file)!r}), [EDITED, TWO])
        """
    )
    assert killed == -signal.SIGKILL
    assert revisions(file) == [("1", 1, 1, None, None)]
    with open_archive(file) as archive:
        assert [(line["run"], line["seen"], line["complete"]) for line in archive.runs()] == [
            (1, 1, True),
            (2, 0, False),
        ]
    assert record(file, [EDITED, TWO]) == Counts(seen=2, new=1, edited=1)


def test_a_kill_after_a_page_keeps_the_page(file: Path) -> None:
    killed = run_python(
        f"""
        import os, signal
        from tests.flow.test_archive import *
        with open_archive(Path({str(file)!r})) as archive:
            archive.begin_run("kobo", "asset", NOW).record([ONE, TWO])
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert killed == -signal.SIGKILL
    with open_archive(file) as archive:
        assert [(line["seen"], line["new"], line["complete"]) for line in archive.runs()] == [(2, 2, False)]
    assert revisions(file) == [("1", 1, 1, None, None), ("2", 1, 1, None, None)]
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_kill_while_the_file_is_made_leaves_none(file: Path) -> None:
    killed = run_python(
        f"""
        import os, signal
        from pipelines import whole_file
        from tests.flow.test_archive import *
        whole_file.sync_file = lambda path: os.kill(os.getpid(), signal.SIGKILL)
        record(Path({str(file)!r}), [ONE])
        """
    )
    assert killed == -signal.SIGKILL
    assert not file.exists()
    assert record(file, [ONE]) == Counts(seen=1, new=1)


def test_a_second_writer_is_told_who_writes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duck, "SECONDS_TO_WAIT_FOR_A_WRITER", 0.2)
    with held_by_another_process(file) as holder, pytest.raises(LockError) as refused, open_archive(file):
        pass
    assert str(refused.value) == (
        f"{file} is being written by process {holder}; wait until it has finished and run again."
    )


def test_a_second_writer_waits_for_one_who_is_soon_done(file: Path) -> None:
    with held_by_another_process(file, seconds=0.5):
        assert record(file, [ONE]) == Counts(seen=1, new=1)


def run_python(code: str) -> int:
    """How a process ended that ran `code`."""
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=REPOSITORY, check=False).returncode


@contextmanager
def held_by_another_process(file: Path, seconds: float = 60) -> Iterator[int]:
    """Yield the id of a process that has the archive open for writing."""
    code = f"""
        import time
        from tests.flow.test_archive import *
        with open_archive(Path({str(file)!r})):
            print("open", flush=True)
            time.sleep({seconds})
        """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process.pid
        finally:
            process.kill()
