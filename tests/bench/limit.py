"""The practical limit: DuckDB's read_json with every column declared, landing the same tables from lines in a file.

It decodes, types and writes in one pass. It knows nothing of what it could not hold: no ledger, no quarantine, no
notes.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.store.duck import Connection, literal, quote, transaction
from tests.bench.corpus import REPEATS, VERSIONS, Asked, inside, questions

# DuckDB reads a decimal of 18 digits a hundred times faster than one of 28; the tables hold 28.
SQL_TYPES = {"integer": "BIGINT", "decimal": "DECIMAL(18,10)", "date": "DATE", "start": "TIMESTAMP", "end": "TIMESTAMP"}


def land(con: Connection, folder: Path) -> None:
    """Land the corpus in `folder` into the table bench and one for each repeat."""
    con.execute("SET preserve_insertion_order = false")
    with transaction(con):
        for version in VERSIONS:
            _land(con, folder / f"{version}.ndjson", version)


def _land(con: Connection, file: Path, version: str) -> None:
    asked = questions(version)
    declared: dict[str, object] = {"_uuid": "VARCHAR", "_id": "VARCHAR", "_submission_time": "TIMESTAMP"}
    declared |= {one.path: _declared(one) for one in asked}
    declared |= {repeat: [_row(repeat, version)] for repeat in REPEATS if "/" not in repeat}
    con.execute(f"CREATE OR REPLACE TEMP TABLE read AS SELECT * FROM {_read(file, declared)}")
    chosen = {
        "_id": '"_uuid"',
        "_server_id": '"_id"',
        "_form_version": literal(version),
        "_submitted_at": '"_submission_time"',
    }
    chosen["_period"] = "strftime(visited_on, '%Y-%m')"
    chosen |= _chosen(asked, "")
    _insert(con, "bench", chosen, "read")
    for repeat in REPEATS:
        table = f"bench__{repeat.rpartition('/')[2]}"
        chosen = {"_id": '"_uuid"', "_index": "i", **_chosen(inside(repeat, version), "row")}
        _insert(con, table, chosen, f"({_rows(repeat)})")


def _row(repeat: str, version: str) -> dict[str, object]:
    """What is declared of a row: its questions, and the rows inside it."""
    inner = {one: [_row(one, version)] for one in REPEATS if one.rpartition("/")[0] == repeat}
    return {one.path: _declared(one) for one in inside(repeat, version)} | inner


def _rows(repeat: str) -> str:
    """SQL for the rows of a repeat: _uuid, row and i, which says the rows around it too."""
    around = repeat.rpartition("/")[0]
    if not around:
        return f"""SELECT _uuid, unnest({quote(repeat)}) AS row,
                          CAST(generate_subscripts({quote(repeat)}, 1) AS VARCHAR) AS i FROM read"""
    return f"""SELECT _uuid, unnest(row.{quote(repeat)}) AS row,
                      i || '.' || generate_subscripts(row.{quote(repeat)}, 1) AS i FROM ({_rows(around)})"""


def _declared(one: Asked) -> str:
    return SQL_TYPES.get(one.type, "VARCHAR")


def _read(file: Path, declared: Mapping[str, object]) -> str:
    columns = ", ".join(f"{literal(name)}: {literal(_sql_type(kind))}" for name, kind in declared.items())
    return f"read_json({literal(str(file))}, format = 'newline_delimited', columns = {{{columns}}})"


def _sql_type(kind: object) -> str:
    if isinstance(kind, str):
        return kind
    assert isinstance(kind, list)
    return f"STRUCT({', '.join(f'{quote(name)} {_sql_type(inner)}' for name, inner in kind[0].items())})[]"


def _chosen(asked: Iterable[Asked], holder: str) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for one in asked:
        value = f"{holder}.{quote(one.path)}" if holder else quote(one.path)
        if one.type == "geopoint":
            for part, end in enumerate(("lat", "lon", "alt", "acc"), start=1):
                chosen[f"{one.name}_{end}"] = f"CAST(split_part({value}, ' ', {part}) AS DOUBLE)"
        elif one.type == "decimal":
            chosen[one.name] = f"CAST({value} AS DECIMAL(28,10))"
        elif one.type.startswith("select_multiple"):
            chosen[one.name] = f"string_split({value}, ' ')"
        else:
            chosen[one.name] = value
    return chosen


def _insert(con: Connection, table: str, chosen: Mapping[str, str], source: str) -> None:
    values = ", ".join(f"{value} AS {quote(name)}" for name, value in chosen.items())
    exists = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall()[0][0]
    if exists:
        con.execute(f"INSERT INTO {quote(table)} BY NAME SELECT {values} FROM {source}")
    else:
        con.execute(f"CREATE TABLE {quote(table)} AS SELECT {values} FROM {source}")
