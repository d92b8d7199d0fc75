"""What the codes of a question say, in two forms: whether a code means something else, and which says what another did.

A code may stand several times in a list (a cascade offers "other" under each place). Whether two labels mean the same
is meaning.py; the line of the crosswalk that settles it is written here, for whoever asks for it.
"""

import json
from collections.abc import Mapping, Sequence

from pipelines.forms.form import Choice, Form, Question
from pipelines.forms.meaning import same_meaning
from pipelines.project.crosswalk import VersionEntry

Codes = Mapping[str, Sequence[Choice]]
"""Code -> the choices that have it."""

MOST_TO_COMPARE = 300

ONE_BY_ONE = 20
"""So many codes are told one by one; of more, a person reads only that there are many."""


def codes_of(form: Form, question: Question) -> dict[str, list[Choice]]:
    """What a question offers; nothing where it offers no list of the form."""
    found: dict[str, list[Choice]] = {}
    for choice in form.choices_of(question):
        found.setdefault(choice.name, []).append(choice)
    return found


def meant_otherwise(old: Sequence[Choice], new: Sequence[Choice]) -> list[str]:
    """The languages in which a code says something else; none where one of its labels is one of those of before."""
    first: list[str] = []
    for one in old:
        for other in new:
            differs = _differs(one, other)
            if not differs:
                return []
            first = first or differs
    return first


def twins(old: Codes, today: Codes) -> dict[str, str]:
    """For each code of then the one code of today whose label says what its own said; without those that have none.

    Labels are looked up as they are written; only in a list of MOST_TO_COMPARE codes one is also found that is written
    otherwise.
    """
    written: dict[tuple[str, str], dict[str, None]] = {}
    for code, choices in today.items():
        for choice in choices:
            for label in choice.labels.items():
                written.setdefault(label, {})[code] = None
    found: dict[str, str] = {}
    for code, choices in old.items():
        near = {one: None for choice in choices for label in choice.labels.items() for one in written.get(label, {})}
        if not near and len(today) <= MOST_TO_COMPARE:
            near = dict.fromkeys(today)
        same = [one for one in near if any(_same(choice, other) for choice in choices for other in today[one])]
        if len(same) == 1:
            found[code] = same[0]
    return found


def by_few(codes: Sequence[str]) -> list[list[str]]:
    """The codes in the portions in which they are told."""
    return [[code] for code in codes] if len(codes) <= ONE_BY_ONE else [list(codes)]


def say_the_same(form: Form, other: Form) -> bool:
    """Whether the codes that two forms offer at the same paths mean the same."""
    theirs = {question.path: codes_of(other, question) for question in other.questions}
    return not any(
        meant_otherwise(choices, theirs.get(question.path, {}).get(code, ()))
        for question in form.questions
        for code, choices in codes_of(form, question).items()
    )


def line_about(path: str, to: str, recode: Mapping[str, str], entry: VersionEntry | None) -> str:
    """The line of the crosswalk that says `recode` too, with all that the entry says that it has to replace."""
    whole = {**(entry.recode if entry else {}), **recode}
    said = [f"from: {path}", f"to: {entry.to if entry else to}"]
    if entry and entry.factor is not None:
        said.append(f"factor: {entry.factor:f}")
    said += [f"cast: {entry.cast}"] if entry and entry.cast else []
    said += [f"same: {json.dumps(list(entry.same), ensure_ascii=False)}"] if entry and entry.same else []
    said.append(f"recode: {json.dumps(whole, ensure_ascii=False)}")
    instead = "  # instead of the line that is there" if entry else ""
    return f"- {{{', '.join(said)}}}{instead}"


def _differs(old: Choice, new: Choice) -> list[str]:
    return [
        language
        for language, text in old.labels.items()
        if language in new.labels and text != new.labels[language] and not same_meaning(text, new.labels[language])
    ]


def _same(old: Choice, new: Choice) -> bool:
    return bool(old.labels.keys() & new.labels.keys()) and not _differs(old, new)
