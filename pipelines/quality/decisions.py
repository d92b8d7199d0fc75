"""Apply people's decisions to harmonized answers: a pure function of both, cell by cell, in the order they were taken.

A decision applies only while the old value is still there; otherwise it is a conflict for a person to look at. How a
cell is written as text is cells.py; which submission counts afterwards is current.py. Decisions are kept by archive/.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.errors import CccmError
from pipelines.quality.cells import OURS, content_key, text_of, value_of
from pipelines.store.duck import Connection, quote, read_rows

Tables = Mapping[str, Mapping[str, str]]
"""Table name -> its columns, name -> type; the tool's own table first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One row of the cleaning log. `question` is a column, or `child.column` where several repeats have it."""

    n: int
    id: str
    index: str
    content_key: str
    question: str
    old: str
    new: str
    change_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A decision that was not applied, and why; it names no answer."""

    n: int
    id: str
    question: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a harmonized table; `index` is "" outside of repeats."""

    table: str
    source: str
    asset: str
    id: str
    index: str = ""


@dataclass(slots=True)
class Outcome:
    """What the decisions came to: the cells that change, the submissions that go, the conflicts."""

    cells: dict[tuple[Row, str], str] = field(default_factory=dict)
    removed: set[Row] = field(default_factory=set)
    applied: int = 0
    no_action: int = 0
    conflicts: list[Conflict] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A row that a decision may mean, and the texts of its cell: as it is, as the decision says it was and shall be."""

    row: Row
    content_key: str
    now: str
    old: str
    new: str


class _ConflictError(CccmError):
    """Why one decision cannot be applied."""


def outcome_of(con: Connection, tables: Tables, relation: str) -> Outcome:
    """What the decisions in `relation` (a table or view, named in SQL) come to for the harmonized `tables`."""
    outcome = Outcome()
    decisions = list(_in_force(con, relation))
    candidates = _candidates(con, tables, decisions)
    for decision in decisions:
        try:
            _take(decision, tables, candidates.get(decision.n, []), outcome)
        except _ConflictError as why:
            outcome.conflicts.append(
                Conflict(n=decision.n, id=decision.id, question=decision.question, why=str(why)),
            )
    return outcome


def _in_force(con: Connection, relation: str) -> Iterator[Decision]:
    """The decisions nobody has undone, oldest first."""
    sql = f"""SELECT n, _id, _index, content_key, question, old, new, change_type
              FROM {relation} WHERE undone_by IS NULL ORDER BY n"""
    for row in read_rows(con, sql):
        texts = {name.lstrip("_"): row[name] or "" for name in row if name != "n"}
        yield Decision(n=row["n"], **texts)


def _take(decision: Decision, tables: Tables, candidates: Sequence[_Candidate], outcome: Outcome) -> None:
    """Note in `outcome` what `decision` does; raise where it cannot be applied."""
    if decision.change_type not in ("change_response", "blank_response", "remove_survey", "no_action"):
        raise _ConflictError("this change_type is none of change_response, blank_response, remove_survey, no_action")
    if decision.change_type == "no_action":
        outcome.no_action += 1
        return
    if decision.change_type != "remove_survey" and not _column(decision, tables):
        raise _ConflictError("the tool has no such question, or several repeats have it: write it as repeat.question")
    candidate = _the_one(decision, candidates)
    if decision.change_type == "remove_survey":
        outcome.removed.add(candidate.row)
    else:
        _change_cell(decision, candidate, outcome)
    outcome.applied += 1


def _the_one(decision: Decision, candidates: Sequence[_Candidate]) -> _Candidate:
    """The row that `decision` means: by position, unless its content now stands at another one."""
    if not candidates:
        raise _ConflictError("there is no such submission any more")
    if len({(found.row.source, found.row.asset) for found in candidates}) > 1:
        raise _ConflictError("several assets hold a submission of this _id")
    if decision.change_type == "remove_survey" and decision.index:
        raise _ConflictError("remove_survey takes out a whole submission, and this names a row of a repeat")
    there = [found for found in candidates if found.row.index == decision.index]
    if decision.index and decision.content_key:
        same = [found for found in candidates if found.content_key == decision.content_key]
        there = [found for found in there if found in same] or same
    if len(there) != 1:
        raise _ConflictError("the repeat has no such row any more")
    return there[0]


def _change_cell(decision: Decision, candidate: _Candidate, outcome: Outcome) -> None:
    cell = (candidate.row, decision.question.rpartition(".")[2])
    now = outcome.cells.get(cell, candidate.now)
    if now not in (decision.old, candidate.old) and (now or decision.old):
        raise _ConflictError("the answer has changed since this was decided")
    if decision.change_type == "change_response" and not decision.new:
        raise _ConflictError("no new value is given: to empty an answer, decide blank_response")
    if decision.change_type == "change_response" and not candidate.new:
        raise _ConflictError("this question cannot hold the new value")
    outcome.cells[cell] = "" if decision.change_type == "blank_response" else candidate.new


def _column(decision: Decision, tables: Tables) -> tuple[str, str] | None:
    """The table and column that `decision` is about; None where no table, or more than one, has it."""
    repeat, _, column = decision.question.rpartition(".")
    root, *children = tables
    if repeat:
        places = [table for table in children if table == f"{root}__{repeat.replace('.', '__')}"]
    else:
        places = children if decision.index else [root]
    found = [(table, column) for table in places if column in tables[table] and not column.startswith(OURS)]
    return found[0] if len(found) == 1 else None


def _candidates(con: Connection, tables: Tables, decisions: Iterable[Decision]) -> dict[int, list[_Candidate]]:
    """The rows that each decision may mean, by its n: one query for each column that is decided upon."""
    groups: dict[tuple[str, str], list[Decision]] = defaultdict(list)
    for decision in decisions:
        if decision.change_type == "remove_survey":
            groups[next(iter(tables)), ""].append(decision)
        elif place := _column(decision, tables):
            groups[place].append(decision)
    found: dict[int, list[_Candidate]] = defaultdict(list)
    for (table, column), group in groups.items():
        for n, candidate in _rows_meant(con, table, column, tables[table], group):
            found[n].append(candidate)
    return found


def _rows_meant(
    con: Connection, table: str, column: str, columns: Mapping[str, str], decisions: Sequence[Decision]
) -> Iterator[tuple[int, _Candidate]]:
    """Every row of `table` whose submission one of `decisions` names, with the texts of `column`."""
    is_child = "_index" in columns
    kind = columns.get(column, "VARCHAR")
    sql = f"""
        SELECT decision.n, held._source, held._asset, held._id, {"held._index" if is_child else "''"} AS _index,
               {content_key(columns) if is_child else "''"} AS content_key,
               coalesce({text_of(kind, f"held.{quote(column)}") if column else "''"}, '') AS now,
               coalesce({text_of(kind, value_of(kind, "decision.was"))}, '') AS old,
               coalesce({text_of(kind, value_of(kind, "decision.shall"))}, '') AS new
        FROM (SELECT unnest($n) AS n, unnest($id) AS _id, unnest($old) AS was, unnest($new) AS shall) AS decision
        JOIN harmonized.{quote(table)} AS held ON held._id = decision._id
        ORDER BY ALL"""
    params = {
        "n": [decision.n for decision in decisions],
        "id": [decision.id for decision in decisions],
        "old": [decision.old for decision in decisions],
        "new": [decision.new for decision in decisions],
    }
    cursor = con.execute(sql, params)
    for n, source, asset, id_, index, key, now, old, new in cursor.fetchall():
        row = Row(table=table, source=source, asset=asset, id=id_, index=index)
        yield n, _Candidate(row=row, content_key=key, now=now, old=old, new=new)


def write_cells(con: Connection, tables: Tables, outcome: Outcome, name_of: Mapping[str, str]) -> None:
    """Write the changed cells of `outcome`; `name_of` says where each table's copy stands, in SQL."""
    by_column: dict[tuple[str, str], list[tuple[Row, str]]] = defaultdict(list)
    for (row, column), text in outcome.cells.items():
        by_column[row.table, column].append((row, text))
    for (table, column), cells in by_column.items():
        kind = tables[table][column]
        on_position = "AND held._index = change._index" if "_index" in tables[table] else ""
        sql = f"""
            UPDATE {name_of[table]} AS held SET {quote(column)} = {value_of(kind, "nullif(change.text, '')")}
            FROM (SELECT unnest($source) AS _source, unnest($asset) AS _asset, unnest($id) AS _id,
                         unnest($index) AS _index, unnest($text) AS text) AS change
            WHERE held._source = change._source AND held._asset = change._asset AND held._id = change._id
            {on_position}"""
        con.execute(
            sql,
            {
                "source": [row.source for row, _ in cells],
                "asset": [row.asset for row, _ in cells],
                "id": [row.id for row, _ in cells],
                "index": [row.index for row, _ in cells],
                "text": [text for _, text in cells],
            },
        )
