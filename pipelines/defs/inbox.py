"""Watch the folders of export sources: what is put there is synced and built without anybody asking for it.

A sensor for each such source. It looks at names, sizes and times of change, never into a file. A file that was not the
same one look ago is still being copied, and is left until it stands still. How a file gets there by command is
bringing.py.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import dagster as dg

from pipelines.errors import ConfigError
from pipelines.project import Project, Source
from pipelines.sources.inbox import files_of, name_of

SECONDS_BETWEEN_LOOKS = 30

Files = dict[str, list[int]]
"""The name of each file -> [bytes, nanoseconds of its last change]."""


@dataclass(slots=True)
class Looked:
    """What a sensor remembers: by tool, the files it asked a run for and those of its last look; how often it asked."""

    done: dict[str, Files] = field(default_factory=dict)
    last: dict[str, Files] = field(default_factory=dict)
    asked: int = 0

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "Looked":
        """What was remembered; nothing before the first look."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def cursor(self) -> str:
        """As text, for Dagster to keep."""
        return json.dumps({"done": self.done, "last": self.last, "asked": self.asked})

    def look(self, now: Mapping[str, Files]) -> list[str]:
        """The tools whose folder holds a new or changed file that has come to rest; what is remembered moves on."""
        ready: list[str] = []
        for tool, files in now.items():
            done = self.done.get(tool, {})
            moved = any(done.get(name) != state for name, state in files.items())
            if moved and files != self.last.get(tool):
                continue
            self.done[tool] = files
            if moved:
                self.asked += 1
                ready.append(tool)
        self.last = dict(now)
        return ready


def sensors_of(project: Project, job: str) -> Iterator[dg.SensorDefinition]:
    """A sensor for each source of export files."""
    for source in project.sources():
        if source.kind == "export_file":
            yield _sensor(source, job)


def _sensor(source: Source, job: str) -> dg.SensorDefinition:
    @dg.sensor(
        name=re.sub(r"\W", "_", f"{source.name}_inbox", flags=re.ASCII),
        job_name=job,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Sync what is put into {source.folder}, once it has been copied whole.",
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        looked = Looked.from_cursor(context.cursor)
        try:
            ready = looked.look(_files(source))
        except (ConfigError, OSError) as error:
            return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
        requests = [
            dg.RunRequest(run_key=f"{source.name}/{tool}/{looked.asked}", run_config=_asked(source, tool))
            for tool in ready
        ]
        why = None if requests else "Nothing new lies there, or it is still being copied."
        return dg.SensorResult(run_requests=requests, skip_reason=why, cursor=looked.cursor())

    return inbox


def _files(source: Source) -> dict[str, Files]:
    """The files of the folder by tool; one that goes away while we look was not there."""
    found: dict[str, Files] = {asset.tool: {} for asset in source.assets}
    for asset in source.assets:
        for path in files_of(source, asset):
            try:
                state = path.stat()
            except FileNotFoundError:
                continue
            found[asset.tool][name_of(path, source)] = [state.st_size, state.st_mtime_ns]
    return found


def _asked(source: Source, tool: str) -> dict[str, object]:
    return {"resources": {"asked": {"config": {"tools": [tool], "sources": [source.name]}}}}
