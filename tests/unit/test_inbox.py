"""Which files of a folder are meant, and how one gets into it: whole, under its own name, or not at all."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from pipelines.errors import ConfigError, DiskError
from pipelines.project.source import Source, SourceAsset
from pipelines.sources.inbox import asset_for, files_of, put


def source(folder: Path, *patterns: str) -> Source:
    assets = tuple(
        SourceAsset(tool=f"tool_{number}", asset=f"layout_{number}", files=pattern, layout=f"layout_{number}")
        for number, pattern in enumerate(patterns)
    )
    return Source(name="assist", kind="export_file", folder=folder / "inbox", assets=assets)


@pytest.mark.parametrize("pattern", ["../*", "a/../../*", "/etc/*", ""])
def test_no_pattern_leads_out_of_the_folder(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "inbox").mkdir()
    asked = source(tmp_path, pattern)
    with pytest.raises(ConfigError, match=r"is no pattern below the folder|does not say which files to read"):
        files_of(asked, asked.assets[0])


def test_a_file_goes_to_the_folder_of_its_pattern(tmp_path: Path) -> None:
    asked = source(tmp_path, "exit/*.csv", "rasp/*.xlsx")
    file = tmp_path / "a.xlsx"
    file.write_bytes(b"x")
    os.utime(file, ns=(10**18, 10**18))
    asset = asset_for(asked, "a.xlsx")
    place = put(file, asked, asset)
    assert (asset.tool, place, place.read_bytes()) == ("tool_1", tmp_path / "inbox" / "rasp" / "a.xlsx", b"x")
    assert place.stat().st_mtime_ns == 10**18
    assert files_of(asked, asset) == [place]
    assert put(place, asked, asset) == place
    file.write_bytes(b"corrected")
    put(file, asked, asset)
    assert (place.read_bytes(), len(list(place.parent.iterdir()))) == (b"corrected", 1)


def test_a_pattern_of_many_folders_takes_no_file(tmp_path: Path) -> None:
    asked = source(tmp_path, "*/a.csv")
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(ConfigError, match=r"does not say which folder a new file goes to"):
        put(tmp_path / "a.csv", asked, asked.assets[0])


def test_a_disk_that_is_full_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = source(tmp_path, "*.csv")
    file = tmp_path / "a.csv"
    file.write_text("first")
    place = put(file, asked, asked.assets[0])
    file.write_text("second")

    def full(_source: Path, target: Path) -> None:
        Path(target).write_text("sec")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(DiskError, match=r"cannot be copied to .* \(No space left on device\): make room"):
        put(file, asked, asked.assets[0])
    assert [(path.name, path.read_text()) for path in place.parent.iterdir()] == [("a.csv", "first")]
