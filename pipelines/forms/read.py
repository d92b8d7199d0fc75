"""Read a Form: from an XLSForm workbook, from Markdown tables, or from the content a Kobo server keeps of a version.

All three become the same rows first, so that a question means the same wherever it was read. What the rows mean is
rows.py; whether a form is good enough to publish is lint.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from openpyxl.utils.exceptions import InvalidFileException
from pyxform.errors import PyXFormError
from pyxform.xls2json_backends import Definition, DefinitionData, SupportedFileTypes, get_xlsform
from pyxform.xls2xform import ConvertResult, convert

from pipelines.errors import SchemaError
from pipelines.forms.form import Form
from pipelines.forms.headings import TRANSLATED, changes, heading_of, language_of
from pipelines.forms.package import refuse_what_is_no_workbook, without_dimensions
from pipelines.forms.rows import form_of_rows
from pipelines.forms.sheets import Row, Sheets

NO_WORKBOOK = "cannot be read as an XLSForm workbook; open it in a spreadsheet and save it as .xlsx again."


def read_form(path: Path, tool: str, version: str) -> Form:
    """The form in the workbook at `path`; SchemaError says what is wrong with it and where."""
    return form_of_rows(read_sheets(path), tool=tool, version=version, where=str(path))


def read_sheets(path: Path) -> Sheets:
    """The rows of the workbook at `path`, whatever they mean; SchemaError where it is none."""
    with _pyxform_errors(str(path)):
        return _sheets(get_xlsform(_definition(path)))


def read_markdown(text: str, tool: str = "t", version: str = "1") -> Form:
    """The form written as Markdown tables, one table per sheet, as pyxform's own tests write them."""
    where = f"{tool}/{version} (Markdown)"
    with _pyxform_errors(where):
        sheets = _sheets(get_xlsform(text))
    return form_of_rows(sheets, tool=tool, version=version, where=where)


def form_of_kobo(content: Mapping[str, Any], tool: str, version: str) -> Form:
    """The form that a Kobo server keeps as the `content` of one asset version."""
    where = f"{tool}, version {version} on the server"
    return form_of_rows(sheets_of_kobo(content), tool=tool, version=version, where=where)


def sheets_of_kobo(content: Mapping[str, Any]) -> Sheets:
    """The rows of such a `content`, whatever they mean."""
    languages = [name or "default" for name in content.get("translations") or [None]]
    return Sheets(
        survey=[_kobo_row(row, languages, number) for number, row in enumerate(content.get("survey", []), start=2)],
        choices=[_kobo_row(row, languages, number) for number, row in enumerate(content.get("choices", []), start=2)],
        settings={key: str(value) for key, value in (content.get("settings") or {}).items()},
        languages=tuple(languages),
    )


def xform_of(path: Path) -> str:
    """The XForm XML of the workbook at `path`, as a phone downloads it."""
    return str(_converted(path).xform)


def warnings_of(path: Path) -> tuple[str, ...]:
    """What pyxform warns of while it converts the workbook at `path`; SchemaError where it cannot."""
    return tuple(_converted(path).warnings)


def changed_headings(path: Path) -> list[str]:
    """What headings of the workbook at `path` are read as something else than they say."""
    with _pyxform_errors(str(path)):
        data = get_xlsform(_definition(path))
    return changes(dict.fromkeys(column for header in _headers(data) for column in header))


def _headers(data: DefinitionData) -> list[Mapping[str, Any]]:
    return [header[0] for header in (data.survey_header, data.choices_header) if header]


def _converted(path: Path) -> ConvertResult:
    with _pyxform_errors(str(path)):
        converted: ConvertResult = convert(_definition(path), pretty_print=False)
    try:
        fromstring(converted.xform)
    except (ParseError, DefusedXmlException) as error:
        message = f'{path} gives no XML that phones can read; take signs such as < and " out of its headings.'
        raise SchemaError(message) from error
    return converted


def _definition(path: Path) -> Definition:
    """The workbook at `path` for pyxform, once it is known to be one, and to be no larger than a form."""
    refuse_what_is_no_workbook(path)
    old = path.suffix.lower() == ".xls"
    data = path.read_bytes() if old else without_dimensions(path)
    return Definition(BytesIO(data), SupportedFileTypes.xls if old else SupportedFileTypes.xlsx, path.stem)


@contextmanager
def _pyxform_errors(where: str) -> Iterator[None]:
    try:
        with catch_warnings():
            # of features of workbooks that a form has no use for
            simplefilter("ignore", UserWarning)
            yield
    except PyXFormError as error:
        raise SchemaError(f"{where}: {' '.join(str(error).split())}") from error
    except (BadZipFile, InvalidFileException, RecursionError, KeyError, ValueError, OSError) as error:
        raise SchemaError(f"{where} {NO_WORKBOOK}") from error


def _sheets(data: DefinitionData) -> Sheets:
    if not data.survey:
        raise PyXFormError("the workbook has no rows in a sheet named 'survey'; add one")
    if "type" not in {heading_of(column)[0] for header in _headers(data) for column in header}:
        raise PyXFormError("the sheet 'survey' has no column 'type' in its first row; add one")
    settings = {
        heading_of(column)[0]: str(cell) for column, cell in (data.settings[0] if data.settings else {}).items()
    }
    spoken = _languages(_headers(data))
    unnamed = language_of(settings.get("default_language", "")) or "default" if any(spoken) else "default"
    return Sheets(
        survey=[_workbook_row(row, number, unnamed) for number, row in enumerate(data.survey, start=2)],
        choices=[_workbook_row(row, number, unnamed) for number, row in enumerate(data.choices or [], start=2)],
        settings=settings,
        languages=tuple(dict.fromkeys(language or unnamed for language in spoken)) or ("default",),
    )


def _languages(headers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The languages that labels are written in, in their order; "" for labels that name none."""
    found = [heading_of(column) for header in headers for column in header]
    named = [language for column, language in found if language]
    return tuple(dict.fromkeys([*named, *(language for column, language in found if column == "label")]))


def _workbook_row(cells: Mapping[str, Any], number: int, unnamed: str) -> Row:
    texts: dict[str, dict[str, str]] = {}
    plain: dict[str, str] = {}
    for heading, cell in cells.items():
        column, language = heading_of(heading)
        if column in TRANSLATED:
            texts.setdefault(column, {})[language or unnamed] = str(cell)
        else:
            plain.setdefault(column, str(cell))
    return Row(number=number, cells=plain, texts=texts)


def _kobo_row(cells: Mapping[str, Any], languages: Sequence[str], number: int) -> Row:
    texts: dict[str, dict[str, str]] = {}
    plain: dict[str, str] = {}
    for column, cell in cells.items():
        if column in TRANSLATED or column.startswith("media::"):
            spoken = cell if isinstance(cell, list) else [cell]
            texts[column.removeprefix("media::")] = {
                name: str(text) for name, text in zip(languages, spoken, strict=False) if text is not None
            }
        elif cell is not None and not isinstance(cell, list | dict):
            plain[column] = str(cell)
    if "type" in plain:
        plain["type"] = f"{plain['type']} {plain.pop('select_from_list_name', '')}".strip()
    return Row(number=number, cells=plain, texts=texts)
