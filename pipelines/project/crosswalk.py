"""crosswalk.yml as a value: how older versions and other sources map onto today's questions.

What the file says belongs here, one entry in entry.py, its layouts in layout.py. What it comes to once the forms are
known is plan.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from pipelines.project.entry import WAYS, Computed, Entry, SplitRule, VersionEntry
from pipelines.project.layout import Layout
from pipelines.project.yaml_file import StrictModel, read_yaml

__all__ = ["Computed", "Crosswalk", "Entry", "Layout", "Line", "Rules", "SplitRule", "VersionEntry", "read_crosswalk"]


def _kind(given: Any) -> str:
    computes = isinstance(given, Computed) or (isinstance(given, dict) and any(way in given for way in WAYS))
    return "computed" if computes else "question"


Line = Annotated[Annotated[VersionEntry, Tag("question")] | Annotated[Computed, Tag("computed")], Discriminator(_kind)]
"""An entry about a question, or a computed one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the crosswalk says of one version's form: of its questions, by path, and which columns it computes."""

    entries: Mapping[str, VersionEntry] = field(default_factory=dict)
    computed: tuple[Computed, ...] = ()


class Crosswalk(StrictModel):
    """All of a tool's mappings: by version of the form, by source of the rows, and by layout of a file."""

    versions: Mapping[str, tuple[Line, ...]] = Field(default_factory=dict)
    sources: Mapping[str, tuple[Line, ...]] = Field(default_factory=dict)
    layouts: Mapping[str, Layout] = Field(default_factory=dict)

    def rules(self, version: str, source: str = "") -> Rules:
        """What it says of a version, and of it as a source has it: a source's line stands before the version's."""
        return _rules((*self.versions.get(version, ()), *self.sources.get(source, ())))


def _rules(lines: Iterable[VersionEntry | Computed]) -> Rules:
    entries = {line.from_: line for line in lines if isinstance(line, VersionEntry)}
    computed = {line.to: line for line in lines if isinstance(line, Computed)}
    return Rules(entries, tuple(computed.values()))


def read_crosswalk(path: Path) -> Crosswalk:
    """The crosswalk at `path`; an empty one where there is no file. ConfigError names file, line and key."""
    return read_yaml(path, Crosswalk) if path.exists() else Crosswalk()
