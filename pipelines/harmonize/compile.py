"""Compile the plan of a tool: forms of the repository, forms the servers have, crosswalk -> Plan.

What a plan is, is plan.py; how columns get their names is columns.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pipelines.errors import ConfigError
from pipelines.forms.form import Form
from pipelines.forms.read import read_form
from pipelines.harmonize.columns import NO_RULES, Places, Registry
from pipelines.harmonize.computed import derived_of
from pipelines.harmonize.entries import check_computed, make_columns
from pipelines.harmonize.meanings import Meanings
from pipelines.harmonize.plan import Landing, Plan, Shape, Table
from pipelines.harmonize.rules import check_mappings
from pipelines.harmonize.served import Archived, Key, served_forms
from pipelines.project.crosswalk import Computed, Entry, Layout, Rules, read_crosswalk
from pipelines.project.tool import Tool


def plan_of(tool: Tool, archived: Sequence[Archived]) -> Plan:
    """The plan of `tool`, with the form versions that are archived for it."""
    forms = [read_form(tool.form_file(version), tool.name, version) for version in reversed(tool.versions)]
    if not forms:
        raise ConfigError(f"{tool.folder} holds no form; put an XLSForm there, named by its version (2026-1.xlsx).")
    crosswalk = read_crosswalk(tool.crosswalk_file)
    rules = {form.version: crosswalk.rules(form.version) for form in forms}
    registry = Registry(tool.name, forms, rules)
    served = served_forms(archived, tool.name, forms)
    places = [registry.add(form, rules[form.version]) for form in forms]
    make_columns(tool, crosswalk, registry)
    served_places = [registry.add(form, rules.get(form.version, NO_RULES)) for form in served.forms.values()]
    tables = registry.tables()
    check_mappings(tool, crosswalk, forms, tables)
    meanings = Meanings()
    shapes: dict[str, Shape] = {}
    for form, found in zip(forms, places, strict=True):
        shapes[form.version] = _shape(form, found, tables, rules[form.version], meanings)
    check_computed(tool, crosswalk, shapes, tables)
    shape_of: dict[tuple[str, str, str], str] = {}
    for (key, form), found in zip(served.forms.items(), served_places, strict=True):
        shape = _shape(form, found, tables, rules.get(form.version, NO_RULES), meanings, served_as=key[2])
        shape_of[key] = _add(shapes, shape, key, crosswalk.layouts)
    for name, layout in crosswalk.layouts.items():
        shapes[name] = _layout_shape(tool, name, layout, tables)
    apart = tuple(dict.fromkeys(meanings.apart))
    return Plan(tool.name, tables, shapes, shape_of, forms[0].version, tuple(forms), served.unread, apart)


def _shape(
    form: Form, places: Places, tables: Mapping[str, Table], rules: Rules, meanings: Meanings, served_as: str = ""
) -> Shape:
    landings: dict[str, Landing] = {}
    for question in form.questions:
        if question.path not in places.questions:
            continue
        suffix, column_name = places.questions[question.path]
        column = tables[suffix].column(column_name)
        repeat = question.repeats[-1] if question.repeats else ""
        entry = rules.entries.get(question.path)
        landings[question.path] = Landing(
            path=question.path,
            repeat=repeat,
            suffix=suffix,
            column=column.name,
            physical=tuple(physical for physical, _ in column.physical),
            kind=column.kind,
            recode=entry.recode if entry else {},
            careful=suffix != places.repeats.get(repeat, ""),
            factor=entry.factor if entry else None,
        )
    landings = meanings.keep_apart(form, landings, rules, served_as)
    splits = {path: entry.split for path, entry in rules.entries.items() if entry.split}
    derived = tuple(filter(None, (derived_of(computed, landings, tables) for computed in rules.computed)))
    return Shape(form.version, form, landings, splits, places.repeats, derived=derived)


def _add(shapes: dict[str, Shape], shape: Shape, key: Key, layouts: Collection[str]) -> str:
    """Add `shape` unless one like it stands already; the name it has, which no other shape and no layout has."""
    for name, standing in shapes.items():
        if standing.layout is None and standing.landings == shape.landings and standing.repeats == shape.repeats:
            return name
    source, asset, version = key
    names = [shape.name, version, f"{version} of {asset}", f"{version} of {asset} on {source}"]
    name = next(name for name in names if name not in shapes and name not in layouts)
    shapes[name] = replace(shape, name=name)
    return name


def _layout_shape(tool: Tool, name: str, layout: Layout, tables: Mapping[str, Table]) -> Shape:
    landings = {
        header: _layout_landing(tool, name, header, entry, tables[""])
        for header, entry in layout.columns.items()
        if entry.to
    }
    splits = {header: entry.split for header, entry in layout.columns.items() if entry.split}
    unmapped = {header: entry.unmapped for header, entry in layout.columns.items() if entry.unmapped}
    constants = (Computed(to=to, constant=text) for to, text in layout.constants.items())
    derived = tuple(filter(None, (derived_of(constant, landings, tables) for constant in constants)))
    return Shape(name, None, landings, splits, {}, unmapped, layout, derived)


def _layout_landing(tool: Tool, name: str, header: str, entry: Entry, table: Table) -> Landing:
    for column in table.columns:
        parts = [physical for physical, _ in column.physical]
        if entry.to == column.name:
            whole = Landing(header, "", "", column.name, tuple(parts), column.kind, entry.recode, careful=True)
            return replace(whole, factor=entry.factor)
        if column.kind == "geopoint" and entry.to in parts:
            return Landing(header, "", "", column.name, (entry.to,), "double", entry.recode, careful=True)
    message = (
        f"{tool.crosswalk_file}, layout '{name}', column '{header}': no version of {tool.name} has a column "
        f"'{entry.to}'; write the name of one that exists, or 'unmapped' with a reason."
    )
    raise ConfigError(message)
