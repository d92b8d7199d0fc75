"""Give every question of every version its column: the names and types of a tool's tables.

The registry is filled newest version first, so the newest names stand; it never renames. Which path lands where is read
off it afterwards (compile.py).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.errors import ConfigError
from pipelines.forms.form import Form, Question, Repeat
from pipelines.harmonize.decode import CHILD, TOP
from pipelines.harmonize.kinds import KINDS, kind_of
from pipelines.harmonize.plan import Column, Table
from pipelines.project.crosswalk import Computed, Rules

OURS = frozenset(name for name, _ in (*TOP, *CHILD))
"""Names that no question may take from us."""

NO_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Places:
    """Where a form's answers go, by path: each repeat's table suffix, each question's (table suffix, column name)."""

    repeats: Mapping[str, str]
    questions: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Apart:
    """How a question is placed that a column is computed from: not in that column `(suffix, name)`, of which the answer
    must stay told apart; and, where the sum of texts is wanted, as a number.
    """

    column: tuple[str, str] = ("", "")
    kind: str = ""


ANYWHERE = _Apart()


class Registry:
    """The columns of a tool while they are being found; each form adds what it asks and nobody asked before.

    `forms` are the repository's versions, newest first: which question of a name has it plain, and which repeat of a
    name its table, is settled by all of them together before the first is added.
    """

    def __init__(self, tool: str, forms: Sequence[Form], rules: Mapping[str, Rules]) -> None:
        self._tool = tool
        self._newest = forms[0].version
        self._rules = rules
        self._tables: dict[str, dict[str, Column]] = {"": {}}
        self._taken: dict[str, set[str]] = {}
        self._within: dict[str, tuple[str, ...]] = {"": ()}
        self._by_path: dict[tuple[str, str], list[Column]] = {}
        self._suffixes: dict[str, str] = {}
        self._plain: dict[tuple[str, str], bool] = {}
        self._qualified: set[tuple[str, str]] = set()
        repeats = [self._add_repeats(form) for form in forms]
        self._name(list(reversed(list(zip(forms, repeats, strict=True)))))

    def add(self, form: Form, rules: Rules = NO_RULES, called: str = "") -> Places:
        """Where the answers of `form` land by the `rules` of the crosswalk about it; an error names it as `called`."""
        suffixes = self._add_repeats(form)
        apart = {path: each for computed in rules.computed for path, each in self._apart(computed)}
        found: dict[str, tuple[str, str]] = {}
        for suffix, question, alone in _asked(form, suffixes):
            entry = rules.entries.get(question.path)
            if entry and entry.split:
                continue
            if entry and entry.to and not self._is_its_own(entry.to, suffix, question):
                found[question.path] = self._named(entry.to, called or form.version, question.path)
            else:
                by_itself = alone and (suffix, question.path) not in self._qualified
                plain = self._plain.get((form.version, question.path), by_itself)
                how = apart.get(question.path, ANYWHERE)
                found[question.path] = suffix, self._place(suffix, question, form.version, how, plain=plain)
        return Places(suffixes, found)

    def has(self, suffix: str, name: str) -> Column | None:
        """The column of this name, whatever its case; None where there is none."""
        return self._tables.get(suffix, {}).get(name.casefold())

    def names(self, suffix: str) -> list[str]:
        """The columns of a table, by name; none where there is no such table."""
        return [column.name for column in self._tables.get(suffix, {}).values()]

    def make(self, suffix: str, name: str, kind: str, question: Question) -> None:
        """Add a column that no form asks, whose name is free."""
        column = Column(name, kind, question, self._newest)
        self._tables[suffix][name.casefold()] = column
        self._taken.setdefault(suffix, set(OURS)).update(physical.casefold() for physical, _ in column.physical)

    def free(self, suffix: str, name: str) -> bool:
        """Whether a column of this name would be the only one."""
        return name.casefold() not in self._taken.get(suffix, OURS)

    def tables(self) -> dict[str, Table]:
        """Every table, by suffix; columns in the order of the newest form, then the older ones'."""
        return {
            suffix: Table(self._tool, suffix, tuple(columns.values()), self._within[suffix])
            for suffix, columns in self._tables.items()
        }

    def _add_repeats(self, form: Form) -> dict[str, str]:
        """The table suffix of each repeat of `form`, by path: no two share one, whatever older versions did."""
        repeats = {repeat.path: repeat for repeat in form.repeats}
        times = Counter(repeat.name.casefold() for repeat in repeats.values())
        found: dict[str, str] = {}
        for repeat in sorted(repeats.values(), key=self._rank):
            alone = times[repeat.name.casefold()] == 1
            suffix = self._suffixes.get(repeat.path) or self._standing(repeat.name if alone else _whole(repeat.path))
            number = 1
            while suffix in found.values():
                suffix = self._standing(_whole(repeat.path) + (f"_{number}" if number > 1 else ""))
                number += 1
            found[repeat.path] = suffix
            self._suffixes.setdefault(repeat.path, suffix)
            self._tables.setdefault(suffix, {})
        for path, repeat in repeats.items():
            self._within.setdefault(found[path], tuple(found[outer] for outer in repeat.repeats))
        return {path: found[path] for path in repeats}

    def _rank(self, repeat: Repeat) -> int:
        """Who chooses first: the repeat that a table was made for, then those that joined one, then the new."""
        suffix = self._suffixes.get(repeat.path)
        first = next((path for path, other in self._suffixes.items() if other == suffix), "")
        return 2 if suffix is None else int(first != repeat.path)

    def _standing(self, name: str) -> str:
        """The suffix that stands already for `name`, for tables too differ by more than case; else `name` itself."""
        return next((suffix for suffix in self._tables if suffix.casefold() == name.casefold()), name)

    def _name(self, oldest_first: Sequence[tuple[Form, Mapping[str, str]]]) -> None:
        """Settle who has a name plain where one version has it in several groups: who had it before, so that no later
        version renames a column; where nobody had, all of them are called by their group too.
        """
        owners: dict[tuple[str, str], list[str]] = {}
        for form, suffixes in oldest_first:
            asked = [
                (suffix, question, alone)
                for suffix, question, alone in _asked(form, suffixes)
                if question.path not in self._rules.get(form.version, NO_RULES).entries
            ]
            there = {(suffix, question.path) for suffix, question, _ in asked}
            for suffix, question, alone in asked:
                had = owners.setdefault((suffix, question.name.casefold()), [])
                heirs = [path for path in had if (suffix, path) in there]
                plain = (suffix, question.path) not in self._qualified if alone else heirs[-1:] == [question.path]
                self._plain[form.version, question.path] = plain
                if not plain:
                    self._qualified.add((suffix, question.path))
                elif question.path not in had:
                    had.append(question.path)

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

    def _is_its_own(self, to: str, suffix: str, question: Question) -> bool:
        """Whether an entry of the newest version names the question itself, to say more of it than where it goes."""
        return to.casefold() == f"{suffix}.{question.name}".removeprefix(".").casefold() and not self.has(
            suffix, question.name
        )

    def _apart(self, computed: Computed) -> Iterator[tuple[str, _Apart]]:
        """How the questions are placed that `computed` reads."""
        suffix, _, name = computed.to.rpartition(".")
        target = self.has(suffix, name)
        whole = "integer" in {computed.new, target.kind if target else ""}
        number = ("integer" if whole else "decimal") if computed.sum else ""
        for path in () if computed.interval else computed.members:
            yield path, _Apart((suffix, name.casefold()), number)

    def _place(self, suffix: str, question: Question, version: str, how: _Apart, *, plain: bool) -> str:
        """The column of `question`: that of its path, or of its name where it has that plain, else one of its own."""
        columns = self._tables[suffix]
        kind = kind_of(question.type)
        kind = how.kind if how.kind and kind == "text" else kind
        of_its_path = self._by_path.setdefault((suffix, question.path), [])
        of_its_name = columns.get(question.name.casefold())
        for standing in [*of_its_path, *([of_its_name] if plain and of_its_name else [])]:
            if _joins(question, kind, standing) and (suffix, standing.name.casefold()) != how.column:
                return standing.name
        name = question.name if plain else "__".join(question.path.split("/")[-2:])
        taken = self._taken.setdefault(suffix, set(OURS))
        column = Column(
            name=_free(name, kind, taken),
            kind=kind,
            question=question,
            version=version,
            retired=version != self._newest,
        )
        columns[column.name.casefold()] = column
        taken.update(name.casefold() for name in (column.name, *dict(column.physical)))
        of_its_path.append(column)
        return column.name


def _asked(form: Form, suffixes: Mapping[str, str]) -> list[tuple[str, Question, bool]]:
    """(table suffix, question, whether no other of its table has its name) for each question of `form`."""
    asked = [(suffixes[question.repeats[-1]] if question.repeats else "", question) for question in form.questions]
    times = Counter((suffix, question.name.casefold()) for suffix, question in asked)
    return [(suffix, question, times[suffix, question.name.casefold()] == 1) for suffix, question in asked]


def _whole(path: str) -> str:
    return path.replace("/", "__")


def _joins(question: Question, kind: str, standing: Column) -> bool:
    """Whether an older `question` of a `kind` can be that of `standing`: what it was answered must have a place there.

    One answer can be a list of one; a list of codes, a date or a number is no code of today's list, but may be read as
    a text.
    """
    if kind == standing.kind or {kind, standing.kind} == {"integer", "decimal"}:
        return True
    if standing.kind == "multiple":
        return question.type.startswith("select_one")
    if kind == "multiple":
        return standing.question.type == "text"
    return standing.kind == "text" and not standing.question.type.startswith("select_one")


def _free(name: str, kind: str, taken: Collection[str]) -> str:
    """`name`, or `name_2` and so on where a column has it already (names differ by more than case in SQL)."""
    ends = ("", *(end for end, _ in KINDS[kind].columns))
    candidate, number = name, 1
    while any((candidate + end).casefold() in taken for end in ends):
        number += 1
        candidate = f"{name}_{number}"
    return candidate
