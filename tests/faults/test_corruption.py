"""One bit is flipped, a file is put back from yesterday or from elsewhere: it is noticed, or it harms nothing."""

import json
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.archive.archive import open_archive
from pipelines.archive.head import head_file, read_head
from pipelines.archive.opening import wal_of
from pipelines.archive.verify import damaged_files, verify_archive
from pipelines.errors import CccmError, DataError
from pipelines.store.built import open_work
from pipelines.store.duck import connect, new_file, read_value
from pipelines.store.publish import read_whole
from tests.faults.child import NOW, archive_pages, page_row
from tests.faults.nursery import REPOSITORY
from tests.flow.tiny import tiny_project

SEED = 20261128


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an archive of 200 submissions, sealed."""
    project = tiny_project(tmp_path_factory.mktemp("archived"))
    archive_pages(project)
    archive_pages(project)
    return project.data


@pytest.fixture
def data(archived: Path, tmp_path: Path) -> Path:
    """A copy of it of one's own."""
    shutil.copytree(archived.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def archive_of(data: Path) -> Path:
    return data / "archive" / "camps.duckdb"


def held(path: Path) -> dict[str, list[Any]]:
    """Everything that a DuckDB file holds."""
    with connect(path, read_only=True) as con:
        names = con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        return {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for (name,) in names}


def flip(path: Path, position: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ (1 << bit)]))


@dataclass(frozen=True)
class Flips:
    """Where bits are flipped in a file of a data folder that is copied for each flip."""

    data: Path
    file: Path
    count: int

    def each(self, look: Callable[[Path, Path], str]) -> Counter[str]:
        """What `look` says of the copy and the file in it that has one bit flipped, counted."""
        chance = random.Random(SEED)
        size, found = self.file.stat().st_size, Counter[str]()
        for number in range(self.count):
            copy = self.data.parent / f"copy-{number}"
            shutil.copytree(self.data, copy)
            file = copy / self.file.relative_to(self.data)
            flip(file, chance.randrange(size), chance.randrange(8))
            found[look(copy, file)] += 1
            shutil.rmtree(copy)
        return found


def flips_of_an_archive(data: Path, count: int) -> None:
    whole = held(archive_of(data))

    def look(copy: Path, file: Path) -> str:
        problems = verify_archive(file, copy / "attachments", processes=1).problems
        try:
            with open_archive(file) as archive:
                said = archive.mended
        except DataError as error:
            told = any(words in str(error) for words in ("is damaged", "cannot be opened", "was changed by"))
            return "refused" if told and problems else f"badly said: {error}"
        assert said.startswith("Some bytes of camps.duckdb changed where nothing is kept")
        assert held(file) == whole
        assert problems == ()
        return "harmless"

    found = Flips(data, archive_of(data), count).each(look)
    assert found["refused"] + found["harmless"] == count, found
    assert found["refused"] > 0


def test_f43_a_flipped_bit_of_an_archive_is_noticed_before_anything_is_written(data: Path) -> None:
    flips_of_an_archive(data, 14)


@pytest.mark.long
def test_f43_three_hundred_flipped_bits_of_an_archive_are_noticed(data: Path) -> None:
    flips_of_an_archive(data, 300)


@pytest.fixture(scope="module")
def killed_once(archived: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder after a run was killed that had archived two more pages: they are in the WAL only."""
    folder = tmp_path_factory.mktemp("killed")
    shutil.copytree(archived.parent, folder, dirs_exist_ok=True)
    data = folder / "data"
    code = f"""
import os, signal
from tests.faults.child import *
with open_archive(Path({str(archive_of(data))!r})) as archive:
    run = archive.begin_run("kobo", "aPages", NOW)
    run.record([page_row(number) for number in range(201, 221)])
    run.record([page_row(number) for number in range(221, 241)])
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL
    assert wal_of(archive_of(data)).stat().st_size > 0
    return data


@pytest.fixture
def killed(killed_once: Path, tmp_path: Path) -> Path:
    """A copy of it of one's own."""
    shutil.copytree(killed_once.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def flips_of_a_wal(killed: Path, count: int) -> None:
    def look(copy: Path, _: Path) -> str:
        file = archive_of(copy)
        with open_archive(file) as archive:
            said, known = archive.mended, len(archive.known("kobo", "aPages"))
        if known < 240:
            assert "could not be read back" in said, said
            assert "what was pulled is pulled again" in said
            with open_archive(file) as archive:
                archive.begin_run("kobo", "aPages", NOW).record([page_row(number) for number in range(1, 241)])
                assert len(archive.known("kobo", "aPages")) == 240
        assert verify_archive(file, copy / "attachments", processes=1).problems == ()
        return "lost, said and pulled again" if known < 240 else "harmless"

    found = Flips(killed, wal_of(archive_of(killed)), count).each(look)
    assert found["lost, said and pulled again"] > 0


def test_f43_a_flipped_bit_of_a_wal_loses_nothing_without_a_word(killed: Path) -> None:
    flips_of_a_wal(killed, 8)


@pytest.mark.long
def test_f43_two_hundred_flipped_bits_of_a_wal_lose_nothing_without_a_word(killed: Path) -> None:
    flips_of_a_wal(killed, 200)


def test_f43_a_wal_that_was_cut_loses_nothing_without_a_word(killed: Path, tmp_path: Path) -> None:
    for share in (0.0, 0.3, 0.6, 0.99):
        copy = tmp_path / f"cut-{share}"
        shutil.copytree(killed, copy)
        path = archive_of(copy)
        wal_of(path).write_bytes(wal_of(path).read_bytes()[: int(wal_of(path).stat().st_size * share)])
        with open_archive(path) as archive:
            assert len(archive.known("kobo", "aPages")) in {200, 220}
            assert "could not be read back" in archive.mended


def test_f41_a_wal_with_a_hole_at_its_end_keeps_what_was_synced_before_it(killed: Path) -> None:
    path = archive_of(killed)
    wal, whole = wal_of(path), wal_of(path).read_bytes()
    hole = range(len(whole) * 6 // 10, len(whole) * 9 // 10)
    wal.write_bytes(whole[: hole.start] + b"\0" * len(hole) + whole[hole.stop :])
    left = wal.read_bytes()
    with open_archive(path) as archive:
        assert len(archive.known("kobo", "aPages")) == 220
        assert archive.mended.startswith(
            "The end of camps.duckdb.wal cannot be read; it lies in camps.duckdb.wal.damaged."
        )
        assert "the last entry of its ledger could not be read back: what was pulled is pulled again" in archive.mended
        archive.begin_run("kobo", "aPages", NOW).record([page_row(number) for number in range(1, 241)])
        assert len(archive.known("kobo", "aPages")) == 240
    aside = path.with_name("camps.duckdb.wal.damaged").read_bytes()
    assert len(aside) > len(left) - hole.start
    assert left.endswith(aside)
    assert verify_archive(path, killed / "attachments", processes=1).problems == ()


def test_f43_a_flipped_bit_of_a_head_is_noticed_or_harmless(data: Path) -> None:
    whole = held(archive_of(data))

    def look(copy: Path, _: Path) -> str:
        with open_archive(archive_of(copy)) as archive:
            said = archive.mended
        assert said == "camps.duckdb came without a head that says how it was left; it was taken as it stands, checked."
        assert held(archive_of(copy)) == whole
        return "said"

    assert Flips(data, head_file(archive_of(data)), 10).each(look) == {"said": 10}


def flips_of_a_published_file(folder: Path, count: int) -> None:
    path = folder / "data" / "warehouse.duckdb"
    with new_file(path) as con:
        con.execute("CREATE SCHEMA clean; CREATE TABLE clean.t AS SELECT i, md5(i::VARCHAR) AS m FROM range(9000) r(i)")
    whole = held(path)

    def look(_: Path, file: Path) -> str:
        try:
            read_whole(file)
        except CccmError as error:
            told = any(words in str(error) for words in ("delete it and run `cccm build`", "cannot be opened"))
            return "noticed" if told else f"badly said: {error}"
        assert held(file) == whole
        return "harmless"

    found = Flips(path.parent, path, count).each(look)
    assert found["noticed"] + found["harmless"] == count, found
    assert found["noticed"] > 0


def test_f43_a_flipped_bit_of_a_published_file_is_noticed_or_harmless(tmp_path: Path) -> None:
    flips_of_a_published_file(tmp_path, 14)


@pytest.mark.long
def test_f43_two_hundred_flipped_bits_of_a_published_file_are_noticed_or_harmless(tmp_path: Path) -> None:
    flips_of_a_published_file(tmp_path, 200)


def test_f43_a_flipped_bit_of_a_photo_is_noticed(tmp_path: Path) -> None:
    from hashlib import sha256  # noqa: PLC0415

    content = b"\xff\xd8photo" * 100
    file = tmp_path / "attachments" / sha256(content).hexdigest()
    file.parent.mkdir()
    file.write_bytes(content)
    assert damaged_files(file.parent) == (len(content), ())
    flip(file, 250, 3)
    assert damaged_files(file.parent)[1] == (
        f"{file} is damaged: its name is the sum of other bytes; put it back from a backup.",
    )


def test_f43_derived_tables_that_cannot_be_read_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "work.duckdb"
    path.write_bytes(b"x" * 20_000)
    with open_work(path) as con:
        assert read_value(con, "SELECT count(*) FROM meta.built") == 0


def test_a_row_that_somebody_changed_by_hand_is_noticed(data: Path) -> None:
    path = archive_of(data)
    with connect(path) as con:
        con.execute("UPDATE submission SET raw = replace(raw, '\"7\"', '\"8\"') WHERE root_id = 'r7'")
    with pytest.raises(DataError, match="is damaged: 1 documents are not those that were archived"), open_archive(path):
        pass
    problems = verify_archive(path, data / "attachments", processes=1).problems
    assert any("submission r7, revision 1: its bytes are not those that were archived" in one for one in problems)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM submission WHERE root_id = 'r7'",
        "UPDATE submission SET validation_status = 'approved' WHERE root_id = 'r7'",
        "UPDATE submission SET gone_run = 2, gone_why = 'deleted' WHERE root_id = 'r7'",
        "UPDATE sync_run SET complete = false WHERE run = 1",
        "DELETE FROM chain WHERE n = 3",
        "UPDATE chain SET content = '' WHERE n > 3",
        "INSERT INTO decision (n, _id, change_type) VALUES (1, 'r7', 'no_action')",
    ],
)
def test_a_table_that_somebody_changed_by_hand_is_noticed(sql: str, data: Path) -> None:
    path = archive_of(data)
    with connect(path) as con:
        con.execute(sql)
    with pytest.raises(DataError, match="was changed by something else than a run of ours"), open_archive(path):
        pass
    assert verify_archive(path, data / "attachments", processes=1).problems != ()


def test_an_answer_that_was_counted_wrong_is_noticed_by_verify(data: Path) -> None:
    path = archive_of(data)
    head_file(path).unlink()
    with connect(path) as con:
        con.execute("UPDATE submission SET digest = digest + 1 WHERE root_id = 'r7'")
    problems = verify_archive(path, data / "attachments", processes=1).problems
    assert any("submission r7, revision 1: its answers do not come to what was counted" in one for one in problems)


def test_f44_an_older_copy_in_its_place_stops_the_run_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    path = archive_of(data)
    shutil.copytree(path.parent, tmp_path / "yesterday")
    archive_pages(tiny_again(data))
    shutil.rmtree(path.parent)
    shutil.copytree(tmp_path / "yesterday", path.parent)
    with pytest.raises(DataError) as refused, open_archive(path):
        pass
    assert str(refused.value) == (
        f"{path} is an older copy, which ends with run 2: the last run left a newer one. Put that back, or put back "
        "the last backup with `cccm restore FILE`; the next sync pulls what came after it, and decisions taken since "
        f"are to be imported again. If the copy is meant to stand there, delete {head_file(path)} and run again: the "
        "next sync pulls what is missing."
    )
    head_file(path).unlink()
    with open_archive(path) as archive:
        assert archive.mended.startswith("camps.duckdb came without a head")
        assert len(archive.known("kobo", "aPages")) == 200


def tiny_again(data: Path) -> Any:
    from pipelines.project import Project  # noqa: PLC0415

    return Project(data.parent / "cluster", data)


@pytest.mark.parametrize("tool", ["camps", "fsmt"])
def test_f44_another_archive_in_its_place_is_refused(tool: str, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "archive" / f"{tool}.duckdb"
    with open_archive(other) as archive:
        archive.begin_run("kobo", "aOther", NOW).record([page_row(1)])
    path = archive_of(data)
    shutil.copy(other, path)
    whose = "one of another project, or another archive of camps" if tool == "camps" else "one of the tool fsmt"
    with (
        pytest.raises(DataError, match=f"is not the archive that the last run left there, but {whose}"),
        open_archive(path),
    ):
        pass


def test_two_copies_that_went_different_ways_are_told_apart(data: Path, tmp_path: Path) -> None:
    path = archive_of(data)
    shutil.copytree(data, tmp_path / "twin")
    archive_pages(tiny_again(data))
    archive_pages(type(tiny_again(data))(tmp_path / "cluster", tmp_path / "twin"))
    shutil.copy(archive_of(tmp_path / "twin"), path)
    with pytest.raises(DataError, match="is a copy that took another way"), open_archive(path):
        pass


def test_a_head_is_written_whole_and_says_what_was_committed_since(data: Path) -> None:
    path = archive_of(data)
    with open_archive(path) as archive:
        archive.begin_run("kobo", "aPages", NOW).record([page_row(900)])
        head = read_head(path)
        assert head is not None
        assert (head.opened, [entry.what for entry in head.since]) == (True, ["sync", "sync"])
    closed = read_head(path)
    assert closed is not None
    assert (closed.opened, closed.since, closed.n) == (False, (), head.n + 3)
    with head_file(path).open("ab") as file:
        file.write(b"00000000 " + json.dumps({"opened": True}).encode()[:5])
    assert read_head(path) == closed
