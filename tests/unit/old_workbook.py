"""A workbook in the format of Excel 97 (.xls), byte by byte: nothing that we may install writes one any more.

A file system of 512-byte sectors (MS-CFB) that holds one stream, "Workbook", of records (MS-XLS).
"""

import struct
from collections.abc import Sequence

SECTOR = 512
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
SMALLEST_STREAM = 4096

Cell = str | float | None
DATE_STYLE = 14


def old_workbook(rows: Sequence[Sequence[Cell]], dates: frozenset[tuple[int, int]] = frozenset()) -> bytes:
    """An .xls whose only sheet has `rows`; the numbers at `dates` (row, column) are shown as days."""
    stream = _workbook(rows, dates).ljust(SMALLEST_STREAM, b"\0")
    sectors = -(-len(stream) // SECTOR)
    stream = stream.ljust(sectors * SECTOR, b"\0")
    chain = [FAT, END, *range(3, sectors + 2), END]
    table = struct.pack("<128I", *chain, *[FREE] * (128 - len(chain)))
    entries = _entry("Root Entry", 5, child=1) + _entry("Workbook", 2, start=2, size=len(stream))
    return _header() + table + entries.ljust(SECTOR, b"\0") + stream


def _header() -> bytes:
    magic = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    shape = struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, SMALLEST_STREAM, END, 0, END, 0)
    return magic + shape + struct.pack("<109I", 0, *[FREE] * 108)


def _entry(name: str, kind: int, *, child: int = FREE, start: int = END, size: int = 0) -> bytes:
    letters = (name + "\0").encode("utf-16-le")
    head = letters.ljust(64, b"\0") + struct.pack("<HBBIII", len(letters), kind, 1, FREE, FREE, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


def _workbook(rows: Sequence[Sequence[Cell]], dates: frozenset[tuple[int, int]]) -> bytes:
    style = struct.pack("<HHHBBBBIIH", 0, 0, 0xFFF5, 0x20, 0, 0, 0, 0, 0, 0x20C0)
    dated = struct.pack("<HHHBBBBIIH", 0, DATE_STYLE, 1, 0x20, 0, 0, 0, 0, 0, 0x20C0)
    styles = _record(0xE0, style) + _record(0xE0, dated)
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 6)) + styles
    name = "Export"
    bound = _record(0x85, struct.pack("<IBBBB", 0, 0, 0, len(name), 0) + name.encode())
    at = len(begin) + len(bound) + 4
    bound = _record(0x85, struct.pack("<IBBBB", at, 0, 0, len(name), 0) + name.encode())
    sheet = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 6))
    width = max(map(len, rows))
    sheet += _record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet += _cell(number, column, cell, shown=int((number, column) in dates))
    return begin + bound + _record(0x0A, b"") + sheet + _record(0x0A, b"")


def _cell(row: int, column: int, cell: Cell, *, shown: int) -> bytes:
    place = struct.pack("<HHH", row, column, shown)
    if isinstance(cell, str):
        return _record(0x204, place + struct.pack("<HB", len(cell), 1) + cell.encode("utf-16-le"))
    return _record(0x203, place + struct.pack("<d", cell)) if cell is not None else b""


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content
