"""Compile the plan of a tool: forms of the repository, forms the servers have, crosswalk -> Plan.

What a plan is, is plan.py; how columns get their names is columns.py.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from pipelines.errors import ConfigError
from pipelines.forms.form import Form
from pipelines.forms.read import form_of_kobo, read_form
from pipelines.harmonize.columns import Registry
from pipelines.harmonize.plan import Landing, Plan, Shape, Table
from pipelines.project.crosswalk import Crosswalk, Entry, Layout, read_crosswalk
from pipelines.project.tool import Tool

Archived = tuple[str, str, str, str]
"""(source, asset, version, content) of a form version that a server had."""


def plan_of(tool: Tool, archived: Sequence[Archived]) -> Plan:
    """The plan of `tool`, with the form versions that are archived for it."""
    forms = [read_form(tool.form_file(version), tool.name, version) for version in reversed(tool.versions)]
    if not forms:
        raise ConfigError(f"{tool.folder} holds no form; put an XLSForm there, named by its version (2026-1.xlsx).")
    crosswalk = read_crosswalk(tool.crosswalk_file)
    _check_entries(tool, crosswalk, forms)
    registry = Registry(tool.name, forms[0].version)
    places = {form.version: registry.add(form, _entries(crosswalk, form.version)) for form in forms}
    served = [_served(row, tool, forms) for row in archived if row[3].startswith("{")]
    server_places = [registry.add(form, _entries(crosswalk, form.version)) for _, form in served]
    tables = registry.tables()
    shapes: dict[str, Shape] = {}
    for form in forms:
        suffixes = registry.add_repeats(form)
        shapes[form.version] = _shape(form.version, form, places[form.version], suffixes, tables, crosswalk)
    shape_of: dict[tuple[str, str, str], str] = {}
    for (key, form), found in zip(served, server_places, strict=True):
        shape = _shape(form.version, form, found, registry.add_repeats(form), tables, crosswalk)
        shape_of[key] = _add(shapes, shape, named_by=key[2])
    for name, layout in crosswalk.layouts.items():
        shapes[name] = _layout_shape(tool, name, layout, tables)
    return Plan(tool.name, tables, shapes, shape_of, forms[0].version, tuple(forms))


def _entries(crosswalk: Crosswalk, version: str) -> dict[str, Entry]:
    return {entry.from_: entry for entry in crosswalk.versions.get(version, ())}


def _check_entries(tool: Tool, crosswalk: Crosswalk, forms: Iterable[Form]) -> None:
    by_version = {form.version: form for form in forms}
    for version, entries in crosswalk.versions.items():
        if version not in by_version:
            message = f"{tool.crosswalk_file}: there is no version '{version}'; write one of {', '.join(by_version)}."
            raise ConfigError(message)
        asked = {question.path for question in by_version[version].questions}
        for entry in entries:
            if entry.from_ not in asked:
                message = (
                    f"{tool.crosswalk_file}, {version}: the form asks nothing at '{entry.from_}'; "
                    "write the question's group path and name, or take the entry out."
                )
                raise ConfigError(message)


def _served(row: Archived, tool: Tool, forms: Sequence[Form]) -> tuple[tuple[str, str, str], Form]:
    """The form of an archived server version, under the version of the repository that it is, where it is one."""
    source, asset, version, content = row
    document = json.loads(content)
    body = document.get("content", document)
    form = form_of_kobo(body, tool.name, version)
    said = str((body.get("settings") or {}).get("version", ""))
    named = said.split(" ", maxsplit=1)[0]
    asked = {(question.path, question.type) for question in form.questions}
    for known in forms:
        same = {(question.path, question.type) for question in known.questions} == asked
        if same or (named and named == known.version):
            form = form_of_kobo(body, tool.name, known.version)
            break
    return (source, asset, version), form


def _shape(
    name: str,
    form: Form,
    places: Mapping[str, tuple[str, str]],
    suffixes: Mapping[str, str],
    tables: Mapping[str, Table],
    crosswalk: Crosswalk,
) -> Shape:
    entries = _entries(crosswalk, name)
    landings: dict[str, Landing] = {}
    for question in form.questions:
        if question.path not in places:
            continue
        suffix, column_name = places[question.path]
        column = tables[suffix].column(column_name)
        repeat = question.repeats[-1] if question.repeats else ""
        entry = entries.get(question.path)
        landings[question.path] = Landing(
            path=question.path,
            repeat=repeat,
            suffix=suffix,
            column=column.name,
            physical=tuple(physical for physical, _ in column.physical),
            kind=column.kind,
            recode=entry.recode if entry else {},
            careful=suffix != suffixes.get(repeat, ""),
        )
    splits = {path: entry.split for path, entry in entries.items() if entry.split}
    return Shape(name, form, landings, splits, dict(suffixes))


def _add(shapes: dict[str, Shape], shape: Shape, *, named_by: str) -> str:
    """Add `shape` unless one like it stands already; the name it has."""
    for name, standing in shapes.items():
        if standing.layout is None and standing.landings == shape.landings and standing.repeats == shape.repeats:
            return name
    name = named_by if shape.name in shapes else shape.name
    shapes[name] = Shape(name, shape.form, shape.landings, shape.splits, shape.repeats)
    return name


def _layout_shape(tool: Tool, name: str, layout: Layout, tables: Mapping[str, Table]) -> Shape:
    landings = {
        header: _layout_landing(tool, name, header, entry, tables[""])
        for header, entry in layout.columns.items()
        if entry.to
    }
    splits = {header: entry.split for header, entry in layout.columns.items() if entry.split}
    unmapped = {header: entry.unmapped for header, entry in layout.columns.items() if entry.unmapped}
    return Shape(name, None, landings, splits, {}, unmapped, layout)


def _layout_landing(tool: Tool, name: str, header: str, entry: Entry, table: Table) -> Landing:
    for column in table.columns:
        parts = [physical for physical, _ in column.physical]
        if entry.to == column.name:
            return Landing(header, "", "", column.name, tuple(parts), column.kind, entry.recode, careful=True)
        if entry.to in parts:
            return Landing(header, "", "", column.name, (entry.to,), "double", entry.recode, careful=True)
    message = (
        f"{tool.crosswalk_file}, layout '{name}', column '{header}': no version of {tool.name} has a column "
        f"'{entry.to}'; write the name of one that exists, or 'unmapped' with a reason."
    )
    raise ConfigError(message)
