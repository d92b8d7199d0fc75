"""Bring the versions of a form that a server has into the folder of a tool, each as a workbook that asks the same.

What is there already is left alone, whatever it is called. How servers are asked is sources/; which of our columns a
version keeps is carry.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.errors import SchemaError
from pipelines.forms.adding import VERSION, Added, add_form
from pipelines.forms.carry import carry_over
from pipelines.forms.form import Form
from pipelines.forms.read import read_form, read_sheets
from pipelines.forms.same import asks_the_same, same_version
from pipelines.forms.sheets import Sheets
from pipelines.forms.write import write_sheets
from pipelines.project import Project
from pipelines.project.tool import check_name, in_order, read_tool
from pipelines.whole_file import unwritable


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A version of a form as a server has it: its rows, or the workbook (of this `kind`) that was sent there.

    `said` is what its author calls it, `since` the day it came into use; messages speak of it as `where`.
    """

    where: str
    said: str
    since: str
    sheets: Sheets | None = None
    workbook: bytes = b""
    kind: str = ".xlsx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What became of an offered version: it was added, or is the same as one that is there.

    `carried` is how many of its questions say in our columns what the newest version in the repository says.
    """

    offered: Offered
    added: Added | None = None
    same_as: str = ""
    carried: int = 0


def bring(project: Project, tool: str, offered: Sequence[Offered], version: str = "") -> list[Brought]:
    """Take `offered`, the oldest first, into the folder of `tool`; the last of them as `version`, if one is given."""
    check_name(tool, f"'{tool}'")
    known = _known(project, tool)
    names = [version] if version else _names(offered, known)
    brought: list[Brought] = []
    for one, name in zip(offered[-len(names) :], names, strict=True):
        brought.append(_brought(project, tool, one, name, known))
        if added := brought[-1].added:
            known[name] = added.form
    return brought


def _known(project: Project, tool: str) -> dict[str, Form]:
    """The forms in the folder of `tool`, the oldest first; none where it is new."""
    folder = project.xlsforms / tool
    versions = read_tool(folder).versions if (folder / "tool.yml").exists() else ()
    return {version: read_form(folder / f"{version}.xlsx", tool, version) for version in versions}


def _names(offered: Sequence[Offered], known: Sequence[str] | dict[str, Form]) -> list[str]:
    """What to call each: as its author does, where all of them then stand in their order; by its day otherwise."""
    said = [one.said for one in offered]
    if all(map(VERSION.fullmatch, said)) and len(set(said)) == len(said) and list(in_order(said)) == said:
        return said
    names: list[str] = []
    for one in offered:
        number, name = 1, one.since
        while name in names or name in known:
            number += 1
            name = f"{one.since}-{number}"
        names.append(name)
    return names


def _brought(project: Project, tool: str, offered: Offered, name: str, known: dict[str, Form]) -> Brought:
    with TemporaryDirectory() as between:
        path = Path(between) / f"{name.replace('/', '_')}.xlsx"
        form = _put(offered, path, tool, name)
        if same := same_version(form, known.values()):
            return Brought(offered=offered, same_as=same)
        newest = known[in_order(known)[-1]] if known else replace(form, questions=())
        carried = carry_over(path, form, newest)
        if carried and not asks_the_same(form, read_form(path, tool, name)):
            raise SchemaError(
                f"{offered.where}: our columns cannot be added to its workbook; download it, add them, and use "
                "`cccm forms add`."
            )
        return Brought(offered=offered, added=add_form(project, path, tool, name), carried=carried)


def _put(offered: Offered, path: Path, tool: str, name: str) -> Form:
    """Let the offered version stand at `path` as a .xlsx; the form in it."""
    sent = path.with_suffix(offered.kind)
    try:
        if offered.sheets is None:
            sent.write_bytes(offered.workbook)
        sheets = offered.sheets or (read_sheets(sent) if sent != path else None)
        if sheets:
            write_sheets(sheets, path, offered.where)
        return read_form(path, tool, name)
    except SchemaError as error:
        said = str(error)
        for place in (str(path), str(sent)):
            said = said.replace(place, offered.where)
        raise SchemaError(said) from error
    except OSError as error:
        raise unwritable(path, error) from None
