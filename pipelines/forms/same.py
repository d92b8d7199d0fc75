"""Whether two forms ask the same, wherever each was read: what a server keeps of a workbook is not its every letter."""

from collections.abc import Iterable
from dataclasses import replace

from pipelines.forms.form import Form, Question

YES = frozenset({"yes", "true", "true()"})


def same_version(form: Form, known: Iterable[Form]) -> str:
    """The version of the one among `known` that asks what `form` asks; empty where none does."""
    return next((other.version for other in known if asks_the_same(form, other)), "")


def asks_the_same(one: Form, other: Form) -> bool:
    """Whether questions, groups, repeats, choices and their wording are the same; our own columns do not count."""
    return _asked(one) == _asked(other)


def _asked(form: Form) -> Form:
    return replace(
        form,
        tool="",
        version="",
        title="",
        form_id="",
        questions=tuple(map(_plain, form.questions)),
        languages=tuple(sorted(form.languages)),
    )


def _plain(question: Question) -> Question:
    required = "yes" if question.required.lower() in YES else question.required
    return replace(question, row=0, kuid="", sensitivity="", hxl="", indicator="", extra={}, required=required)
