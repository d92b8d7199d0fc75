"""A cluster as small as can be: tools of a question or two, whose answers are put into the archive by hand."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from openpyxl import Workbook

from pipelines.archive.archive import Submission, open_archive
from pipelines.project import Project

SENT = datetime(2026, 11, 3)  # noqa: DTZ001 - the archive keeps UTC without zone
HEAD = ["type", "name", "label::English (en)", "sensitivity"]


def tiny_project(folder: Path) -> Project:
    """A project without tools."""
    project = Project(folder / "cluster", folder / "data")
    project.curated.mkdir(parents=True)
    project.reference.mkdir(parents=True)
    project.expectations.mkdir()
    (project.reference / "site.csv").write_text("site,lat,lon\nIQ0510-0001,35.4,45.6\n")
    return project


def add_form(project: Project, tool: str, version: str, questions: Sequence[Sequence[str]]) -> None:
    book = Workbook()
    survey = book.active
    assert survey is not None
    survey.title = "survey"
    for row in [HEAD, *questions]:
        survey.append(list(row))
    settings = book.create_sheet("settings")
    for row in [["form_title", "form_id", "version"], [tool, tool, version]]:
        settings.append(row)
    folder = project.xlsforms / tool
    folder.mkdir(parents=True, exist_ok=True)
    book.save(folder / f"{version}.xlsx")
    (folder / "tool.yml").write_text(f"title: {tool.capitalize()}\n")


def answer(project: Project, tool: str, version: str, answers: dict[str, str]) -> None:
    raw = json.dumps({"_id": 1, **answers})
    sent = Submission(
        root_id=f"{tool}-{version}", raw=raw, raw_kind="kobo_json", form_version=version, submitted_at=SENT
    )
    with open_archive(project.archive_file(tool)) as archive:
        run = archive.begin_run("kobo", tool, SENT)
        run.record([sent])
        run.complete(datetime(2026, 11, 20))  # noqa: DTZ001
