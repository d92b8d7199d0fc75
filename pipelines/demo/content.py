"""A Form as the `content` that a Kobo server keeps of a version: flat rows, labels in the order of the languages.

Reading such content back is forms/read.py. What a Form does not hold (notes, the form builder's settings) is not here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.demo.uids import uid
from pipelines.forms.form import Form, Group, Labels, Question, Repeat

LANGUAGE_NAMES = {"en": "English (en)", "ar": "Arabic (ar)", "ckb": "Kurdish (ckb)", "ku": "Kurdish (ku)"}
OWN_COLUMNS = ("sensitivity", "hxl", "indicator")
YES = frozenset({"true", "yes", "true()"})

Content = dict[str, Any]


def content_of(form: Form, version_uid: str = "") -> Content:
    """The content of `form`; each row's `$kuid` belongs to the version, as after the upload of an XLSForm."""
    survey = list(_survey(form))
    choices = [row for name in form.choices for row in _choices(form, name)]
    for number, row in enumerate((*survey, *choices)):
        row["$kuid"] = uid("", version_uid, str(number), length=9)
    languages = _named(form)
    settings = {"default_language": languages[0]} if languages[0] else {}
    if form.form_id:
        settings["id_string"] = form.form_id
    return {
        "schema": "1",
        "survey": survey,
        "choices": choices,
        "settings": settings,
        "translated": [
            column for column in ("label", "hint", "constraint_message") if any(column in r for r in survey)
        ],
        "translations": languages,
    }


def content_hash(content: Content) -> str:
    """What tells one content from another, whatever its row ids are."""
    rows = {
        sheet: [{key: value for key, value in row.items() if key != "$kuid"} for row in content[sheet]]
        for sheet in ("survey", "choices")
    }
    return hashlib.sha1(json.dumps({**content, **rows}, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def _named(form: Form) -> list[str | None]:
    """The languages by name, in their order; labels of a form that name none are a language without a name."""
    return [LANGUAGE_NAMES.get(code, None if code == "default" else code) for code in form.languages or ("default",)]


def _survey(form: Form) -> Iterator[Content]:
    holders: dict[str, Group | Repeat] = {group.path: group for group in form.groups}
    holders |= {repeat.path: repeat for repeat in form.repeats}
    others = _or_others(form)
    standing: list[str] = []
    for question in form.questions:
        wanted = [path for path in _above(question.path) if path in holders]
        while standing != wanted[: len(standing)]:
            yield _end(holders[standing.pop()])
        for path in wanted[len(standing) :]:
            standing.append(path)
            yield _begin(form, holders[path])
        if question.path not in others:
            yield _row(form, question, or_other=f"{question.path}_other" in others)
    while standing:
        yield _end(holders[standing.pop()])


def _above(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[:depth]) for depth in range(1, len(names))]


def _begin(form: Form, holder: Group | Repeat) -> Content:
    kind = "begin_repeat" if isinstance(holder, Repeat) else "begin_group"
    row = {"name": holder.name, "type": kind, "$xpath": holder.path, "$autoname": holder.name}
    row |= _filled({"label": _texts(form, holder.labels), "relevant": holder.relevant})
    if isinstance(holder, Repeat):
        row |= _filled({"repeat_count": holder.repeat_count})
    return row


def _end(holder: Group | Repeat) -> Content:
    return {"type": "end_repeat" if isinstance(holder, Repeat) else "end_group"}


def _row(form: Form, question: Question, *, or_other: bool) -> Content:
    row = {
        "name": question.name,
        "type": "datetime" if question.type == "dateTime" else question.type,
        "$xpath": question.name if question.type == "audit" else question.path,
        "$autoname": question.name,
    }
    return row | _filled(
        {
            "label": _texts(form, question.labels),
            "hint": _texts(form, question.hints),
            "select_from_list_name": question.list_name,
            "_or_other": or_other,
            "required": True if question.required.lower() in YES else question.required,
            "relevant": question.relevant,
            "constraint": question.constraint,
            "constraint_message": _texts(form, question.constraint_messages),
            "calculation": question.calculation,
            "choice_filter": question.choice_filter,
            "appearance": question.appearance,
            "default": question.default,
            **{column: getattr(question, column) for column in OWN_COLUMNS},
        }
    )


def _or_others(form: Form) -> frozenset[str]:
    """The paths of the texts that `or_other` adds behind a select: they share the select's row of the sheet."""
    behind = {(select.row, f"{select.path}_other") for select in form.questions if select.list_name and select.row}
    return frozenset(question.path for question in form.questions if (question.row, question.path) in behind)


def _choices(form: Form, list_name: str) -> Iterator[Content]:
    for choice in form.choices[list_name]:
        row = {"name": choice.name, "list_name": list_name, "$autovalue": choice.name}
        yield {**choice.extra, **row, **_filled({"label": _texts(form, choice.labels)})}


def _texts(form: Form, labels: Labels) -> list[str | None]:
    languages = form.languages or ("default",)
    return [labels.get(code) for code in languages] if labels else []


def _filled(cells: Mapping[str, Any]) -> Content:
    return {column: cell for column, cell in cells.items() if cell not in ("", [], False, None)}
