"""What becomes of every answer of a tool, decided once before any row is read: tables, columns, and a landing per path.

Forms and crosswalk go in; SQL is made of the plan in decode.py, and the ledger reads it backwards. The newest version
of the repository gives the names; an older question of the same name is the same question; the crosswalk joins the
rest; a question that nothing joins keeps its own column, marked retired.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pipelines.forms.form import Form, Question
from pipelines.harmonize.kinds import KINDS, Sql
from pipelines.project.crosswalk import Layout, SplitRule


@dataclass(frozen=True, slots=True)
class Column:
    """A question's place in a table. `name` may stand for several physical columns (a geopoint has four)."""

    name: str
    kind: str
    question: Question
    version: str
    retired: bool = False

    @property
    def physical(self) -> tuple[tuple[str, str], ...]:
        """(name, SQL type) of each column in the table."""
        return tuple((self.name + suffix, sql_type) for suffix, sql_type in KINDS[self.kind].columns)


@dataclass(frozen=True, slots=True)
class Table:
    """A tool's table (`suffix` empty) or one of its repeats. `within` are the suffixes of the repeats around it."""

    tool: str
    suffix: str
    columns: tuple[Column, ...]
    within: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The table's name in the schema harmonized."""
        return f"{self.tool}__{self.suffix}" if self.suffix else self.tool

    def column(self, name: str) -> Column:
        """The column `name`; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Landing:
    """Where the answer at `path` lands: physical columns of a table, of a kind.

    `recode` maps codes of then to codes of now, and a number is multiplied by `factor`. A `careful` landing is not
    taken by the compiled SQL: its texts need what SQL does not know (labels instead of codes, several ways to write a
    date). The recode of a `lossy` one cannot be undone: two codes became one, or one became another's.
    """

    path: str
    repeat: str
    suffix: str
    column: str
    physical: tuple[str, ...]
    kind: str
    recode: Mapping[str, str] = field(default_factory=dict)
    careful: bool = False
    factor: Decimal | None = None
    lossy: bool = False


@dataclass(frozen=True, slots=True)
class Derived:
    """A column of the table `suffix` that is computed in a shape's rows: SQL for each physical column, from others.

    The answers it is made of, at the paths `members`, have columns of their own; so nothing rests on this one, and the
    ledger only looks whether it says what they say.
    """

    suffix: str
    column: str
    way: str
    members: tuple[str, ...]
    values: tuple[tuple[str, Sql], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """One way in which documents arrive: a form version as a server has it, or a layout of a file.

    `repeats` maps a repeat's path to its table's suffix, outer repeats first. `unmapped` maps a path to the reason
    why it goes nowhere on purpose. `derived` are the columns that are computed in its rows. `source`
    is the one whose own lines of the crosswalk it follows, if any, and `told` are the paths that lines speak of.
    """

    name: str
    form: Form | None
    landings: Mapping[str, Landing]
    splits: Mapping[str, SplitRule] = field(default_factory=dict)
    repeats: Mapping[str, str] = field(default_factory=dict)
    unmapped: Mapping[str, str] = field(default_factory=dict)
    layout: Layout | None = None
    derived: tuple[Derived, ...] = ()
    source: str = ""
    told: frozenset[str] = frozenset()

    def repeat_of(self, suffix: str) -> str:
        """The repeat that fills the table `suffix`; empty for the tool's own and where this shape has none."""
        return next((repeat for repeat, into in self.repeats.items() if into == suffix), "")

    def direct_repeats(self, within: str) -> Iterator[str]:
        """The repeats directly in this one (or at the top) that SQL takes; of those that differ by case, the first."""
        taken: set[str] = set()
        for repeat in self.repeats:
            outer = max((other for other in self.repeats if repeat.startswith(other + "/")), key=len, default="")
            if outer == within and repeat.casefold() not in taken:
                taken.add(repeat.casefold())
                yield repeat

    def direct(self, repeat: str) -> Iterator[Landing]:
        """The landings in this repeat that SQL takes, ordered by path; of paths that differ by case only, the first."""
        taken = {path.casefold() for path in self.repeats}
        for path in sorted(self.landings):
            landing = self.landings[path]
            if landing.repeat == repeat and not landing.careful and path.casefold() not in taken:
                taken.add(path.casefold())
                yield landing


@dataclass(frozen=True, slots=True)
class Apart:
    """A code of a version that means something else than in `since`, whose answers stand in the column as `kept_as`.

    `languages` are those in which it does, `line` is the line of the crosswalk that would say what it is.
    """

    version: str
    path: str
    suffix: str
    column: str
    code: str
    kept_as: str
    since: str
    languages: tuple[str, ...]
    line: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a tool: its tables (the tool's own first), its shapes by name, and which arrivals have which shape.

    `shape_of` maps (source, asset, form version as sent) to a shape's name, where an empty asset stands for every other
    one of the source; `otherwise` is the shape of all others.
    `unread` says of (source, asset, version) why a server's form could not be read; its rows are as all others.
    `apart` are the codes that mean something else now.
    """

    tool: str
    tables: Mapping[str, Table]
    shapes: Mapping[str, Shape]
    shape_of: Mapping[tuple[str, str, str], str]
    otherwise: str
    versions: tuple[Form, ...]
    unread: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    apart: tuple[Apart, ...] = ()

    def landing_anywhere(self, path: str) -> Landing | None:
        """Where `path` lands by any version that knows it, the newest first."""
        for shape in self.shapes.values():
            if path in shape.landings and shape.layout is None:
                return shape.landings[path]
        return None
