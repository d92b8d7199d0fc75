"""Whether crosswalk.yml and tool.yml speak of what the forms really ask: checked whole, before any row is read.

What the files may say at all is project/; here only what they name is looked up.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pipelines.errors import ConfigError
from pipelines.forms.form import Form
from pipelines.harmonize.convert import Refused, Writing, convert
from pipelines.harmonize.plan import Table
from pipelines.project.crosswalk import Crosswalk, Entry, SplitRule
from pipelines.project.tool import Tool

NAMES_TO_SHOW = 12


def check_mappings(tool: Tool, crosswalk: Crosswalk, forms: Sequence[Form], tables: Mapping[str, Table]) -> None:
    """Nothing, or ConfigError for the first name in tool.yml or crosswalk.yml that no form and no table knows."""
    _check_period(tool, tables[""])
    _check_versions(tool, crosswalk, forms)
    _check_layouts(tool, crosswalk, forms)
    for where, rule in _splits(crosswalk):
        _check_split(tool, f"{tool.crosswalk_file}, {where}", rule, tables)


def _check_period(tool: Tool, table: Table) -> None:
    asked = {column.name: column.kind for column in table.columns}
    question = tool.period.question
    file = tool.folder / "tool.yml"
    if question and question not in asked:
        raise ConfigError(f"{file}, period: {tool.name} asks no question '{question}'; {_write(asked)}.")
    if question and asked[question] in {"geopoint", "multiple"}:
        raise ConfigError(f"{file}, period: the answers to '{question}' name no time; write a question that does.")


def _check_versions(tool: Tool, crosswalk: Crosswalk, forms: Sequence[Form]) -> None:
    by_version = {form.version: form for form in forms}
    for version, entries in crosswalk.versions.items():
        if version not in by_version:
            raise ConfigError(f"{tool.crosswalk_file}: there is no version '{version}'; {_write(by_version)}.")
        asked = {question.path for question in by_version[version].questions}
        for entry in entries:
            if entry.from_ not in asked:
                message = (
                    f"{tool.crosswalk_file}, {version}: the form asks nothing at '{entry.from_}'; "
                    "write the question's group path and name, or take the entry out."
                )
                raise ConfigError(message)


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
        (f"{version}, {entry.from_}", entry) for version, listed in crosswalk.versions.items() for entry in listed
    ]
    for name, layout in crosswalk.layouts.items():
        said += [(f"layout '{name}', column '{header}'", entry) for header, entry in layout.columns.items()]
    return ((where, entry.split) for where, entry in said if entry.split)


def _check_split(tool: Tool, where: str, rule: SplitRule, tables: Mapping[str, Table]) -> None:
    repeats = [suffix for suffix in tables if suffix]
    if rule.into not in repeats:
        raise ConfigError(f"{where}: 'into' names '{rule.into}', which is no repeat of {tool.name}; {_write(repeats)}.")
    table = tables[rule.into]
    kinds = {column.name: column.kind for column in table.columns}
    named = [("value", rule.value), *([("other", rule.other)] if rule.other else []), *(("set", n) for n in rule.set)]
    for key, name in named:
        if name not in kinds:
            raise ConfigError(f"{where}: '{key}' names '{name}', which is no column of {table.name}; {_write(kinds)}.")
        if key != "set" and kinds[name] not in ({"text", "multiple"} if key == "value" else {"text"}):
            raise ConfigError(f"{where}: '{key}' names '{name}', which holds no text; name a column that does.")
    for name, text in rule.set.items():
        if isinstance(convert(text, kinds[name], Writing(), {}), Refused):
            message = f"{where}: 'set' puts '{text}' into '{name}', which cannot hold it; write what it can hold."
            raise ConfigError(message)


def _write(known: Collection[str]) -> str:
    """What to do where a name is unknown."""
    if not known:
        return "it has none, so take this out"
    some = ", ".join(list(known)[:NAMES_TO_SHOW])
    return f"write one of {some}{', …' if len(known) > NAMES_TO_SHOW else ''}"
