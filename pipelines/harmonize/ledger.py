"""The ledger of answers: read every answer back out of the tables and compare with what the archive counted.

A document without exceptions must give, from its cells alone, the count and the digest that were taken when it was
archived. One with exceptions must give them from its cells, its notes and its quarantined answers together, leaf by
leaf. A cell that no answer accounts for is as wrong as an answer without a cell.

The digest is defined in archive/leaves.py; here it is only rebuilt, in SQL.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipelines.archive.leaves import RS, US
from pipelines.archive.reading import Attached
from pipelines.harmonize.decode import text_of
from pipelines.harmonize.kinds import KINDS, Sql
from pipelines.harmonize.plan import Column, Landing, Plan, Shape, Table
from pipelines.store.duck import Connection, literal, quote, read_rows

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
class Cell:
    """A cell read as a leaf: `key` is its first physical column, `path` empty where this shape asks nothing there."""

    key: str
    path: str
    text: Sql


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
    con.execute("CREATE OR REPLACE TEMP TABLE shape_of (source VARCHAR, asset VARCHAR, version VARCHAR, shape VARCHAR)")
    for (source, asset, version), shape in plan.shape_of.items():
        con.execute("INSERT INTO shape_of VALUES (?, ?, ?, ?)", [source, asset, version, shape])
    named = ", ".join(literal(name) for name in plan.shapes)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE member AS
            SELECT s.source, s.asset, s.root_id, s.n_answers, s.digest,
                   coalesce(shape_of.shape, CASE WHEN s.form_version IN ({named}) THEN s.form_version END,
                            {literal(plan.otherwise)}) AS shape,
                   false AS exceptional
            FROM {archive.current} AS s
            LEFT JOIN shape_of ON (s.source, s.asset, s.form_version)
                                = (shape_of.source, shape_of.asset, shape_of.version)"""
    )
    mark_exceptional(con, plan)


def mark_exceptional(con: Connection, plan: Plan) -> None:
    """Mark the members that have notes or quarantined answers."""
    tool = literal(plan.tool)
    con.execute(
        f"""UPDATE member SET exceptional = true
            WHERE n_answers IS NULL OR (source, asset, root_id) IN (
                SELECT (_source, _asset, _id) FROM ledger.note WHERE tool = {tool}
                UNION SELECT (_source, _asset, _id) FROM ledger.quarantine WHERE tool = {tool})"""
    )


def find_unbalanced(con: Connection, plan: Plan) -> int:
    """Make the temporary table `unbalanced` (source, asset, root_id) and say how many submissions are in it."""
    con.execute(LANDED)
    for shape in _shapes_in_use(con, plan):
        for table, repeat in _records(plan, shape):
            con.execute(_plain_records(shape, table, repeat))
    _read_exceptional(con, plan)
    con.execute("CREATE OR REPLACE TEMP TABLE unbalanced AS " + _comparison(plan))
    return len(read_rows(con, "SELECT * FROM unbalanced"))


def balance(con: Connection, plan: Plan) -> tuple[Balance, ...]:
    """What the ledger says of the tool, a line for each shape; find_unbalanced must have run."""
    return tuple(Balance(**row) for row in read_rows(con, BALANCE, [plan.tool]))


def write_balance(con: Connection, plan: Plan) -> tuple[Balance, ...]:
    """Write the tool's lines of ledger.balance anew, and return them."""
    con.execute("DELETE FROM ledger.balance WHERE tool = ?", [plan.tool])
    con.execute(f"INSERT INTO ledger.balance {BALANCE}", [plan.tool])
    return balance(con, plan)


def seal_splits(con: Connection, plan: Plan) -> None:
    """Write into the notes of splits what their rows hold, so that a changed row shows; `cell` must be filled."""
    con.execute(SPLIT_ROW, [plan.tool])
    con.execute(SEAL)


def cells(shape: Shape, table: Table, repeat: str) -> Iterator[Cell]:
    """Every cell of `table`, as this shape reads it."""
    used: set[str] = set()
    for landing in _landings(shape, table, repeat):
        if landing.physical[0] not in used:
            used.update(landing.physical)
            yield Cell(landing.physical[0], landing.path, text_of(landing))
    for column in table.columns:
        names = tuple(name for name, _ in column.physical)
        if not used.intersection(names):
            yield Cell(names[0], "", KINDS[column.kind].text_of(tuple(map(quote, names))))
        else:
            yield from (Cell(name, "", f"CAST({quote(name)} AS VARCHAR)") for name in names if name not in used)


def long_cells(read: Iterable[Cell], table: Table, repeat: str, members: Sql) -> Sql:
    """SQL that lists the answered cells of `members` (a relation), one a row: …, landed_index, key, path, text."""
    index = "coalesce(_index, '')" if table.suffix else "''"
    listed = ", ".join(
        f"{{'key': {literal(cell.key)}, 'path': {literal(cell.path)}, 'text': {cell.text}}}" for cell in read
    )
    return f"""
        SELECT _source AS source, _asset AS asset, _id AS root_id, {literal(table.name)} AS table_name,
               {literal(repeat)} AS repeat, landed_index, cell.key AS key, cell.path AS path, cell.text AS text
        FROM (SELECT _source, _asset, _id, {index} AS landed_index,
                     unnest(list_filter([{listed}], lambda cell: cell.text IS NOT NULL)) AS cell
              FROM harmonized.{quote(table.name)}
              WHERE (_source, _asset, _id) IN (SELECT (source, asset, root_id) FROM {members}))"""


def _landings(shape: Shape, table: Table, repeat: str) -> list[Landing]:
    """The landings that this shape has in `table`; an answer that came there from elsewhere needs a note."""
    if table.suffix and not repeat:
        return []
    landings = [shape.landings[path] for path in sorted(shape.landings)]
    return [landing for landing in landings if landing.repeat == repeat and landing.suffix == table.suffix]


def _records(plan: Plan, shape: Shape) -> list[tuple[Table, str]]:
    """Every table of the tool, with the repeat of this shape that fills it; empty for the top and for foreign
    tables.
    """
    return [(table, shape.repeat_of(suffix)) for suffix, table in plan.tables.items()]


def _shapes_in_use(con: Connection, plan: Plan) -> list[Shape]:
    names = [row["shape"] for row in read_rows(con, "SELECT DISTINCT shape FROM member ORDER BY shape")]
    return [plan.shapes[name] for name in names]


def _plain_records(shape: Shape, table: Table, repeat: str) -> Sql:
    """SQL that adds the records of unexceptional submissions to `landed`: count over all cells, digest over the
    shape's.
    """
    at_home = not table.suffix or repeat
    read = {landing.path: text_of(landing) for landing in shape.direct(repeat)} if at_home else {}
    points = [landing.path for landing in shape.direct(repeat) if landing.kind == "geopoint" and landing.path in read]
    index = "_index" if table.suffix else "''"
    start = f"_id, {literal(US + repeat + US)}, {index}, {literal(RS)}"
    count = " + ".join(f"({_answered(column)})::INTEGER" for column in table.columns) or "0"
    digest = f"CASE WHEN ({count}) > 0 THEN {_digest(start, read)} ELSE 0 END" if read else "0"
    other = "NULL"
    if points:
        brief = {path: f"regexp_replace({read[path]}, '{WHOLE}', '\\1', 'g')" for path in points}
        some = " OR ".join(f"regexp_matches({read[path]}, '{WHOLE}')" for path in points)
        other = f"CASE WHEN {some} THEN {_digest(start, {**read, **brief})} END"
    return f"""
        INSERT INTO landed
        SELECT t._source, t._asset, t._id, {count}, {digest}, {other}
        FROM harmonized.{quote(table.name)} AS t
        JOIN member ON (t._source, t._asset, t._id) = (member.source, member.asset, member.root_id)
        WHERE member.shape = {literal(shape.name)} AND NOT member.exceptional"""


def _answered(column: Column) -> Sql:
    return " OR ".join(f"{quote(name)} IS NOT NULL" for name, _ in column.physical)


def _digest(start: Sql, read: Mapping[str, Sql]) -> Sql:
    """SQL for the digest of a record, from the text at each path; `concat` passes over what was not answered."""
    said = ", ".join(f"{literal(path + US)} || {text} || {literal(RS)}" for path, text in read.items())
    return f"md5_number_lower(concat({start}, {said}))"


def _read_exceptional(con: Connection, plan: Plan) -> None:
    """Add to `landed` what exceptional submissions hold, leaf by leaf; make `orphan`: cells that no answer accounts
    for.
    """
    con.execute(CELL)
    for shape in _shapes_in_use(con, plan):
        members = f"(SELECT * FROM member WHERE exceptional AND shape = {literal(shape.name)})"
        for table, repeat in _records(plan, shape):
            read = list(cells(shape, table, repeat))
            if read:
                con.execute(f"INSERT INTO cell {long_cells(read, table, repeat, members)}")
    con.execute(SPLIT_ROW, [plan.tool])
    con.execute(f"CREATE OR REPLACE TEMP TABLE orphan AS {SPLIT_ORPHAN}")
    con.execute(WITHOUT_SPLIT_ROWS)
    con.execute(LEAF, [plan.tool, plan.tool, plan.tool])
    con.execute(LANDED_LEAVES, [US, US, RS, US, RS])
    con.execute(ORPHAN, [plan.tool, plan.tool])


LANDED = """
CREATE OR REPLACE TEMP TABLE landed (source VARCHAR, asset VARCHAR, root_id VARCHAR, n BIGINT, h HUGEINT, brief HUGEINT)
"""
"""A record: its answers, its digest, and its digest where the parts of a point are written briefly, if that differs."""

WHOLE = "\\.0( |$)"
"""What web forms leave out of a point: they write 480 where phones write 480.0. Either text gives the same four
numbers, so either digest is right."""

CELL = """
CREATE OR REPLACE TEMP TABLE cell (source VARCHAR, asset VARCHAR, root_id VARCHAR, table_name VARCHAR, repeat VARCHAR,
                                   landed_index VARCHAR, key VARCHAR, path VARCHAR, text VARCHAR);
"""

LEAF = """
CREATE OR REPLACE TEMP TABLE leaf AS
SELECT source, asset, root_id, repeat, landed_index AS _index, path, text FROM cell
WHERE path <> '' AND (source, asset, root_id, table_name, key, landed_index) NOT IN (
    SELECT (_source, _asset, _id, table_name, column_name, landed_index) FROM ledger.note
    WHERE tool = ? AND column_name <> '' AND landed IS NOT NULL)
UNION ALL SELECT _source, _asset, _id, repeat, _index, path, text FROM ledger.note WHERE tool = ?
UNION ALL SELECT _source, _asset, _id, repeat, _index, path, text FROM ledger.quarantine WHERE tool = ? AND path <> ''
"""

LANDED_LEAVES = """
INSERT INTO landed
SELECT source, asset, root_id, count(*),
       md5_number_lower(concat(root_id, ?, repeat, ?, _index, ?,
                               string_agg(path || ? || text || ?, '' ORDER BY path, text))), NULL
FROM leaf GROUP BY source, asset, root_id, repeat, _index
"""

ORPHAN = """
INSERT INTO orphan
SELECT DISTINCT source, asset, root_id FROM cell
LEFT JOIN (SELECT * FROM ledger.note WHERE tool = ? AND landed IS NOT NULL) AS note
  ON (source, asset, root_id, cell.table_name, key, cell.landed_index)
   = (note._source, note._asset, note._id, note.table_name, note.column_name, note.landed_index)
WHERE (note._id IS NULL AND cell.path = '') OR (note._id IS NOT NULL AND note.landed IS DISTINCT FROM cell.text)
UNION
SELECT _source, _asset, _id FROM ledger.note
WHERE tool = ? AND column_name <> '' AND landed IS NOT NULL
  AND (_source, _asset, _id, table_name, column_name, landed_index) NOT IN (
      SELECT (source, asset, root_id, table_name, key, landed_index) FROM cell)
UNION
SELECT source, asset, root_id FROM cell
GROUP BY source, asset, root_id, table_name, key, landed_index HAVING count(*) > 1
"""

SPLIT_ROW = """
CREATE OR REPLACE TEMP TABLE split_row AS
SELECT _source AS source, _asset AS asset, _id AS root_id, table_name, path, landed,
       CAST(unnest(range(CAST(split_part(landed_index, '-', 1) AS BIGINT),
                         CAST(split_part(landed_index, '-', 2) AS BIGINT) + 1)) AS VARCHAR) AS landed_index
FROM ledger.note WHERE tool = ? AND reason = 'split'
"""

SPLIT_CONTENT = f"""
SELECT source, asset, root_id, table_name, split_row.path AS path, min(split_row.landed) AS landed,
       md5(string_agg(concat(landed_index, '{US}', cell.key, '{US}', cell.text, '{RS}'), ''
                      ORDER BY landed_index, cell.key)) AS content
FROM split_row LEFT JOIN cell USING (source, asset, root_id, table_name, landed_index)
GROUP BY source, asset, root_id, table_name, split_row.path
"""

SEAL = f"""
UPDATE ledger.note SET landed = sealed.content FROM ({SPLIT_CONTENT}) AS sealed
WHERE reason = 'split' AND note.landed IS NULL AND (_source, _asset, _id, note.table_name, note.path)
    = (sealed.source, sealed.asset, sealed.root_id, sealed.table_name, sealed.path)
"""

SPLIT_ORPHAN = f"SELECT DISTINCT source, asset, root_id FROM ({SPLIT_CONTENT}) WHERE content IS DISTINCT FROM landed"

WITHOUT_SPLIT_ROWS = """
DELETE FROM cell WHERE (source, asset, root_id, table_name, landed_index) IN (
    SELECT (source, asset, root_id, table_name, landed_index) FROM split_row)
"""

BALANCE = """
WITH noted AS (
    SELECT _source AS source, _asset AS asset, _id AS root_id, count(*) FILTER (reason <> 'split') AS noted,
           count(*) FILTER (reason = 'split') AS split
    FROM ledger.note WHERE tool = $1 GROUP BY ALL
), held AS (
    SELECT _source AS source, _asset AS asset, _id AS root_id, count(*) FILTER (path <> '') AS quarantined
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
    readable = "SELECT source, asset, root_id FROM member WHERE n_answers IS NOT NULL"
    known = " UNION ".join(f"SELECT _source, _asset, _id FROM harmonized.{quote(t.name)}" for t in plan.tables.values())
    return f"""
        SELECT source, asset, root_id FROM member
        LEFT JOIN (SELECT source, asset, root_id, sum(n) AS n, sum(h) % 18446744073709551616 AS h,
                          sum(coalesce(brief, h)) % 18446744073709551616 AS brief
                   FROM landed GROUP BY ALL) AS found USING (source, asset, root_id)
        WHERE CASE WHEN n_answers IS NULL
                   THEN (source, asset, root_id) NOT IN (
                        SELECT (_source, _asset, _id) FROM ledger.quarantine WHERE path = '' AND tool =
                        {literal(plan.tool)})
                   ELSE n_answers <> coalesce(n, 0) OR digest NOT IN (coalesce(h, 0), coalesce(brief, 0)) END
        UNION SELECT source, asset, root_id FROM orphan
        UNION (SELECT * FROM ({known}) EXCEPT SELECT * FROM ({readable}))
        UNION (SELECT * FROM ({readable}) EXCEPT SELECT _source, _asset, _id FROM {top})
        UNION (SELECT _source, _asset, _id FROM {top} GROUP BY ALL HAVING count(*) > 1)"""
