"""Compile the plan of a tool: forms of the repository, forms the servers have, crosswalk -> Plan.

What a plan is, is plan.py; how columns get their names is columns.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.errors import ConfigError
from pipelines.forms.codes import codes_of
from pipelines.forms.form import Form
from pipelines.forms.read import read_form
from pipelines.harmonize.columns import Places, Registry
from pipelines.harmonize.computed import derived_of
from pipelines.harmonize.entries import check_computed, make_columns
from pipelines.harmonize.meanings import Meanings
from pipelines.harmonize.plan import Landing, Plan, Shape, Table
from pipelines.harmonize.rules import check_mappings
from pipelines.harmonize.served import Archived, Key, served_forms
from pipelines.project.crosswalk import Computed, Crosswalk, Entry, Layout, Rules, read_crosswalk
from pipelines.project.tool import Tool

JOINS = "it only says which row of another sheet its row belongs to"


def plan_of(tool: Tool, archived: Sequence[Archived]) -> Plan:
    """The plan of `tool`, with the form versions that are archived for it."""
    forms = [read_form(tool.form_file(version), tool.name, version) for version in reversed(tool.versions)]
    if not forms:
        raise ConfigError(f"{tool.folder} holds no form; put an XLSForm there, named by its version (2026-1.xlsx).")
    crosswalk = read_crosswalk(tool.crosswalk_file)
    registry = Registry(tool.name, forms, {form.version: crosswalk.rules(form.version) for form in forms})
    served = served_forms(archived, tool.name, forms)
    places = [registry.add(form, crosswalk.rules(form.version)) for form in forms]
    make_columns(tool, crosswalk, registry)
    others = [_Arrival((source, "", form.version), form) for source in crosswalk.sources for form in forms]
    others += [_Arrival(key, form) for key, form in served.forms.items()]
    other_places = [registry.add(each.form, each.rules(crosswalk), each.name(crosswalk)) for each in others]
    tables = registry.tables()
    check_mappings(tool, crosswalk, forms, served.forms, tables)
    meanings = Meanings()
    shapes: dict[str, Shape] = {}
    for form, found in zip(forms, places, strict=True):
        shapes[form.version] = _shape(form, found, tables, crosswalk.rules(form.version), meanings)
    check_computed(tool, crosswalk, shapes, tables)
    shape_of: dict[Key, str] = {}
    for each, found in zip(others, other_places, strict=True):
        shape = _shape(each.form, found, tables, each.rules(crosswalk), meanings, served_as=each.key[2])
        check_computed(tool, crosswalk, {each.form.version: shape}, tables, source=each.source(crosswalk))
        shape_of[each.key] = _add(shapes, replace(shape, source=each.source(crosswalk)), each.key, crosswalk.layouts)
    for name, layout in crosswalk.layouts.items():
        shapes[name] = _layout_shape(tool, name, layout, tables)
    apart = tuple(dict.fromkeys(meanings.apart))
    return Plan(tool.name, tables, shapes, shape_of, forms[0].version, tuple(forms), served.unread, apart)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A form by which rows arrive from a source: one that its server keeps, or of the repository (asset empty)."""

    key: Key
    form: Form

    def source(self, crosswalk: Crosswalk) -> str:
        """The source, where the crosswalk has lines about it."""
        return self.key[0] if self.key[0] in crosswalk.sources else ""

    def rules(self, crosswalk: Crosswalk) -> Rules:
        """What the crosswalk says of it."""
        return crosswalk.rules(self.form.version, self.key[0])

    def name(self, crosswalk: Crosswalk) -> str:
        """What an error about it calls it."""
        source = self.source(crosswalk)
        return f"{self.form.version} of {source}" if source else self.form.version


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
    landings = {path: _told_lossy(form, landing) for path, landing in landings.items()}
    splits = {path: entry.split for path, entry in rules.entries.items() if entry.split}
    found = filter(None, (derived_of(computed, landings, tables) for computed in rules.computed))
    answered = {(landing.suffix, landing.column) for landing in landings.values()}
    derived = tuple(each for each in found if each.way == "interval" or (each.suffix, each.column) not in answered)
    told = frozenset(rules.entries)
    return Shape(form.version, form, landings, splits, places.repeats, derived=derived, told=told)


def _told_lossy(form: Form, landing: Landing) -> Landing:
    now = list(landing.recode.values())
    if not now or landing.careful:
        return landing
    offered = codes_of(form, form.question(landing.path)).keys() - landing.recode.keys()
    return replace(landing, lossy=len(set(now)) < len(now) or not offered.isdisjoint(now))


def _add(shapes: dict[str, Shape], shape: Shape, key: Key, layouts: Collection[str]) -> str:
    """Add `shape` unless one like it stands already; the name it has, which no other shape and no layout has."""
    for name, standing in shapes.items():
        if standing.layout is None and _like(standing) == _like(shape):
            return name
    source, asset, version = key
    names = [shape.name, version, f"{version} of {asset or source}", f"{version} of {asset} on {source}"]
    name = next(name for name in names if name not in shapes and name not in layouts)
    shapes[name] = replace(shape, name=name)
    return name


def _like(shape: Shape) -> tuple[object, ...]:
    """What two shapes have in common that are one."""
    return shape.landings, shape.repeats, shape.splits, shape.derived


def _layout_shape(tool: Tool, name: str, layout: Layout, tables: Mapping[str, Table]) -> Shape:
    repeats = _layout_repeats(tool, name, layout, tables)
    landings = {
        header: _layout_landing(tool, name, header, entry, tables[repeats.get(layout.repeat_of(header), "")])
        for header, entry in layout.columns.items()
        if entry.to
    }
    landings = {path: replace(landing, repeat=layout.repeat_of(path)) for path, landing in landings.items()}
    splits = {header: entry.split for header, entry in layout.columns.items() if entry.split}
    unmapped = {f"{repeat}/{column}": JOINS for repeat, column in layout.joins()}
    unmapped |= {header: entry.unmapped for header, entry in layout.columns.items() if entry.unmapped}
    unmapped = {path: why for path, why in unmapped.items() if path not in landings and path not in splits}
    constants = (Computed(to=to, constant=text) for to, text in layout.constants.items())
    derived = tuple(filter(None, (derived_of(constant, landings, tables) for constant in constants)))
    return Shape(name, None, landings, splits, repeats, unmapped, layout, derived)


def _layout_repeats(tool: Tool, name: str, layout: Layout, tables: Mapping[str, Table]) -> dict[str, str]:
    """The table of each repeat of a layout, which stands within the same tables as the layout says."""
    for repeat, rule in layout.repeats.items():
        around = tuple(layout.repeats[outer].into for outer in layout.around(repeat))
        if not rule.into or rule.into not in tables or tables[rule.into].within != around:
            known = ", ".join(suffix for suffix, table in tables.items() if suffix and table.within == around) or "none"
            where = f"within '{rule.within}' " if rule.within else ""
            message = (
                f"{tool.crosswalk_file}, layout '{name}', repeat '{repeat}': {tool.name} has no repeat '{rule.into}' "
                f"{where}(it has {known}); name one of them as 'into'."
            )
            raise ConfigError(message)
    return {repeat: rule.into for repeat, rule in layout.repeats.items()}


def _layout_landing(tool: Tool, name: str, header: str, entry: Entry, table: Table) -> Landing:
    for column in table.columns:
        parts = [physical for physical, _ in column.physical]
        if entry.to == column.name:
            whole = Landing(
                header, "", table.suffix, column.name, tuple(parts), column.kind, entry.recode, careful=True
            )
            return replace(whole, factor=entry.factor)
        if column.kind == "geopoint" and entry.to in parts:
            return Landing(header, "", table.suffix, column.name, (entry.to,), "double", entry.recode, careful=True)
    message = (
        f"{tool.crosswalk_file}, layout '{name}', column '{header}': no version of {table.name} has a column "
        f"'{entry.to}'; write the name of one that exists, or 'unmapped' with a reason."
    )
    raise ConfigError(message)
