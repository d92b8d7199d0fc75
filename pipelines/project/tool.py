"""What is known of one questionnaire beside its forms: tool.yml, and which versions lie in its folder.

What a version asks is forms/. A question-level fact never stands here: it is a column of the survey sheet.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipelines.errors import ConfigError
from pipelines.project.yaml_file import StrictModel, read_yaml

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

ZONE_HOURS = 3
"""How far the cluster's clock (Asia/Baghdad, no summer time) is ahead of UTC: it says which month a moment is in."""


class Period(StrictModel):
    """When a record is about: what `question` was answered, or the month of sending where no question says it.

    For a tool of rounds, the `round` that sources.yml gives to an asset stands before the month of sending.
    """

    question: str = ""
    every: Literal["month", "round"] = "month"

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        return {"question": given} if isinstance(given, str) else given


class Calendar(StrictModel):
    """When a period's answers are due, from when they are late, and when the sync runs by itself."""

    due_day: int | None = Field(default=None, ge=1, le=28)
    late_after_day: int | None = Field(default=None, ge=1, le=28)
    schedule: str = ""

    @field_validator("schedule")
    @classmethod
    def _five_fields(cls, schedule: str) -> str:
        if schedule and len(schedule.split()) != 5:
            raise ValueError("a schedule has five fields, such as '0 6 2 * *': write it so")
        return schedule


class ToolFile(StrictModel):
    """What a tool.yml may say; only the title must be there.

    `unit` and `period` say what a record is about; `identity` names the answers by which two records, from whichever
    source or asset, are one and the same, such as a family's number.
    """

    title: str = Field(min_length=1)
    unit: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    period: Period = Period()
    calendar: Calendar = Calendar()
    languages: tuple[str, ...] = ()
    awaiting_review: tuple[str, ...] = ()
    order: tuple[Literal["approved", "prefer", "latest"], ...] = ("approved", "prefer", "latest")
    prefer: tuple[str, ...] = ()
    reporters: str = ""
    freshness_days: int | None = Field(default=None, ge=1)


class Tool(ToolFile):
    """One questionnaire of the cluster, through all its versions: a folder of xlsforms/."""

    name: str
    folder: Path

    @property
    def versions(self) -> tuple[str, ...]:
        """Every version that has a workbook, oldest first ("2026-2" before "2026-10")."""
        files = (file for file in self.folder.glob("*.xlsx") if not file.name.startswith(("~$", ".")))
        return in_order(file.stem for file in files)

    def form_file(self, version: str) -> Path:
        """The workbook of `version`."""
        if version not in self.versions:
            known = ", ".join(self.versions) or "none"
            raise ConfigError(f"{self.folder} has no version {version!r}: name one of its versions ({known}).")
        return self.folder / f"{version}.xlsx"

    @property
    def crosswalk_file(self) -> Path:
        """Where the older versions and other sources are mapped; the file need not exist."""
        return self.folder / "crosswalk.yml"


def read_tool(folder: Path) -> Tool:
    """The tool whose folder this is."""
    check_name(folder.name, str(folder))
    return Tool(name=folder.name, folder=folder, **dict(read_yaml(folder / "tool.yml", ToolFile)))


def check_name(name: str, where: str) -> None:
    """Nothing, or ConfigError where `name`, found at `where`, is none that a tool can have."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{where} is no name for a tool: rename it to small letters, digits and single underscores, such as "
            "'exit_interview'."
        )


def in_order(versions: Iterable[str]) -> tuple[str, ...]:
    """`versions`, the oldest first: "2026-2" before "2026-10"."""
    return tuple(sorted(versions, key=_naturally))


def _naturally(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts numbers inside a text as numbers."""
    parts = re.findall(r"[0-9]+|[^0-9]+", version)
    return (*((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts),)
