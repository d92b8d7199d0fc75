"""What the codebook says of codes that are kept apart: each is a choice of its own, with the labels it had.

Which they are is meanings.py; all other choices are codebook.py.
"""

from collections.abc import Iterator

from pipelines.forms.form import Form
from pipelines.harmonize.nonanswer import nonanswer_of
from pipelines.harmonize.plan import Shape


def kept_apart(shape: Shape, path: str) -> dict[str, str]:
    """The codes of a question that are kept apart, and what each stands as."""
    landing = shape.landings.get(path)
    return {code: kept for code, kept in landing.recode.items() if kept.startswith(f"{code}@")} if landing else {}


def apart_choices(shape: Shape, version: str, form: Form) -> Iterator[list[str]]:
    """Lines of codebook.choice for them."""
    for list_name, kept_as in _by_list(shape, form).items():
        for position, choice in enumerate(form.choices[list_name], start=1):
            if choice.name in kept_as:
                kept = kept_as[choice.name]
                yield [form.tool, version, list_name, kept, str(position), nonanswer_of(choice)]


def apart_labels(shape: Shape, version: str, form: Form) -> Iterator[list[str]]:
    """Lines of codebook.label for them."""
    for list_name, kept_as in _by_list(shape, form).items():
        for choice in form.choices[list_name]:
            for language, text in choice.labels.items() if choice.name in kept_as else ():
                yield [form.tool, version, "choice", list_name, kept_as[choice.name], "", language, text]


def _by_list(shape: Shape, form: Form) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for question in form.questions:
        if question.list_name in form.choices:
            found.setdefault(question.list_name, {}).update(kept_apart(shape, question.path))
    return found
