"""What lies in a workbook and is not seen in its rows: hidden sheets, rows and columns, merged cells, formulas, macros.

Read from the parts of the package, by a parser that knows no entities. What may be opened at all is package.py; an old
.xls has no such parts and gets no remarks.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError
from zipfile import ZipFile

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring, iterparse

from pipelines.errors import SchemaError
from pipelines.forms.package import parts_of, refuse_what_is_no_workbook
from pipelines.forms.remark import Remark

SHEETS = frozenset({"survey", "choices", "settings", "external_choices", "entities"})
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

NEVER_USED = {
    "xl/vbaProject.bin": "holds macros, which are never run here; save it as .xlsx",
    "xl/externalLinks/": "takes values from other workbooks, which are never opened; paste them as values",
    "xl/embeddings/": "holds embedded files, which are never opened; take them out",
    "xl/connections.xml": "holds connections to other data, which are never made; take them out",
}
"""What a workbook may carry without a form having a use for it."""


def remarks_of_workbook(path: Path) -> tuple[Remark, ...]:
    """What is hidden, merged, computed or carried along in the workbook at `path`; SchemaError where it is none."""
    refuse_what_is_no_workbook(path)
    if not (names := parts_of(path)):
        return ()
    try:
        with ZipFile(path) as package:
            found = [*_carried(names), *_in_sheets(package, frozenset(names))]
    except (ParseError, DefusedXmlException, KeyError) as error:
        message = f"{path} is written as no spreadsheet writes; open it in a spreadsheet and save it as .xlsx again."
        raise SchemaError(message) from error
    return tuple(found)


def _carried(names: tuple[str, ...]) -> Iterator[Remark]:
    for part, sentence in NEVER_USED.items():
        if any(name.startswith(part) for name in names):
            yield Remark("L101", f"the workbook {sentence}", serious=False)


def _in_sheets(package: ZipFile, names: frozenset[str]) -> Iterator[Remark]:
    for name, state, part in _sheets(package):
        if name.lower() not in SHEETS or part not in names:
            continue
        if state != "visible":
            yield Remark("L102", f"sheet '{name}' is hidden, and is read all the same; show it or delete it")
        yield from _in_sheet(package, name, part)


def _sheets(package: ZipFile) -> Iterator[tuple[str, str, str]]:
    """(name, visible | hidden | veryHidden, part) of each sheet."""
    relations = fromstring(package.read("xl/_rels/workbook.xml.rels"))
    part_of = {node.get("Id", ""): node.get("Target", "") for node in relations}
    for node in fromstring(package.read("xl/workbook.xml")).iter():
        if _local(node) == "sheet":
            target = part_of.get(node.get(RELATION, ""), "")
            part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            yield node.get("name", ""), node.get("state", "visible"), part


def _in_sheet(package: ZipFile, sheet: str, part: str) -> Iterator[Remark]:
    hidden: list[str] = []
    with package.open(part) as file:
        for _, node in iterparse(file, events=("end",)):
            match _local(node):
                case "col" if node.get("hidden") == "1":
                    yield Remark("L103", f"sheet '{sheet}': a column is hidden ({_columns(node)}); show it", False)
                case "mergeCell":
                    where = node.get("ref", "")
                    yield Remark(
                        "L104", f"sheet '{sheet}', cells {where} are merged: only the first is read; part them"
                    )
                case "c":
                    yield from _in_cell(sheet, node)
                case "row":
                    if node.get("hidden") == "1":
                        hidden.append(node.get("r", ""))
                    node.clear()
    if hidden:
        rows = ", ".join(hidden[:10]) + (", …" if len(hidden) > 10 else "")
        yield Remark("L103", f"sheet '{sheet}': hidden rows are read all the same ({rows}); show or delete them", False)


def _in_cell(sheet: str, cell: Element) -> Iterator[Remark]:
    parts = {_local(part): part for part in cell}
    if "f" in parts:
        where = f"sheet '{sheet}', cell {cell.get('r', '')}"
        if "v" not in parts or not parts["v"].text:
            yield Remark("L105", f"{where} is a formula without a value; paste what it should say as a value")
        else:
            yield Remark("L106", f"{where} is a formula: its last value is read; paste it as a value", serious=False)


def _columns(node: Element) -> str:
    first, last = (_letters(int(node.get(key, "1"))) for key in ("min", "max"))
    return first if first == last else f"{first} to {last}"


def _letters(number: int) -> str:
    """The letters of a column, counted from 1."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _local(node: Element) -> str:
    return re.sub(r"^\{[^}]*\}", "", node.tag)
