"""Whether a file may be opened as a workbook at all: its kind, its size, what its zip directory says it holds.

Everything here looks at bytes only; nothing is unpacked beyond what was allowed before. What the sheets say is read.py,
what lies hidden in them is workbook.py. The limits are far beyond any questionnaire (the largest we know has 155 kB and
27,000 cells), and low enough that a reader stays small and quick below them.
"""

import re
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile
from zlib import error as ZlibError

from pipelines.errors import SchemaError

ACCEPTED = "save it as an Excel workbook (.xlsx) without a password"
LARGEST_FILE = 20_000_000
LARGEST_PARTS = 48_000_000
"""Bytes of all XML parts together, unpacked."""

MOST_PARTS = 2_000
LARGEST_DIRECTORY = 1_000_000
MOST_TIMES = 200
"""How many times its packed size a part may unpack to; small parts may always."""

MOST_CELLS = 150_000
CHUNK = 1 << 20

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_CELL = re.compile(rb"<(?:\w+:)?c[ >/]")
_DIMENSION = re.compile(rb"<(?:\w+:)?dimension\b[^>]*/>")
_DTD = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ENCODING = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"']{1,40})[\"']", re.IGNORECASE)
_UTF8 = frozenset({b"utf-8", b"us-ascii", b"ascii"})


def refuse_what_is_no_workbook(path: Path) -> None:
    """Nothing, or SchemaError where the file at `path` is none, or is one that no reader should open."""
    if not path.is_file():
        raise SchemaError(f"{path} does not exist; write the name of an XLSForm workbook.")
    if (size := path.stat().st_size) > LARGEST_FILE:
        raise _refusal(path, f"has {size:,} bytes, more than any form", "take pictures and old sheets out of it")
    with path.open("rb") as file:
        head = file.read(len(_OLE))
    if not head:
        raise _refusal(path, "is empty", "copy it again from where it came")
    if head == _OLE:
        _refuse_locked(path)
    elif head.startswith(b"PK") and is_zipfile(path):
        _refuse_package(path)
    else:
        raise _refusal(path, "cannot be read as an XLSForm workbook (.xlsx, .xlsm or .xls)", f"open it and {ACCEPTED}")


def parts_of(path: Path) -> tuple[str, ...]:
    """The names of the parts in the package at `path`; none for a .xls, which is no package."""
    if not is_zipfile(path):
        return ()
    with ZipFile(path) as package:
        return tuple(package.namelist())


def without_dimensions(path: Path) -> bytes:
    """The package at `path` without what its sheets say of their own size.

    Some programs write "A1" there whatever a sheet holds, and a reader that believes it sees no rows at all.
    """
    made = BytesIO()
    with ZipFile(path) as package, ZipFile(made, "w") as plain:
        for name in package.namelist():
            part = package.read(name)
            plain.writestr(name, _DIMENSION.sub(b"", part, count=1) if name.startswith("xl/worksheets/") else part)
    return made.getvalue()


def _refusal(path: Path, found: str, remedy: str) -> SchemaError:
    return SchemaError(f"{path} {found}; {remedy}.")


def _refuse_locked(path: Path) -> None:
    """An old workbook is one such file, and so is a new one behind a password."""
    if _ENCRYPTED in path.read_bytes():
        raise _refusal(path, "is protected by a password", ACCEPTED)
    if path.suffix.lower() != ".xls":
        raise _refusal(path, "is an old Excel file under a new name", f"open it and {ACCEPTED}")


def _refuse_package(path: Path) -> None:
    if _bytes_of_directory(path) > LARGEST_DIRECTORY:
        raise _refusal(path, "holds far more parts than any workbook", "save it anew from a spreadsheet")
    try:
        with ZipFile(path) as package:
            entries = package.infolist()
            _refuse_directory(path, entries)
            cells = sum(_cells(path, package, entry) for entry in entries if _is_read(entry))
    except (BadZipFile, ZlibError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refusal(path, "is damaged, or says what it does not hold", "copy it again, or save it anew") from error
    if cells > MOST_CELLS:
        raise _refusal(path, f"has {cells:,} cells, more than any form", "take the sheets that are no form out of it")


def _bytes_of_directory(path: Path) -> int:
    """The length of the zip directory as the file's last record says it, which is as far as it is read."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 66_000, 0))
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    return int.from_bytes(end[at + 12 : at + 16], "little")


def _refuse_directory(path: Path, entries: list[ZipInfo]) -> None:
    names = {entry.filename for entry in entries}
    if len(entries) > MOST_PARTS:
        raise _refusal(path, f"holds {len(entries):,} parts, more than any workbook", "save it anew from a spreadsheet")
    if len(names) < len(entries):
        raise _refusal(path, "holds a part twice", "save it anew from a spreadsheet")
    if any(_leads_out(name) for name in names):
        raise _refusal(path, "holds a part whose name leads out of it", "save it anew from a spreadsheet")
    if "xl/workbook.xml" not in names:
        kind = "is a binary workbook (.xlsb)" if "xl/workbook.bin" in names else "is a package of another kind"
        raise _refusal(path, kind, f"open it and {ACCEPTED}")
    if sum(entry.file_size for entry in entries) > LARGEST_PARTS or any(map(_swells, entries)):
        raise _refusal(path, "unpacks to far more than any form holds", "take everything but the form out of it")


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or ":" in name or ".." in re.split(r"[/\\]", name)


def _swells(entry: ZipInfo) -> bool:
    return entry.file_size > CHUNK and entry.file_size > MOST_TIMES * max(entry.compress_size, 1)


def _is_read(entry: ZipInfo) -> bool:
    return entry.filename.endswith((".xml", ".rels", ".vml"))


def _cells(path: Path, package: ZipFile, entry: ZipInfo) -> int:
    """How many cells a part holds, while it is looked through for what may not stand in it."""
    count, last = 0, b""
    with package.open(entry) as part:
        while chunk := part.read(CHUNK):
            if not last:
                _refuse_writing(path, entry.filename, chunk)
            if _DTD.search(last + chunk):
                found = f"declares entities of its own in {entry.filename}, which can read files or fill the memory"
                raise _refusal(path, found, "save it anew from a spreadsheet")
            count += len(_CELL.findall(chunk))
            last = chunk[-16:]
    return count


def _refuse_writing(path: Path, name: str, start: bytes) -> None:
    """Only UTF-8 is searched reliably for what may not stand in XML; spreadsheets write nothing else."""
    said = _ENCODING.search(start.removeprefix(b"\xef\xbb\xbf")[:400])
    if b"\0" in start[:400] or (said and said[1].lower() not in _UTF8):
        raise _refusal(path, f"writes {name} in another encoding than UTF-8", "save it anew from a spreadsheet")
