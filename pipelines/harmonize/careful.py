"""Land a document answer by answer: the careful way, for those whose answers the compiled SQL could not hold as sent.

Every leaf of the document gets its one fate here: a column (with a note where the cell does not give the text back),
rows of a split, or quarantine with a reason. What a text becomes is convert.py; what a fate comes to in tables is
exceptions.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipelines.archive.leaves import Leaf, leaves
from pipelines.archive.outline import NO_OUTLINE, Outline
from pipelines.harmonize.convert import Answer, Refused, Writing
from pipelines.harmonize.derive import computed_names
from pipelines.harmonize.plan import Landing, Plan, Shape
from pipelines.harmonize.split import Names, Piece, pieces
from pipelines.project.crosswalk import SplitRule

Record = dict[str, str | None]
"""A row to be: physical or base column name -> text in the form its kind expects."""

FORCED = frozenset({"other_version", "flat_repeat", "listed_group", "missing", "not_in_list"})
"""What is noted even where the cell gives the text back."""

EXACT = frozenset({"text", "integer", "date", "multiple"})
"""Kinds whose cells give back every text that conversion left as it was."""


@dataclass(frozen=True, slots=True)
class Document:
    """An archived document as careful landing needs it."""

    source: str
    asset: str
    root_id: str
    shape: str
    raw: str
    raw_kind: str
    outline: Outline = NO_OUTLINE

    @property
    def key(self) -> tuple[str, str, str]:
        """(source, asset, root id)."""
        return self.source, self.asset, self.root_id


@dataclass(frozen=True, slots=True)
class Placed:
    """A leaf that has a cell: in `suffix`'s table, physical column `key`, at row `index`.

    `exact` where the cell is sure to give back the text that was sent; the ledger would show it if it did not.
    """

    leaf: Leaf
    suffix: str
    key: str
    index: str
    why: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """A leaf that became rows of `suffix`'s table; `first` is the position of the first once all are placed."""

    leaf: Leaf
    suffix: str
    rows: tuple[Record, ...]
    first: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A leaf in quarantine, and why."""

    leaf: Leaf
    reason: str


@dataclass(slots=True)
class Fates:
    """What became of one document: its rows by (table suffix, index), and the fate of every leaf."""

    document: Document
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    split: list[Split] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a plan does not say: how a shape writes the answers of a column, the names a split cuts by, and what a text
    there comes to.
    """

    writing: Callable[[Shape, Landing], Writing]
    names: Callable[[str], Names]
    converted: Callable[[Shape, Landing, str], Answer]


def fates_of(document: Document, plan: Plan, knowledge: Knowledge) -> Fates:
    """The fate of every answer in `document`."""
    fates = Fates(document)
    shape = plan.shapes[document.shape]
    try:
        found = leaves(document.raw, document.raw_kind, document.outline)
    except (ValueError, RecursionError):
        fates.held.append(Held(Leaf("", "", "", ""), "unreadable"))
        return fates
    if any(_not_unicode(leaf) for leaf in found):
        fates.held.append(Held(Leaf("", "", "", ""), "not_unicode"))
        return fates
    fates.records["", ""] = {}
    rows = _rows_of_repeats(found)
    for leaf in sorted(found, key=lambda leaf: leaf.path not in shape.landings):  # who is at home has the column
        _give_fate(leaf, fates, plan, shape, knowledge, rows)
    fates.split = [_placed_split(split, fates) for split in fates.split]
    return fates


def _give_fate(
    leaf: Leaf, fates: Fates, plan: Plan, shape: Shape, knowledge: Knowledge, rows: Mapping[str, int]
) -> None:
    rule = shape.splits.get(leaf.path)
    landing = shape.landings.get(leaf.path)
    why = ""
    if rule:
        _split(leaf, rule, fates, shape, knowledge)
        return
    if leaf.path in shape.unmapped:
        fates.held.append(Held(leaf, "unmapped"))
        return
    if landing is None and shape.layout is None:
        landing, why = plan.landing_anywhere(leaf.path), "other_version"
    if landing is None:
        fates.held.append(Held(leaf, "unknown_key"))
        return
    if landing.physical[0] in computed_names(shape, plan.tables[landing.suffix]):
        fates.held.append(Held(leaf, "clash"))
        return
    place = _place(leaf, landing, plan, rows)
    if place is None:
        fates.held.append(Held(leaf, "list_where_one"))
        return
    index, moved = place
    _put(leaf, landing, index, moved or why, fates, plan, knowledge.converted(shape, landing, leaf.text))


def _place(leaf: Leaf, landing: Landing, plan: Plan, rows: Mapping[str, int]) -> tuple[str, str] | None:
    """(index of the row, what was unusual) for `leaf`; None where it cannot stand there."""
    expected = leaf.repeat == landing.repeat
    depth = 1 + len(plan.tables[landing.suffix].within) if landing.suffix else 0
    if expected and bool(landing.suffix) == bool(leaf.index) and _around(leaf, plan) is not None:
        return leaf.index, ""
    if leaf.index and not leaf.repeat:
        return None
    if not leaf.repeat or landing.repeat.startswith(leaf.repeat + "/"):
        places = leaf.index.split(".") if leaf.index else []
        return ".".join([*places, *"1" * (depth - len(places))]), "" if expected else "flat_repeat"
    if not landing.suffix and rows[leaf.repeat] == 1:
        return "", "" if expected else "listed_group"
    return None


def _around(leaf: Leaf, plan: Plan) -> tuple[str, ...] | None:
    """The table suffixes of the repeats around that of `leaf`, as a version has them that nests it so deep; None where
    none does.
    """
    depth = leaf.index.count(".") if leaf.index else 0
    for shape in plan.shapes.values():
        outer = tuple(into for repeat, into in shape.repeats.items() if leaf.repeat.startswith(f"{repeat}/"))
        if len(outer) == depth and (leaf.repeat in shape.repeats or not leaf.repeat):
            return outer
    return None


def _put(leaf: Leaf, landing: Landing, index: str, why: str, fates: Fates, plan: Plan, converted: Answer) -> None:
    if isinstance(converted, Refused):
        fates.held.append(Held(leaf, converted.reason))
        return
    as_sent = index == leaf.index and leaf.repeat == landing.repeat
    around = _around(leaf, plan) if as_sent else None
    record = _record(fates, plan.tables[landing.suffix].within if around is None else around, landing.suffix, index)
    name = landing.physical[0] if landing.kind == "double" else landing.column
    if record.get(name) is not None and converted.text is not None:
        fates.held.append(Held(leaf, "clash"))
        return
    if converted.text is not None or name not in record:
        record[name] = converted.text
    why = why or converted.why
    exact = (
        converted.text == leaf.text
        and landing.kind in EXACT
        and why not in FORCED
        and not (landing.recode or landing.factor)
    )
    fates.placed.append(Placed(leaf, landing.suffix, landing.physical[0], index, why, exact))


def _record(fates: Fates, around: Sequence[str], suffix: str, index: str) -> Record:
    """The row at `index`, and the rows around it, made where there are none yet."""
    for depth, outer in enumerate(around, start=1):
        fates.records.setdefault((outer, ".".join(index.split(".")[:depth])), {})
    return fates.records.setdefault((suffix, index), {})


def _split(leaf: Leaf, rule: SplitRule, fates: Fates, shape: Shape, knowledge: Knowledge) -> None:
    missing = shape.layout.missing if shape.layout else ()
    found = () if leaf.text.strip() in missing else pieces(leaf.text, knowledge.names(rule.by))
    rows = tuple(record for piece in found for record in _records(piece, rule))
    fates.split.append(Split(leaf, rule.into, rows))


def _placed_split(split: Split, fates: Fates) -> Split:
    """`split` with its rows behind those that its table has already for this document."""
    first = 1 + max((int(index.split(".")[0]) for suffix, index in fates.records if suffix == split.suffix), default=0)
    for position, record in enumerate(split.rows, start=first):
        fates.records[split.suffix, str(position)] = record
    return replace(split, first=first)


def _records(piece: Piece, rule: SplitRule) -> list[Record]:
    same: Record = dict(rule.set)
    if piece.codes:
        return [{**same, rule.value: code} for code in piece.codes]
    if rule.other:
        return [{**same, rule.value: "other", rule.other: piece.written}]
    return [{**same, rule.value: piece.written}]


def _rows_of_repeats(found: tuple[Leaf, ...]) -> dict[str, int]:
    """How many rows each repeat has in the document."""
    indexes: dict[str, set[str]] = {}
    for leaf in found:
        indexes.setdefault(leaf.repeat, set()).add(leaf.index)
    return {repeat: len(places) for repeat, places in indexes.items()}


def _not_unicode(leaf: Leaf) -> bool:
    try:
        (leaf.path + leaf.text).encode()
    except UnicodeEncodeError:
        return True
    return False
