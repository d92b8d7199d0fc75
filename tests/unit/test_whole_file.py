"""A file is in its place whole, or what stood there before is; whoever was killed leaves nothing for ever."""

import os
import stat
from pathlib import Path

import pytest

from pipelines.errors import DiskError
from pipelines.whole_file import draft_of, write_whole

NOBODY = 4_194_999
"""The id of a process that is none: Linux gives none so high."""


def test_what_is_written_is_there_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    write_whole(path, b"one", mode=0o600)
    write_whole(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_where_nothing_can_be_written_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "below" / "camps"
    with pytest.raises(DiskError) as refused:
        write_whole(path, b"one")
    assert str(refused.value) == (f"{path} cannot be written (Not a directory): make room, or correct its permissions.")


def test_what_cannot_take_its_place_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    (path / "full").mkdir(parents=True)
    with pytest.raises(DiskError, match=r"folder cannot be written \(Is a directory\)"):
        write_whole(path, b"one")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["camps.xlsx", "Camps (1) [final].xlsx", "مخيمات.csv", "*"])
def test_a_draft_of_whoever_was_killed_is_removed_and_that_of_another_file_is_not(name: str, tmp_path: Path) -> None:
    left, others = tmp_path / f".{name}.{NOBODY}-7.new", tmp_path / f".other.{NOBODY}-7.new"
    left.touch()
    others.touch()
    draft = draft_of(tmp_path / name)
    assert draft.name.startswith(f".{name}.{os.getpid()}-")
    assert list(tmp_path.iterdir()) == [others]
