"""Where everything lies: the definitions (`CCCM_PROJECT`), the state (`CCCM_DATA`), and Dagster's part of the latter.

No other module joins these paths. What the files hold belongs to the rooms that read and write them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipelines.errors import ConfigError
from pipelines.project.source import Source, read_sources
from pipelines.project.tool import Tool, read_tool

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Project:
    """The folder of definitions (`root`) and the folder of state (`data`); every path of ours is asked for here."""

    root: Path
    data: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The project that CCCM_PROJECT and CCCM_DATA name; without them, this folder and the user's data directory."""
        root = Path(environ.get("CCCM_PROJECT") or ".").expanduser().resolve()
        named = environ.get("CCCM_DATA")
        data = Path(named) if named else Path("~/.local/share/cccm") / root.name
        return cls(root, data.expanduser().resolve())

    @property
    def xlsforms(self) -> Path:
        """What we ask."""
        return self.root / "xlsforms"

    @property
    def expectations(self) -> Path:
        """What must hold."""
        return self.root / "expectations"

    @property
    def curated(self) -> Path:
        """The SQL of the curated tables."""
        return self.root / "warehouse" / "curated"

    @property
    def reference(self) -> Path:
        """Places, sites, organisations, standards."""
        return self.root / "warehouse" / "reference"

    def archive_file(self, tool: str) -> Path:
        """What was sent for `tool`, for ever."""
        return self.data / "archive" / f"{tool}.duckdb"

    @property
    def work_file(self) -> Path:
        """The derived tables; may be deleted."""
        return self.data / "work.duckdb"

    @property
    def published_file(self) -> Path:
        """What analysts open."""
        return self.data / "warehouse.duckdb"

    @property
    def restricted_file(self) -> Path:
        """All columns, for the IMO."""
        return self.data / "warehouse-restricted.duckdb"

    @property
    def attachments(self) -> Path:
        """Files by content hash."""
        return self.data / "attachments"

    @property
    def lists(self) -> Path:
        """Lists that are kept on a server and serve as reference tables here: every state of each, as sent."""
        return self.data / "reference"

    @property
    def key_file(self) -> Path:
        """The project's own key, which hides what names people; to be backed up with the archive."""
        return self.data / "project.key"

    @property
    def products(self) -> Path:
        """What was published, by period."""
        return self.data / "products"

    @property
    def run_lock(self) -> Path:
        """Held by whoever writes, for as long as it does."""
        return self.data / "run.lock"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage."""
        return self.data / "dagster"

    def tools(self) -> tuple[Tool, ...]:
        """Every tool of the project, by name."""
        return tuple(self.tool(name) for name in self._tool_names())

    def tool(self, name: str) -> Tool:
        """The tool `name`."""
        if name not in self._tool_names():
            raise ConfigError(f"{self.xlsforms} has no tool {name!r}: name one of {', '.join(self._tool_names())}.")
        return read_tool(self.xlsforms / name)

    def sources(self) -> tuple[Source, ...]:
        """Every source that xlsforms/sources.yml names, by name; none where the file is absent."""
        file = self.xlsforms / "sources.yml"
        return read_sources(file, self._tool_names(), self.data) if file.exists() else ()

    def rounds(self, tool: str) -> dict[tuple[str, str], str]:
        """The round that each asset of `tool` is for, by (source, asset); those without one are left out."""
        return {
            (source.name, asset.asset): asset.round
            for source in self.sources()
            for asset in source.assets
            if asset.tool == tool and asset.round
        }

    def _tool_names(self) -> tuple[str, ...]:
        if not self.xlsforms.is_dir():
            raise ConfigError(
                f"{self.xlsforms} does not exist: start in the project's folder, or set CCCM_PROJECT to it."
            )
        return tuple(sorted(file.parent.name for file in self.xlsforms.glob("*/tool.yml")))


def prepare_dagster_home(project: Project) -> Path:
    """The folder to set DAGSTER_HOME to, made where it is absent, with the settings of dagster.yaml in it.

    Dagster reads dagster.yaml there and nowhere else; without it the limit of one writer would silently be gone.
    """
    settings = next((file for file in _settings_of_dagster(project) if file.is_file()), None)
    if settings is None:
        raise ConfigError(f"{project.root / 'dagster.yaml'} does not exist: copy it there from the repository of cccm.")
    home = project.dagster_home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = settings.read_bytes()
    copy = home / "dagster.yaml"
    if not copy.is_file() or copy.read_bytes() != wanted:
        new = home / f"dagster.yaml.{os.getpid()}"
        new.write_bytes(wanted)
        new.replace(copy)
    return home


def _settings_of_dagster(project: Project) -> tuple[Path, ...]:
    """Where dagster.yaml may lie: a cluster's own, or else the program's."""
    return project.root / "dagster.yaml", REPOSITORY / "dagster.yaml"
