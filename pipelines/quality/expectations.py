"""The rules of expectations/<layer>/<table>.yml, read strictly, and held against the table they speak of.

A rule says what must hold for a row, in SQL, why it matters and how much. Computing it is check.py.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal, Self, TypeGuard

import sqlglot
import yaml
from pydantic import Field, RootModel, StringConstraints, model_validator
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pipelines.errors import ConfigError
from pipelines.project import Project, StrictModel, read_yaml

Severity = Literal["critical", "warning", "info"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,99}$")]

LAYERS_OF_TOOLS = ("harmonized", "clean")
"""The layers whose tables are a tool's: a file there that belongs to no tool would never be obeyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that must hold for every row of `table`; where `holds` is null, the rule does not apply.

    `given` names SQL expressions over the row that `holds` then uses, such as the figure of the month before.
    """

    layer: str
    table: str
    name: str
    holds: str
    why: str
    severity: Severity
    columns: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    file: Path = Path()
    line: int = 0

    @property
    def where(self) -> str:
        """Where a person finds this rule."""
        return f"{self.file}, line {self.line}, rule {self.name!r}"


class RuleEntry(StrictModel):
    """One entry of a file of expectations. Without `columns`, those that `holds` names are meant."""

    rule: Name
    given: dict[Name, str] = Field(default_factory=dict)
    holds: str = Field(min_length=1)
    columns: tuple[str, ...] = ()
    why: str = Field(min_length=1)
    severity: Severity


class Suite(RootModel[tuple[RuleEntry, ...]]):
    """What a file of expectations may say."""

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [entry.rule for entry in self.root]
        given: dict[str, str] = {}
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are named {name!r}: rename one of them")
        for entry in self.root:
            for name, sql in entry.given.items():
                if name in names or given.setdefault(name, sql) != sql:
                    raise ValueError(f"the name {name!r} is given twice, and not the same: rename one of them")
        return self


def rules_for(project: Project, layer: str, table: str) -> tuple[Rule, ...]:
    """What must hold for `layer`.`table`, in the order of its file; nothing where there is no file."""
    file = project.expectations / layer / f"{table}.yml"
    if not file.is_file():
        return ()
    entries = read_yaml(file, Suite).root
    return tuple(
        Rule(
            layer=layer,
            table=table,
            name=entry.rule,
            holds=entry.holds.strip(),
            why=entry.why.strip(),
            severity=entry.severity,
            columns=entry.columns,
            given=entry.given,
            file=file,
            line=line,
        )
        for entry, line in zip(entries, _lines_of_entries(file), strict=True)
    )


def fitted(rules: Sequence[Rule], columns: Collection[str]) -> tuple[Rule, ...]:
    """`rules` with the columns each of them is about; ConfigError where one names a column that the table lacks."""
    return tuple(_fitted(rule, columns) for rule in rules)


def refuse_lost_suites(project: Project, layer: str, tool: str, tables: Collection[str]) -> None:
    """Raise where a file of expectations would never be obeyed, because no table has its name."""
    if layer not in LAYERS_OF_TOOLS:
        return
    tools = {known.name for known in project.tools()}
    for file in sorted((project.expectations / layer).glob("*.yml")):
        owner = file.stem.partition("__")[0]
        if owner not in tools or (owner == tool and file.stem not in tables):
            known = sorted(tables) if owner == tool else sorted(tools)
            raise ConfigError(f"{file}: there is no table {layer}.{file.stem}: {_advice(file.stem, known)}.")


def _lines_of_entries(file: Path) -> list[int]:
    """The line on which each entry of `file` begins, as an editor counts."""
    root = yaml.compose(file.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    return [entry.start_mark.line + 1 for entry in root.value] if isinstance(root, yaml.SequenceNode) else []


def _fitted(rule: Rule, columns: Collection[str]) -> Rule:
    spelling = {column.lower(): column for column in columns}
    named = columns_named(rule)
    _refuse_taken_names(rule, spelling)
    for column in (*rule.columns, *named):
        if column.lower() not in spelling:
            raise ConfigError(
                f"{rule.where}: {rule.layer}.{rule.table} has no column {column!r}: {_advice(column, columns)}."
            )
    asked = [name for name in named if not name.startswith("_")]
    about = {column.lower() for column in rule.columns or asked or named}
    return replace(rule, columns=tuple(column for column in columns if column.lower() in about))


def _refuse_taken_names(rule: Rule, spelling: Mapping[str, str]) -> None:
    for name in rule.given:
        if name in spelling:
            raise ConfigError(f"{rule.where}: {name!r} is given, but the table has a column of this name: rename it.")


def columns_named(rule: Rule) -> tuple[str, ...]:
    """The columns of its own row that a rule names. Inside a subquery, only those written as table.column are sure."""
    texts = {"holds": rule.holds, **rule.given}
    names = {
        column.name
        for key, text in texts.items()
        for column in _parsed(rule, key, text).find_all(exp.Column)
        if column.table == rule.table or not (column.table or column.find_ancestor(exp.Select))
    }
    return tuple(sorted(names - set(rule.given)))


def _parsed(rule: Rule, key: str, text: str) -> exp.Expression:
    """What the SQL `text` under `key` says; it is only looked at here, the database gets the text as it was written."""
    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except SqlglotError as error:
        raise ConfigError(f"{rule.where}: `{key}` is no SQL ({_first_line(error)}): mend it.") from None
    if len(statements) != 1 or not _is_expression(statements[0]):
        raise ConfigError(f"{rule.where}: `{key}` must be one SQL expression over the columns of a row: write it so.")
    return statements[0]


def _is_expression(statement: object) -> TypeGuard[exp.Expression]:
    """Whether `statement` is a value: a subquery in brackets is one, a bare SELECT is not."""
    return isinstance(statement, exp.Condition | exp.Subquery)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


def _advice(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? Correct the name" if near else "correct the name"
