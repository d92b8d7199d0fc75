"""What the rows of an XLSForm mean: the sheets as plain rows, and the Form they describe.

How a workbook or a server's answer becomes rows is read.py.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipelines.errors import SchemaError
from pipelines.forms.form import NOT_ANSWERED, Choice, Form, Group, Labels, Question, Repeat

KNOWN_CHOICE_COLUMNS = frozenset({"list_name", "list name", "name", "value", "image", "audio", "video"})
SELECTS = frozenset({"select_one", "select_multiple", "rank", "select_one_from_file", "select_multiple_from_file"})
ALIASES = {
    "int": "integer",
    "string": "text",
    "datetime": "dateTime",
    "gps": "geopoint",
    "location": "geopoint",
    "select1": "select_one",
    "select one": "select_one",
    "select multiple": "select_multiple",
    "add select one prompt using": "select_one",
    "select all that apply from": "select_multiple",
    "photo": "image",
    "begin group": "begin_group",
    "end group": "end_group",
    "begin repeat": "begin_repeat",
    "end repeat": "end_repeat",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sheet: `cells` by column, `texts` by column and language name."""

    number: int
    cells: Mapping[str, str]
    texts: Mapping[str, Labels] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheets:
    """A form as rows; `languages` are the names as the form writes them, in its order."""

    survey: list[Row]
    choices: list[Row]
    settings: Mapping[str, str]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Open:
    """A group or repeat that has begun and not ended."""

    kind: str
    name: str
    row: int


def language_code(name: str) -> str:
    """The code in "Arabic (ar)"; the whole name where it holds none."""
    found = re.search(r"\(([A-Za-z-]{2,12})\)\s*$", name)
    return found.group(1) if found else name


def form_of_rows(sheets: Sheets, *, tool: str, version: str, where: str) -> Form:
    """The form that `sheets` describe; SchemaError names sheet and row of what cannot be."""
    questions: list[Question] = []
    groups: list[Group] = []
    repeats: list[Repeat] = []
    standing: list[_Open] = []
    for row in sheets.survey:
        kind, list_name, or_other = _kind(row.cells.get("type", ""))
        if kind.startswith("begin_"):
            _begin(row, kind, standing, groups, repeats)
        elif kind.startswith("end_"):
            _end(row, kind, standing, where)
        elif kind and kind not in NOT_ANSWERED:
            questions.extend(_questions(row, kind, list_name, or_other, standing))
    if standing:
        last = standing[-1]
        message = f"{where}, sheet 'survey', row {last.row}: '{last.name}' begins and never ends; add its end row."
        raise SchemaError(message)
    form = Form(
        tool=tool,
        version=version,
        title=sheets.settings.get("form_title", ""),
        form_id=sheets.settings.get("form_id", sheets.settings.get("id_string", "")),
        languages=tuple(language_code(name) for name in sheets.languages),
        questions=tuple(questions),
        groups=tuple(groups),
        repeats=tuple(repeats),
        choices=_choices(sheets.choices),
    )
    _refuse_twins(form, where)
    return form


def _kind(text: str) -> tuple[str, str, bool]:
    words = " ".join(text.split())
    if words in ALIASES:
        return ALIASES[words], "", False
    or_other = words.endswith(("or_other", "or other", "or specify other"))
    kind, _, rest = words.partition(" ")
    kind = ALIASES.get(kind, kind)
    return kind, rest.split(" ")[0] if kind in SELECTS and rest else "", or_other


def _begin(row: Row, kind: str, standing: list[_Open], groups: list[Group], repeats: list[Repeat]) -> None:
    name = row.cells.get("name", "") or row.cells.get("$autoname", "") or f"{kind}_{row.number}"
    path = _path(standing, name)
    labels = _texts(row, "label")
    relevant = row.cells.get("relevant", "")
    if kind == "begin_repeat":
        around = _repeats_around(standing)
        count = row.cells.get("repeat_count", "")
        repeats.append(
            Repeat(path=path, name=name, labels=labels, relevant=relevant, repeat_count=count, repeats=around)
        )
    else:
        groups.append(Group(path=path, name=name, labels=labels, relevant=relevant))
    standing.append(_Open(kind=kind.removeprefix("begin_"), name=name, row=row.number))


def _end(row: Row, kind: str, standing: list[_Open], where: str) -> None:
    wanted = kind.removeprefix("end_")
    if not standing or standing[-1].kind != wanted:
        found = f"'{standing[-1].name}' is still open" if standing else "nothing is open"
        raise SchemaError(f"{where}, sheet 'survey', row {row.number}: {kind} found where {found}; mend the order.")
    standing.pop()


def _questions(row: Row, kind: str, list_name: str, or_other: bool, standing: list[_Open]) -> Iterator[Question]:
    name = row.cells.get("name", "") or row.cells.get("$autoname", "")
    cell = row.cells.get
    if not name:
        return
    question = Question(
        path="meta/audit" if kind == "audit" else _path(standing, name),
        name=name,
        type=kind,
        row=row.number,
        list_name=list_name,
        labels=_texts(row, "label"),
        hints=_texts(row, "hint"),
        relevant=cell("relevant", ""),
        constraint=cell("constraint", ""),
        constraint_messages=_texts(row, "constraint_message"),
        required=cell("required", ""),
        calculation=cell("calculation", ""),
        choice_filter=cell("choice_filter", ""),
        appearance=cell("appearance", ""),
        default=cell("default", ""),
        sensitivity=cell("sensitivity", ""),
        hxl=cell("hxl", ""),
        indicator=cell("indicator", ""),
        repeats=_repeats_around(standing),
    )
    yield question
    if or_other or cell("_or_other", "").lower() == "true":
        yield Question(
            path=f"{question.path}_other",
            name=f"{name}_other",
            type="text",
            row=row.number,
            labels=question.labels,
            sensitivity=question.sensitivity,
            repeats=question.repeats,
        )


def _path(standing: list[_Open], name: str) -> str:
    return "/".join([*(holder.name for holder in standing), name])


def _repeats_around(standing: list[_Open]) -> tuple[str, ...]:
    return tuple(
        "/".join(holder.name for holder in standing[: depth + 1])
        for depth, around in enumerate(standing)
        if around.kind == "repeat"
    )


def _texts(row: Row, column: str) -> Labels:
    return {language_code(language): text for language, text in row.texts.get(column, {}).items()}


def _choices(rows: list[Row]) -> dict[str, tuple[Choice, ...]]:
    lists: dict[str, list[Choice]] = {}
    for row in rows:
        list_name = row.cells.get("list_name", "") or row.cells.get("list name", "")
        name = row.cells.get("name", "") or row.cells.get("value", "")
        if list_name and name:
            extra = {k: v for k, v in row.cells.items() if k not in KNOWN_CHOICE_COLUMNS and not k.startswith("$")}
            lists.setdefault(list_name, []).append(
                Choice(list_name=list_name, name=name, labels=_texts(row, "label"), extra=extra)
            )
    return {list_name: tuple(choices) for list_name, choices in lists.items()}


def _refuse_twins(form: Form, where: str) -> None:
    seen: dict[str, int] = {}
    for question in form.questions:
        if question.path in seen:
            message = (
                f"{where}, sheet 'survey', row {question.row}: the question '{question.path}' stands already in row "
                f"{seen[question.path]}; rename one of them."
            )
            raise SchemaError(message)
        seen[question.path] = question.row
