"""The compiled SQL that lands a shape's documents: one JSON decode per document, then every answer to its column.

It is optimistic: it takes each text as its kind expects it. What it could not hold byte-exactly shows in the ledger's
digests, and those documents are landed again with care (careful.py). Names of questions are foreign: they enter as
quoted identifiers and literals only.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from pipelines.harmonize.kinds import KINDS, Sql
from pipelines.harmonize.plan import Landing, Plan, Shape, Table
from pipelines.project.tool import Period
from pipelines.store.duck import Connection, literal, quote
from pipelines.store.period import period_sql

KEY = (("_id", "VARCHAR"), ("_source", "VARCHAR"), ("_asset", "VARCHAR"))
TOP = (
    ("_id", "VARCHAR"),
    ("_server_id", "VARCHAR"),
    ("_source", "VARCHAR"),
    ("_asset", "VARCHAR"),
    ("_form_version", "VARCHAR"),
    ("_submitted_at", "TIMESTAMP"),
    ("_submitted_by", "VARCHAR"),
    ("_validation_status", "VARCHAR"),
    ("_period", "VARCHAR"),
    ("_period_how", "VARCHAR"),
    ("_revision", "INTEGER"),
)
CHILD = (*KEY, ("_index", "VARCHAR"), ("_parent_index", "VARCHAR"))

EACH = quote("/each")
"""An element of a list, in SQL that stands among columns named by questions: no question's name holds a slash."""

ENVELOPE = (
    "source, asset, root_id, server_id, form_version, submitted_at, submitted_by, validation_status, revision, "
    "n_answers, digest"
)


def own_columns(table: Table) -> tuple[tuple[str, str], ...]:
    """(name, SQL type) of the columns that are ours, not the form's."""
    return CHILD if table.suffix else TOP


def create(con: Connection, plan: Plan) -> None:
    """Make the tool's tables anew, empty."""
    con.execute("CREATE SCHEMA IF NOT EXISTS harmonized")
    for table in plan.tables.values():
        columns = [*own_columns(table), *(physical for column in table.columns for physical in column.physical)]
        written = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in columns)
        con.execute(f"CREATE OR REPLACE TABLE harmonized.{quote(table.name)} ({written})")


def land(con: Connection, plan: Plan, shape: Shape, period: Period, documents: Sql) -> None:
    """Land `documents` (a relation with the archive's columns) of this shape; one that is not decoded leaves no row."""
    structure = json.dumps(_structure(shape, ""), ensure_ascii=False)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE decoded AS
            SELECT {ENVELOPE}, TRY(from_json(raw, {literal(structure)})) AS d FROM {documents}"""
    )
    con.execute("DELETE FROM decoded WHERE d IS NULL")
    top = list(shape.direct(""))
    ours = {
        "_id": "root_id",
        "_server_id": "server_id",
        "_source": "source",
        "_asset": "asset",
        "_form_version": literal(shape.name),
        "_submitted_at": "submitted_at",
        "_submitted_by": "submitted_by",
        "_validation_status": "validation_status",
        "_revision": "revision",
    }
    _insert(con, plan.tables[""], ours, top, "decoded")
    set_period(con, plan, period, f"_form_version = {literal(shape.name)}")
    _land_repeats(con, plan, shape, "")
    con.execute("DROP TABLE decoded")


def set_period(con: Connection, plan: Plan, period: Period, rows: Sql) -> None:
    """Say of `rows` (a condition) what period they are about: as asked, or else when they were sent."""
    types = dict(physical for column in plan.tables[""].columns for physical in column.physical)
    sql = period_sql(period.question, types.get(period.question, ""), period.every)
    con.execute(
        f"UPDATE harmonized.{quote(plan.tool)} SET _period = {sql.period}, _period_how = {sql.how} WHERE {rows}"
    )


def landed_as(landing: Landing, text: Sql) -> Iterator[tuple[str, Sql]]:
    """(physical column, SQL expression) for the answer `text` of this landing."""
    recoded = recode_sql(landing, text)
    yield from zip(landing.physical, KINDS[landing.kind].landed(recoded), strict=True)


def text_of(landing: Landing) -> Sql:
    """SQL for the text that was sent, read back from the landing's columns; careful landing notes what it recodes."""
    back = {} if landing.careful else {now: then for then, now in reversed(list(landing.recode.items()))}
    columns = tuple(map(quote, landing.physical))
    if landing.kind == "multiple" and back:
        return KINDS["multiple"].text_of((f"list_transform({columns[0]}, lambda {EACH}: {_case(EACH, back)})",))
    return _case(KINDS[landing.kind].text_of(columns), back)


def recode_sql(landing: Landing, text: Sql) -> Sql:
    """`text` with the codes of then replaced by those of now."""
    if landing.kind == "multiple" and landing.recode:
        codes = f"string_split({text}, ' ')"
        return f"array_to_string(list_transform({codes}, lambda {EACH}: {_case(EACH, landing.recode)}), ' ')"
    return _case(text, landing.recode)


def _case(value: Sql, codes: Mapping[str, str]) -> Sql:
    if not codes:
        return value
    branches = " ".join(f"WHEN {literal(then)} THEN {literal(now)}" for then, now in codes.items())
    return f"CASE {value} {branches} ELSE {value} END"


def _structure(shape: Shape, repeat: str) -> dict[str, object]:
    """What from_json is told to look for in one record: every answer as text, every repeat as a list."""
    record: dict[str, object] = {landing.path: "VARCHAR" for landing in shape.direct(repeat)}
    for inner in shape.direct_repeats(repeat):
        structure = _structure(shape, inner)
        if structure:
            record[inner] = [structure]
    return record or {"_": "VARCHAR"} if not repeat else record


def _insert(con: Connection, table: Table, ours: Mapping[str, Sql], landings: Sequence[Landing], source: Sql) -> None:
    chosen: dict[str, list[Sql]] = {}
    for landing in landings:
        for physical, expression in landed_as(landing, f"d.{quote(landing.path)}"):
            chosen.setdefault(physical, []).append(expression)
    columns = [*ours, *chosen]
    values = [*ours.values(), *(_first(expressions) for expressions in chosen.values())]
    names = ", ".join(map(quote, columns))
    con.execute(f"INSERT INTO harmonized.{quote(table.name)} ({names}) SELECT {', '.join(values)} FROM {source}")


def _first(expressions: Sequence[Sql]) -> Sql:
    """Two paths of one version may share a column; the first answered one stands, the ledger shows the other."""
    return expressions[0] if len(expressions) == 1 else f"coalesce({', '.join(expressions)})"


def _land_repeats(con: Connection, plan: Plan, shape: Shape, outer: str) -> None:
    """Land the repeats directly in `outer`, whose rows are decoded, and all inside them."""
    for repeat in shape.direct_repeats(outer):
        if _structure(shape, repeat):
            _land_repeat(con, plan, shape, outer, repeat)
            _land_repeats(con, plan, shape, repeat)
            con.execute(f"DROP TABLE {_decoded(shape, repeat)}")


def _land_repeat(con: Connection, plan: Plan, shape: Shape, outer: str, repeat: str) -> None:
    holder = _decoded(shape, outer)
    index = f"{quote('_index')} || '.' || i" if outer else "CAST(i AS VARCHAR)"
    around = quote("_index") if outer else "CAST(NULL AS VARCHAR)"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE {_decoded(shape, repeat)} AS
            SELECT source, asset, root_id, {index} AS _index, {around} AS _parent_index, d
            FROM (SELECT * EXCLUDE (d), unnest(d.{quote(repeat)}) AS d,
                         generate_subscripts(d.{quote(repeat)}, 1) AS i FROM {holder})
            WHERE {_answered(shape, repeat, "d")}"""
    )
    ours = {
        "_id": "root_id",
        "_source": "source",
        "_asset": "asset",
        "_index": "_index",
        "_parent_index": "_parent_index",
    }
    _insert(con, plan.tables[shape.repeats[repeat]], ours, list(shape.direct(repeat)), _decoded(shape, repeat))


def _answered(shape: Shape, repeat: str, row: Sql) -> Sql:
    """SQL for whether `row` of this repeat holds an answer, itself or in a repeat inside it.

    A row without one is no row: nobody said anything there, and the ledger could not tell a lost one from one made up.
    """
    inner = [other for other in shape.direct_repeats(repeat) if _structure(shape, other)]
    name = f"row{repeat.count('/')}"
    said = [f"{row}.{quote(landing.path)}" for landing in shape.direct(repeat)]
    for other in inner:
        rows = f"list_filter({row}.{quote(other)}, lambda {name}: {_answered(shape, other, name)})"
        said.append(f"CASE WHEN len({rows}) > 0 THEN '' END")
    return f"coalesce({', '.join(said)}) IS NOT NULL"


def _decoded(shape: Shape, repeat: str) -> Sql:
    return quote(f"decoded_{shape.repeats[repeat]}") if repeat else "decoded"
