"""A codebook as Markdown: a section for each column, to be read in a browser or beside the forms.

What stands in it is codebook.py. Labels are foreign text: whatever Markdown or HTML would take for its own is escaped.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.products.codebook import RIGHT_TO_LEFT, Code, Codebook, Labels, Origin, Variable


def write_markdown(codebook: Codebook, path: Path) -> None:
    """Write `codebook` to `path` (.md)."""
    path.write_text("\n".join(_lines(codebook)) + "\n", encoding="utf-8")


def _lines(codebook: Codebook) -> Iterator[str]:
    yield f"# {plain(codebook.title)}"
    yield ""
    yield f"Codebook of `{codebook.tool}`: versions {plain(', '.join(codebook.versions))}."
    for table in codebook.tables:
        yield from ["", f"## {plain(table)}"]
        for variable in codebook.variables:
            if variable.table == table:
                yield from _variable(variable)
    yield from ["", "## Choices"]
    for name, codes in codebook.lists.items():
        yield from _list(codebook, name, codes)
    if codebook.nowhere:
        yield from ["", "## What goes to no column", "", *(f"- {_origin(origin)}" for origin in codebook.nowhere)]


def _variable(variable: Variable) -> Iterator[str]:
    facts = {
        "Type": f"{variable.type} {variable.list_name}".strip(),
        "Asked in": ", ".join(variable.versions),
        "Now": variable.status,
        "Who may see it": variable.sensitivity,
        "HXL": variable.hxl,
        "Indicator": variable.indicator,
        "Asked only where": variable.relevant,
        "Must hold": variable.constraint,
        "Required": variable.required,
    }
    yield from ["", f"### {plain(variable.name)}", ""]
    yield from _words(variable.labels)
    yield from (f"- {name}: {plain(text)}" for name, text in facts.items() if text)
    yield from (f"- From {_origin(origin)}" for origin in variable.origins)


def _list(codebook: Codebook, name: str, codes: tuple[Code, ...]) -> Iterator[str]:
    heads = ["Code", *codebook.languages, "Versions"]
    yield from ["", f"### List {plain(name)}", "", _row(heads), _row(["---"] * len(heads))]
    for code in codes:
        words = [_directed(language, code.labels.get(language, "")) for language in codebook.languages]
        missing = f" ({code.missing.replace('_', ' ')})" if code.missing else ""
        yield _row([plain(code.name) + missing, *words, plain(", ".join(code.versions))])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _words(labels: Labels) -> Iterator[str]:
    for language, text in labels.items():
        yield f"- {plain(language)}: {_directed(language, text)}"


def _origin(origin: Origin) -> str:
    parts = [f"{origin.version}, {origin.path} ({origin.how})", origin.recode, origin.why]
    return plain("; ".join(filter(None, parts)))


def _directed(language: str, text: str) -> str:
    """`text` with the direction in which its language is read."""
    if language in RIGHT_TO_LEFT and text:
        return f'<span dir="rtl" lang="{html.escape(language)}">{plain(text)}</span>'
    return plain(text)


def plain(text: str) -> str:
    """`text` on one line, as Markdown that shows just these letters."""
    one_line = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", one_line)
