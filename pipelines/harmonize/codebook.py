"""The codebook tables: what was asked in every version, with its labels, choices and sensitivity.

They are what the published files obey: codebook.column_ says who may see a column, and a column that is not in it is
restricted. How a codebook looks to a reader is products/.
"""

from collections.abc import Iterator

from pipelines.forms.form import LEVELS, Form, Labels, Question
from pipelines.harmonize.decode import own_columns
from pipelines.harmonize.plan import Plan, Shape, Table
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
    tool VARCHAR, version VARCHAR, list_name VARCHAR, name VARCHAR, position INTEGER);
CREATE TABLE IF NOT EXISTS codebook.label (
    tool VARCHAR, version VARCHAR, kind VARCHAR, list_name VARCHAR, name VARCHAR, path VARCHAR, language VARCHAR,
    text VARCHAR);
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


def write_codebook(con: Connection, plan: Plan) -> None:
    """Write the codebook rows of the plan's tool anew."""
    con.execute(TABLES)
    for table in ("version", "question", "choice", "label"):
        con.execute(f"DELETE FROM codebook.{table} WHERE tool = ?", [plan.tool])
    names = [table.name for table in plan.tables.values()]
    ours = "schema_name IN ('harmonized', 'clean') AND table_name IN (SELECT unnest(?))"
    con.execute(f"DELETE FROM codebook.column_ WHERE {ours}", [names])
    oldest_first = list(reversed(plan.versions))
    insert_texts(con, "codebook.version", [_version(form, number) for number, form in enumerate(oldest_first, start=1)])
    insert_texts(con, "codebook.question", [row for form in oldest_first for row in _questions(plan, form)])
    insert_texts(con, "codebook.choice", [row for form in oldest_first for row in _choices(form)])
    insert_texts(con, "codebook.label", [row for form in oldest_first for row in _labels(form)])
    insert_texts(con, "codebook.column_", [row for table in plan.tables.values() for row in _columns(plan, table)])


def _version(form: Form, number: int) -> list[str]:
    return [form.tool, form.version, form.title, str(number), ", ".join(form.languages)]


def _questions(plan: Plan, form: Form) -> Iterator[list[str]]:
    shape = plan.shapes[form.version]
    for position, question in enumerate(form.questions, start=1):
        landing = shape.landings.get(question.path)
        table = plan.tables[landing.suffix] if landing else None
        column = table.column(landing.column) if table and landing else None
        rule = shape.splits.get(question.path)
        yield [
            form.tool,
            form.version,
            table.name if table else f"{form.tool}__{rule.into}" if rule else "",
            column.name if column else rule.value if rule else "",
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
            "split" if rule else "retired" if column and column.retired else "current",
            str(position),
        ]


def _choices(form: Form) -> Iterator[list[str]]:
    for list_name, choices in form.choices.items():
        for position, choice in enumerate(choices, start=1):
            yield [form.tool, form.version, list_name, choice.name, str(position)]


def _labels(form: Form) -> Iterator[list[str]]:
    def rows(kind: str, list_name: str, name: str, path: str, labels: Labels) -> Iterator[list[str]]:
        for language, text in labels.items():
            yield [form.tool, form.version, kind, list_name, name, path, language, text]

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
    for form in plan.versions:
        level_of = {question.path: question.level for question in form.questions}
        for path, column in _landed(plan.shapes[form.version], table):
            level = level_of[path] if level_of[path] in LEVELS else "restricted"
            levels[column] = max(levels.get(column, level), level, key=LEVELS.index)
    return levels


def _landed(shape: Shape, table: Table) -> Iterator[tuple[str, str]]:
    """(path, column) of the questions whose own words may stand in `table`; of a split, where its unknown names go."""
    for path, landing in shape.landings.items():
        if landing.suffix == table.suffix:
            yield path, landing.column
    for path, rule in shape.splits.items():
        if rule.into == table.suffix:
            yield path, rule.other or rule.value


def _spoken(question: Question) -> str:
    return question.labels.get("en", next(iter(question.labels.values()), ""))
