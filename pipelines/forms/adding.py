"""Take a workbook into the folder of a tool as one more version, or as the first of a new tool.

Nothing that stands there is changed: a version that exists with other bytes is refused. What is wrong with the form
beyond what keeps it from being read is lint.py; what the next run makes of it is harmonize/.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.errors import ConfigError
from pipelines.forms.form import Form
from pipelines.forms.read import read_form, read_sheets
from pipelines.forms.write import write_sheets
from pipelines.project import Project
from pipelines.project.tool import check_name, in_order
from pipelines.whole_file import write_whole

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

TOOL_FILE = """\
title: {title}
languages: [{languages}]
# What one record is about, and when; `clean` then keeps one row for each of them:
# unit: [site]
# period: {{question: report_month, every: month}}
"""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of it: where the workbook stands, what it asks, and whether anything was written.

    `older_than` is the newest version, where the added one does not come behind it.
    """

    file: Path
    form: Form
    new_tool: bool
    written: bool
    older_than: str = ""

    @property
    def unclassified(self) -> int:
        """How many questions nobody classified: they stay restricted."""
        return sum(not question.sensitivity for question in self.form.questions)


def add_form(project: Project, file: Path, tool: str, version: str = "") -> Added:
    """Take the workbook `file` in as `version` of `tool`; by itself the version is that of its sheet settings.

    A .xlsx is kept byte for byte, any other kind of workbook is written anew as one.
    """
    check_name(tool, f"'{tool}'")
    form = read_form(file, tool, version)
    version = _checked(version or read_sheets(file).settings.get("version", ""), file, given=bool(version))
    folder = project.xlsforms / tool
    place, new_tool = folder / f"{version}.xlsx", not (folder / "tool.yml").exists()
    with TemporaryDirectory() as between:
        anew = file.suffix.lower() != ".xlsx"
        written = _put(_written_anew(file, Path(between), version) if anew else file, place, anew=anew)
    form = read_form(place, tool, version)
    if new_tool:
        write_whole(folder / "tool.yml", _tool_file(form, tool).encode())
    newest = in_order(path.stem for path in folder.glob("*.xlsx") if path.name[0] not in "~.")[-1]
    return Added(place, form, new_tool, written or new_tool, newest if newest != version else "")


def _checked(version: str, file: Path, *, given: bool) -> str:
    if VERSION.fullmatch(version):
        return version
    if not version:
        found = "its sheet 'settings' says no version"
    else:
        found = f"the version '{version}'" + (" of its sheet 'settings'" if not given else "") + " can name no file"
    raise ConfigError(f"{file}: {found}; say one with --version, such as 2026-1 (letters, digits and . _ -).")


def _written_anew(file: Path, folder: Path, version: str) -> Path:
    """The workbook `file`, of an older kind, as a .xlsx."""
    made = folder / f"{version}.xlsx"
    write_sheets(read_sheets(file), made, str(file))
    return made


def _put(file: Path, place: Path, *, anew: bool) -> bool:
    """Let the content of `file` stand at `place`; whether it did not yet. ConfigError where something else stands."""
    if place.exists():
        # what is written anew has the time of writing in it: then the rows are compared
        same = read_sheets(place) == read_sheets(file) if anew else place.read_bytes() == file.read_bytes()
        if same:
            return False
        raise ConfigError(
            f"{place} is there already and says something else; every version is kept: write a new one with --version."
        )
    write_whole(place, file.read_bytes())
    return True


def _tool_file(form: Form, tool: str) -> str:
    title = form.title or tool.replace("_", " ").capitalize()
    spoken = [language for language in form.languages if language != "default"]
    return TOOL_FILE.format(title=json.dumps(title, ensure_ascii=False), languages=", ".join(map(json.dumps, spoken)))
