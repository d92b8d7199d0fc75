"""A tool of one's own for a test: forms written as Markdown tables, submissions as a server sends them, the build.

What is tested with it stands in the test modules.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from openpyxl import Workbook

from pipelines.archive.archive import Submission, open_archive
from pipelines.harmonize.build import BuildReport, build_tool
from pipelines.project import Project
from pipelines.store.duck import Connection, connect
from pipelines.store.reference import load_reference

TOOL = "visit"
NOW = datetime(2026, 11, 1)  # noqa: DTZ001 - the archive keeps UTC without zone

TABLES = ("submission", "form_version", "attachment", "sync_run", "decision")


def write_form(path: Path, markdown: str) -> None:
    """Make a workbook of the Markdown tables that pyxform's own tests write forms in: a table per sheet."""
    book = Workbook()
    book.remove(book.active)
    for line in markdown.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0]:
            sheet = book.create_sheet(cells[0])
        elif any(cells) and not set("".join(cells)) <= set("-: "):
            sheet.append([cell or None for cell in cells[1:]])
    book.save(path)


def project_of(folder: Path, forms: Mapping[str, str], *, crosswalk: str = "", tool: str = "title: Visit\n") -> Project:
    """A project whose only tool asks `forms` (version -> Markdown)."""
    place = folder / "xlsforms" / TOOL
    place.mkdir(parents=True, exist_ok=True)
    for version, markdown in forms.items():
        write_form(place / f"{version}.xlsx", markdown)
    (place / "tool.yml").write_text(tool, encoding="utf-8")
    if crosswalk:
        (place / "crosswalk.yml").write_text(crosswalk, encoding="utf-8")
    return Project(folder, folder / "data")


def submission(
    root_id: str, answers: Mapping[str, object] | str, version: str = "1", raw_kind: str = "kobo_json"
) -> Submission:
    """One submission; `answers` is the document, or its raw text."""
    raw = answers if isinstance(answers, str) else json.dumps(answers, ensure_ascii=False)
    return Submission(
        root_id=root_id,
        raw=raw,
        raw_kind=raw_kind,
        instance_id=f"{root_id}-1",
        server_id=root_id,
        form_version=version,
        submitted_at=datetime(2026, 11, 3, 8, 30),  # noqa: DTZ001
        submitted_by="enumerator",
    )


def archive(
    project: Project, submissions: Iterable[Submission], *, form_versions: Mapping[str, str] | None = None
) -> None:
    """Archive `submissions`, and what the server kept of its form versions."""
    with open_archive(project.archive_file(TOOL)) as opened:
        run = opened.begin_run("kobo", "asset", NOW)
        for version, content in (form_versions or {}).items():
            run.keep_form_version(version, content)
        run.record(list(submissions))
        run.complete(NOW)


@contextmanager
def built(project: Project) -> Iterator[tuple[Connection, BuildReport]]:
    """Yield the tables that a build makes of the archive, and its report."""
    with connect(project.work_file) as con:
        if project.reference.is_dir():
            load_reference(con, project.reference)
        yield con, build_tool(con, project, project.tool(TOOL))
