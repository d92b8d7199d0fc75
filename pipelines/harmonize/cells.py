"""Read the tables back cell by cell, each as the leaf it came from: for submissions with notes or quarantined answers.

What all this must come to is ledger.py, which also reads the many without exceptions, in one pass and without this.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.archive.leaves import RS, US
from pipelines.harmonize.decode import EACH, text_of
from pipelines.harmonize.derive import computed_names
from pipelines.harmonize.kinds import KINDS, Sql
from pipelines.harmonize.plan import Landing, Plan, Shape, Table
from pipelines.store.duck import Connection, literal, quote

WHOLE_DOCUMENT = "reason IN ('unreadable', 'not_unicode')"
"""SQL: whether a line of quarantine speaks of a submission that could not be read at all."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell read as a leaf: `key` is its first physical column, `path` empty where this shape asks nothing there."""

    key: str
    path: str
    text: Sql


def read_exceptional(con: Connection, plan: Plan, shapes: Iterable[Shape]) -> None:
    """Add to `landed` what exceptional members hold, leaf by leaf; make `orphan`: cells that no answer accounts for."""
    con.execute(CELL)
    for shape in shapes:
        members = f"(SELECT * FROM member WHERE exceptional AND shape = {literal(shape.name)})"
        for table in plan.tables.values():
            read_cells(con, cells(shape, table), shape, table, members)
    con.execute(SPLIT_ROW, [plan.tool])
    con.execute(f"CREATE OR REPLACE TEMP TABLE orphan AS {SPLIT_ORPHAN}")
    con.execute(WITHOUT_SPLIT_ROWS)
    con.execute(LEAF, [plan.tool, plan.tool, plan.tool])
    con.execute(LANDED_LEAVES, [US, US, RS, US, RS])
    con.execute(ORPHAN, [plan.tool, plan.tool])


def seal_splits(con: Connection, plan: Plan) -> None:
    """Write into the notes of splits what their rows hold, so that a changed row shows; `cell` must be filled."""
    con.execute(SPLIT_ROW, [plan.tool])
    con.execute(SEAL)


def cells(shape: Shape, table: Table) -> Iterator[Cell]:
    """Every cell of `table` that an answer may rest in, as this shape reads it."""
    used: set[str] = set()
    computed = computed_names(shape, table)
    for landing in read_back(shape, table):
        used.update(landing.physical)
        yield Cell(landing.physical[0], landing.path, text_of(landing))
    for column in table.columns:
        names = tuple(name for name, _ in column.physical if name not in computed)
        if not names:
            continue
        if not used.intersection(names):
            yield Cell(names[0], "", KINDS[column.kind].text_of(tuple(map(quote, names))))
        else:
            yield from (Cell(name, "", f"CAST({quote(name)} AS VARCHAR)") for name in names if name not in used)


def read_back(shape: Shape, table: Table) -> Iterator[Landing]:
    """The landings that the cells of `table` are read as: of several that share a column, the first."""
    used: set[str] = set()
    for landing in _landings(shape, table):
        if landing.physical[0] not in used:
            used.update(landing.physical)
            yield landing


def read_cells(con: Connection, read: Iterable[Cell], shape: Shape, table: Table, members: Sql) -> None:
    """Add to `cell` what `members` (a relation) have answered in the cells `read` of `table`, one a row."""
    listed = ", ".join(
        f"{{'key': {literal(cell.key)}, 'path': {literal(cell.path)}, 'text': {cell.text}}}" for cell in read
    )
    index = "coalesce(_index, '')" if table.suffix else "''"
    if listed:
        con.execute(
            f"""INSERT INTO cell
                SELECT _source, _asset, _id, {literal(table.name)}, {literal(shape.repeat_of(table.suffix))},
                       landed_index, cell.key, cell.path, cell.text
                FROM (SELECT _source, _asset, _id, {index} AS landed_index,
                             unnest(list_filter([{listed}], lambda {EACH}: {EACH}.text IS NOT NULL)) AS cell
                      FROM harmonized.{quote(table.name)}
                      WHERE (_source, _asset, _id) IN (SELECT (source, asset, root_id) FROM {members}))"""
        )


def _landings(shape: Shape, table: Table) -> list[Landing]:
    """The landings that this shape has in `table`; an answer that came there from elsewhere needs a note."""
    repeat = shape.repeat_of(table.suffix)
    if table.suffix and not repeat:
        return []
    landings = [shape.landings[path] for path in sorted(shape.landings)]
    return [landing for landing in landings if landing.repeat == repeat and landing.suffix == table.suffix]


CELL = """
CREATE OR REPLACE TEMP TABLE cell (source VARCHAR, asset VARCHAR, root_id VARCHAR, table_name VARCHAR, repeat VARCHAR,
                                   landed_index VARCHAR, key VARCHAR, path VARCHAR, text VARCHAR);
"""

LEAF = f"""
CREATE OR REPLACE TEMP TABLE leaf AS
SELECT source, asset, root_id, repeat, landed_index AS _index, path, text FROM cell
WHERE path <> '' AND (source, asset, root_id, table_name, key, landed_index) NOT IN (
    SELECT (_source, _asset, _id, table_name, column_name, landed_index) FROM ledger.note
    WHERE tool = ? AND column_name <> '' AND landed IS NOT NULL)
UNION ALL SELECT _source, _asset, _id, repeat, _index, path, text FROM ledger.note WHERE tool = ?
UNION ALL SELECT _source, _asset, _id, repeat, _index, path, text FROM ledger.quarantine
WHERE tool = ? AND NOT {WHOLE_DOCUMENT}
"""

LANDED_LEAVES = """
INSERT INTO landed
SELECT source, asset, root_id, 0,
       md5_number_lower(concat(root_id, ?, repeat, ?, _index, ?,
                               string_agg(path || ? || text || ?, '' ORDER BY path, text)))
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
