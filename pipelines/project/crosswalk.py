"""crosswalk.yml as a value: how older versions and other sources map onto today's questions.

What the file says belongs here, its layouts in layout.py. What it comes to once the forms are known is plan.py.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from pipelines.project.entry import Entry, SplitRule
from pipelines.project.layout import Layout
from pipelines.project.yaml_file import StrictModel, read_yaml

__all__ = ["Crosswalk", "Entry", "Layout", "SplitRule", "VersionEntry", "read_crosswalk"]


class VersionEntry(Entry):
    """An entry about an older version of the form; `from_` is the question's path in that version."""

    from_: str = Field(alias="from")


class Crosswalk(StrictModel):
    """All of a tool's mappings: by version of the form, and by layout of a file."""

    versions: Mapping[str, tuple[VersionEntry, ...]] = Field(default_factory=dict)
    layouts: Mapping[str, Layout] = Field(default_factory=dict)


def read_crosswalk(path: Path) -> Crosswalk:
    """The crosswalk at `path`; an empty one where there is no file. ConfigError names file, line and key."""
    return read_yaml(path, Crosswalk) if path.exists() else Crosswalk()
