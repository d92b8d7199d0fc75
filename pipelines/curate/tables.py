"""The curated SQL files as values: what each table is, what it reads, and in which order they are built.

What a table depends on is read from its SQL and written nowhere else. Running the SQL is build.py; the comment at the
head of a file is header.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pipelines.curate.header import Level, read_header
from pipelines.errors import ConfigError

SCHEMA = "curated"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

UNSTEADY = {
    **dict.fromkeys(
        "current_date current_time current_timestamp current_datetime get_current_timestamp localtime localtimestamp "
        "now today transaction_timestamp".split(),
        "reads the clock; read meta.as_of instead",
    ),
    **dict.fromkeys("rand random uuid gen_random_uuid uuidv4 uuidv7 setseed".split(), "draws lots; take it out"),
    **dict.fromkeys(
        "any_value arbitrary first last mode".split(),
        "picks a row by no rule; use min, max, or row_number() over a total order",
    ),
}
"""Functions by which the same input could give another table, each with what to do about it."""


@dataclass(frozen=True, slots=True)
class CuratedTable:
    """One curated table: its SELECT and what its file says about it."""

    name: str
    description: str
    sql: str
    depends: frozenset[str]
    key: tuple[str, ...]
    levels: Mapping[str, Level] = field(default_factory=lambda: MappingProxyType({}))
    column_docs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def file(self) -> str:
        """The file it comes from, as messages name it."""
        return _file(self.name)

    def level(self, column: str) -> Level:
        """Who may see `column`; nobody but the IMO where the file does not say."""
        return self.levels.get(column, "restricted")


def read_tables(folder: Path) -> tuple[CuratedTable, ...]:
    """Every curated table, each after those that it reads; of several orders, always the same."""
    tables = {path.stem: read_table(path) for path in sorted(folder.glob("*.sql"))}
    for table in tables.values():
        for unknown in sorted(_curated(table.depends) - tables.keys()):
            raise ConfigError(
                f"{table.file} reads {SCHEMA}.{unknown}, which no file makes; add {_file(unknown)}, or correct the "
                "name."
            )
    return tuple(tables[name] for name in _in_order({name: _curated(t.depends) for name, t in tables.items()}))


def read_table(path: Path) -> CuratedTable:
    """The table that the file at `path` makes."""
    name = path.stem
    if not NAME.fullmatch(name):
        raise ConfigError(f"{path} is no name for a table; rename it to small letters, digits and single underscores.")
    try:
        sql = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    header = read_header(_file(name), sql)
    return CuratedTable(
        name=name,
        description=header.description,
        sql=sql.strip().rstrip(";"),
        depends=dependencies(sql, _file(name)),
        key=header.key,
        levels=header.levels,
        column_docs=header.column_docs,
    )


def dependencies(sql: str, file: str = "the SQL") -> frozenset[str]:
    """The tables that `sql` reads, as schema.table; ConfigError where it is not one steady SELECT."""
    select = _one_select(sql, file)
    for function in select.find_all(exp.Func):
        name = (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
        if name in UNSTEADY:
            raise ConfigError(f"{file} calls {name}, which {UNSTEADY[name]}.")
    ours = {cte.alias_or_name for cte in select.find_all(exp.CTE)}
    read = set()
    for table in select.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and (table.db or table.name not in ours):
            if not table.db:
                raise ConfigError(f"{file} reads {table.name!r} of no schema; write it as schema.{table.name}.")
            read.add(f"{table.db}.{table.name}")
    return frozenset(read)


def _one_select(sql: str, file: str) -> exp.Query:
    try:
        statements = [one for one in sqlglot.parse(sql, dialect="duckdb") if one is not None]
    except SqlglotError as error:
        why = str(error).split("\n", maxsplit=1)[0].rstrip(".")
        raise ConfigError(f"{file} is not SQL that we can read ({why}); correct it.") from None
    statements = [one for one in statements if not isinstance(one, exp.Semicolon)]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigError(f"{file} must be one SELECT and nothing else; split it, or take the rest out.")
    return statements[0]


def _curated(depends: Iterable[str]) -> set[str]:
    prefix = f"{SCHEMA}."
    return {name.removeprefix(prefix) for name in depends if name.startswith(prefix)}


def _in_order(graph: Mapping[str, set[str]]) -> list[str]:
    """The names of `graph`, each after those it needs; by name where nothing else decides."""
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " reads ".join(reversed(error.args[1]))
        raise ConfigError(f"The curated tables go in a circle ({circle}); let one of them do without.") from None
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += ready
        sorter.done(*ready)
    return ordered


def _file(name: str) -> str:
    return f"warehouse/curated/{name}.sql"
