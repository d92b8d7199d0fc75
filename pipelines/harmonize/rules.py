"""Whether crosswalk.yml and tool.yml speak of what the forms really ask: checked whole, before any row is read.

What the files may say at all is project/; here only what they name is looked up.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipelines.errors import ConfigError
from pipelines.forms.form import Form, Question
from pipelines.harmonize.advice import meant_for, write_one_of
from pipelines.harmonize.convert import Refused, Writing, convert
from pipelines.harmonize.kinds import kind_of
from pipelines.harmonize.plan import Column, Table
from pipelines.harmonize.served import Key
from pipelines.harmonize.units import TYPES
from pipelines.project.crosswalk import Computed, Crosswalk, Entry, Line, SplitRule, VersionEntry
from pipelines.project.tool import Tool


def check_mappings(
    tool: Tool, crosswalk: Crosswalk, forms: Sequence[Form], served: Mapping[Key, Form], tables: Mapping[str, Table]
) -> None:
    """Nothing, or ConfigError for the first name in tool.yml or crosswalk.yml that no form and no table knows."""
    _check_period(tool, tables[""])
    _check_versions(tool, crosswalk, forms, tables)
    _check_sources(tool, crosswalk, forms, served, tables)
    _check_layouts(tool, crosswalk, forms)
    for where, rule in _splits(crosswalk):
        _check_split(tool, f"{tool.crosswalk_file}, {where}", rule, tables)


def _check_period(tool: Tool, table: Table) -> None:
    asked = {column.name: column.kind for column in table.columns}
    question = tool.period.question
    file = tool.folder / "tool.yml"
    if question and question not in asked:
        raise ConfigError(
            f"{file}, period: {tool.name} asks no question '{question}'; {write_one_of(asked, question)}."
        )
    if question and asked[question] in {"geopoint", "multiple"}:
        raise ConfigError(f"{file}, period: the answers to '{question}' name no time; write a question that does.")


def _check_versions(tool: Tool, crosswalk: Crosswalk, forms: Sequence[Form], tables: Mapping[str, Table]) -> None:
    by_version = {form.version: form for form in forms}
    for version, lines in crosswalk.versions.items():
        if version not in by_version:
            message = f"there is no version '{version}'; {write_one_of(by_version, version)}."
            raise ConfigError(f"{tool.crosswalk_file}: {message}")
        _check_lines(f"{tool.crosswalk_file}, {version}", lines, [by_version[version]], forms, tables)


def _check_sources(
    tool: Tool, crosswalk: Crosswalk, forms: Sequence[Form], served: Mapping[Key, Form], tables: Mapping[str, Table]
) -> None:
    """A source's forms are known once it was synced; until then, what no version of ours asks may be asked there."""
    for source, lines in crosswalk.sources.items():
        theirs = [form for (of, _, _), form in served.items() if of == source]
        asked = {question.path for form in forms for question in form.questions}
        known = [line for line in lines if theirs or asked.issuperset(_paths(line))]
        _check_lines(f"{tool.crosswalk_file}, {source}", known, [*theirs, *forms], forms, tables)


def _check_lines(
    where: str, lines: Sequence[Line], about: Sequence[Form], forms: Sequence[Form], tables: Mapping[str, Table]
) -> None:
    """Each line must be about questions that some form of `about` asks, and no two about the same."""
    asked = {question.path: (form, question) for form in reversed(about) for question in form.questions}
    seen: set[tuple[type, str]] = set()
    for line in lines:
        what = line.to if isinstance(line, Computed) else line.from_
        if (type(line), what) in seen:
            raise ConfigError(f"{where}: two entries speak of '{what}'; keep one of them.")
        seen.add((type(line), what))
        for path in _paths(line):
            if path not in asked:
                advice = write_one_of(asked, path)
                raise ConfigError(f"{where}: the form asks nothing at '{path}'; {advice}, or take the entry out.")
        if isinstance(line, VersionEntry):
            form, question = asked[line.from_]
            _check_entry(f"{where}, {line.from_}", line, question, form, forms, tables)


def _paths(line: Line) -> tuple[str, ...]:
    return line.members if isinstance(line, Computed) else (line.from_,)


def _check_entry(
    where: str, entry: VersionEntry, asked: Question, form: Form, forms: Sequence[Form], tables: Mapping[str, Table]
) -> None:
    """Whether what an entry says of a question can be done with its answers and is true of them."""
    suffix, _, name = entry.to.rpartition(".")
    column = next((one for one in tables[suffix].columns if one.name.casefold() == name.casefold()), None)
    if entry.factor is not None and column and column.kind not in TYPES:
        raise ConfigError(f"{where}: 'factor' multiplies numbers, and '{column.name}' holds none; take it out.")
    if entry.cast and column and kind_of(entry.cast) != column.kind:
        raise ConfigError(f"{where}: '{column.name}' is {column.question.type}; write cast: {column.question.type}.")
    known = {choice.name for choice in form.choices_of(asked)}
    strange = [code for code in entry.recode if meant_for(code, known - entry.recode.keys() - {code})]
    for code in (*strange, *entry.same):
        if known and code not in known:
            advice = write_one_of(sorted(known), code)
            raise ConfigError(f"{where}: version {form.version} offers no choice '{code}' there; {advice}.")
    if column:
        check_codes(where, column, entry.recode.values(), forms)


def check_codes(where: str, column: Column, codes: Iterable[str], forms: Iterable[Form]) -> None:
    """Nothing, or ConfigError for the first of `codes` that is no choice of the question that names the column."""
    form = next((form for form in forms if form.version == column.version), None)
    known = [choice.name for choice in form.choices_of(column.question)] if form else []
    for code in codes:
        if known and code not in {*known, "other"}:
            raise ConfigError(f"{where}: '{column.name}' has no choice '{code}'; {write_one_of(known, code)}.")


def _check_layouts(tool: Tool, crosswalk: Crosswalk, forms: Sequence[Form]) -> None:
    for form in forms:
        if form.version in crosswalk.layouts:
            message = (
                f"{tool.crosswalk_file}, layout '{form.version}': a version of the form has this name; "
                "give the layout another, and write it in sources.yml too."
            )
            raise ConfigError(message)


def _splits(crosswalk: Crosswalk) -> Iterator[tuple[str, SplitRule]]:
    """(where it stands, rule) of every split."""
    said: list[tuple[str, Entry]] = [
        (f"{version}, {line.from_}", line)
        for version, lines in (*crosswalk.versions.items(), *crosswalk.sources.items())
        for line in lines
        if isinstance(line, VersionEntry)
    ]
    for name, layout in crosswalk.layouts.items():
        said += [(f"layout '{name}', column '{header}'", entry) for header, entry in layout.columns.items()]
    return ((where, entry.split) for where, entry in said if entry.split)


def _check_split(tool: Tool, where: str, rule: SplitRule, tables: Mapping[str, Table]) -> None:
    repeats = [suffix for suffix in tables if suffix]
    if rule.into not in repeats:
        advice = write_one_of(repeats, rule.into)
        raise ConfigError(f"{where}: 'into' names '{rule.into}', which is no repeat of {tool.name}; {advice}.")
    table = tables[rule.into]
    kinds = {column.name: column.kind for column in table.columns}
    named = [("value", rule.value), *([("other", rule.other)] if rule.other else []), *(("set", n) for n in rule.set)]
    for key, name in named:
        if name not in kinds:
            raise ConfigError(
                f"{where}: '{key}' names '{name}', which is no column of {table.name}; {write_one_of(kinds, name)}."
            )
        if key != "set" and kinds[name] not in ({"text", "multiple"} if key == "value" else {"text"}):
            raise ConfigError(f"{where}: '{key}' names '{name}', which holds no text; name a column that does.")
    for name, text in rule.set.items():
        if isinstance(convert(text, kinds[name], Writing(), {}), Refused):
            message = f"{where}: 'set' puts '{text}' into '{name}', which cannot hold it; write what it can hold."
            raise ConfigError(message)
