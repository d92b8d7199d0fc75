"""Workbooks that are made to harm, or that people make without meaning to: each is a function of the path to write."""

import struct
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

from openpyxl import Workbook

from tests.flow.harmonizing import write_form

FORM = """
| survey |
|  | type | name | label |
|  | text | camp | Camp |
"""

Write = Callable[[Path], object]


def plain(path: Path) -> None:
    write_form(path, FORM)


def rewritten(path: Path, change: Callable[[str, bytes], bytes], extra: Mapping[str, bytes] | None = None) -> None:
    """A plain form with its parts changed, and further ones added."""
    made = BytesIO()
    write_form(made, FORM)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, part in (extra or {}).items():
            new.writestr(name, part)


def as_it_is(_name: str, part: bytes) -> bytes:
    return part


def in_sheet(old: bytes, new: bytes, sheet: str = "xl/worksheets/sheet1.xml") -> Callable[[str, bytes], bytes]:
    return lambda name, part: part.replace(old, new) if name == sheet else part


def huge_cell(path: Path) -> None:
    text = b"<is><t>" + b"A" * 200_000_000 + b"</t></is>"
    rewritten(path, in_sheet(b"<sheetData>", b'<sheetData><row r="9"><c r="A9" t="inlineStr">' + text + b"</c></row>"))


def many_parts(path: Path, count: int = 5_000) -> None:
    rewritten(path, as_it_is, {f"xl/media/{number}.png": b"" for number in range(count)})


def many_cells(path: Path) -> None:
    cells = b"".join(b'<c r="A9"><v>%d</v></c>' % (number * 7919) for number in range(400_000))
    row = b'<row r="9">' + cells + b"</row></sheetData>"
    rewritten(path, in_sheet(b"</sheetData>", row))


def lying_size(path: Path) -> None:
    """A part of 60 MB whose directory says 1,000 bytes."""
    rewritten(path, as_it_is, {"xl/sharedStrings.xml": b"<sst>" + b" " * 60_000_000 + b"</sst>"})
    data = bytearray(path.read_bytes())
    entry = data.rfind(b"PK\x01\x02", 0, data.rfind(b"xl/sharedStrings.xml"))
    data[entry + 24 : entry + 28] = struct.pack("<I", 1000)
    path.write_bytes(bytes(data))


def leading_out(path: Path) -> None:
    rewritten(path, as_it_is, {"../../etc/cron.d/x": b"x"})


def far_cell(path: Path) -> None:
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    rewritten(path, in_sheet(b"</sheetData>", far))


def laughs(path: Path) -> None:
    bombs = b"".join(b'<!ENTITY l%d "%s">' % (n, (b"&l%d;" % (n - 1)) * 10 if n else b"ha") for n in range(10))
    rewritten(path, in_sheet(b"<worksheet", b"<!DOCTYPE worksheet [" + bombs + b"]><worksheet"))


def quadratic(path: Path) -> None:
    bomb = b'<!DOCTYPE worksheet [<!ENTITY a "' + b"a" * 50_000 + b'">]><worksheet'
    rewritten(path, in_sheet(b"<worksheet", bomb))


def reads_a_file(path: Path) -> None:
    entity = b'<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/hostname">]><worksheet'
    rewritten(path, in_sheet(b"<worksheet", entity))


def asks_a_server(path: Path) -> None:
    entity = b'<!DOCTYPE worksheet SYSTEM "http://127.0.0.1:9/x.dtd"><worksheet'
    rewritten(path, in_sheet(b"<worksheet", entity))


def in_utf16(path: Path) -> None:
    def change(name: str, part: bytes) -> bytes:
        text = part.decode().replace("<worksheet", '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/hostname">]><worksheet')
        return text.encode("utf-16") if name.endswith("sheet1.xml") else part

    rewritten(path, change)


def in_utf7(path: Path) -> None:
    def change(name: str, part: bytes) -> bytes:
        return b'<?xml version="1.0" encoding="UTF-7"?>' + part if name.endswith("sheet1.xml") else part

    rewritten(path, change)


def deep(levels: int, kind: str = "group") -> Write:
    def write(path: Path) -> None:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = "survey"
        sheet.append(["type", "name", "label"])
        for level in range(levels):
            sheet.append([f"begin_{kind}", f"g{level}", f"G{level}"])
        sheet.append(["text", "camp", "Camp"])
        for _ in range(levels):
            sheet.append([f"end_{kind}"])
        book.save(path)

    return write


def pathless(path: Path) -> None:
    write_form(
        path,
        "| survey |\n| | type | name | label |\n| | select_one_from_file ../../etc/passwd.csv | site | Site |\n",
    )


REFUSED: Mapping[str, Write] = {
    "X-01 empty": lambda path: path.write_bytes(b""),
    "X-03 200 MB cell": huge_cell,
    "X-03 5,000 parts": many_parts,
    "X-03 400,000 cells": many_cells,
    "X-03 lying size": lying_size,
    "X-03 zip-slip": leading_out,
    "X-05 billion laughs": laughs,
    "X-05 quadratic": quadratic,
    "X-05 external entity": reads_a_file,
    "X-05 external DTD": asks_a_server,
    "X-05 UTF-16": in_utf16,
    "X-05 UTF-7": in_utf7,
    "X-14 1,200 groups": deep(1200),
    "X-14 60 groups": deep(60),
    "X-15 path": pathless,
}
ACCEPTED: Mapping[str, Write] = {"X-04 far cell": far_cell, "X-14 12 repeats": deep(12, "repeat")}
