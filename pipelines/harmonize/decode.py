"""The compiled SQL that lands a shape's documents: one JSON decode per document, then every answer to its column.

It is optimistic: it takes each text as its kind expects it. What it could not hold byte-exactly shows in the ledger's
digests, and those documents are landed again with care (careful.py). Names of questions are foreign: they enter as
quoted identifiers and literals only.
"""

from collections.abc import Iterator, Mapping, Sequence

from pipelines.harmonize.kinds import KINDS, Sql
from pipelines.harmonize.plan import Landing, Plan, Shape, Table
from pipelines.harmonize.record import Record
from pipelines.harmonize.units import divided, multiplied
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

READ = "/read"
"""The column that says, while a shape is landed, whether its document could be decoded."""

ENVELOPE = "source, asset, root_id, server_id, submitted_at, submitted_by, validation_status, revision"


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


def shape_sql(plan: Plan) -> Sql:
    """SQL for the name of the shape that a row of the archive has."""
    known = " ".join(
        f"WHEN (source, asset, form_version) = ({literal(source)}, {literal(asset)}, {literal(version)}) "
        f"THEN {literal(shape)}"
        for (source, asset, version), shape in plan.shape_of.items()
        if asset
    )
    named = ", ".join(literal(name) for name in plan.shapes)
    known = " ".join([known, *_of_sources(plan, named)])
    return f"CASE {known} WHEN form_version IN ({named}) THEN form_version ELSE {literal(plan.otherwise)} END"


def _of_sources(plan: Plan, named: Sql) -> Iterator[Sql]:
    """Branches for the sources that the crosswalk speaks of: each version, then what no version of ours is."""
    of_source = {(source, version): shape for (source, asset, version), shape in plan.shape_of.items() if not asset}
    for (source, version), shape in of_source.items():
        yield f"WHEN (source, form_version) = ({literal(source)}, {literal(version)}) THEN {literal(shape)}"
    for source in dict.fromkeys(source for source, _ in of_source):
        shape = of_source[source, plan.otherwise]
        yield f"WHEN source = {literal(source)} AND coalesce(form_version NOT IN ({named}), true) THEN {literal(shape)}"


def land(con: Connection, plan: Plan, shapes: Sequence[Shape], documents: Sql) -> None:
    """Land `documents` (a relation with the archive's columns) of these shapes; one that is not decoded leaves no row.

    The archive is read once for all of them, and each document is decoded once, straight into its row. The rows of its
    repeats travel there in columns that are gone at the end: dropping a column costs nothing, while a table of decoded
    texts costs as much as the decoding. Nor is a row left out by a condition on what was decoded, for DuckDB would
    decode all documents once more to test it.
    """
    table = f"harmonized.{quote(plan.tool)}"
    records = {f"d{number}": Record(shape, "", number) for number, shape in enumerate(shapes)}
    decoded = ", ".join(f"{record.decoded()} AS {name}" for name, record in records.items())
    source = f"""(SELECT {ENVELOPE}, shape, {decoded}
                  FROM (SELECT *, {shape_sql(plan)} AS shape FROM {documents})
                  WHERE shape IN ({", ".join(literal(shape.name) for shape in shapes)}))"""
    ours = {
        "_id": "root_id",
        "_server_id": "server_id",
        "_source": "source",
        "_asset": "asset",
        "_form_version": "shape",
        "_submitted_at": "submitted_at",
        "_submitted_by": "submitted_by",
        "_validation_status": "validation_status",
        "_revision": "revision",
        READ: " OR ".join(f"{name} IS NOT NULL" for name in records),
    }
    con.execute(f"ALTER TABLE {table} ADD COLUMN {quote(READ)} BOOLEAN")
    _insert(con, plan.tables[""], ours, records, source)
    con.execute(f"DELETE FROM {table} WHERE NOT {quote(READ)}")
    con.execute(f"ALTER TABLE {table} DROP COLUMN {quote(READ)}")
    for record in records.values():
        _note_codes_of_then(con, plan, record)
        _land_repeats(con, plan, record)


def set_period(con: Connection, plan: Plan, period: Period, rounds: Mapping[tuple[str, str], str]) -> None:
    """Say of each record what period it is about."""
    types = dict(physical for column in plan.tables[""].columns for physical in column.physical)
    sql = period_sql(period, types.get(period.question, ""), rounds)
    con.execute(f"UPDATE harmonized.{quote(plan.tool)} SET _period = {sql.period}, _period_how = {sql.how}")


def landed_as(landing: Landing, text: Sql) -> Iterator[tuple[str, Sql]]:
    """(physical column, SQL expression) for the answer `text` of this landing."""
    recoded = recode_sql(landing, text)
    if landing.factor is not None:
        yield landing.physical[0], multiplied(recoded, landing.factor, landing.kind)
        return
    yield from zip(landing.physical, KINDS[landing.kind].landed(recoded), strict=True)


def text_of(landing: Landing) -> Sql:
    """SQL for the text that was sent, read back from the landing's columns; careful landing notes what it recodes."""
    back = {} if landing.careful else {now: then for then, now in reversed(list(landing.recode.items()))}
    columns = tuple(map(quote, landing.physical))
    if landing.kind == "multiple" and back:
        return KINDS["multiple"].text_of((f"list_transform({columns[0]}, lambda {EACH}: {_case(EACH, back)})",))
    if landing.factor is not None:
        return _case(divided(columns[0], landing.factor, landing.kind), back)
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


def _insert(con: Connection, table: Table, ours: Mapping[str, Sql], records: Mapping[Sql, Record], source: Sql) -> None:
    """Insert what `source` has decoded, with the rows of the repeats in it, which are landed next.

    `records` names, in SQL, the record of each shape; where a row is of another, it is null, and so are its answers.
    """
    chosen, carried = _chosen(records), _carried(con, table, records)
    names = ", ".join(map(quote, [*ours, *chosen, *carried]))
    values = [*ours.values(), *chosen.values(), *carried.values()]
    con.execute(f"INSERT INTO harmonized.{quote(table.name)} ({names}) SELECT {', '.join(values)} FROM {source}")


def _chosen(records: Mapping[Sql, Record]) -> dict[str, Sql]:
    """Physical column -> its value: what the shapes have in common is converted once, whichever of them a row is of."""
    alike: dict[Sql, tuple[Landing, list[Sql]]] = {}
    for name, record in records.items():
        for landing in record.landings():
            same = f"{landing.physical} {landing.kind} {landing.factor} {list(landing.recode.items())}"
            alike.setdefault(same, (landing, []))[1].append(f"{name}.{quote(landing.path)}")
    found: dict[str, list[Sql]] = {}
    for landing, texts in alike.values():
        for physical, expression in landed_as(landing, _first(texts)):
            found.setdefault(physical, []).append(expression)
    return {physical: _first(expressions) for physical, expressions in found.items()}


def _carried(con: Connection, table: Table, records: Mapping[Sql, Record]) -> dict[str, Sql]:
    """Column -> value of what travels in the rows of `table` for a while; the columns are added to it."""
    found: dict[str, tuple[Sql, Sql]] = {}
    for name, record in records.items():
        for landing in record.landings():
            if landing.lossy:
                found[_then(record, landing)] = "VARCHAR", f"{name}.{quote(landing.path)}"
        for inner in record.inner():
            found[inner.carrier] = inner.carrier_type, f"{name}.{quote(inner.repeat)}"
    for column, (sql_type, _) in found.items():
        con.execute(f"ALTER TABLE harmonized.{quote(table.name)} ADD COLUMN {quote(column)} {sql_type}")
    return {column: value for column, (_, value) in found.items()}


def _then(record: Record, landing: Landing) -> str:
    """The column in which codes travel that cannot be told from those of now; no question's name holds a slash."""
    return f"/{record.number}/then/{landing.path}"


def _note_codes_of_then(con: Connection, plan: Plan, record: Record) -> None:
    """Note the codes of then, where several became one and the cell gives back another."""
    table = plan.tables[record.suffix]
    index = "_index" if table.suffix else "''"
    for landing in (landing for landing in record.landings() if landing.lossy):
        then, back = quote(_then(record, landing)), text_of(landing)
        place = f"{literal(landing.repeat)}, {index}, {literal(landing.path)}, {then}"
        cell = f"{literal(table.name)}, {literal(landing.physical[0])}, {index}, {back}"
        con.execute(
            f"""INSERT INTO ledger.note
                SELECT {literal(plan.tool)}, _source, _asset, _id, {place}, {cell}, 'rewritten'
                FROM harmonized.{quote(table.name)} WHERE {back} IS NOT NULL AND {then} <> {back}"""
        )
        con.execute(f"ALTER TABLE harmonized.{quote(table.name)} DROP COLUMN {then}")


def _first(expressions: Sequence[Sql]) -> Sql:
    """Two paths of one version may share a column; the first answered one stands, the ledger shows the other."""
    return expressions[0] if len(expressions) == 1 else f"coalesce({', '.join(expressions)})"


def _land_repeats(con: Connection, plan: Plan, outer: Record) -> None:
    """Land the repeats directly in `outer`, whose rows carry theirs, and all inside them."""
    holder = f"harmonized.{quote(plan.tables[outer.suffix].name)}"
    for record in outer.inner():
        carrier = quote(record.carrier)
        rows = f"""(SELECT * FROM (SELECT _id, _source, _asset, {"_index" if outer.repeat else "NULL"} AS around,
                                          unnest({carrier}) AS d, generate_subscripts({carrier}, 1) AS i
                                   FROM {holder} WHERE len({carrier}) > 0)
                    WHERE {record.answered("d")})"""
        ours = {
            "_id": "_id",
            "_source": "_source",
            "_asset": "_asset",
            "_index": "around || '.' || i" if outer.repeat else "CAST(i AS VARCHAR)",
            "_parent_index": "around",
        }
        _insert(con, plan.tables[record.suffix], ours, {"d": record}, rows)
        con.execute(f"ALTER TABLE {holder} DROP COLUMN {carrier}")
        _note_codes_of_then(con, plan, record)
        _land_repeats(con, plan, record)
