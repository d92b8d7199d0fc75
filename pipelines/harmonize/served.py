"""The forms that servers keep, read from the archive, each under the version of the repository that it is.

A version that cannot be read stops nothing: it is left out, with the reason, and its rows are read by the newest form.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.errors import CccmError, SchemaError
from pipelines.forms.codes import say_the_same
from pipelines.forms.form import Form
from pipelines.forms.read import form_of_kobo
from pipelines.forms.xform import form_of_xform, version_of_xform

Archived = tuple[str, str, str, str]
"""(source, asset, version, content) of a form version that a server had."""

Key = tuple[str, str, str]
"""(source, asset, version)."""


@dataclass(frozen=True, slots=True)
class Served:
    """The server's forms by key, and why others could not be read."""

    forms: Mapping[Key, Form]
    unread: Mapping[Key, str]


def served_forms(archived: Sequence[Archived], tool: str, known: Sequence[Form]) -> Served:
    """The forms in `archived`; `known` are the repository's versions."""
    forms: dict[Key, Form] = {}
    unread: dict[Key, str] = {}
    for source, asset, version, content in archived:
        if content.lstrip().startswith(("{", "<")):
            try:
                forms[source, asset, version] = _form(content, tool, version, known)
            except CccmError as error:
                unread[source, asset, version] = str(error)
    return Served(forms, unread)


def _form(content: str, tool: str, version: str, known: Sequence[Form]) -> Form:
    where = f"{tool}, version {version} on the server"
    form, said = _read(content, tool, version, where)
    _refuse_strange_names(form, where)
    return replace(form, version=_version_of(form, said.split(" ", maxsplit=1)[0], known))


def _version_of(form: Form, named: str, known: Sequence[Form]) -> str:
    """Which of the versions `known` a server's form is; its own where it is none.

    Two versions may ask the same and mean something else by it, so the name that its author gave it comes first, then
    the words, then what its codes mean, then what is asked; a name alone is believed last, for many forget to change
    it.
    """
    asking_the_same = [other for other in known if _asked(other) == _asked(form)]
    called_so = [other for other in known if other.version == named]
    likely = [
        *(other for other in asking_the_same if other.version == named),
        *(other for other in asking_the_same if _said(other) == _said(form)),
        *(other for other in asking_the_same if say_the_same(form, other)),
    ]
    return next((other.version for other in (*likely, *asking_the_same, *called_so)), form.version)


def _asked(form: Form) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(question.path, question.type, question.repeats) for question in form.questions}


def _said(form: Form) -> tuple[object, object]:
    labels = {question.path: question.labels for question in form.questions}
    return labels, {name: [(one.name, one.labels) for one in listed] for name, listed in form.choices.items()}


def _read(content: str, tool: str, version: str, where: str) -> tuple[Form, str]:
    """The form, as Kobo keeps it (JSON) or ODK Central (XForm), and the version that its author gave it."""
    if content.lstrip().startswith("<"):
        return form_of_xform(content, tool, version), version_of_xform(content)
    body = _body(content, where)
    return form_of_kobo(body, tool, version), str((body.get("settings") or {}).get("version", ""))


def _body(content: str, where: str) -> Mapping[str, Any]:
    """The sheets in what was archived; SchemaError where there are none."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"{where}: what was archived of it is no JSON; sync it again."
        raise SchemaError(message) from error
    body = document.get("content", document)
    sheets = isinstance(body, dict) and [body.get("survey", []), body.get("choices", []) or []]
    if not sheets or not all(isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in sheets):
        message = f"{where}: what was archived of it holds no form; sync it again, or deploy the form anew."
        raise SchemaError(message)
    if not isinstance(body.get("settings") or {}, dict) or not isinstance(body.get("translations") or [], list):
        message = f"{where}: its settings or languages are written as nothing we know; deploy the form anew."
        raise SchemaError(message)
    return {key: value for key, value in body.items() if value is not None}


def _refuse_strange_names(form: Form, where: str) -> None:
    for path in _paths(form):
        if not path.isprintable():
            message = f"{where}: the name '{ascii(path)[1:-1]}' holds a sign that no name can; rename it there."
            raise SchemaError(message)


def _paths(form: Form) -> Iterator[str]:
    yield from (question.path for question in form.questions)
    yield from (repeat.path for repeat in form.repeats)
