"""Formats, migrations, backups: an archive is brought into our format, put aside and put back, and stays as it was."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from pipelines.archive.archive import open_archive
from pipelines.archive.backup import back_up, restore
from pipelines.archive.leaves import count_and_digest
from pipelines.archive.schema import STORAGE_VERSION
from pipelines.archive.verify import verify_archive
from pipelines.defs.verifying import verify
from pipelines.errors import DataError, LockError
from pipelines.project import Project
from pipelines.store import duck
from pipelines.store.built import open_work
from pipelines.store.duck import connect, new_file, read_rows
from tests.faults.child import NOW, archive_pages, page_row
from tests.faults.nursery import REPOSITORY, World
from tests.flow.cluster import Cluster
from tests.flow.tiny import tiny_project

FORMAT_1 = """
CREATE TABLE submission (
    source VARCHAR NOT NULL, asset VARCHAR NOT NULL, root_id VARCHAR NOT NULL, revision INTEGER NOT NULL,
    instance_id VARCHAR, server_id VARCHAR, form_version VARCHAR,
    submitted_at TIMESTAMP, submitted_by VARCHAR,
    raw VARCHAR NOT NULL USING COMPRESSION zstd, raw_kind VARCHAR NOT NULL, raw_sha256 VARCHAR NOT NULL,
    n_answers INTEGER, digest UBIGINT,
    validation_status VARCHAR, seen_run INTEGER NOT NULL, gone_run INTEGER, gone_why VARCHAR
);
CREATE TABLE form_version (
    source VARCHAR NOT NULL, asset VARCHAR NOT NULL, version VARCHAR NOT NULL,
    content VARCHAR NOT NULL, first_seen INTEGER NOT NULL
);
CREATE TABLE attachment (
    source VARCHAR NOT NULL, asset VARCHAR NOT NULL, root_id VARCHAR NOT NULL, revision INTEGER NOT NULL,
    question VARCHAR, file_name VARCHAR NOT NULL, sha256 VARCHAR, state VARCHAR NOT NULL
);
CREATE TABLE sync_run (
    run INTEGER NOT NULL, source VARCHAR NOT NULL, asset VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL, server_time TIMESTAMP,
    seen INTEGER NOT NULL, new INTEGER NOT NULL, edited INTEGER NOT NULL, deleted INTEGER NOT NULL,
    returned INTEGER NOT NULL, status_changed INTEGER NOT NULL,
    complete BOOLEAN NOT NULL, error_class VARCHAR
);
CREATE TABLE decision (
    n INTEGER NOT NULL, _id VARCHAR NOT NULL, _index VARCHAR, content_key VARCHAR, question VARCHAR,
    old VARCHAR, new VARCHAR, change_type VARCHAR NOT NULL, reason VARCHAR, who VARCHAR, "when" TIMESTAMP,
    undone_by INTEGER
);
"""
"""The tables of an archive before it had a number."""


def old_archive(path: Path, rows: int = 30) -> dict[str, list[dict[str, Any]]]:
    """An archive of format 1 at `path`; everything that it holds."""
    with new_file(path, storage_version=STORAGE_VERSION, mode=0o600) as con:
        con.execute(FORMAT_1)
        con.execute("INSERT INTO sync_run VALUES (1,'kobo','aPages',?,?,?,?,0,0,0,0,true,NULL)", [NOW, NOW, rows, rows])
        con.execute("INSERT INTO form_version VALUES ('kobo', 'aPages', '1', '{\"a\": \"خيمة\"}', 1)")
        con.execute("INSERT INTO attachment VALUES ('kobo', 'aPages', 'r1', 1, 'photo', 'a.jpg', NULL, 'awaited')")
        con.execute("INSERT INTO decision (n, _id, change_type, \"when\") VALUES (1, 'r1', 'no_action', ?)", [NOW])
        for number in range(1, rows + 1):
            row = page_row(number)
            counted = count_and_digest(row.root_id, row.raw, row.raw_kind)
            values = ["kobo", "aPages", row.root_id, 1, "", row.server_id, "1", NOW, "", row.raw, row.raw_kind]
            values += [sha256(row.raw.encode()).hexdigest(), *counted, "", 1, None, None]
            con.execute(f"INSERT INTO submission VALUES ({', '.join('?' * len(values))})", values)
    return everything(path)


def everything(path: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of the tables that format 1 had, without what is null."""
    tables = ("submission", "form_version", "attachment", "sync_run", "decision")
    with connect(path, read_only=True) as con:
        found = {table: read_rows(con, f"FROM {table} ORDER BY ALL") for table in tables}
    return {
        table: [{name: value for name, value in row.items() if value is not None} for row in rows]
        for table, rows in found.items()
    }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return tiny_project(tmp_path)


@pytest.fixture
def path(project: Project) -> Path:
    return project.archive_file("camps")


def test_f51_an_archive_of_format_1_is_brought_into_ours_as_it_is(path: Path) -> None:
    before = old_archive(path)
    assert "is of an older format" in verify_archive(path, path.parent).note
    with open_archive(path) as archive:
        assert archive.mended == "The archive camps.duckdb was brought into format 2."
    assert everything(path) == before
    assert verify_archive(path, path.parent).problems == ()
    with open_archive(path) as archive:
        assert archive.mended == ""
        assert archive.begin_run("kobo", "aPages", NOW).record([page_row(1), page_row(99)]).new == 1
    with connect(path, read_only=True) as con:
        assert con.execute("SELECT number, tool FROM archive_format").fetchall() == [(2, "camps")]
        used = "SELECT DISTINCT compression FROM pragma_storage_info('submission') WHERE column_name = 'raw'"
        assert ("ZSTD",) in con.execute(used).fetchall()


def test_f51_what_a_killed_run_left_beside_an_old_archive_is_brought_along(path: Path) -> None:
    old_archive(path)
    killed = run_python(
        f"""
        with connect(Path({str(path)!r})) as con:
            con.execute("SET checkpoint_threshold = '1TB'")
            con.execute("UPDATE sync_run SET seen = 31")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert killed == -signal.SIGKILL
    with open_archive(path) as archive:
        assert [run["seen"] for run in archive.runs()] == [31]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


STEPS = (
    "formats._create",
    "formats._copy",
    "whole_file.sync_file",
    "duck.put_in_place",
    "opening.migrate",
    "opening.write_head",
    "opening.mark_opened",
    "opening.seal",
)
"""The calls before and after each of which a migration is killed."""


def test_f51_a_migration_that_is_killed_at_some_step_is_done_by_the_next_run(tmp_path: Path) -> None:
    killed_migrations(tmp_path, ["after-formats._copy", "before-duck.put_in_place", "after-opening.migrate"])


@pytest.mark.long
def test_f51_a_migration_that_is_killed_at_any_step_is_done_by_the_next_run(tmp_path: Path) -> None:
    killed_migrations(tmp_path, [f"{moment}-{step}" for moment in ("before", "after") for step in STEPS])


def killed_migrations(tmp_path: Path, names: list[str]) -> None:
    """Kill a migration at each step that is named by "before-" or "after-" a call; the next run does it."""
    paths = {name: tmp_path / name / "archive" / "camps.duckdb" for name in names}
    before = {name: old_archive(path) for name, path in paths.items()}
    code = f"""
        from pipelines.archive import formats, opening
        from pipelines import whole_file
        from pipelines.store import duck
        modules = {{"formats": formats, "opening": opening, "duck": duck, "whole_file": whole_file}}
        def kill_at(moment, module, name):
            done = getattr(modules[module], name)
            def kill(*given, **named):
                if moment == "after":
                    done(*given, **named)
                os.kill(os.getpid(), signal.SIGKILL)
            setattr(modules[module], name, kill)
        for name in {names!r}:
            if not os.fork():
                moment, step = name.split("-")
                kill_at(moment, *step.split("."))
                with open_archive(Path({str(tmp_path)!r}) / name / "archive" / "camps.duckdb"):
                    pass
            assert os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGKILL, name
        """
    assert run_python(code) == 0
    for name, path in paths.items():
        assert everything(path) == before[name], name
        with open_archive(path):
            pass
        assert everything(path) == before[name], name
        assert verify_archive(path, path.parent).problems == (), name
        assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_f51_a_newer_format_is_left_as_it_is(path: Path, project: Project) -> None:
    archive_pages(project)
    with connect(path) as con:
        con.execute("UPDATE archive_format SET number = 3")
    before = path.read_bytes()
    says = f"{path} was written by a newer cccm (its format is 3, ours 2); update cccm, and leave the file as it is."
    with pytest.raises(DataError) as refused, open_archive(path):
        pass
    assert str(refused.value) == says
    assert verify_archive(path, path.parent).problems == (says,)
    assert path.read_bytes() == before


DDL = (
    "CREATE TABLE u (i INTEGER)",
    "CREATE OR REPLACE TABLE t AS SELECT 7 AS i, 'x' AS v",
    "DROP TABLE t",
    "CREATE VIEW w AS SELECT * FROM t",
    "CREATE SCHEMA s; CREATE TABLE s.a AS SELECT 1 AS i",
    "ALTER TABLE t ADD COLUMN n VARCHAR",
    "ALTER TABLE t ADD COLUMN n INTEGER DEFAULT 5",
    "ALTER TABLE t DROP COLUMN v",
    "ALTER TABLE t RENAME COLUMN v TO other",
    "ALTER TABLE t RENAME TO other",
    "ALTER TABLE t ALTER i TYPE BIGINT",
    "ALTER TABLE t ALTER v SET DEFAULT 'x'",
    "ALTER TABLE t ALTER v SET NOT NULL",
    "ALTER TABLE t ADD COLUMN p STRUCT(a INTEGER, b VARCHAR)",
    "COMMENT ON TABLE t IS 'what it is'",
    "CREATE INDEX x ON t (i)",
    "CREATE SEQUENCE q; INSERT INTO t SELECT nextval('q'), 'n'",
    "BEGIN; ALTER TABLE t ADD COLUMN n VARCHAR; UPDATE t SET n = v; COMMIT",
    "BEGIN; DROP TABLE t; CREATE TABLE t (i INTEGER, v VARCHAR); INSERT INTO t VALUES (1, 'a'); COMMIT",
)
"""What a build may do to its tables."""

CANNOT_BE_REPLAYED = "ALTER TABLE t ALTER v TYPE VARCHAR[] USING [v]"
"""What DuckDB 1.5.5 writes into its WAL and cannot read back."""


def altered_and_killed(folder: Path, *changes: str) -> None:
    """Make a file for each change, let a process make the change and be killed before it is in the file."""
    for number in range(len(changes)):
        with new_file(folder / f"killed-{number}.duckdb") as con:
            con.execute(TABLE)
    code = f"""
        for number, sql in enumerate({changes!r}):
            if not os.fork():
                with connect(Path({str(folder)!r}) / f"killed-{{number}}.duckdb") as con:
                    con.execute("SET checkpoint_threshold = '1TB'")
                    con.execute(sql)
                    os.kill(os.getpid(), signal.SIGKILL)
            assert os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGKILL
        """
    assert run_python(code) == 0


TABLE = "CREATE TABLE t AS SELECT i::INTEGER AS i, 'v' || i AS v FROM range(3000) r(i)"


def test_f50_a_kill_after_some_changes_of_tables_leaves_files_that_open(tmp_path: Path) -> None:
    open_after_a_kill(tmp_path, DDL[1::5])


@pytest.mark.long
def test_f50_a_kill_after_any_change_of_tables_leaves_a_file_that_opens(tmp_path: Path) -> None:
    open_after_a_kill(tmp_path, DDL)


def open_after_a_kill(tmp_path: Path, changes: tuple[str, ...]) -> None:
    altered_and_killed(tmp_path, *changes)
    for number, sql in enumerate(changes):
        with connect(tmp_path / f"whole-{number}.duckdb") as con:
            con.execute(TABLE)
            con.execute(sql)
        with open_work(tmp_path / f"killed-{number}.duckdb"):
            pass
        assert held(tmp_path / f"killed-{number}.duckdb") == held(tmp_path / f"whole-{number}.duckdb"), sql


def test_f50_tables_that_duckdb_cannot_read_back_after_a_kill_are_made_anew(tmp_path: Path) -> None:
    altered_and_killed(tmp_path, CANNOT_BE_REPLAYED)
    path = tmp_path / "killed-0.duckdb"
    with pytest.raises(DataError, match="cannot be opened"), connect(path, read_only=True):
        pass
    with open_work(path) as con:
        assert con.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY 2").fetchall() == [
            ("meta", "as_of"),
            ("meta", "built"),
            ("meta", "calendar"),
        ]


def held(path: Path) -> dict[str, tuple[Any, ...]]:
    with connect(path) as con:
        names = con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        columns = con.execute("SELECT table_name, column_name, data_type FROM duckdb_columns() ORDER BY ALL").fetchall()
        rows = {name: (con.execute(f"FROM {name} ORDER BY ALL").fetchall(),) for (name,) in names}
        return {**rows, "columns": (columns,)}


@pytest.fixture
def there(synced: World) -> World:
    """A world with a photo, the project's key and a token in its data folder."""
    photo = b"photo" * 1000
    file = synced.project.attachments / sha256(photo).hexdigest()
    file.parent.mkdir()
    file.write_bytes(photo)
    (synced.project.data / "project.key").write_text("ab" * 32)
    (synced.project.data / "kobo.token").write_text("a secret that stays here")
    return synced


def precious(data: Path) -> Mapping[str, bytes]:
    return {
        str(file.relative_to(data)): file.read_bytes()
        for pattern in ("archive/*.duckdb", "attachments/*", "*.key")
        for file in sorted(data.glob(pattern))
    }


def test_the_drill_backup_destroy_restore_verify_build_gives_the_same_rows(there: World, tmp_path: Path) -> None:
    data, file = there.project.data, tmp_path / "elsewhere" / "monday.zip"
    before, published, revisions = precious(data), there.published(), there.revisions()
    backup = back_up(data, file, now=NOW)
    assert backup.archives == ("camps",)
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"a secret that stays here" not in file.read_bytes()
    with ZipFile(file) as packed:
        assert packed.testzip() is None
        assert sorted(packed.namelist()) == sorted([*before, "heads/camps.head", "manifest.json"])
    shutil.rmtree(data)
    restore(file, data, now=NOW)
    assert precious(data) == before
    assert there.revisions() == revisions
    assert [problem for line in verify(there.project) for problem in line.problems] == []
    assert there.run("build", "publish").code == 0
    assert there.published() == published
    there.change(1)
    assert there.run().code == 0
    there.must_be_healed()


def test_a_restored_archive_says_so_once_and_the_next_sync_pulls_what_is_missing(there: World, tmp_path: Path) -> None:
    file = tmp_path / "monday.zip"
    back_up(there.project.data, file, now=NOW)
    there.change(1)
    assert there.run().code == 0
    with pytest.raises(DataError, match="is newer than the backup by 1 runs and 0 imports of decisions"):
        restore(file, there.project.data, now=NOW)
    there.must_be_healed()
    restore(file, there.project.data, replace_newer=True, now=datetime(2026, 11, 27))  # noqa: DTZ001
    assert (there.project.data / "replaced" / "20261127T000000" / "camps.duckdb").is_file()
    said = there.run().said[0]["warning"]
    assert said == (
        "The archive camps.duckdb was put back from the backup of 2026-11-20T00:00:00; "
        "this run pulls what came after it."
    )
    assert there.run().said[0]["warning"] == ""
    there.must_be_healed()


def test_a_backup_heals_an_archive_that_is_damaged_or_gone(there: World, tmp_path: Path) -> None:
    file, path = tmp_path / "monday.zip", there.project.archive_file("camps")
    back_up(there.project.data, file, now=NOW)
    content = bytearray(path.read_bytes())
    content[300_000] ^= 1
    for damaged in (bytes(content), b"nothing"):
        path.write_bytes(damaged)
        ended = there.run("sync")
        assert (ended.code, ended.failed["class"]) == (3, "data")
        restore(file, there.project.data, now=NOW)
        assert there.run().code == 0
        there.must_be_healed()


def test_a_backup_that_is_none_or_damaged_changes_nothing(there: World, tmp_path: Path) -> None:
    file = tmp_path / "monday.zip"
    back_up(there.project.data, file, now=NOW)
    before = precious(there.project.data)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    (tmp_path / "bent.zip").write_bytes(content)
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    with ZipFile(tmp_path / "evil.zip", "w") as packed:
        name = "../escaped.key"
        packed.writestr(name, "x")
        listed = {"name": name, "size": 1, "sha256": sha256(b"x").hexdigest()}
        packed.writestr("manifest.json", json.dumps({"made_at": "", "files": [listed]}))
    for name in ("bent.zip", "cut.zip", "evil.zip", "absent.zip"):
        with pytest.raises(DataError, match=r"take another one|does not exist"):
            restore(tmp_path / name, there.project.data, replace_newer=True, now=NOW)
    assert precious(there.project.data) == before
    assert not (there.project.data.parent / "escaped.key").exists()


@pytest.mark.long
@pytest.mark.parametrize("step", ["_unpack", "write_head", "put_in_place"])
def test_a_restore_that_is_killed_is_done_by_restoring_again(step: str, there: World, tmp_path: Path) -> None:
    file = tmp_path / "monday.zip"
    back_up(there.project.data, file, now=NOW)
    before = precious(there.project.data)
    there.change(1)
    assert there.run().code == 0
    killed = run_python(
        f"""
        from pipelines.archive import backup
        from tests.faults.child import NOW
        done = backup.{step}
        def kill(*given):
            done(*given)
            os.kill(os.getpid(), signal.SIGKILL)
        backup.{step} = kill
        backup.restore(Path({str(file)!r}), Path({str(there.project.data)!r}), replace_newer=True, now=NOW)
        """
    )
    assert killed == -signal.SIGKILL
    there.must_open()
    restore(file, there.project.data, replace_newer=True, now=NOW)
    assert precious(there.project.data) == before
    assert there.run().code == 0
    there.must_be_healed()


def test_no_backup_is_made_while_a_run_writes(there: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duck, "SECONDS_TO_WAIT_FOR_A_WRITER", 0.3)
    path = str(there.project.archive_file("camps"))
    code = f"with open_archive(Path({path!r})): print('held', flush=True); sys.stdin.read()"
    with python(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(LockError, match="is being written by process"):
            back_up(there.project.data, tmp_path / "monday.zip", now=NOW)
        writer.communicate(b"")
    assert not (tmp_path / "monday.zip").exists()


def test_the_commands_verify_backup_and_restore_say_what_they_did(there: World, tmp_path: Path) -> None:
    cluster, file = Cluster(there.project, 0), tmp_path / "monday.zip"
    lines = cluster.answer("verify")
    assert [(line["what"], line.get("revisions"), line.get("ledger")) for line in lines] == [
        ("camps", 100, "balances"),
        ("attachments", None, None),
        ("warehouse.duckdb", None, None),
        ("warehouse-restricted.duckdb", None, None),
    ]
    assert cluster.answer("backup", str(file))[0]["files"] == 4
    there.change(1)
    assert there.run().code == 0
    refused = cluster.cccm("restore", str(file))
    assert refused.code == 2
    assert "is newer than the backup by 1 runs" in refused.err
    done = cluster.cccm("restore", str(file), "--replace")
    assert done.code == 0, done.err
    assert "it pulls what came after the backup" in done.out
    assert cluster.cccm("verify").code == 0
    there.project.published_file.write_bytes(b"x" * 20_000)
    spoilt = cluster.cccm("verify")
    assert spoilt.code == 1
    assert f"{there.project.published_file} cannot be opened as a DuckDB file" in spoilt.err.replace("\n", "")


HEAD = """
import os, signal, sys
from pathlib import Path
from pipelines.archive.archive import open_archive
from pipelines.store.duck import connect
"""


def python(code: str, **pipes: int) -> subprocess.Popen[bytes]:
    plain = "\n".join(line[8:] if line.startswith("        ") else line for line in code.splitlines())
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HEAD + plain], cwd=REPOSITORY, env=dict(os.environ), **pipes
    )


def run_python(code: str) -> int:
    """How a process ended that ran `code`."""
    with python(code) as process:
        return process.wait()
