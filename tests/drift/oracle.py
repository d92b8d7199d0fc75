"""What became of every token: kept, leaked, doubled, lost, harmonized.

It is judged by the answers that were sent and the rows that a tool made of them, and by nothing else: no ledger, no
plan, no name of a column.

A column belongs to the question whose answers of today stand in it. So a token is harmonized where it stands with
today's answers to its question, and leaked where it stands with another question's, in another submission's row, or
with those of another row of its repeat.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.drift.scenario import Scenario, Token
from tests.drift.words import words

APART = "apart"
"""The table of what a tool set aside, with its place; its columns are the paths that were sent."""

NOTED = "noted"
"""The table of texts that a tool keeps as sent beside a cell that holds them otherwise; they are kept, not doubled."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that a tool made: of which submission, and (column, value) as they stand, names that stand twice too."""

    table: str
    submission: int
    cells: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A cell in which a word stands: the row by its number, the column by its position."""

    row: int
    table: str
    column: str
    position: str
    submission: int


@dataclass(frozen=True, slots=True)
class Score:
    """How many tokens there are, and what became of them; `mappable` are those that today's form asks under an older
    one's answer. `twins` are names that two columns of one table share.
    """

    tokens: int
    kept: int
    leaked: int
    doubled: int
    harmonized: int
    mappable: int
    twins: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Those that are nowhere in the rows of their submission."""
        return self.tokens - self.kept

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, leaked, doubled or called by another's name."""
        return self.kept == self.tokens and not (self.leaked or self.doubled or self.twins)

    @property
    def whole(self) -> bool:
        """Whether it is clean, and every older answer stands with today's."""
        return self.clean and self.harmonized == self.mappable


def score(scenario: Scenario, rows: Sequence[Row]) -> Score:
    """What became of the tokens of `scenario` in `rows`."""
    tokens = scenario.tokens()
    places = _places(rows)
    own = {token: _own(token, places) for token in tokens}
    home = _home(tokens, own, places)
    itself = {token: _but(own[token], home[token.computed[0]]) for token in tokens}
    owners = _owners(tokens, itself)
    astray = _astray_rows(tokens, itself)
    at_home = _submissions(tokens)
    leaked = [
        token
        for token in tokens
        if any(place.submission not in at_home[token.word] for place in places.get(token.word, []))
        or _mixes(token, itself[token], owners, astray)
    ]
    doubled = [token for token in tokens if _times(itself[token]) > 1]
    lost = [token for token in tokens if not own[token]]
    mappable = [token for token in tokens if token.mappable]
    joined = [token for token in mappable if _joined(token, own[token], home, places)]
    wrong = {
        "lost": lost,
        "leaked": leaked,
        "doubled": doubled,
        "not joined": sorted(set(mappable) - set(joined), key=_by),
    }
    return Score(
        tokens=len(tokens),
        kept=len(tokens) - len(lost),
        leaked=len(leaked),
        doubled=len(doubled),
        harmonized=len(joined),
        mappable=len(mappable),
        twins=_twins(rows),
        wrong=tuple(f"{what}: {token.word}" for what, found in wrong.items() for token in found),
    )


def columns_of_tokens(scenario: Scenario, rows: Sequence[Row]) -> dict[str, set[str]]:
    """Each token's word, and the columns in which it stands in rows of its submission: "table.column", or the column
    alone in a table without a name.
    """
    places = _places(rows)
    found: dict[str, set[str]] = {}
    for token in scenario.tokens():
        own = [place for place, _ in _own(token, places) if place.table != NOTED]
        found[token.word] = {f"{place.table}.{place.column}".removeprefix(".") for place in own}
    return found


Own = list[tuple[Place, bool]]
"""The places of a token in rows of its submission, and whether it stands there as its target."""


def _by(token: Token) -> tuple[int, str]:
    return token.submission, token.word


def _places(rows: Sequence[Row]) -> Mapping[str, list[Place]]:
    """Every place of every word."""
    found: dict[str, list[Place]] = defaultdict(list)
    for number, row in enumerate(rows):
        times: Counter[str] = Counter()
        for name, value in row.cells:
            times[name] += 1
            mark = f"#{times[name]}" if times[name] > 1 else ""
            for column, inner in _flat(name, value):
                for word in words(inner):
                    found[word].append(Place(number, row.table, column, column + mark, row.submission))
    return found


def _flat(column: str, value: object) -> Iterator[tuple[str, object]]:
    """A cell; what is nested in it, as cells of its own."""
    nested = [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, Mapping)]
    for part in nested:
        for name, inner in part.items():
            yield from _flat(f"{column}[]{name}", inner)
    if not nested:
        yield column, value


def _own(token: Token, places: Mapping[str, list[Place]]) -> Own:
    said = {token.word: False, token.target: True}
    return [
        (p, became) for word, became in said.items() for p in places.get(word, []) if p.submission == token.submission
    ]


def _but(own: Own, columns: set[tuple[str, str]]) -> Own:
    """The places outside the columns that are computed of a token, where it may be told once more."""
    return [(place, became) for place, became in own if (place.table, place.position) not in columns]


def _home(
    tokens: Sequence[Token], own: Mapping[Token, Own], places: Mapping[str, list[Place]]
) -> Mapping[str, set[tuple[str, str]]]:
    """The columns of today's questions: where the answers stand that were sent under the newest version."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for token in tokens:
        if token.anchor:
            found[token.today].update((p.table, p.position) for p, _ in own[token] if p.table not in (APART, NOTED))
            found[token.computed[0]].update(*_computed(token, places))
    return found


def _computed(token: Token, places: Mapping[str, list[Place]]) -> list[set[tuple[str, str]]]:
    """For each word that is computed of a token, the columns in which it stands in rows of the submission."""
    return [
        {(place.table, place.position) for place in places.get(word, []) if place.submission == token.submission}
        for word in words(token.computed[1])
    ]


def _owners(tokens: Sequence[Token], own: Mapping[Token, Own]) -> Mapping[tuple[str, str], str]:
    """Whose each column is: that of the newest answers in it."""
    found: dict[tuple[str, str], str] = {}
    for token in sorted(tokens, key=lambda token: not token.anchor):
        for place, _ in own[token]:
            if place.table not in (APART, NOTED):
                found.setdefault((place.table, place.position), token.today)
    return found


def _astray_rows(tokens: Sequence[Token], own: Mapping[Token, Own]) -> Mapping[int, set[str]]:
    """The positions of repeats whose answers stand in a row, by the row's number."""
    found: dict[int, set[str]] = defaultdict(set)
    for token in tokens:
        for place, _ in own[token]:
            if place.table not in (APART, NOTED) and token.index and "[]" not in place.column:
                found[place.row].add(token.index)
    return found


def _submissions(tokens: Sequence[Token]) -> Mapping[str, set[int]]:
    """In whose rows each word may stand: of who said it, and of those whose answers become it."""
    found: dict[str, set[int]] = defaultdict(set)
    for token in tokens:
        found[token.word].add(token.submission)
        found[token.target].add(token.submission)
    return found


def _mixes(token: Token, own: Own, owners: Mapping[tuple[str, str], str], astray: Mapping[int, set[str]]) -> bool:
    """Whether it stands in another question's column, or beside answers of another row of its repeat."""
    strange = any(owners.get((p.table, p.position), token.today) != token.today for p, _ in own)
    return strange or any(token.index and len(astray.get(p.row, ())) > 1 for p, _ in own)


def _times(own: Own) -> int:
    return len({(place.row, place.position) for place, _ in own if place.table != NOTED})


def _joined(
    token: Token, own: Own, home: Mapping[str, set[tuple[str, str]]], places: Mapping[str, list[Place]]
) -> bool:
    stands = any(became and (place.table, place.position) in home[token.today] for place, became in own)
    made = all(found & home[token.computed[0]] for found in _computed(token, places))
    return made and (stands or not token.asked)


def _twins(rows: Iterable[Row]) -> tuple[str, ...]:
    """Names that two columns of one table share."""
    found = {
        f"{row.table}.{name}"
        for row in rows
        for name, times in Counter(name for name, _ in row.cells).items()
        if times > 1
    }
    return tuple(sorted(found))
