"""A codebook as a workbook: questions, choices, and where every answer comes from, each with a filter on its headings.

What stands in it is codebook.py; how cells stay text is workbook.py.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from pipelines.products.codebook import RIGHT_TO_LEFT, Codebook, Labels, Origin, Variable
from pipelines.products.workbook import A3, Book, Column, Row, Styled, new_book

OF_NO_DAY = date(1980, 1, 1)
"""When the workbook was made, as it says itself: the same forms give the same bytes on any day."""

TOP = 3
LANGUAGES = {"en": "English", "ar": "Arabic", "ckb": "Kurdish (Sorani)", "ku": "Kurdish", "fr": "French"}

ASKED = (Column("Table", 15), Column("Column", 27, "bold"), Column("Type", 15))
FACTS = (
    Column("Choices", 16, "wrap"),
    Column("Asked in", 17, "wrap"),
    Column("Now", 10),
    Column("Who may see it", 13),
    Column("HXL", 22, "wrap"),
    Column("Indicator", 12, "wrap"),
    Column("Asked only where", 34, "wrap"),
    Column("Must hold", 28, "wrap"),
    Column("Required", 10, "wrap"),
)
CHOICES = (Column("List", 22), Column("Code", 24, "bold"))
CHOICE_FACTS = (Column("In versions", 20, "wrap"), Column("No answer", 14))
MAPPING = (
    Column("Table", 15),
    Column("Column", 27, "bold"),
    Column("Version or file", 17),
    Column("Question there", 42, "wrap"),
    Column("Joined by", 13),
    Column("Codes of then → of now", 46, "wrap"),
    Column("Why", 46, "wrap"),
)


def write_workbook(codebook: Codebook, path: Path) -> None:
    """Write `codebook` to `path` (.xlsx)."""
    asked = f"{codebook.tool}: {len(codebook.variables)} columns, versions {', '.join(codebook.versions)}"
    with new_book(path, codebook.title, OF_NO_DAY) as book:
        words = tuple(_column(language) for language in codebook.languages)
        rows = [_asked(codebook, variable) for variable in codebook.variables]
        _sheet(book, "Questions", f"What was asked. {asked}", (*ASKED, *words, *FACTS), rows)
        _sheet(
            book, "Choices", f"What could be answered. {asked}", (*CHOICES, *words, *CHOICE_FACTS), _choices(codebook)
        )
        _sheet(book, "Where from", f"Which questions each column holds. {asked}", MAPPING, _origins(codebook))


def language_name(code: str) -> str:
    """A language as people call it; its code where we have no name for it."""
    return LANGUAGES.get(code, code)


def _column(language: str) -> Column:
    style = "arabic_wrap" if language in RIGHT_TO_LEFT else "wrap"
    return Column(language_name(language), 38, style)


def _sheet(book: Book, name: str, subtitle: str, columns: tuple[Column, ...], rows: Iterable[Row]) -> None:
    sheet = book.sheet(name, subtitle, paper=A3)
    end = book.table(sheet, TOP, columns, rows)
    sheet.freeze_panes(TOP + 1, 2)
    sheet.autofilter(TOP, 0, max(end - 1, TOP), len(columns) - 1)
    sheet.repeat_rows(TOP)


def _asked(codebook: Codebook, variable: Variable) -> Row:
    seen = Styled(variable.sensitivity, {"public": "good", "partners": "warn"}.get(variable.sensitivity, "bad"))
    return [
        variable.table,
        variable.name,
        variable.type,
        *_words(codebook, variable.labels),
        variable.list_name,
        ", ".join(variable.versions),
        variable.status,
        seen,
        variable.hxl,
        variable.indicator,
        variable.relevant,
        variable.constraint,
        variable.required,
    ]


def _choices(codebook: Codebook) -> Iterator[Row]:
    for name, codes in codebook.lists.items():
        for code in codes:
            missing = code.missing.replace("_", " ")
            yield [name, code.name, *_words(codebook, code.labels), ", ".join(code.versions), missing]


def _origins(codebook: Codebook) -> Iterator[Row]:
    for variable in codebook.variables:
        for origin in variable.origins:
            yield [variable.table, variable.name, *_origin(origin)]
    for origin in codebook.nowhere:
        yield ["", "", *_origin(origin)]


def _origin(origin: Origin) -> Row:
    return [origin.version, origin.path, origin.how, origin.recode, origin.why]


def _words(codebook: Codebook, labels: Labels) -> list[str]:
    return [labels.get(language, "") for language in codebook.languages]
