"""Hand submissions of ODK Central to the compiled SQL in the one shape that it reads: flat JSON, repeats as lists.

Here the forms say what is a repeat and which column holds what. The other reading of the same bytes, which knows no
form of ours, is archive/odk.py: the ledger holds the two against each other. What is not understood here is left out,
so that the ledger finds it and careful landing takes it up.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import msgspec

from pipelines.forms.form import Question
from pipelines.harmonize.decode import shape_sql
from pipelines.harmonize.kinds import Sql, kind_of
from pipelines.harmonize.plan import Plan
from pipelines.store.duck import Connection, insert_texts, read_value

Record = dict[str, Any]
"""Path of a question -> its text; path of a repeat -> its rows, each such a record."""

AT_ONCE = 10_000
"""How many documents are in memory together; one takes about 10 kB while it is rewritten."""

PARTS = ("-Latitude", "-Longitude", "-Altitude", "-Accuracy")

TABLE = "CREATE OR REPLACE TEMP TABLE plain_document (source VARCHAR, asset VARCHAR, root_id VARCHAR, raw VARCHAR)"


def plain_documents(con: Connection, plan: Plan, documents: Sql) -> Sql:
    """`documents` (a relation with the archive's columns, in parentheses), those of Central with their raw as JSON."""
    theirs = f"(SELECT *, {shape_sql(plan)} AS shape FROM {documents} WHERE starts_with(raw_kind, 'odk_'))"
    count = read_value(con, f"SELECT count(*) FROM {theirs}")
    if not count:
        return documents
    con.execute(TABLE)
    read = _reader(plan)
    parts = 1 + count // AT_ONCE
    for part in range(parts):
        some = f"{theirs} WHERE hash(root_id) % {parts} = {part}"
        sent = con.execute(f"SELECT source, asset, root_id, shape, raw_kind, raw FROM {some}").fetchall()
        insert_texts(con, "plain_document", [[*key, read(shape, kind, raw)] for *key, shape, kind, raw in sent])
    return f"""(SELECT sent.* REPLACE (coalesce(plain.raw, sent.raw) AS raw) FROM {documents} AS sent
                LEFT JOIN plain_document AS plain USING (source, asset, root_id))"""


def record_of_xml(raw: str, repeats: Iterable[str]) -> Record:
    """The answers in a submission's XML."""
    record: Record = {}
    _fill(record, fromstring(raw), "", frozenset(repeats))  # noqa: S314 - archived only as countable, so without a DTD
    return record


def record_of_csv(raw: str, answers: Callable[[tuple[str, ...], str], Sequence[tuple[str, list[int]]]]) -> Record:
    """The answers in a submission's rows of Central's tables; `answers` says which cells of a table hold which."""
    rows = [(head, row, row[head.index("KEY")]) for head, *rows in msgspec.json.decode(raw).values() for row in rows]
    rows.sort(key=lambda row: row[2].count("["))  # a row after the one around it
    records: dict[str, Record] = {}
    for head, row, key in rows:
        repeat = re.sub(r"\[\d+\]", "", key.partition("/")[2])
        record = records[key] = _answered(row, answers(tuple(head), repeat))
        if repeat:
            around = records[row[head.index("PARENT_KEY")]]
            _put(around.setdefault(repeat, []), int(key[key.rindex("[") + 1 : -1]), record)
    return next(record for key, record in records.items() if "/" not in key)


def _reader(plan: Plan) -> Callable[[str, str, str], str]:
    """What rewrites a document as JSON, from its shape's name, its kind and its text."""
    columns = _columns(question for shape in plan.shapes.values() if shape.form for question in shape.form.questions)
    repeats = {name: frozenset(shape.repeats) for name, shape in plan.shapes.items()}

    @cache
    def answers(head: tuple[str, ...], repeat: str) -> list[tuple[str, list[int]]]:
        return _cells(head, repeat, columns)

    def read(shape: str, kind: str, raw: str) -> str:
        record = record_of_xml(raw, repeats[shape]) if kind == "odk_xml" else record_of_csv(raw, answers)
        return msgspec.json.encode(record).decode()

    return read


def _fill(record: Record, node: Element, path: str, repeats: frozenset[str]) -> None:
    for child in node:
        name = child.tag.rpartition("}")[2]
        below = f"{path}/{name}" if path else name
        if below in repeats:
            row: Record = {}
            record.setdefault(below, []).append(row)
            _fill(row, child, below, repeats)
        elif len(child):
            _fill(record, child, below, repeats)
        elif child.text:
            record.setdefault(below, child.text)


def _columns(questions: Iterable[Question]) -> Mapping[tuple[str, str], str]:
    """(repeat, head of a column) -> path, for all that any version asks."""
    found: dict[tuple[str, str], str] = {}
    for question in questions:
        repeat = question.repeats[-1] if question.repeats else ""
        head = question.path.removeprefix(f"{repeat}/").replace("/", "-")
        found.setdefault((repeat, head), question.path)
        if kind_of(question.type) == "geopoint":
            found.update({(repeat, head + part): question.path for part in PARTS})
    return found


def _cells(head: tuple[str, ...], repeat: str, columns: Mapping[tuple[str, str], str]) -> list[tuple[str, list[int]]]:
    """(path, its cells) of each answer under `head`."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(head):
        if path := columns.get((repeat, name)):
            found.setdefault(path, []).append(place)
    return list(found.items())


def _answered(row: Sequence[str], answers: Sequence[tuple[str, list[int]]]) -> Record:
    record: Record = {}
    for path, cells in answers:
        text = " ".join([row[cell] for cell in cells])
        if len(cells) > 1:
            text = text.rstrip(" ")  # the parts of a point that nobody measured
        if text:
            record[path] = text.replace("\r\n", "\n").replace("\r", "\n")  # as XML has it
    return record


def _put(rows: list[Record], position: int, record: Record) -> None:
    """Put `record` at `position`, counted from one; a row before it that holds no answer has its place all the same."""
    rows.extend({} for _ in range(position - len(rows)))
    rows[position - 1] = record
