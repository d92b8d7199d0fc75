"""What the codebook says of computed columns: in which versions they are computed, how, and of what.

A column that no form asks has a line among the questions too, with its own name for a path. All other questions are
codebook.py.
"""

from collections.abc import Iterator

from pipelines.harmonize.plan import Column, Derived, Plan, Shape
from pipelines.project.crosswalk import Computed, Crosswalk

COMPUTED = "computed"


def computed_questions(plan: Plan) -> Iterator[list[str]]:
    """Lines of codebook.question for columns that no form asks, one for each version in which they are computed."""
    for shape, each in _of_forms(plan):
        for column in _unasked(plan, each):
            table = plan.tables[each.suffix].name
            nothing = [""] * 4  # list, repeat, required, relevant
            level = "restricted"
            question = [column.name, column.name, column.question.type, *nothing, "", level, "", ""]
            yield [plan.tool, shape.name, table, column.name, *question, COMPUTED, "9999"]


def computed_labels(plan: Plan) -> Iterator[list[str]]:
    """Lines of codebook.label for the same."""
    for shape, each in _of_forms(plan):
        for column in _unasked(plan, each):
            for language, text in column.question.labels.items():
                yield [plan.tool, shape.name, "question", "", column.name, column.name, language, text]


def computed_mappings(plan: Plan, crosswalk: Crosswalk) -> Iterator[list[str]]:
    """Lines of codebook.mapping: what each is computed from, and why."""
    for shape, each in _of_forms(plan):
        version = shape.form.version if shape.form else ""
        to = f"{each.suffix}.{each.column}".removeprefix(".").casefold()
        said = next(one for one in crosswalk.rules(version, shape.source).computed if one.to.casefold() == to)
        yield from _mapping(plan, shape.name, each, said)
    for name, layout in crosswalk.layouts.items():
        for to, text in layout.constants.items():
            yield [plan.tool, COMPUTED, name, repr(text), plan.tables[""].name, to, "constant", "", ""]


def _mapping(plan: Plan, version: str, each: Derived, said: Computed) -> Iterator[list[str]]:
    of_what = ", ".join(each.members) or repr(said.constant)
    unasked = _unasked(plan, each)
    table = plan.tables[each.suffix].name
    for column in unasked:
        why = "; ".join(filter(None, [f"of {of_what}", said.why]))
        yield [plan.tool, "version", version, column.name, table, column.name, each.way, "", why]
    if not unasked:
        recode = "; ".join(f"{then} → {now}" for then, now in said.recode.items())
        yield [plan.tool, COMPUTED, version, of_what, table, each.column, each.way, recode, said.why]


def _of_forms(plan: Plan) -> Iterator[tuple[Shape, Derived]]:
    return ((shape, each) for shape in plan.shapes.values() if shape.form for each in shape.derived)


def _unasked(plan: Plan, each: Derived) -> list[Column]:
    names = {name for name, _ in each.values}
    return [one for one in plan.tables[each.suffix].columns if one.physical[0][0] in names and not one.question.path]
