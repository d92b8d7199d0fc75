"""Put careful landing into the tables: rows, notes and quarantine of the documents that need it.

Which documents those are, the ledger says. A note is written where the cell does not give back the very text that was
sent; that is found by reading the cell, not by trusting the conversion.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from pipelines.archive.reading import Attached
from pipelines.harmonize.careful import FORCED, Document, Fates, Held, Knowledge, Placed, Record, Split, fates_of
from pipelines.harmonize.cells import CELL, cells, read_cells, seal_splits
from pipelines.harmonize.decode import own_columns
from pipelines.harmonize.kinds import KINDS, Sql
from pipelines.harmonize.plan import Plan, Table
from pipelines.harmonize.remedies import remedy
from pipelines.store.duck import Connection, insert_texts, literal, quote, read_rows

DOCUMENTS_AT_ONCE = 2000
"""Bounds the memory of careful landing; a document of 150 answers takes about 60 kB while it is looked at."""

CAREFUL_ROW = """
CREATE OR REPLACE TEMP TABLE careful_row (
    source VARCHAR, asset VARCHAR, root_id VARCHAR, shape VARCHAR, _index VARCHAR, _parent_index VARCHAR, doc VARCHAR)
"""
"""A row to be: its place, and its answers as a document of their own, so that no name of theirs is one of ours."""

PLACED = """
CREATE OR REPLACE TEMP TABLE placed (
    source VARCHAR, asset VARCHAR, root_id VARCHAR, repeat VARCHAR, _index VARCHAR, path VARCHAR, text VARCHAR,
    table_name VARCHAR, key VARCHAR, landed_index VARCHAR, why VARCHAR, forced BOOLEAN)
"""

NOTES = """
INSERT INTO ledger.note
SELECT ?, source, asset, root_id, placed.repeat, _index, placed.path, placed.text, table_name, key, landed_index,
       CASE WHEN why <> 'missing' THEN cell.text END,
       CASE WHEN why NOT IN ('', 'rewritten') THEN why WHEN cell.text = placed.text THEN 'moved' ELSE 'rewritten' END
FROM placed LEFT JOIN cell USING (source, asset, root_id, table_name, key, landed_index)
WHERE (cell.text IS NOT NULL OR why = 'missing')
  AND (forced OR cell.text IS DISTINCT FROM placed.text OR cell.path <> placed.path)
"""

NOT_HELD = """
INSERT INTO ledger.quarantine
SELECT ?, source, asset, root_id, member.shape, placed.repeat, _index, placed.path, placed.text, 'not_held', ?
FROM placed LEFT JOIN cell USING (source, asset, root_id, table_name, key, landed_index)
JOIN member USING (source, asset, root_id)
WHERE cell.text IS NULL AND why <> 'missing'
"""


def land_exceptions(con: Connection, plan: Plan, archive: Attached, knowledge: Knowledge) -> int:
    """Land again, with care, the submissions of the temporary table `unbalanced`; how many there were."""
    for table in plan.tables.values():
        con.execute(
            f"""DELETE FROM harmonized.{quote(table.name)}
                WHERE (_source, _asset, _id) IN (SELECT (source, asset, root_id) FROM unbalanced)"""
        )
    for said in ("note", "quarantine"):
        con.execute(
            f"""DELETE FROM ledger.{said} WHERE tool = ?
                AND (_source, _asset, _id) IN (SELECT (source, asset, root_id) FROM unbalanced)""",
            [plan.tool],
        )
    total = 0
    for documents in _batches(con, archive):
        _write(con, plan, archive, [fates_of(document, plan, knowledge) for document in documents])
        total += len(documents)
    return total


def _batches(con: Connection, archive: Attached) -> Iterator[list[Document]]:
    keys = read_rows(con, "SELECT source, asset, root_id FROM unbalanced ORDER BY ALL")
    outlines = archive.outlines()
    for start in range(0, len(keys), DOCUMENTS_AT_ONCE):
        part = keys[start : start + DOCUMENTS_AT_ONCE]
        _fill(con, "careful", [(row["source"], row["asset"], row["root_id"]) for row in part])
        sql = f"""SELECT source, asset, root_id, member.shape, raw, raw_kind, form_version
                  FROM {archive.current} JOIN careful USING (source, asset, root_id)
                  JOIN member USING (source, asset, root_id) ORDER BY ALL"""
        yield [
            Document(source, asset, root_id, shape, raw, kind, outlines.of(source, asset, version, kind))
            for source, asset, root_id, shape, raw, kind, version in con.execute(sql).fetchall()
        ]


def _fill(con: Connection, table: str, keys: Sequence[tuple[str, str, str]]) -> None:
    lists = [[key[part] for key in keys] for part in range(3)]
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE {table} AS SELECT unnest(?::VARCHAR[]) AS source,
            unnest(?::VARCHAR[]) AS asset, unnest(?::VARCHAR[]) AS root_id""",
        lists,
    )


def _write(con: Connection, plan: Plan, archive: Attached, batch: Sequence[Fates]) -> None:
    readable = [fates for fates in batch if ("", "") in fates.records]
    for suffix, table in plan.tables.items():
        _insert_rows(con, table, archive, list(_rows(readable, suffix)))
    con.execute(PLACED)
    doubtful = _doubtful(batch, plan)
    insert_texts(con, "placed", [_placed_row(fates, placed, plan) for fates, placed in doubtful])
    held = [_held_row(fates, held, plan) for fates in batch for held in fates.held]
    insert_texts(con, "ledger.quarantine", held)
    insert_texts(con, "ledger.note", [_split_row(fates, split, plan) for fates in batch for split in fates.split])
    _read_doubtful(con, plan, batch, doubtful)
    seal_splits(con, plan)
    con.execute(NOTES, [plan.tool])
    con.execute(NOT_HELD, [plan.tool, "correct the answer by a decision"])


def _doubtful(batch: Sequence[Fates], plan: Plan) -> list[tuple[Fates, Placed]]:
    """The answers of `batch` that may need a note: all but those whose own cell is sure to give them back."""
    asked: dict[str, set[tuple[str, str, str]]] = {}
    for name in {fates.document.shape for fates in batch}:
        shape = plan.shapes[name]
        asked[name] = {
            (suffix, cell.key, cell.path) for suffix, table in plan.tables.items() for cell in cells(shape, table)
        }
    return [
        (fates, placed)
        for fates in batch
        for placed in fates.placed
        if not placed.exact or (placed.suffix, placed.key, placed.leaf.path) not in asked[fates.document.shape]
    ]


def _rows(batch: Iterable[Fates], suffix: str) -> Iterator[tuple[Fates, str, Record]]:
    for fates in batch:
        for (into, index), record in fates.records.items():
            if into == suffix:
                yield fates, index, record


def _insert_rows(con: Connection, table: Table, archive: Attached, rows: Sequence[tuple[Fates, str, Record]]) -> None:
    if not rows:
        return
    parts = {f"{column.name}{end}" for column in table.columns if column.kind == "geopoint" for end in ("_lat", "_lon")}
    names = [*(column.name for column in table.columns), *sorted(parts)]
    structure = json.dumps(dict.fromkeys(names or ["_"], "VARCHAR"), ensure_ascii=False)
    con.execute(CAREFUL_ROW)
    insert_texts(con, "careful_row", [_careful_row(fates, index, record) for fates, index, record in rows])
    chosen = dict(_own_values(table))
    for column in table.columns:
        landed = KINDS[column.kind].landed(f"d.{quote(column.name)}")
        for (name, sql_type), expression in zip(column.physical, landed, strict=True):
            own = f"TRY_CAST(d.{quote(name)} AS {sql_type})" if name in parts else ""
            chosen[name] = f"coalesce({expression}, {own})" if own else expression
    con.execute(
        f"""INSERT INTO harmonized.{quote(table.name)} ({", ".join(map(quote, chosen))})
            SELECT {", ".join(chosen.values())}
            FROM (SELECT * EXCLUDE (doc), from_json(doc, {literal(structure)}) AS d FROM careful_row)
            JOIN (SELECT * EXCLUDE (raw) FROM {archive.current}) AS s USING (source, asset, root_id)"""
    )


def _careful_row(fates: Fates, index: str, record: Record) -> list[str | None]:
    around = index.rpartition(".")[0] or None
    return [*fates.document.key, fates.document.shape, index, around, json.dumps(record, ensure_ascii=False)]


def _own_values(table: Table) -> Iterator[tuple[str, Sql]]:
    values = {
        "_id": "root_id",
        "_server_id": "s.server_id",
        "_source": "source",
        "_asset": "asset",
        "_form_version": "shape",
        "_submitted_at": "s.submitted_at",
        "_submitted_by": "s.submitted_by",
        "_validation_status": "s.validation_status",
        "_revision": "s.revision",
        "_index": "_index",
        "_parent_index": "_parent_index",
    }
    return ((name, values[name]) for name, _ in own_columns(table) if name in values)


def _placed_row(fates: Fates, placed: Placed, plan: Plan) -> list[str]:
    leaf = placed.leaf
    table = plan.tables[placed.suffix].name
    why = placed.why
    place = [table, placed.key, placed.index, why, str(why in FORCED)]
    return [*fates.document.key, leaf.repeat, leaf.index, leaf.path, leaf.text, *place]


def _split_row(fates: Fates, split: Split, plan: Plan) -> list[str | None]:
    leaf = split.leaf
    table = plan.tables[split.suffix].name
    row = [plan.tool, *fates.document.key, leaf.repeat, leaf.index, leaf.path, leaf.text]
    return [*row, table, "", f"{split.first}-{split.first + len(split.rows) - 1}", None, "split"]


def _held_row(fates: Fates, held: Held, plan: Plan) -> list[str]:
    leaf, document = held.leaf, fates.document
    row = [plan.tool, *document.key, document.shape, leaf.repeat, leaf.index, leaf.path, leaf.text]
    older = {form.version for form in plan.versions[1:]}
    return [*row, held.reason, remedy(held.reason, plan.tool, plan.shapes[document.shape], leaf.path, older=older)]


def _read_doubtful(
    con: Connection, plan: Plan, batch: Sequence[Fates], doubtful: Sequence[tuple[Fates, Placed]]
) -> None:
    """Make `cell` anew: what the tables hold of these documents where it matters, read as their shapes read it."""
    wanted = {(placed.suffix, placed.key) for _, placed in doubtful}
    cut = {split.suffix for fates in batch for split in fates.split}
    con.execute(CELL)
    for name in sorted({fates.document.shape for fates in batch}):
        shape = plan.shapes[name]
        members = f"(SELECT * FROM careful JOIN member USING (source, asset, root_id) WHERE shape = {literal(name)})"
        for suffix, table in plan.tables.items():
            chosen = [cell for cell in cells(shape, table) if suffix in cut or (suffix, cell.key) in wanted]
            read_cells(con, chosen, shape, table, members)
