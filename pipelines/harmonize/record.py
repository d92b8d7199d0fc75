"""What one record of a document holds, as its shape asks it: the structure to decode, as JSON and as an SQL type.

A record is the top level of a document or a row of one of its repeats. Which column an answer goes to is decode.py.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.harmonize.kinds import Sql
from pipelines.harmonize.plan import Landing, Shape
from pipelines.store.duck import literal, quote


@dataclass(frozen=True, slots=True)
class Record:
    """The record at the top of `shape`'s documents (`repeat` empty), or a row of this repeat.

    `number` tells apart the shapes that are landed at once.
    """

    shape: Shape
    repeat: str
    number: int

    @property
    def suffix(self) -> str:
        """That of the table it becomes a row of."""
        return self.shape.repeats[self.repeat] if self.repeat else ""

    @property
    def carrier(self) -> str:
        """The column in which such rows travel with the record around them; no question's name holds a slash."""
        return f"/{self.number}/{self.repeat}"

    @property
    def carrier_type(self) -> Sql:
        """The SQL type of that column."""
        return _sql_type([self.structure()])

    def landings(self) -> Iterator[Landing]:
        """Where its own answers land."""
        return self.shape.direct(self.repeat)

    def inner(self) -> Iterator["Record"]:
        """The repeats directly in it that ask anything."""
        for repeat in self.shape.direct_repeats(self.repeat):
            record = Record(self.shape, repeat, self.number)
            if record.structure():
                yield record

    def structure(self) -> dict[str, object]:
        """What from_json is told to look for: every answer as text, every repeat as a list."""
        found: dict[str, object] = {landing.path: "VARCHAR" for landing in self.landings()}
        found |= {record.repeat: [record.structure()] for record in self.inner()}
        return found or {"_": "VARCHAR"} if not self.repeat else found

    def decoded(self) -> Sql:
        """SQL for the record at the top of a document, null for a document of another shape or one that is none."""
        structure = literal(json.dumps(self.structure(), ensure_ascii=False))
        return f"TRY(from_json(CASE shape WHEN {literal(self.shape.name)} THEN raw END, {structure}))"

    def answered(self, row: Sql) -> Sql:
        """SQL for whether `row` holds an answer, itself or in a repeat inside it.

        A row without one is no row: nobody said anything there, and the ledger could not tell a lost one from one made
        up.
        """
        name = f"row{self.repeat.count('/')}"
        said = [f"{row}.{quote(landing.path)}" for landing in self.landings()]
        for record in self.inner():
            rows = f"list_filter({row}.{quote(record.repeat)}, lambda {name}: {record.answered(name)})"
            said.append(f"CASE WHEN len({rows}) > 0 THEN '' END")
        return f"coalesce({', '.join(said)}) IS NOT NULL"


def _sql_type(structure: object) -> Sql:
    """A structure as from_json is told it, as an SQL type."""
    if isinstance(structure, dict):
        return f"STRUCT({', '.join(f'{quote(name)} {_sql_type(inner)}' for name, inner in structure.items())})"
    return f"{_sql_type(structure[0])}[]" if isinstance(structure, list) else str(structure)
