"""What careful landing must know beside the plan: labels of choices, and the names that a split cuts by."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache, partial

from pipelines.errors import ConfigError
from pipelines.forms.form import Form
from pipelines.harmonize.careful import Knowledge
from pipelines.harmonize.convert import Answer, Writing, convert, fold
from pipelines.harmonize.plan import Column, Landing, Plan, Shape
from pipelines.harmonize.split import Names, names_of
from pipelines.store.duck import Connection, columns_of, quote

TEXTS_REMEMBERED = 4096
"""Of each path: a file says the same few hundred texts over and over in most of its columns."""

LONGEST_REMEMBERED = 200


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
        layout, by = shape.layout, _by(shape, landing.path)
        known: Mapping[str, str] = {}
        if by:
            known = _meanings(con, plan.tool, by)
        elif landing.kind in {"text", "multiple"}:
            known = labels(landing.suffix, landing.column)
        missing = frozenset(layout.missing)
        return Writing(missing, layout.dates, known, from_labels=True, closed=bool(by), zone=layout.zone)

    ways: dict[tuple[str, str], Callable[[str], Answer]] = {}

    def converted(shape: Shape, landing: Landing, text: str) -> Answer:
        if len(text) > LONGEST_REMEMBERED:
            return convert(text, landing.kind, writing(shape, landing), landing.recode, landing.factor)
        way = ways.get((shape.name, landing.path))
        if way is None:
            how = partial(
                convert,
                kind=landing.kind,
                writing=writing(shape, landing),
                recode=landing.recode,
                factor=landing.factor,
            )
            way = ways[shape.name, landing.path] = lru_cache(TEXTS_REMEMBERED)(how)
        return way(text)

    return Knowledge(writing, names, converted)


def check_names(con: Connection, plan: Plan) -> None:
    """Nothing, or ConfigError where the crosswalk names a reference table that there is not, needed today or not."""
    for shape in plan.shapes.values():
        for rule in shape.splits.values():
            _alias_and_code(con, plan.tool, rule.by)
        for by in filter(None, [_by(shape, path) for path in shape.landings]):
            _alias_and_code(con, plan.tool, by, "looks texts up in")


def _by(shape: Shape, path: str) -> str:
    """The reference table that the texts of this column of a file are looked up in; empty where they are not."""
    return shape.layout.columns[path].by if shape.layout else ""


def _labels(plan: Plan, column: Column) -> dict[str, str]:
    """Folded code or label, in any language -> code, by the version that names the column; no label of two choices."""
    form = next(form for form in _forms(plan) if form.version == column.version)
    choices = form.choices_of(column.question)
    by_label = _one_code_each((label, choice.name) for choice in choices for label in choice.labels.values())
    return {**by_label, **{fold(choice.name): choice.name for choice in choices}}


def _one_code_each(said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Folded text -> code, of (text, code), without the texts that stand for several."""
    found: dict[str, set[str]] = {}
    for written, meant in said:
        found.setdefault(fold(written), set()).add(meant)
    return {written: codes.pop() for written, codes in found.items() if len(codes) == 1}


def _forms(plan: Plan) -> list[Form]:
    return [*plan.versions, *(shape.form for shape in plan.shapes.values() if shape.form)]


def _alias_and_code(con: Connection, tool: str, table: str, does: str = "cuts a text by") -> tuple[str, str]:
    """The two columns of a reference table that the crosswalk names: the alias, and what it stands for."""
    columns = list(columns_of(con, "reference", table))
    if len(columns) < 2:
        message = (
            f"xlsforms/{tool}/crosswalk.yml {does} '{table}', but there is no "
            f"warehouse/reference/{table}.csv with two columns (alias, code); write one, or name another in 'by'."
        )
        raise ConfigError(message)
    return columns[0], columns[1]


def _names(con: Connection, tool: str, table: str) -> Names:
    """The names to cut by, from a reference table."""
    found: dict[str, list[str]] = {}
    for written, meant in _aliases(con, tool, table):
        found.setdefault(written, []).append(meant)
    return names_of(found)


def _meanings(con: Connection, tool: str, table: str) -> dict[str, str]:
    """Folded alias, or code -> code, from a reference table; without what stands for several."""
    aliases = _aliases(con, tool, table)
    return _one_code_each([*aliases, *((code, code) for _, code in aliases)])


def _aliases(con: Connection, tool: str, table: str) -> list[tuple[str, str]]:
    """(alias, code) of every row of a reference table that has both."""
    alias, code = map(quote, _alias_and_code(con, tool, table))
    sql = f"SELECT {alias}, {code} FROM reference.{quote(table)} WHERE {alias} <> '' AND {code} <> '' ORDER BY ALL"
    return con.execute(sql).fetchall()
