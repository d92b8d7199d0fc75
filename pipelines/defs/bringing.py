"""Bring one export file into its source's folder, for a sync to find it there.

What cannot be read is not let in: a file in the folder would stop every later sync of its tool. Watching the folder is
inbox.py.
"""

from collections.abc import Sequence
from pathlib import Path

from pipelines.defs.syncing import layout_of
from pipelines.errors import ConfigError
from pipelines.project import Project
from pipelines.sources.export_file import check_export
from pipelines.sources.inbox import asset_for, put


def bring(project: Project, sources: Sequence[str], file: Path, tools: Sequence[str]) -> str:
    """The tool that `file` is for, once it lies in the folder of the one source named."""
    named = [source for source in project.sources() if source.name in sources]
    if len(named) != 1 or len(sources) != 1:
        raise ConfigError("--file needs the one source whose folder the file goes to: name it with --source.")
    if not file.is_file():
        raise ConfigError(f"{file} is no file that we can see: write the path to the export.")
    asset = asset_for(named[0], file.name, tuple(tools))
    check_export(file, asset.layout, layout_of(project, named[0], asset))
    put(file, named[0], asset)
    return asset.tool
