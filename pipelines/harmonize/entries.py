"""The computed entries of a crosswalk: the columns they need are made, and whether each can be computed is checked.

All of it before any row is read; the entries about single questions are checked in rules.py.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from pipelines.errors import ConfigError
from pipelines.forms.form import Choice, Form, Question
from pipelines.harmonize.advice import write_one_of
from pipelines.harmonize.columns import Registry
from pipelines.harmonize.computed import HIGH, LOW
from pipelines.harmonize.convert import Refused, Writing, convert
from pipelines.harmonize.kinds import kind_of
from pipelines.harmonize.nonanswer import nonanswer_of
from pipelines.harmonize.plan import Column, Landing, Shape, Table
from pipelines.harmonize.rules import check_codes
from pipelines.project.crosswalk import Computed, Crosswalk
from pipelines.project.tool import Tool

COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

TARGETS: Mapping[str, frozenset[str]] = {
    "sum": frozenset({"integer", "decimal", "text"}),
    "join": frozenset({"text"}),
    "choices": frozenset({"multiple"}),
}
"""Way -> kinds of column that it can fill; the others fill any."""


def make_columns(tool: Tool, crosswalk: Crosswalk, registry: Registry) -> None:
    """Make the columns that no form asks; ConfigError where an entry computes one that there is not."""
    for where, computed in _said(tool, crosswalk):
        suffix, _, name = computed.to.rpartition(".")
        asked = registry.has(suffix, name)
        if computed.interval and asked:
            for end in (LOW, HIGH):
                labels = {language: f"{text} ({end[1:]})" for language, text in asked.question.labels.items()}
                of_interval = Question(path="", name=asked.name + end, type="decimal", labels=labels)
                _make(where, registry, suffix, of_interval)
        elif computed.new:
            _make(where, registry, suffix, Question(path="", name=name, type=computed.new))
        elif not asked:
            known = registry.names(suffix)
            advice = write_one_of(known, name) if known else f"{tool.name} has no repeat '{suffix}'"
            instead = "" if computed.interval else ", or say its type beside it, such as new: integer"
            raise ConfigError(f"{where}: no form asks '{computed.to}'; {advice}{instead}.")


def _make(where: str, registry: Registry, suffix: str, question: Question) -> None:
    standing = registry.has(suffix, question.name)
    if standing and not standing.question.path and standing.question.type == question.type:
        return
    if standing:
        raise ConfigError(f"{where}: there is a column '{standing.name}' already; take 'new' out, or name another.")
    if not COLUMN.fullmatch(question.name) or not registry.free(suffix, question.name):
        raise ConfigError(
            f"{where}: '{question.name}' is no name for a new column; begin with a letter, and go on with letters, "
            "digits and underscores."
        )
    registry.make(suffix, question.name, kind_of(question.type), question)


def check_computed(
    tool: Tool, crosswalk: Crosswalk, shapes: Mapping[str, Shape], tables: Mapping[str, Table], *, source: str = ""
) -> None:
    """Nothing, or ConfigError for the first computed entry of a version, or of a source whose form asks all that it
    reads, that cannot be computed there.
    """
    for version, shape in shapes.items():
        own = _only_of(crosswalk, source) if source else crosswalk.rules(version).computed
        for computed in own if shape.form else ():
            if not source or shape.landings.keys() >= set(computed.members):
                _check(_where(tool, source or version, computed), computed, shape, shapes, tables)
    for name, layout in crosswalk.layouts.items():
        for to, text in layout.constants.items():
            where = f"{tool.crosswalk_file}, layout '{name}', constants, '{to}'"
            if to not in {column.name for column in tables[""].columns}:
                advice = write_one_of([column.name for column in tables[""].columns], to)
                raise ConfigError(f"{where}: {tool.name} has no column '{to}'; {advice}.")
            if to in {entry.to for entry in layout.columns.values()}:
                raise ConfigError(f"{where}: a column of the file goes there too; take one of the two out.")
            _check_constant(where, tables[""].column(to), text, forms_of(shapes))


def _only_of(crosswalk: Crosswalk, source: str) -> list[Computed]:
    return [line for line in crosswalk.sources[source] if isinstance(line, Computed)]


def forms_of(shapes: Mapping[str, Shape]) -> list[Form]:
    """The forms behind `shapes`."""
    return [shape.form for shape in shapes.values() if shape.form]


def _check(
    where: str, computed: Computed, shape: Shape, shapes: Mapping[str, Shape], tables: Mapping[str, Table]
) -> None:
    form = next(form for form in forms_of({"": shape}))
    suffix, _, name = computed.to.rpartition(".")
    read = [_landing(where, path, suffix, shape, form) for path in computed.members]
    if computed.interval:
        _check_interval(where, computed, form)
        return
    column = tables[suffix].column(name)
    for path, landing in shape.landings.items():
        if (landing.suffix, landing.column) == (suffix, column.name):
            raise ConfigError(
                f"{where}: version {form.version} itself answers '{column.name}', at '{path}'; "
                "compute another column, or read that question too."
            )
    for path, rule in shape.splits.items():
        if rule.into == suffix and column.name in {rule.value, rule.other, *rule.set}:
            raise ConfigError(
                f"{where}: the split of '{path}' fills '{column.name}' too; take it out of one of the two."
            )
    if column.kind not in TARGETS.get(computed.way, {column.kind}):
        raise ConfigError(f"{where}: a {computed.way} cannot fill '{column.name}', which is {column.question.type}.")
    if computed.way == "constant":
        _check_constant(where, column, computed.constant, forms_of(shapes))
    if computed.way == "choices":
        _check_choices(where, computed, form)
    for landing in read:
        _check_kind(where, computed.way, landing, column)
    said = [code for codes in computed.choices.values() for code in codes.values()]
    check_codes(where, column, [*said, *computed.recode.values()], forms_of(shapes))


def _landing(where: str, path: str, suffix: str, shape: Shape, form: Form) -> Landing:
    """Where the question at `path` lands; ConfigError where it cannot be read beside what is computed."""
    asked = [question.path for question in form.questions]
    if path not in asked:
        raise ConfigError(f"{where}: version {form.version} asks nothing at '{path}'; {write_one_of(asked, path)}.")
    landing = shape.landings.get(path)
    if landing is None or landing.suffix != suffix:
        raise ConfigError(f"{where}: '{path}' does not stand in the same table; compute what is in one table.")
    return landing


def _check_kind(where: str, way: str, landing: Landing, column: Column) -> None:
    fits = {
        "sum": landing.kind in {"integer", "decimal", "text"},
        "choices": landing.kind in {"text", "multiple"},
        "coalesce": column.kind in {landing.kind, "text"} or (landing.kind, column.kind) == ("integer", "decimal"),
    }
    if not fits.get(way, True):
        raise ConfigError(
            f"{where}: the answers at '{landing.path}' are {landing.kind}, which a {way} into '{column.name}' cannot "
            "read; take it out."
        )


def _check_interval(where: str, computed: Computed, form: Form) -> None:
    asked = form.question(computed.from_)
    known = _codes(form, asked)
    if not asked.type.startswith("select_one") or not known:
        raise ConfigError(f"{where}: '{asked.path}' has no scale of choices; name a question that has.")
    for code in computed.interval:
        _known(where, code, asked, known)
    silent = [code for code, choice in known.items() if code not in computed.interval and not nonanswer_of(choice)]
    if silent:
        raise ConfigError(f"{where}: nothing is said of {', '.join(silent)}; give each [low, high], or null.")


def _check_choices(where: str, computed: Computed, form: Form) -> None:
    for path, codes in computed.choices.items():
        asked = form.question(path)
        for code in codes:
            _known(where, code, asked, _codes(form, asked))


def _check_constant(where: str, column: Column, text: str, forms: Iterable[Form]) -> None:
    if isinstance(convert(text, column.kind, Writing(), {}), Refused):
        raise ConfigError(f"{where}: '{column.name}' cannot hold '{text}'; write what it can hold.")
    check_codes(where, column, text.split() if column.kind == "multiple" else [text], forms)


def _known(where: str, code: str, asked: Question, known: Mapping[str, Choice]) -> None:
    if known and code not in known:
        raise ConfigError(f"{where}: '{asked.path}' has no choice '{code}'; {write_one_of(known, code)}.")


def _codes(form: Form, question: Question) -> dict[str, Choice]:
    return {choice.name: choice for choice in form.choices_of(question)}


def _said(tool: Tool, crosswalk: Crosswalk) -> Iterator[tuple[str, Computed]]:
    """(where it stands, entry) of every computed entry."""
    by_place: Iterable[tuple[str, Iterable[object]]] = [*crosswalk.versions.items(), *crosswalk.sources.items()]
    for place, lines in by_place:
        for line in lines:
            if isinstance(line, Computed):
                yield _where(tool, place, line), line


def _where(tool: Tool, place: str, computed: Computed) -> str:
    return f"{tool.crosswalk_file}, {place}, {computed.way} to '{computed.to}'"
