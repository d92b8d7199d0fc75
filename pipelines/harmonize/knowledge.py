"""What careful landing must know beside the plan: labels of choices, and the names that a split cuts by."""

from collections.abc import Mapping
from functools import cache

from pipelines.errors import ConfigError
from pipelines.forms.form import Choice, Form
from pipelines.harmonize.careful import Knowledge
from pipelines.harmonize.convert import Writing, fold
from pipelines.harmonize.plan import Column, Landing, Plan, Shape
from pipelines.harmonize.split import Names, names_of
from pipelines.store.duck import Connection, columns_of, quote


def knowledge_of(con: Connection, plan: Plan) -> Knowledge:
    """What is known for `plan`; the names come from the reference tables of `con`."""

    @cache
    def labels(suffix: str, column: str) -> Mapping[str, str]:
        return _labels(plan, plan.tables[suffix].column(column))

    @cache
    def names(table: str) -> Names:
        return _names(con, plan.tool, table)

    def writing(shape: Shape, landing: Landing) -> Writing:
        if shape.layout is None:
            return Writing()
        layout = shape.layout
        known = labels(landing.suffix, landing.column) if landing.kind in {"text", "multiple"} else {}
        return Writing(frozenset(layout.missing), layout.dates, known, from_labels=True)

    return Knowledge(writing, names)


def check_names(con: Connection, plan: Plan) -> None:
    """Nothing, or ConfigError where a split cuts by a reference table that there is not, needed today or not."""
    for by in {rule.by: None for shape in plan.shapes.values() for rule in shape.splits.values()}:
        _alias_and_code(con, plan.tool, by)


def _labels(plan: Plan, column: Column) -> dict[str, str]:
    """Folded code or label, in any language -> code, by the version that names the column."""
    form = next(form for form in _forms(plan) if form.version == column.version)
    choices: tuple[Choice, ...] = form.choices.get(column.question.list_name, ())
    by_label = {fold(label): choice.name for choice in reversed(choices) for label in choice.labels.values()}
    return {**by_label, **{fold(choice.name): choice.name for choice in choices}}


def _forms(plan: Plan) -> list[Form]:
    return [*plan.versions, *(shape.form for shape in plan.shapes.values() if shape.form)]


def _alias_and_code(con: Connection, tool: str, table: str) -> tuple[str, str]:
    """The two columns of a reference table that a split may cut by: the alias, and what it stands for."""
    columns = list(columns_of(con, "reference", table))
    if len(columns) < 2:
        message = (
            f"xlsforms/{tool}/crosswalk.yml cuts a text by '{table}', but there is no warehouse/reference/{table}.csv "
            "with two columns (alias, code); write one, or name another in 'by'."
        )
        raise ConfigError(message)
    return columns[0], columns[1]


def _names(con: Connection, tool: str, table: str) -> Names:
    """The names to cut by, from a reference table."""
    alias, code = map(quote, _alias_and_code(con, tool, table))
    found: dict[str, list[str]] = {}
    for written, meant in con.execute(f"SELECT {alias}, {code} FROM reference.{quote(table)} ORDER BY ALL").fetchall():
        found.setdefault(written, []).append(meant)
    return names_of(found)
