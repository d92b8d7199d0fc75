"""The codebook tables: what was asked in every version, with its labels, choices and sensitivity, and what joined it.

They are what the published files obey: codebook.column_ says who may see a column, and a column that is not in it is
restricted. How a codebook looks to a reader is products/.
"""

from collections.abc import Iterator, Mapping

from pipelines.forms.form import LEVELS, Form, Group, Labels, Question, Repeat
from pipelines.harmonize.codebook_apart import apart_choices, apart_labels, kept_apart
from pipelines.harmonize.codebook_computed import computed_labels, computed_mappings, computed_questions
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.decode import own_columns
from pipelines.harmonize.nonanswer import nonanswer_of
from pipelines.harmonize.plan import Plan, Shape, Table
from pipelines.project.crosswalk import Crosswalk, Entry, read_crosswalk
from pipelines.project.tool import Tool
from pipelines.store.duck import Connection, insert_texts

TABLES = """
CREATE SCHEMA IF NOT EXISTS codebook;
CREATE TABLE IF NOT EXISTS codebook.version (
    tool VARCHAR, version VARCHAR, title VARCHAR, position INTEGER, languages VARCHAR);
CREATE TABLE IF NOT EXISTS codebook.question (
    tool VARCHAR, version VARCHAR, table_name VARCHAR, column_name VARCHAR, path VARCHAR, name VARCHAR, type VARCHAR,
    list_name VARCHAR, repeat VARCHAR, required VARCHAR, relevant VARCHAR, constraint_ VARCHAR, sensitivity VARCHAR,
    hxl VARCHAR, indicator VARCHAR, status VARCHAR, position INTEGER);
CREATE TABLE IF NOT EXISTS codebook.choice (
    tool VARCHAR, version VARCHAR, list_name VARCHAR, name VARCHAR, position INTEGER, missing VARCHAR);
ALTER TABLE codebook.choice ADD COLUMN IF NOT EXISTS missing VARCHAR;
CREATE TABLE IF NOT EXISTS codebook.label (
    tool VARCHAR, version VARCHAR, kind VARCHAR, list_name VARCHAR, name VARCHAR, path VARCHAR, language VARCHAR,
    text VARCHAR);
CREATE TABLE IF NOT EXISTS codebook.mapping (
    tool VARCHAR, origin VARCHAR, version VARCHAR, path VARCHAR, table_name VARCHAR, column_name VARCHAR, how VARCHAR,
    recode VARCHAR, why VARCHAR);
CREATE TABLE IF NOT EXISTS codebook.column_ (
    schema_name VARCHAR, table_name VARCHAR, column_name VARCHAR, sensitivity VARCHAR, description VARCHAR);
"""

LAYERS = ("harmonized", "clean")

OURS = {
    "_id": ("partners", "Stable key of the submission, unique with _source and _asset"),
    "_server_id": ("partners", "The server's own number of the submission"),
    "_source": ("partners", "The server or inbox it came from"),
    "_asset": ("partners", "The form on that server"),
    "_form_version": ("partners", "The version of the form it was filled in"),
    "_submitted_at": ("partners", "When the server received it (UTC)"),
    "_submitted_by": ("restricted", "The account that sent it"),
    "_validation_status": ("partners", "The server's validation status"),
    "_period": ("partners", "The month or round it is about"),
    "_period_how": (
        "partners",
        "Whether the period was asked, is the round of the asset, or the month in which it was submitted",
    ),
    "_revision": ("partners", "How often it was changed on the server, counted from 1"),
    "_index": ("partners", "Position of this row within its submission"),
    "_parent_index": ("partners", "Position of the row of the outer repeat"),
}
"""Our own columns: who may see each, and what it is."""


def write_codebook(con: Connection, plan: Plan, tool: Tool) -> None:
    """Write the codebook rows of the plan's tool anew."""
    con.execute(TABLES)
    for table in ("version", "question", "choice", "label", "mapping"):
        con.execute(f"DELETE FROM codebook.{table} WHERE tool = ?", [plan.tool])
    names = [table.name for table in plan.tables.values()]
    ours = "schema_name IN ('harmonized', 'clean') AND table_name IN (SELECT unnest(?))"
    con.execute(f"DELETE FROM codebook.column_ WHERE {ours}", [names])
    crosswalk = read_crosswalk(tool.crosswalk_file)
    asked = _asked(plan)
    insert_texts(con, "codebook.version", [_version(*each, number) for number, each in enumerate(asked.items(), 1)])
    questions = [row for each in asked.items() for row in _questions(plan, *each)]
    insert_texts(con, "codebook.question", [*questions, *computed_questions(plan)])
    of_shapes = [(plan.shapes[version], version, form) for version, form in asked.items()]
    choices = [row for each in asked.items() for row in _choices(*each)]
    insert_texts(con, "codebook.choice", [*choices, *(row for each in of_shapes for row in apart_choices(*each))])
    labels = [row for each in asked.items() for row in _labels(*each)]
    labels += [row for each in of_shapes for row in apart_labels(*each)]
    insert_texts(con, "codebook.label", [*labels, *computed_labels(plan)])
    mappings = [*_mappings(plan, crosswalk), *_layout_mappings(plan, crosswalk), *computed_mappings(plan, crosswalk)]
    insert_texts(con, "codebook.mapping", mappings)
    insert_texts(con, "codebook.column_", [row for table in plan.tables.values() for row in _columns(plan, table)])


def codebook_of_forms(con: Connection, tool: Tool) -> None:
    """Write the codebook of `tool` into `con` from its forms and crosswalk alone: nothing need be synced or built."""
    write_codebook(con, plan_of(tool, []), tool)


def _asked(plan: Plan) -> dict[str, Form]:
    """Every form by the name that rows carry as _form_version: the repository's, oldest first, then those that only a
    server has.
    """
    ours = {form.version: form for form in reversed(plan.versions)}
    return {**ours, **{name: shape.form for name, shape in plan.shapes.items() if shape.form and name not in ours}}


def _version(version: str, form: Form, number: int) -> list[str]:
    return [form.tool, version, form.title, str(number), ", ".join(form.languages)]


def _questions(plan: Plan, version: str, form: Form) -> Iterator[list[str]]:
    shape = plan.shapes[version]
    for position, question in enumerate(form.questions, start=1):
        table, column = _place(plan, shape, question.path)
        yield [
            form.tool,
            version,
            table,
            column,
            question.path,
            question.name,
            question.type,
            question.list_name,
            question.repeats[-1] if question.repeats else "",
            question.required,
            question.relevant,
            question.constraint,
            question.level,
            question.hxl,
            question.indicator,
            "split" if question.path in shape.splits else "retired" if _retired(plan, shape, question) else "current",
            str(position),
        ]


def _place(plan: Plan, shape: Shape, path: str) -> tuple[str, str]:
    """(table, column) where the answers at `path` go; two empty texts where they go nowhere."""
    landing = shape.landings.get(path)
    if landing:
        return plan.tables[landing.suffix].name, landing.column
    rule = shape.splits.get(path)
    return (f"{plan.tool}__{rule.into}", rule.value) if rule else ("", "")


def _retired(plan: Plan, shape: Shape, question: Question) -> bool:
    landing = shape.landings.get(question.path)
    return bool(landing and plan.tables[landing.suffix].column(landing.column).retired)


def _mappings(plan: Plan, crosswalk: Crosswalk) -> Iterator[list[str]]:
    """What joined each question of each version to its column: an entry, its name, or nothing."""
    for version, form in _asked(plan).items():
        entries = crosswalk.rules(form.version, plan.shapes[version].source).entries
        shape = plan.shapes[version]
        for question in form.questions:
            entry = entries.get(question.path)
            place = _place(plan, shape, question.path)
            how = _by_entry(entry) if entry else _by_itself(plan, shape, question)
            recode, why = _said(entry)
            apart = _in_words(kept_apart(shape, question.path))
            recode = "; ".join(filter(None, [recode, apart]))
            yield [plan.tool, "version", version, question.path, *place, how, recode, why]


def _layout_mappings(plan: Plan, crosswalk: Crosswalk) -> Iterator[list[str]]:
    """Where the columns of other systems' files go."""
    for name, layout in crosswalk.layouts.items():
        for header, entry in layout.columns.items():
            place = _place(plan, plan.shapes[name], header)
            yield [plan.tool, "layout", name, header, *place, _by_entry(entry), *_said(entry)]


def _by_entry(entry: Entry) -> str:
    return "crosswalk" if entry.to else "split" if entry.split else "unmapped"


def _by_itself(plan: Plan, shape: Shape, question: Question) -> str:
    landing = shape.landings.get(question.path)
    if landing is None:
        return "unmapped"
    column = plan.tables[landing.suffix].column(landing.column)
    if column.question is not question:
        return "same name"
    return "retired" if column.retired else "names it"


def _said(entry: Entry | None) -> tuple[str, str]:
    """(recode, why) of a crosswalk entry in words."""
    if entry is None:
        return "", ""
    unit = [f"× {entry.factor:f}"] if entry.factor is not None else []
    return "; ".join([*unit, *filter(None, [_in_words(entry.recode)])]), entry.why or entry.unmapped


def _in_words(recode: Mapping[str, str]) -> str:
    return "; ".join(f"{then} → {now}" for then, now in recode.items())


def _choices(version: str, form: Form) -> Iterator[list[str]]:
    for list_name, choices in form.choices.items():
        for position, choice in enumerate(choices, start=1):
            yield [form.tool, version, list_name, choice.name, str(position), nonanswer_of(choice)]


def _labels(version: str, form: Form) -> Iterator[list[str]]:
    def rows(kind: str, list_name: str, name: str, path: str, labels: Labels) -> Iterator[list[str]]:
        for language, text in labels.items():
            yield [form.tool, version, kind, list_name, name, path, language, text]

    holders: tuple[Group | Repeat, ...] = (*form.groups, *form.repeats)
    for around in holders:
        yield from rows("group", "", around.name, around.path, around.labels)
    for question in form.questions:
        yield from rows("question", "", question.name, question.path, question.labels)
        yield from rows("hint", "", question.name, question.path, question.hints)
        yield from rows("constraint_message", "", question.name, question.path, question.constraint_messages)
    for list_name, choices in form.choices.items():
        for choice in choices:
            yield from rows("choice", list_name, choice.name, "", choice.labels)


def _columns(plan: Plan, table: Table) -> Iterator[list[str]]:
    levels = _levels(plan, table)
    for layer in LAYERS:
        for name, _ in own_columns(table):
            yield [layer, table.name, name, *OURS[name]]
        for column in table.columns:
            for name, _ in column.physical:
                yield [layer, table.name, name, levels.get(column.name, "restricted"), _spoken(column.question)]


def _levels(plan: Plan, table: Table) -> dict[str, str]:
    """The narrowest audience of all questions that land in a column: no version widens what another one closed."""
    levels: dict[str, str] = {}
    ours = [shape for shape in plan.shapes.values() if any(shape.form is form for form in plan.versions)]
    for shape in ours:
        level_of = {question.path: question.level for question in shape.form.questions} if shape.form else {}
        for path, column in _landed(shape, table):
            level = level_of[path] if level_of[path] in LEVELS else "restricted"
            levels[column] = max(levels.get(column, level), level, key=LEVELS.index)
    return levels


def _landed(shape: Shape, table: Table) -> Iterator[tuple[str, str]]:
    """(path, column) of the questions whose own words may stand in `table`; of a split, where its unknown names go; of
    a computed column, what it is made of.
    """
    for path, landing in shape.landings.items():
        if landing.suffix == table.suffix:
            yield path, landing.column
    for path, rule in shape.splits.items():
        if rule.into == table.suffix:
            yield path, rule.other or rule.value
    for each in shape.derived:
        if each.suffix == table.suffix:
            names = {each.column, *dict(each.values)}
            yield from ((path, name) for path in each.members for name in sorted(names))


def _spoken(question: Question) -> str:
    return question.labels.get("en", next(iter(question.labels.values()), ""))
