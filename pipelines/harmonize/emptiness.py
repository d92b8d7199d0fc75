"""The SQL that finds the empty cells of one column, and says of each why it is empty.

What the reasons mean, and what becomes of the SQL, is missing.py; how a condition becomes SQL is condition.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.forms.expression import Node, Parent
from pipelines.forms.form import Form
from pipelines.harmonize.condition import UnsaidError, condition_sql, conditions
from pipelines.harmonize.decode import text_of
from pipelines.harmonize.kinds import Sql
from pipelines.harmonize.nonanswer import nonanswer_of
from pipelines.harmonize.plan import Column, Derived, Landing, Plan, Shape, Table
from pipelines.store.duck import literal, quote

KEY = "_id, _source, _asset"

Visible = Callable[[str, str], bool]
"""Whether a column (table, physical name) may be looked at."""


@dataclass(slots=True)
class _Sources:
    """The tables that a part reads, as it finds out what its conditions look at: by alias, the texts it takes there."""

    plan: Plan
    table: Table
    visible: Visible
    texts: dict[str, dict[Sql, str]] = field(default_factory=dict)

    def text(self, landing: Landing) -> Sql:
        """SQL for what was sent at this landing, as the row sees it; UnsaidError where it does not see it."""
        alias = self._alias(landing.suffix)
        name = self.plan.tables[landing.suffix].name
        untold = landing.lossy or (landing.careful and landing.recode)  # the codes of then, from those of now
        if untold or not all(self.visible(name, physical) for physical in landing.physical):
            raise UnsaidError
        taken = self.texts.setdefault(alias, {})
        return f"{alias}.{taken.setdefault(text_of(landing), quote(f'/{len(taken)}'))}"

    def held(self, suffix: str) -> Sql:
        """SQL for the columns of this row, or of one around it, whose answers are in quarantine."""
        alias = self._alias(suffix)
        self.texts.setdefault(alias, {})
        return f"h_{alias}.columns"

    def _alias(self, suffix: str) -> str:
        around = {self.table.suffix: "r", "": "t" if self.table.suffix else "r"}
        around |= {outer: f"o{depth}" for depth, outer in enumerate(self.table.within, start=1)}
        if suffix not in around:
            raise UnsaidError
        return around[suffix]

    def sql(self, columns: Collection[str]) -> Sql:
        """The FROM of the part; `columns` of its own table are taken as they are."""
        parent = self.table.suffix and "t" not in self.texts
        if parent:
            self.texts["t"] = {}
        joined = [self._relation("r", self.table, columns)]
        for alias in sorted(self.texts.keys() - {"r"}):
            depth = int(alias[1:]) if alias != "t" else 0
            table = self.plan.tables[self.table.within[depth - 1] if depth else ""]
            relation = self._relation(alias, table, ["_form_version"] if alias == "t" else [])
            same = f"{alias}._index = array_to_string(string_split(r._index, '.')[:{depth}], '.')" if depth else "true"
            keys = " AND ".join(f"{alias}.{key} = r.{key}" for key in KEY.split(", "))
            joined.append(f"JOIN {relation} ON {keys} AND {same}")
        return " ".join([*joined, *self._held_joins()])

    def _relation(self, alias: str, table: Table, columns: Collection[str]) -> Sql:
        index = ["_index"] if table.suffix else []
        names = [KEY, *index, *(["_form_version"] if alias == "r" and not table.suffix else []), *map(quote, columns)]
        texts = [f"{text} AS {name}" for text, name in self.texts.get(alias, {}).items()]
        return f"(SELECT {', '.join([*names, *texts])} FROM harmonized.{quote(table.name)}) AS {alias}"

    def _held_joins(self) -> Iterator[Sql]:
        for alias in sorted(self.texts.keys() | {"r"}):
            depth = int(alias[1:]) if alias.startswith("o") else 0
            suffix = self.table.suffix if alias == "r" else self.table.within[depth - 1] if depth else ""
            table = self.plan.tables[suffix]
            keys = " AND ".join(f"h_{alias}.{key} = r.{key}" for key in KEY.split(", "))
            index = f"h_{alias}._index = " + (f"{alias}._index" if table.suffix else "''")
            yield f"""LEFT JOIN (SELECT {KEY}, _index, list(column_name) AS columns FROM missing.held
                                 WHERE table_name = {literal(table.name)} GROUP BY ALL) AS h_{alias}
                      ON {keys} AND {index}"""


def empty_cells(plan: Plan, table: Table, column: Column, physical: str, visible: Visible) -> Sql:
    """SQL for the empty cells of one column, and why each is empty."""
    sources = _Sources(plan, table, visible)
    held = f"coalesce(list_contains({sources.held(table.suffix)}, {literal(column.name)}), false)"
    cell = f"r.{quote(physical)}"
    codes = _nonanswers(plan, table, column)
    reasons = [f"WHEN {_is(column, cell, code)} THEN {literal(why)}" for code, why in sorted(codes.items())]
    others = [f"r.{quote(other)}" for other, _ in column.physical if other != physical and visible(table.name, other)]
    if others:
        answered = " OR ".join(f"{other} IS NOT NULL" for other in others)
        reasons.append(f"WHEN {answered} THEN 'not_answered'")
    reasons.append(f"WHEN {held} THEN 'quarantined'")
    version = "t._form_version" if table.suffix else "r._form_version"
    for why, shapes in _by_why(plan, table, column, sources).items():
        reasons.append(f"WHEN {version} IN ({', '.join(map(literal, shapes))}) THEN {why}")
    index = "r._index" if table.suffix else "NULL::VARCHAR"
    empty = " OR ".join([f"{cell} IS NULL", *(_is(column, cell, code) for code in sorted(codes))])
    source = sources.sql([name for name, _ in column.physical if visible(table.name, name)])
    return f"""SELECT r._id, r._source, r._asset, {index} AS _index, {literal(physical)} AS column_name,
               CASE {" ".join(reasons)} ELSE 'not_in_version' END AS why FROM {source} WHERE {empty}"""


def _is(column: Column, cell: Sql, code: str) -> Sql:
    """SQL for whether a cell holds this code and nothing else."""
    return (
        f"coalesce({cell} = [{literal(code)}], false)"
        if column.kind == "multiple"
        else f"coalesce({cell} = {literal(code)}, false)"
    )


def _nonanswers(plan: Plan, table: Table, column: Column) -> dict[str, str]:
    """The codes of a column that are no answer, in the codes of now, and what each says."""
    found: dict[str, str] = {}
    for shape in plan.shapes.values():
        for landing in _landings(shape, table, column):
            if shape.form and landing.kind in {"text", "multiple"}:
                for choice in shape.form.choices_of(shape.form.question(landing.path)):
                    if why := nonanswer_of(choice):
                        found.setdefault(landing.recode.get(choice.name, choice.name), why)
    return found


def _landings(shape: Shape, table: Table, column: Column) -> list[Landing]:
    wanted = (table.suffix, column.name)
    return [landing for landing in shape.landings.values() if (landing.suffix, landing.column) == wanted]


def _by_why(plan: Plan, table: Table, column: Column, sources: _Sources) -> dict[Sql, list[str]]:
    """SQL for why the cell is empty -> the versions in which that is why."""
    found: dict[Sql, list[str]] = {}
    for shape in plan.shapes.values():
        landings = _landings(shape, table, column)
        into = [{rule.value, rule.other} for rule in shape.splits.values() if rule.into == table.suffix]
        if landings and shape.form:
            asked = [_conditions(shape.form, shape, landing, sources) for landing in landings]
            found.setdefault(_why(asked), []).append(shape.name)
        elif landings or any(column.name in names for names in into):
            found.setdefault("'not_answered'", []).append(shape.name)
        for each in shape.derived:
            if each.suffix == table.suffix and column.physical[0][0] in dict(each.values):
                found.setdefault(_computed(shape, each, sources), []).append(shape.name)
    return found


def _computed(shape: Shape, each: Derived, sources: _Sources) -> Sql:
    """SQL for why a cell is empty that is computed: why the answers are missing that it is made of."""
    landings = [shape.landings[path] for path in each.members]
    if not shape.form or not landings:
        return "'not_answered'"
    held = " OR ".join(
        f"coalesce(list_contains({sources.held(one.suffix)}, {literal(one.column)}), false)" for one in landings
    )
    asked = [_conditions(shape.form, shape, landing, sources) for landing in landings]
    said = _nonanswer_said(shape.form, landings[0], sources) if each.way == "interval" else ""
    return f"CASE WHEN {held} THEN 'quarantined' {said} ELSE {_why(asked)} END"


def _nonanswer_said(form: Form, landing: Landing, sources: _Sources) -> Sql:
    """SQL for the reason where somebody refused to place themselves on a scale, or did not know."""
    choices = form.choices_of(form.question(landing.path))
    codes = {choice.name: nonanswer_of(choice) for choice in choices if nonanswer_of(choice)}
    try:
        text = sources.text(landing) if codes else ""
    except UnsaidError:
        return "WHEN true THEN 'unknown'"
    return " ".join(f"WHEN {text} = {literal(code)} THEN {literal(why)}" for code, why in codes.items())


@dataclass(frozen=True, slots=True)
class _Asked:
    """Under what a question is asked: SQL for whether each condition fails, and for whether an answer that they look at
    is in quarantine; and whether there is a condition that cannot be said.
    """

    failed: tuple[Sql, ...]
    doubtful: tuple[Sql, ...]
    unsaid: bool


def _conditions(form: Form, shape: Shape, landing: Landing, sources: _Sources) -> _Asked:
    failed: list[Sql] = []
    doubtful: list[Sql] = []
    unsaid = False
    paths = _paths(form)
    for condition in _relevance(form, landing.path):
        try:
            sql, doubts = _condition(condition, shape, paths, sources)
        except UnsaidError:
            unsaid = True
            continue
        failed.append(f"(NOT ({' OR '.join(doubts) or 'false'}) AND NOT {sql})")
        doubtful += doubts
    return _Asked(tuple(failed), tuple(dict.fromkeys(doubtful)), unsaid)


def _relevance(form: Form, path: str) -> Iterator[Node]:
    """Each condition under which a question is asked; in the place of one that cannot be read, one that nobody can."""
    for expression in form.relevance(path):
        try:
            yield from conditions(expression)
        except UnsaidError:
            yield Parent()


def _condition(
    condition: Node, shape: Shape, paths: Mapping[str, Sequence[str]], sources: _Sources
) -> tuple[Sql, list[Sql]]:
    """A condition as SQL, and SQL for each answer that it looks at whether that waits in quarantine."""
    looked_at: list[Landing] = []

    def answer(name: str) -> Sql:
        found = paths.get(name, ())
        if len(found) != 1 or found[0] not in shape.landings:
            raise UnsaidError
        looked_at.append(shape.landings[found[0]])
        return sources.text(looked_at[-1])

    sql = condition_sql(condition, answer)
    doubts = [f"coalesce(list_contains({sources.held(one.suffix)}, {literal(one.column)}), false)" for one in looked_at]
    return sql, list(dict.fromkeys(doubts))


def _paths(form: Form) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for question in form.questions:
        found.setdefault(question.name, []).append(question.path)
    return found


def _why(asked: Sequence[_Asked]) -> Sql:
    """SQL for why a cell is empty that any of these questions could have filled."""
    never = [f"({' OR '.join(one.failed)})" if one.failed else "false" for one in asked]
    reasons = [] if "false" in never else [f"WHEN {' AND '.join(never)} THEN 'not_relevant'"]
    doubt = list(dict.fromkeys(part for one in asked for part in one.doubtful))
    doubt = ["true"] if any(one.unsaid for one in asked) else doubt
    if doubt:
        reasons.append(f"WHEN {' OR '.join(doubt)} THEN 'unknown'")
    return f"CASE {' '.join(reasons)} ELSE 'not_answered' END" if reasons else "'not_answered'"
