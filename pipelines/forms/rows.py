"""What the rows of an XLSForm mean: the Form that they describe.

How a workbook or a server's answer becomes rows is read.py; Kobo's own kinds of question are extensions.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.errors import SchemaError
from pipelines.forms.extensions import written_out
from pipelines.forms.form import NOT_ANSWERED, Choice, Form, Group, Labels, Question, Repeat
from pipelines.forms.sheets import Row, Sheets, list_name_of, name_of
from pipelines.forms.types import type_of

KNOWN_COLUMNS = frozenset(
    """
    type name label hint relevant constraint constraint_message required required_message calculation choice_filter
    appearance default sensitivity hxl indicator repeat_count parameters guidance_hint image audio video value
    select_from_list_name _or_other
    """.split()
)
KNOWN_CHOICE_COLUMNS = frozenset({"list_name", "list name", "name", "value", "image", "audio", "video"})

DEEPEST = 50
"""How many groups and repeats may stand within each other."""


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
    for row in written_out(sheets.survey, sheets.choices, where):
        kind, named, or_other = type_of(row.cells.get("type", ""))
        _refuse_name(row, named, where)
        if kind.startswith("begin_"):
            _begin(row, kind, standing, groups, repeats)
            _refuse_depth(standing, where)
        elif kind.startswith("end_"):
            _end(row, kind, standing, where)
        elif kind and kind not in NOT_ANSWERED:
            questions.extend(_questions(row, kind, named, or_other, standing))
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


def _begin(row: Row, kind: str, standing: list[_Open], groups: list[Group], repeats: list[Repeat]) -> None:
    name = name_of(row) or f"{kind}_{row.number}"
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
    name = name_of(row)
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
        parameters=cell("parameters", ""),
        kuid=cell("$kuid", ""),
        extra=_extra(row, KNOWN_COLUMNS),
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
        list_name, name = list_name_of(row), name_of(row)
        if list_name and name:
            extra = _extra(row, KNOWN_CHOICE_COLUMNS)
            choice = Choice(list_name=list_name, name=name, labels=_texts(row, "label"), extra=extra)
            lists.setdefault(list_name, []).append(choice)
    return {list_name: tuple(choices) for list_name, choices in lists.items()}


def _extra(row: Row, known: frozenset[str]) -> dict[str, str]:
    return {column: cell for column, cell in row.cells.items() if column not in known and not column.startswith("$")}


def _refuse_name(row: Row, named: str, where: str) -> None:
    """Signs that turn the writing round or cannot be seen make two names look alike; a path could lead anywhere."""
    name = name_of(row)
    if not name.isprintable():
        found = f"the name '{ascii(name)[1:-1]}' holds a sign that cannot be seen; type it anew"
        raise SchemaError(f"{where}, sheet 'survey', row {row.number}: {found}.")
    if re.search(r"[/\\:]|\.\.", named):
        found = f"the file '{named}' is named by a path; write the name of a file that is uploaded with the form"
        raise SchemaError(f"{where}, sheet 'survey', row {row.number}: {found}.")


def _refuse_depth(standing: list[_Open], where: str) -> None:
    if len(standing) > DEEPEST:
        found = f"'{standing[-1].name}' stands within {DEEPEST} groups and repeats; take some of them out"
        raise SchemaError(f"{where}, sheet 'survey', row {standing[-1].row}: {found}.")


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
