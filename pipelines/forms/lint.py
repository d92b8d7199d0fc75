"""Whether a form is good enough to publish: what servers take without a word, and people then suffer from.

Each rule has a code that stays for ever. What stands in the workbook beside its rows is workbook.py; what cannot be
read at all has been refused by read.py before.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import SchemaError
from pipelines.forms.circles import circles
from pipelines.forms.expression import Answer, Call, Column, Node, Operation, Text, names, parse, walk
from pipelines.forms.form import Choice, Form, Group, Labels, Question, Repeat
from pipelines.forms.pattern import risk_of
from pipelines.forms.read import changed_headings, warnings_of
from pipelines.forms.remark import Remark
from pipelines.forms.workbook import remarks_of_workbook

NAME = re.compile(r"[^\W\d][\w.-]*")
LONGEST_NAME = 64
LONGEST_LIST = 10_000
RESERVED = frozenset({"meta", "instanceid", "formhub"})
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
LOGIC = ("relevant", "constraint", "required", "calculation", "choice_filter")
PLAIN = frozenset({"yes", "no", "true", "false", "true()", "false()"})
TO_SHOW = 8

Holder = Question | Group | Repeat


def remarks_of(path: Path, form: Form) -> list[Remark]:
    """Everything to say of the workbook at `path` and the form in it, in the order of the codes."""
    read = [Remark("L107", f"the heading {change}", serious=False) for change in changed_headings(path)]
    return sorted([*remarks_of_workbook(path), *read, *_converted(path), *lint(form)], key=lambda remark: remark.code)


def _converted(path: Path) -> list[Remark]:
    """What the program that makes the XML of phones says of the workbook."""
    try:
        return [Remark("L108", " ".join(warning.split())) for warning in warnings_of(path)]
    except SchemaError as error:
        return [Remark("L109", str(error))]


def lint(form: Form) -> Iterator[Remark]:
    """What is wrong with a form that can be read."""
    yield from _names(form)
    yield from _expressions(form)
    yield from _circles(form)
    yield from _lists(form)
    yield from _filters(form)
    yield from _texts(form)


def _holders(form: Form) -> tuple[Holder, ...]:
    return (*form.questions, *form.groups, *form.repeats)


def _names(form: Form) -> Iterator[Remark]:
    seen: dict[str, str] = {}
    asked = {question.path for question in form.questions}
    for holder in _holders(form):
        path = holder.path
        twin = seen.setdefault(path.casefold(), path)
        if twin != path:
            yield Remark("L201", f"{_where(holder)}: '{path}' and '{twin}' differ by case alone; rename one")
        if path in asked and not isinstance(holder, Question):
            yield Remark("L201", f"'{path}' is a question and a group; rename one")
        if not NAME.fullmatch(holder.name) or len(holder.name) > LONGEST_NAME:
            sentence = f"begin it with a letter, and write letters, digits and _ only, {LONGEST_NAME} at most"
            yield Remark("L202", f"{_where(holder)}: '{holder.name[:LONGEST_NAME]}' is no good name; {sentence}")
        if path.casefold() in RESERVED:
            yield Remark("L203", f"{_where(holder)}: '{path}' is a name that servers use themselves; rename it")


def _expressions(form: Form) -> Iterator[Remark]:
    known = {holder.name for holder in _holders(form)}
    for holder in _holders(form):
        for key in LOGIC:
            text = getattr(holder, key, "")
            if text and text.strip().lower() not in PLAIN:
                yield from _expression(f"{_where(holder)}, {key}", text, known)


def _expression(where: str, text: str, known: set[str]) -> Iterator[Remark]:
    try:
        node = parse(text)
    except SchemaError as error:
        # phones follow paths, we do not: what rests on one is not worked out here, but the form works
        yield Remark("L204", f"{where}: {error}", serious="paths are not" not in str(error))
        return
    for name in sorted(names(node) - known):
        yield Remark("L205", f"{where}: ${{{name}}} names nothing that this form asks; mend the name")
    for part in walk(node):
        match part:
            case Call("regex", (_, Text(pattern))) if risk := risk_of(pattern):
                yield Remark("L207", f"{where}: {risk}")


def _circles(form: Form) -> Iterator[Remark]:
    for circle in circles(form):
        way = " -> ".join(circle)
        yield Remark("L206", f"each of these rests on the next: {way}; take one of these references out")


def _lists(form: Form) -> Iterator[Remark]:
    for list_name, choices in form.choices.items():
        twins = _twins([choice.name for choice in choices])
        if twins:
            yield Remark("L208", f"sheet 'choices', list '{list_name}': {_few(twins)} stands twice; rename or drop it")
        if len(choices) > LONGEST_LIST:
            sentence = "phones grow slow; attach it as a file and use select_one_from_file"
            yield Remark("L209", f"sheet 'choices', list '{list_name}' has {len(choices):,} rows: {sentence}", False)


def _twins(codes: list[str]) -> list[str]:
    seen: set[str] = set()
    return [code for code in codes if code.casefold() in seen or seen.add(code.casefold())]  # type: ignore[func-returns-value]


def _filters(form: Form) -> Iterator[Remark]:
    by_name = {question.name: question for question in form.questions}
    for question in form.questions:
        choices = form.choices_of(question)
        if not question.choice_filter or not choices:
            continue
        try:
            node = parse(question.choice_filter)
        except SchemaError:
            continue
        columns = {column for choice in choices for column in choice.extra} | {"name", "label"}
        for part in walk(node):
            if isinstance(part, Column) and part.name not in columns:
                sentence = f"list '{question.list_name}' has no column '{part.name}'; add it to the sheet 'choices'"
                yield Remark("L210", f"{_where(question)}, choice_filter: {sentence}")
        yield from _orphans(question, choices, node, {n: form.choices_of(q) for n, q in by_name.items()})


def _orphans(
    question: Question, choices: tuple[Choice, ...], node: Node, offered: dict[str, tuple[Choice, ...]]
) -> Iterator[Remark]:
    """The choices that can never be reached, where the filter is `column = ${question}`."""
    match node:
        case Operation("=", Column(column), Answer(name)) | Operation("=", Answer(name), Column(column)):
            codes = {choice.name for choice in offered.get(name, ())}
            lost = [choice.name for choice in choices if codes and choice.extra.get(column, "") not in codes]
            if lost:
                sentence = f"{_few(lost)} can never be chosen, as '{name}' offers no such {column}; mend the column"
                yield Remark("L211", f"{_where(question)}, choice_filter: {sentence}", serious=False)


def _texts(form: Form) -> Iterator[Remark]:
    spoken: list[tuple[str, Labels]] = [(holder.name, holder.labels) for holder in _holders(form)]
    spoken += [(f"{name}: {choice.name}", choice.labels) for name, rows in form.choices.items() for choice in rows]
    for language in form.languages:
        silent = [name for name, labels in spoken if labels and not labels.get(language, "").strip()]
        if silent:
            yield Remark("L212", f"no label in {language}: {_few(silent)}; translate it")
    turned = [name for name, labels in spoken if any(TURNING.search(text) for text in labels.values())]
    if turned:
        yield Remark("L213", f"signs that turn the writing round stand in the labels of {_few(turned)}; type them anew")


def _few(found: list[str]) -> str:
    return ", ".join(found[:TO_SHOW]) + (f" and {len(found) - TO_SHOW} more" if len(found) > TO_SHOW else "")


def _where(holder: Holder) -> str:
    return f"sheet 'survey', row {holder.row}" if isinstance(holder, Question) else f"'{holder.path}'"
