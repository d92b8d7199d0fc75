"""The folder of an export source: which of its files are meant, and how a file gets into it.

What is read out of a file is table_file.py; what becomes of its rows is export_file.py. A file lies there whole or not
at all: it is written beside its place and renamed, as whoever exports into a watched folder should do it too.
"""

import os
import shutil
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from pipelines.errors import ConfigError, DiskError
from pipelines.project.source import Source, SourceAsset
from pipelines.whole_file import draft_of, forget, put_in_place


def files_of(source: Source, asset: SourceAsset) -> list[Path]:
    """The files of the folder that match the asset's pattern, by name; none where there are none (yet)."""
    if source.folder is None or not asset.files:
        raise ConfigError(
            f"{_where(source, asset)}: it does not say which files to read; write a pattern such as '*.csv' as 'files'."
        )
    if not source.folder.is_dir():
        return []
    try:
        found = [path for path in source.folder.glob(_below(asset.files)) if path.is_file() and not _draft(path.name)]
    except (ValueError, NotImplementedError):
        message = f"'{asset.files}' is no pattern below the folder; write one such as '*.csv'."
        raise ConfigError(f"{_where(source, asset)}: {message}") from None
    return sorted(found, key=lambda path: name_of(path, source))


def files_to_read(source: Source, asset: SourceAsset) -> list[Path]:
    """The files of the folder that match the asset's pattern, by name; ConfigError where there is none."""
    found = files_of(source, asset)
    if source.folder and not source.folder.is_dir():
        message = f"the folder {source.folder} does not exist; make it and put the export there."
        raise ConfigError(f"{_where(source, asset)}: {message}")
    if not found:
        message = f"no file in {source.folder} matches '{asset.files}'; put the export there."
        raise ConfigError(f"{_where(source, asset)}: {message}")
    return found


def name_of(path: Path, source: Source) -> str:
    """The name of a file below its source's folder."""
    return path.relative_to(source.folder).as_posix() if source.folder else path.name


def asset_for(source: Source, name: str, tools: tuple[str, ...] = ()) -> SourceAsset:
    """The one asset of `source` that reads files of this name; ConfigError where there is none, or several.

    Several are one too many even where `tools` names one of them: the others would read the file at their next sync.
    """
    if source.kind != "export_file":
        raise ConfigError(
            f"xlsforms/sources.yml, source '{source.name}' is of kind {source.kind} and takes no files: name a source "
            "of kind export_file with --source."
        )
    names = [(asset, PurePosixPath(asset.files).name) for asset in source.assets]
    meant = [asset for asset, pattern in names if fnmatchcase(name, pattern) and not _draft(name)]
    if not meant:
        patterns = ", ".join(f"'{asset.files}' ({asset.tool})" for asset in source.assets) or "none"
        raise ConfigError(
            f"xlsforms/sources.yml, source '{source.name}': no pattern of it matches the file {name} (it has "
            f"{patterns}); rename the file, or add it to a pattern."
        )
    if len(meant) > 1:
        named = " and ".join(f"'{asset.files}' ({asset.tool}, {asset.asset})" for asset in meant)
        raise ConfigError(
            f"xlsforms/sources.yml, source '{source.name}': the file {name} may be meant for {named}; rename it, or "
            "write patterns of which it matches one."
        )
    if tools and meant[0].tool not in tools:
        raise ConfigError(
            f"the file {name} is read as {meant[0].tool} by source '{source.name}', not as {', '.join(tools)}: "
            "name that tool, or rename the file."
        )
    return meant[0]


def put(file: Path, source: Source, asset: SourceAsset) -> Path:
    """Copy `file` into the folder of `source` under its own name, in place of one of that name; where it lies then."""
    place = _place(file.name, source, asset)
    if place.exists() and place.samefile(file):
        return place
    try:
        draft = draft_of(place)
        try:
            draft.touch(mode=0o600)
            shutil.copyfile(file, draft)
            os.utime(draft, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
            put_in_place(draft, place)
        finally:
            forget(draft)
    except OSError as error:
        message = f"{file} cannot be copied to {place} ({error.strerror}): make room, or correct the permissions."
        raise DiskError(message) from None
    return place


def _place(name: str, source: Source, asset: SourceAsset) -> Path:
    below = PurePosixPath(asset.files).parent
    if source.folder is None or any(sign in str(below) for sign in "*?[") or ".." in below.parts or below.is_absolute():
        raise ConfigError(
            f"{_where(source, asset)}: the pattern '{asset.files}' does not say which folder a new file goes to; copy "
            "the file there yourself, or write a pattern with one folder."
        )
    return source.folder / below / name


def _where(source: Source, asset: SourceAsset) -> str:
    return f"xlsforms/sources.yml, source '{source.name}', tool '{asset.tool}'"


def _below(pattern: str) -> str:
    """`pattern`, where it stays in the folder; ValueError otherwise."""
    if ".." in PurePosixPath(pattern).parts:
        raise ValueError(pattern)
    return pattern


def _draft(name: str) -> bool:
    """Whether this is no export but what an office program or a download keeps beside one while it is open."""
    return name.startswith((".", "~$"))
