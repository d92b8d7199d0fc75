"""In which order the questions of a form can be answered: each after those it needs.

What a question asks and how it is answered is not looked at here, only what its expressions refer to.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.errors import SchemaError
from pipelines.forms.evaluate import compiled
from pipelines.forms.expression import Answer, Here, Node, Operation, names, parse, walk
from pipelines.forms.form import Form, Group, Question, Repeat


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name stands: the path, and the repeats around it."""

    path: str
    repeats: tuple[str, ...]
    is_repeat: bool = False


Places = Mapping[str, Place]


@dataclass(slots=True)
class Item:
    """A question, or a repeat as a whole, and the paths beside it that are to be answered before it.

    `firmly`: what decides whether it is asked and what may be chosen; `loosely`: what its constraint looks at, which
    may as well be judged later. `relevant` are its conditions, those of the groups around it first.
    """

    of: Question | Repeat
    relevant: list[str] = field(default_factory=list)
    firmly: set[str] = field(default_factory=set)
    loosely: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        """The path of the question or repeat."""
        return self.of.path

    @property
    def constraint(self) -> Node | None:
        """The constraint, where it has one that can be worked out."""
        return readable(self.of.constraint) if isinstance(self.of, Question) else None


def readable(text: str) -> Node | None:
    """The tree of `text`; None where it is empty or beyond us."""
    if not text:
        return None
    try:
        node = parse(text)
        compiled(node)
    except SchemaError:
        return None
    return node


def items(form: Form, around: tuple[str, ...], places: Places) -> list[Item]:
    """What stands directly inside the repeats `around`, in the form's order."""
    found: dict[str, Item] = {}
    repeats = {repeat.path: repeat for repeat in form.repeats}
    for question in form.questions:
        if question.repeats == around:
            found[question.path] = Item(question)
        elif question.repeats[: len(around)] == around:
            repeat = repeats[question.repeats[len(around)]]
            found.setdefault(repeat.path, Item(repeat))
    here = found.keys()
    for item in found.values():
        item.relevant = list(_conditions(form, item.of, around))
        item.firmly = _referred([*item.relevant, *_deciding(form, item.of)], places) & here - {item.path}
        if isinstance(item.of, Question):
            item.loosely = _referred([item.of.constraint], places) & here - {item.path}
    for path, (total, _) in sums(found.values(), places).items():
        if path in found and total in found and path not in found[total].loosely:
            found[path].loosely.add(total)
    return list(found.values())


def _conditions(form: Form, of: Question | Repeat, around: tuple[str, ...]) -> Iterator[str]:
    inside = f"{around[-1]}/" if around else ""
    holders: list[Group | Repeat] = [*form.groups, *form.repeats]
    for holder in holders:
        if holder.relevant and of.path.startswith(holder.path + "/") and holder.path.startswith(inside):
            yield holder.relevant
    if of.relevant:
        yield of.relevant


def _deciding(form: Form, of: Question | Repeat) -> Iterator[str]:
    if isinstance(of, Question):
        yield from (of.calculation, of.choice_filter, of.required)
        return
    yield of.repeat_count
    inner: list[Group | Repeat] = [*form.groups, *form.repeats]
    for holder in inner:
        if holder.path.startswith(of.path + "/"):
            yield holder.relevant
    for question in form.questions:
        if of.path in question.repeats:
            yield from (question.relevant, question.constraint, question.calculation, question.choice_filter)


def _referred(texts: Iterable[str], places: Places) -> set[str]:
    """The paths of what `texts` refer to, and of the repeats around that."""
    found: set[str] = set()
    for text in texts:
        node = readable(text)
        for name in names(node) if node is not None else ():
            if place := places.get(name):
                found.update((place.path, *place.repeats))
    return found


def sums(among: Iterable[Item], places: Places) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Path -> the total it is a part of and all parts of that, from constraints such as ${a} + ${b} = ${c}."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for item in among:
        for part in conjuncts(item.constraint):
            if isinstance(part, Operation) and part.operator == "=":
                for one, other in ((part.left, part.right), (part.right, part.left)):
                    whole, parts = (_added(side, item.path, places) for side in (one, other))
                    if len(whole) == 1 and len(parts) > 1:
                        found |= dict.fromkeys(parts, (whole[0], parts))
    return found


def conjuncts(node: Node | None) -> Iterator[Node]:
    """The conditions that must all hold for `node` to hold."""
    if isinstance(node, Operation) and node.operator == "and":
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    elif node is not None:
        yield node


def _added(node: Node, here: str, places: Places) -> tuple[str, ...]:
    """The paths of the answers that `node` adds up; nothing where it is more than a sum of answers."""
    found = []
    for part in walk(node):
        match part:
            case Here():
                found.append(here)
            case Answer(name) if name in places:
                found.append(places[name].path)
            case Operation("+"):
                pass
            case _:
                return ()
    return tuple(found)


def in_order(items: Sequence[Item]) -> list[Item]:
    """`items` so that each comes after what it needs; a circle is cut, where it can be at what is needed loosely."""
    number = {item.path: at for at, item in enumerate(items)}
    firmly = [{number[path] for path in item.firmly} for item in items]
    needs = [firmly[at] | {number[path] for path in item.loosely} for at, item in enumerate(items)]
    needed_by: list[list[int]] = [[] for _ in items]
    for at, others in enumerate(needs):
        for other in others:
            needed_by[other].append(at)
    ready = [at for at, others in enumerate(needs) if not others]
    waiting = dict.fromkeys(range(len(items)))
    ordered = []
    while waiting:
        at = heapq.heappop(ready) if ready else _cut(waiting, firmly)
        if at in waiting:
            del waiting[at]
            ordered.append(items[at])
            for other in needed_by[at]:
                needs[other].discard(at)
                if not needs[other]:
                    heapq.heappush(ready, other)
    return ordered


def _cut(waiting: Mapping[int, None], firmly: Sequence[set[int]]) -> int:
    return next((at for at in waiting if not firmly[at] & waiting.keys()), next(iter(waiting)))
