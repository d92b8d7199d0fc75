"""Give every question of every version its column: the names and types of a tool's tables.

The registry is filled newest version first, so the newest names stand; it never renames. Which path lands where is read
off it afterwards (compile.py).
"""

from collections import Counter
from collections.abc import Mapping

from pipelines.errors import ConfigError
from pipelines.forms.form import Form, Question
from pipelines.harmonize.decode import CHILD, TOP
from pipelines.harmonize.kinds import KINDS, kind_of
from pipelines.harmonize.plan import Column, Table
from pipelines.project.crosswalk import Entry

OURS = frozenset(name for name, _ in (*TOP, *CHILD))
"""Names that no question may take from us."""


class Registry:
    """The columns of a tool while they are being found; each form adds what it asks and nobody asked before."""

    def __init__(self, tool: str, newest: str) -> None:
        self._tool = tool
        self._newest = newest
        self._tables: dict[str, dict[str, Column]] = {"": {}}
        self._within: dict[str, tuple[str, ...]] = {"": ()}
        self._by_path: dict[tuple[str, str], list[Column]] = {}
        self._suffixes: dict[str, str] = {}

    def add(self, form: Form, entries: Mapping[str, Entry]) -> dict[str, tuple[str, str]]:
        """Where each question of `form` lands: path -> (table suffix, column name)."""
        suffixes = self.add_repeats(form)
        places = {
            question.path: suffixes[question.repeats[-1]] if question.repeats else "" for question in form.questions
        }
        times = Counter((places[question.path], question.name.casefold()) for question in form.questions)
        found: dict[str, tuple[str, str]] = {}
        for question in form.questions:
            entry = entries.get(question.path)
            if entry and entry.split:
                continue
            suffix = places[question.path]
            if entry and entry.to:
                suffix, name = self._named(entry.to, form.version, question.path)
            else:
                alone = times[suffix, question.name.casefold()] == 1
                name = self._place(suffix, question, form.version, alone=alone)
            found[question.path] = (suffix, name)
        return found

    def add_repeats(self, form: Form) -> dict[str, str]:
        """The table suffix of each repeat of `form`, by the repeat's path."""
        times = Counter(repeat.name.casefold() for repeat in form.repeats)
        suffixes: dict[str, str] = {}
        for repeat in form.repeats:
            name = repeat.name if times[repeat.name.casefold()] == 1 else repeat.path.replace("/", "__")
            suffix = self._suffixes.setdefault(repeat.path, self._standing(name))
            suffixes[repeat.path] = suffix
            self._tables.setdefault(suffix, {})
            self._within.setdefault(suffix, tuple(suffixes[outer] for outer in repeat.repeats))
        return suffixes

    def tables(self) -> dict[str, Table]:
        """Every table, by suffix; columns in the order of the newest form, then the older ones'."""
        return {
            suffix: Table(self._tool, suffix, tuple(columns.values()), self._within[suffix])
            for suffix, columns in self._tables.items()
        }

    def _standing(self, name: str) -> str:
        """The suffix that stands already for `name`, for tables too differ by more than case; else `name` itself."""
        return next((suffix for suffix in self._tables if suffix.casefold() == name.casefold()), name)

    def _named(self, to: str, version: str, path: str) -> tuple[str, str]:
        suffix, _, name = to.rpartition(".")
        if suffix not in self._tables or name.casefold() not in self._tables[suffix]:
            known = ", ".join(list(self._tables.get(suffix, {}))[:8])
            message = (
                f"xlsforms/{self._tool}/crosswalk.yml, {version}, {path}: no newer version has a column '{to}' "
                f"(there are {known}, …); write the name of one that exists."
            )
            raise ConfigError(message)
        return suffix, self._tables[suffix][name.casefold()].name

    def _place(self, suffix: str, question: Question, version: str, *, alone: bool) -> str:
        """The column of `question`: the one of its name where that is plain, else one of its own."""
        columns = self._tables[suffix]
        of_its_path = self._by_path.setdefault((suffix, question.path), [])
        of_its_name = columns.get(question.name.casefold())
        for standing in [*of_its_path, *([of_its_name] if alone and of_its_name else [])]:
            if _joins(question, standing):
                return standing.name
        name = question.name if alone else "__".join(question.path.split("/")[-2:])
        column = Column(
            name=_free(name, kind_of(question.type), columns),
            kind=kind_of(question.type),
            question=question,
            version=version,
            retired=version != self._newest,
        )
        columns[column.name.casefold()] = column
        of_its_path.append(column)
        return column.name


def _joins(question: Question, standing: Column) -> bool:
    """Whether an older `question` can be the one of `standing`: a list of codes and one answer are not the same."""
    if standing.kind == "multiple":
        return kind_of(question.type) == "multiple" or question.type.startswith("select_one")
    return kind_of(question.type) != "multiple" or standing.question.type == "text"


def _free(name: str, kind: str, columns: Mapping[str, Column]) -> str:
    """`name`, or `name_2` and so on where a physical column has it already (names differ by more than case in SQL)."""
    taken = {physical.casefold() for column in columns.values() for physical, _ in column.physical} | OURS
    candidate, number = name, 1
    while any((candidate + end).casefold() in taken for end, _ in KINDS[kind].columns):
        number += 1
        candidate = f"{name}_{number}"
    return candidate
