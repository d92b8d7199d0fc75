"""Read a Form: from an XLSForm workbook, from Markdown tables, or from the content a Kobo server keeps of a version.

All three become the same rows first, so that a question means the same wherever it was read. What the rows mean is
rows.py; whether a form is good enough to publish is lint.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

from openpyxl.utils.exceptions import InvalidFileException
from pyxform.errors import PyXFormError
from pyxform.xls2json_backends import DefinitionData, get_xlsform
from pyxform.xls2xform import ConvertResult, convert

from pipelines.errors import SchemaError
from pipelines.forms.form import Form
from pipelines.forms.rows import Row, Sheets, form_of_rows

TRANSLATED = ("label", "hint", "constraint_message", "required_message", "guidance_hint")
"""Columns of an XLSForm that come once per language, as `label::Arabic (ar)`."""

NO_WORKBOOK = "cannot be read as an XLSForm workbook; open it in a spreadsheet and save it as .xlsx again."


def read_form(path: Path, tool: str, version: str) -> Form:
    """The form in the workbook at `path`; SchemaError says what is wrong with it and where."""
    _refuse_what_is_no_workbook(path)
    with _pyxform_errors(str(path)):
        sheets = _sheets(get_xlsform(str(path)))
    return form_of_rows(sheets, tool=tool, version=version, where=str(path))


def read_markdown(text: str, tool: str = "t", version: str = "1") -> Form:
    """The form written as Markdown tables, one table per sheet, as pyxform's own tests write them."""
    where = f"{tool}/{version} (Markdown)"
    with _pyxform_errors(where):
        sheets = _sheets(get_xlsform(text))
    return form_of_rows(sheets, tool=tool, version=version, where=where)


def form_of_kobo(content: Mapping[str, Any], tool: str, version: str) -> Form:
    """The form that a Kobo server keeps as the `content` of one asset version."""
    languages = [name or "default" for name in content.get("translations") or [None]]
    sheets = Sheets(
        survey=[_kobo_row(row, languages, number) for number, row in enumerate(content.get("survey", []), start=2)],
        choices=[_kobo_row(row, languages, number) for number, row in enumerate(content.get("choices", []), start=2)],
        settings={key: str(value) for key, value in (content.get("settings") or {}).items()},
        languages=tuple(languages),
    )
    return form_of_rows(sheets, tool=tool, version=version, where=f"{tool}, version {version} on the server")


def xform_of(path: Path) -> str:
    """The XForm XML of the workbook at `path`, as a phone downloads it."""
    return str(_converted(path).xform)


def warnings_of(path: Path) -> tuple[str, ...]:
    """What pyxform warns of while it converts the workbook at `path`; SchemaError where it cannot."""
    return tuple(_converted(path).warnings)


def _converted(path: Path) -> ConvertResult:
    with _pyxform_errors(str(path)):
        return convert(str(path), pretty_print=False)


def _refuse_what_is_no_workbook(path: Path) -> None:
    """Say plainly what pyxform does not: it takes a file it cannot open for the text of a form."""
    if path.suffix == ".xlsx" and not is_zipfile(path):
        raise SchemaError(f"{path} {NO_WORKBOOK}")


@contextmanager
def _pyxform_errors(where: str) -> Iterator[None]:
    try:
        yield
    except PyXFormError as error:
        raise SchemaError(f"{where}: {' '.join(str(error).split())}") from error
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise SchemaError(f"{where} {NO_WORKBOOK}") from error


def _sheets(data: DefinitionData) -> Sheets:
    if not data.survey:
        raise PyXFormError("the workbook has no rows in a sheet named 'survey'; add one")
    settings = data.settings[0] if data.settings else {}
    return Sheets(
        survey=[_workbook_row(row, number) for number, row in enumerate(data.survey, start=2)],
        choices=[_workbook_row(row, number) for number, row in enumerate(data.choices or [], start=2)],
        settings={key: str(value) for key, value in settings.items()},
        languages=_languages(data.survey_header, data.choices_header),
    )


def _languages(*headers: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...]:
    names = [column.split("::", 1)[1].strip() for header in headers if header for column in header[0] if "::" in column]
    return tuple(dict.fromkeys(names)) or ("default",)


def _workbook_row(cells: Mapping[str, Any], number: int) -> Row:
    texts: dict[str, dict[str, str]] = {}
    plain: dict[str, str] = {}
    for column, cell in cells.items():
        name, _, language = column.partition("::")
        if name in TRANSLATED:
            texts.setdefault(name, {})[language.strip() or "default"] = str(cell)
        else:
            plain[column] = str(cell)
    return Row(number=number, cells=plain, texts=texts)


def _kobo_row(cells: Mapping[str, Any], languages: Sequence[str], number: int) -> Row:
    texts: dict[str, dict[str, str]] = {}
    plain: dict[str, str] = {}
    for column, cell in cells.items():
        if column in TRANSLATED:
            spoken = cell if isinstance(cell, list) else [cell]
            texts[column] = {name: str(text) for name, text in zip(languages, spoken, strict=False) if text is not None}
        elif cell is not None and not isinstance(cell, list | dict):
            plain[column] = str(cell)
    if "type" in plain:
        plain["type"] = f"{plain['type']} {plain.pop('select_from_list_name', '')}".strip()
    return Row(number=number, cells=plain, texts=texts)
