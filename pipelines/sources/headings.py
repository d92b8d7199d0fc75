"""The headers of an export file by sheet, for whoever is to write a layout for it. Its cells are table_file.py."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from pipelines.errors import DataError
from pipelines.sources.table_file import WORKBOOK_STARTS, read_bytes, table_of
from pipelines.sources.text_encoding import decoded

DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Heads:
    """Headers by sheet, the file's first sheet first; of a text one sheet without a name, and what parts its cells."""

    sheets: Mapping[str, tuple[str, ...]]
    delimiter: str = ""


def heads_of(path: Path) -> Heads:
    """The headers in the file at `path`; a sheet without any is left out."""
    content = read_bytes(path)
    if not content.startswith(WORKBOOK_STARTS):
        text = decoded(content, str(path), "auto")
        first = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = max(DELIMITERS, key=first.count)
        table = table_of(content, str(path), encoding="auto", delimiter=delimiter, sheet="")
        return Heads({"": table.headers}, delimiter)
    found: dict[str, tuple[str, ...]] = {}
    for sheet in _sheets(content, path):
        try:
            found[sheet] = table_of(content, str(path), encoding="auto", delimiter=",", sheet=sheet).headers
        except DataError:
            continue  # an empty sheet asks for no layout
    if not found:
        raise DataError(f"{path} is empty: export it again.")
    return Heads(found)


def _sheets(content: bytes, path: Path) -> list[str]:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(content)).sheet_names
    except (CalamineError, PasswordError):
        raise DataError(f"{path} cannot be opened as a workbook: save it anew, without a password.") from None
