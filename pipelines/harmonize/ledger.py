"""The ledger of answers: read every answer back out of the tables and compare with what the archive counted.

A document without exceptions must give, from its cells alone, the digest that was taken when it was archived. One with
exceptions must give it from its cells, its notes and its quarantined answers together, leaf by leaf. A cell that no
answer accounts for is as wrong as an answer without a cell.

The digest is defined in archive/leaves.py; here it is only rebuilt, in SQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.archive.leaves import RS, US
from pipelines.archive.reading import Attached
from pipelines.harmonize.cells import WHOLE_DOCUMENT, read_back, read_exceptional
from pipelines.harmonize.decode import shape_sql, text_of
from pipelines.harmonize.derive import astray as computed_astray
from pipelines.harmonize.derive import computed_names
from pipelines.harmonize.kinds import Sql
from pipelines.harmonize.plan import Landing, Plan, Shape, Table
from pipelines.store.duck import Connection, literal, quote, read_rows

SHAPE = quote("/shape")
"""The shape of a record, among columns named by questions: no question's name holds a slash."""

TABLES = """
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE TABLE IF NOT EXISTS ledger.note (
    tool VARCHAR, _source VARCHAR, _asset VARCHAR, _id VARCHAR, repeat VARCHAR, _index VARCHAR, path VARCHAR,
    text VARCHAR, table_name VARCHAR, column_name VARCHAR, landed_index VARCHAR, landed VARCHAR, reason VARCHAR
);
CREATE TABLE IF NOT EXISTS ledger.quarantine (
    tool VARCHAR, _source VARCHAR, _asset VARCHAR, _id VARCHAR, _form_version VARCHAR, repeat VARCHAR, _index VARCHAR,
    path VARCHAR, text VARCHAR, reason VARCHAR, remedy VARCHAR
);
CREATE TABLE IF NOT EXISTS ledger.balance (
    tool VARCHAR, _form_version VARCHAR, submissions BIGINT, received BIGINT, landed BIGINT, noted BIGINT, split BIGINT,
    quarantined BIGINT, unreadable BIGINT, unbalanced BIGINT
);
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """What the ledger says of a tool and a form version, in answers; `unbalanced` counts submissions."""

    tool: str
    form_version: str
    submissions: int
    received: int
    landed: int
    noted: int
    split: int
    quarantined: int
    unreadable: int
    unbalanced: int


def list_members(con: Connection, plan: Plan, archive: Attached) -> None:
    """Make the temporary table `member`: each current submission with its shape, count, digest and whether
    exceptional.
    """
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE member AS
            SELECT source, asset, root_id, n_answers, digest, {shape_sql(plan)} AS shape, false AS exceptional
            FROM {archive.current}"""
    )
    mark_exceptional(con, plan)


def mark_exceptional(con: Connection, plan: Plan) -> None:
    """Mark the members that have notes or quarantined answers, and rows of files: all their landings are careful."""
    tool = literal(plan.tool)
    files = ", ".join(literal(name) for name, shape in plan.shapes.items() if shape.layout) or "NULL"
    con.execute(
        f"""UPDATE member SET exceptional = true
            WHERE n_answers IS NULL OR shape IN ({files}) OR (source, asset, root_id) IN (
                SELECT (_source, _asset, _id) FROM ledger.note WHERE tool = {tool}
                UNION SELECT (_source, _asset, _id) FROM ledger.quarantine WHERE tool = {tool})"""
    )


def find_unbalanced(con: Connection, plan: Plan) -> int:
    """Make the temporary table `unbalanced` (source, asset, root_id) and say how many submissions are in it."""
    con.execute(LANDED)
    shapes = _shapes_in_use(con, plan)
    _read_plain(con, plan, shapes)
    read_exceptional(con, plan, shapes)
    unbalanced = _compare(con, plan)
    if unbalanced and any(landing.kind == "geopoint" for shape in shapes for landing in shape.landings.values()):
        con.execute(DOUBTED)
        con.execute(WITHOUT_DOUBTED)
        _read_plain(con, plan, shapes, doubted=True)
        unbalanced = _compare(con, plan)
    return unbalanced


def balance(con: Connection, plan: Plan) -> tuple[Balance, ...]:
    """What the ledger says of the tool, a line for each shape; find_unbalanced must have run."""
    return tuple(Balance(**row) for row in read_rows(con, BALANCE, [plan.tool]))


def write_balance(con: Connection, plan: Plan) -> tuple[Balance, ...]:
    """Write the tool's lines of ledger.balance anew, and return them."""
    con.execute("DELETE FROM ledger.balance WHERE tool = ?", [plan.tool])
    con.execute(f"INSERT INTO ledger.balance {BALANCE}", [plan.tool])
    return balance(con, plan)


def _shapes_in_use(con: Connection, plan: Plan) -> list[Shape]:
    names = [row["shape"] for row in read_rows(con, "SELECT DISTINCT shape FROM member ORDER BY shape")]
    return [plan.shapes[name] for name in names]


def _read_plain(con: Connection, plan: Plan, shapes: Sequence[Shape], *, doubted: bool = False) -> None:
    """Add to `landed` the records of unexceptional submissions; or of those in `doubted`, with their points brief."""
    if shapes:
        records = [_plain_records(shapes, table, doubted) for table in plan.tables.values()]
        con.execute(
            f"""INSERT INTO landed SELECT _source, _asset, _id, sum(astray), sum(h)
                FROM ({_all_of(records)}) GROUP BY ALL"""
        )


def _all_of(parts: Sequence[Sql]) -> Sql:
    """The rows of all `parts`. DuckDB makes a few of them at once only if what stands on the left is a single one."""
    return parts[0] if len(parts) == 1 else f"({parts[0]}) UNION ALL ({_all_of(parts[1:])})"


def _compare(con: Connection, plan: Plan) -> int:
    con.execute("CREATE OR REPLACE TEMP TABLE unbalanced AS " + _comparison(plan))
    return len(read_rows(con, "SELECT * FROM unbalanced"))


def _plain_records(shapes: Sequence[Shape], table: Table, doubted: bool) -> Sql:
    """SQL for records as `landed` has them: the digest reads the cells where a shape's answers land, and whatever
    stands in any other cell is astray. The table is read once for all shapes.
    """
    readings = {shape.name: _reading(shape, table, doubted) for shape in shapes}

    def by_shape(number: int) -> Sql:
        branches = " ".join(f"WHEN {literal(name)} THEN {reading[number]}" for name, reading in readings.items())
        return f"CASE {SHAPE} {branches} END"

    return f"""
        SELECT _source, _asset, _id, astray, CASE WHEN strlen(said) > silent THEN md5_number_lower(said) ELSE 0 END AS h
        FROM (SELECT _source, _asset, _id, {by_shape(0)} AS astray, {by_shape(1)} AS said, {by_shape(2)} AS silent
              FROM {_plain_rows(table, doubted)})"""


def _reading(shape: Shape, table: Table, brief: bool) -> tuple[Sql, Sql, Sql]:
    """SQL for what a record of this shape comes to in a table: how many cells are astray, what its digest is taken of,
    and how long that is where nothing was answered.
    """
    repeat = shape.repeat_of(table.suffix)
    landings = list(read_back(shape, table)) if repeat or not table.suffix else []
    landed = {name for landing in landings for name in landing.physical} | computed_names(shape, table)
    cells = [[name for name, _ in column.physical if name not in landed] for column in table.columns]
    others = [f"({' OR '.join(f'{quote(name)} IS NOT NULL' for name in names)})::INTEGER" for names in cells if names]
    start = f"_id, {literal(US + repeat + US)}, {'_index' if table.suffix else literal('')}"
    said = "".join(f"{literal(RS + landing.path + US)} || {_sent(landing, brief)}, " for landing in landings)
    silent = f"strlen(_id) + {'strlen(_index)' if table.suffix else 0} + {len((US + repeat + US + RS).encode())}"
    return _sum(others), f"concat({start}, {said}{literal(RS)})", silent  # concat passes over what was not answered


def _sent(landing: Landing, brief: bool) -> Sql:
    if brief and landing.kind == "geopoint":
        return f"regexp_replace({text_of(landing)}, '{WHOLE}', '\\1', 'g')"
    return text_of(landing)


def _plain_rows(table: Table, doubted: bool) -> Sql:
    """SQL for the rows of these submissions, with their shape: which it is, a row of the tool's own table says."""
    rows = f"harmonized.{quote(table.name)}"
    key = "source AS _source, asset AS _asset, root_id AS _id"
    if doubted or table.suffix:
        members = "doubted" if doubted else "member WHERE NOT exceptional"
        return f"{rows} JOIN (SELECT {key}, shape AS {SHAPE} FROM {members}) USING (_source, _asset, _id)"
    return f"""(SELECT *, _form_version AS {SHAPE} FROM {rows})
               ANTI JOIN (SELECT {key} FROM member WHERE exceptional) USING (_source, _asset, _id)"""


def _sum(parts: Sequence[Sql]) -> Sql:
    """The sum of `parts`, in brackets: a longer chain than a thousand is deeper than DuckDB reads."""
    brackets = [" + ".join(parts[start : start + 100]) for start in range(0, len(parts), 100)]
    return " + ".join(f"({bracket})" for bracket in brackets) or "0"


LANDED = """
CREATE OR REPLACE TEMP TABLE landed (source VARCHAR, asset VARCHAR, root_id VARCHAR, astray BIGINT, h HUGEINT)
"""
"""Some records of a submission: how many cells no answer accounts for, and the sum of their digests."""

DOUBTED = """
CREATE OR REPLACE TEMP TABLE doubted AS
SELECT source, asset, root_id, shape FROM member JOIN unbalanced USING (source, asset, root_id) WHERE NOT exceptional
"""
"""Whose points may be what their digest was not taken of: see WHOLE."""

WITHOUT_DOUBTED = """
DELETE FROM landed WHERE (source, asset, root_id) IN (SELECT (source, asset, root_id) FROM doubted)
"""

WHOLE = "\\.0( |$)"
"""What web forms leave out of a point: they write 480 where phones write 480.0. Either text gives the same four
numbers, so either digest is right."""

ASTRAY = r"""_parent_index IS DISTINCT FROM
    CASE WHEN contains(_index, '.') THEN nullif(regexp_extract(_index, '^(.*)\.[^.]*$', 1), '') END"""
"""SQL: whether a row names another row around it than its own position does."""

BALANCE = f"""
WITH noted AS (
    SELECT _source AS source, _asset AS asset, _id AS root_id, count(*) FILTER (reason <> 'split') AS noted,
           count(*) FILTER (reason = 'split') AS split
    FROM ledger.note WHERE tool = $1 GROUP BY ALL
), held AS (
    SELECT _source AS source, _asset AS asset, _id AS root_id, count(*) FILTER (NOT {WHOLE_DOCUMENT}) AS quarantined
    FROM ledger.quarantine WHERE tool = $1 GROUP BY ALL
)
SELECT CAST($1 AS VARCHAR) AS tool, shape AS form_version, count(*) AS submissions,
       CAST(coalesce(sum(n_answers), 0) AS BIGINT) AS received,
       CAST(coalesce(sum(n_answers), 0) - coalesce(sum(split), 0) - coalesce(sum(quarantined), 0) AS BIGINT) AS landed,
       CAST(coalesce(sum(noted), 0) AS BIGINT) AS noted, CAST(coalesce(sum(split), 0) AS BIGINT) AS split,
       CAST(coalesce(sum(quarantined), 0) AS BIGINT) AS quarantined,
       count(*) FILTER (n_answers IS NULL) AS unreadable,
       count(*) FILTER ((source, asset, root_id) IN (SELECT (source, asset, root_id) FROM unbalanced)) AS unbalanced
FROM member LEFT JOIN noted USING (source, asset, root_id) LEFT JOIN held USING (source, asset, root_id)
GROUP BY shape
UNION ALL
SELECT $1, '', 0, 0, 0, 0, 0, 0, 0, count(*) FROM unbalanced ANTI JOIN member USING (source, asset, root_id)
HAVING count(*) > 0
ORDER BY form_version
"""
"""A line for each shape; rows that come from no submission at all are a line without a version."""


def _comparison(plan: Plan) -> Sql:
    """SQL for the submissions whose answers do not come to what was archived, or that no archive knows."""
    top = f"harmonized.{quote(plan.tool)}"
    readable = "SELECT source AS _source, asset AS _asset, root_id AS _id FROM member WHERE n_answers IS NOT NULL"
    astray = "".join(
        f"\n        UNION SELECT _source, _asset, _id FROM harmonized.{quote(t.name)} WHERE {ASTRAY}"
        for t in plan.tables.values()
        if t.suffix
    ) + "".join(f"\n        UNION {sql}" for sql in computed_astray(plan))
    unknown = "".join(
        f"""
        UNION SELECT _source, _asset, _id FROM harmonized.{quote(t.name)}
              ANTI JOIN ({readable}) USING (_source, _asset, _id)"""
        for t in plan.tables.values()
    )
    return f"""
        SELECT source, asset, root_id FROM member
        LEFT JOIN (SELECT source, asset, root_id, sum(astray) AS astray, sum(h) % 18446744073709551616 AS h
                   FROM landed GROUP BY ALL) AS found USING (source, asset, root_id)
        WHERE CASE WHEN n_answers IS NULL
                   THEN (source, asset, root_id) NOT IN (
                        SELECT (_source, _asset, _id) FROM ledger.quarantine WHERE {WHOLE_DOCUMENT} AND tool =
                        {literal(plan.tool)})
                   ELSE coalesce(astray, 0) > 0 OR digest <> coalesce(h, 0) END
        UNION SELECT source, asset, root_id FROM orphan{astray}{unknown}
        UNION (SELECT * FROM ({readable}) EXCEPT SELECT _source, _asset, _id FROM {top})
        UNION (SELECT _source, _asset, _id FROM {top} GROUP BY ALL HAVING count(*) > 1)"""
