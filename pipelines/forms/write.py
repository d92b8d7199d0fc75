"""Write the rows of a form as an XLSForm workbook: the way back from a server to a file that people can open.

What is written reads back as the same Form. Kobo's own kinds of question come out as the plain groups that phones get
of them, for no other program knows them. How rows were read is read.py; what our columns say is added by carry.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.worksheet.worksheet import Worksheet

from pipelines.errors import SchemaError
from pipelines.forms.extensions import written_out
from pipelines.forms.headings import TRANSLATED
from pipelines.forms.sheets import Row, Sheets, list_name_of, name_of
from pipelines.whole_file import unwritable

UNNAMED = "default"
LONGEST_TEXT = 32_767
"""As many characters as a cell of a workbook holds."""

MEDIA = frozenset({"image", "audio", "video"})
KUID = "$kuid"
"""Kobo's own mark of a row: kept, for a later version may tell by it what was renamed. Its other marks are not."""

Cells = Mapping[str, str]


def write_sheets(sheets: Sheets, path: Path, where: str) -> None:
    """Write `sheets` to the new workbook at `path`; messages speak of the form as `where`."""
    book = Workbook()
    book.remove(book.worksheets[0])
    heads = _text_heads(sheets)
    survey = written_out(sheets.survey, sheets.choices, where)
    _fill(book.create_sheet("survey"), [{**_survey_cells(row), **_text_cells(row, heads)} for row in survey], where)
    if sheets.choices:
        choices = [{**_choice_cells(row), **_text_cells(row, heads)} for row in sheets.choices]
        _fill(book.create_sheet("choices"), choices, where)
    if sheets.settings:
        _fill(book.create_sheet("settings"), [sheets.settings], where)
    try:
        book.save(path)
    except OSError as error:
        raise unwritable(path, error) from None


def _text_heads(sheets: Sheets) -> dict[tuple[str, str], str]:
    """(column, language) -> heading, in the order of the languages; a language has a label, whether it says any."""
    rows = [*sheets.survey, *sheets.choices]
    said = {(column, language) for row in rows for column, texts in row.texts.items() for language in texts}
    said |= {("label", language) for language in sheets.languages}
    languages = list(dict.fromkeys([*sheets.languages, *(language for _, language in sorted(said))]))
    return {
        (column, language): _head(column, language, alone=languages == [UNNAMED])
        for column in TRANSLATED
        for language in languages
        if (column, language) in said
    }


def _head(column: str, language: str, *, alone: bool) -> str:
    """A heading that is read as this column and language; labels without a language have their place among others."""
    name = f"media::{column}" if column in MEDIA else column
    return name if alone else f"{name}::{language}"


def _text_cells(row: Row, heads: Mapping[tuple[str, str], str]) -> Cells:
    return {head: row.texts.get(column, {}).get(language, "") for (column, language), head in heads.items()}


def _survey_cells(row: Row) -> Cells:
    cells = {column: cell for column, cell in row.cells.items() if not column.startswith("$") or column == KUID}
    other = cells.pop("_or_other", "").lower() == "true"
    kind = cells.pop("type", "") + (" or_other" if other else "")
    return {"type": kind, "name": name_of(row), **{k: v for k, v in cells.items() if k not in {"name", "value"}}}


def _choice_cells(row: Row) -> Cells:
    ours = {"list_name", "list name", "name", "value"}
    cells = {k: v for k, v in row.cells.items() if k not in ours and not k.startswith("$")}
    return {"list_name": list_name_of(row), "name": name_of(row), **cells}


def _fill(sheet: Worksheet, rows: Sequence[Cells], where: str) -> None:
    """Write `rows` below a heading for each of their columns, every cell as the text it is."""
    heads = list(dict.fromkeys(column for row in rows for column in row))
    used = [head for head in heads if head in {"type", "name", "label"} or any(row.get(head) for row in rows)]
    used = [head for head in heads if head in used or head.startswith("label::")]
    _write_row(sheet, 1, used, where)
    for number, row in enumerate(rows, start=2):
        _write_row(sheet, number, (row.get(head, "") for head in used), where)


def _write_row(sheet: Worksheet, number: int, texts: Iterable[str], where: str) -> None:
    for column, text in enumerate(texts, start=1):
        if not text:
            continue
        if len(text) > LONGEST_TEXT or ILLEGAL_CHARACTERS_RE.search(text):
            raise SchemaError(
                f"{where}, sheet '{sheet.title}', row {number}: a text is longer than a cell can hold, or holds a sign "
                "that no workbook can; shorten or retype it on the server."
            )
        cell = sheet.cell(number, column, text)
        cell.data_type = "s"  # a text that begins with = is no formula
