"""A Form made ready to be answered: its expressions compiled, its questions in the order of answering.

Only what the form says belongs here; choosing answers is answers.py. An expression that cannot be read or worked out
here (a path, pulldata) is left out, as if the cell were empty: whether a form is sound is for forms/ to say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.demo.order import Item, Place, Places, conjuncts, in_order, items, readable, sums
from pipelines.forms.evaluate import Worth, compiled
from pipelines.forms.expression import Call, Here, Node, Operation, Text
from pipelines.forms.form import Choice, Form, Question, Repeat

ALWAYS = frozenset({"yes", "true", "true()"})
NEVER = frozenset({"", "no", "false", "false()"})
COMPARING = frozenset({"=", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One comparison that must hold, its sides ready to be worked out."""

    operator: str
    left: Worth
    right: Worth


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """The constraint of the question at `owner`; `comparisons` and `patterns` are those of its parts that must hold."""

    owner: str
    holds: Worth
    comparisons: tuple[Comparison, ...] = ()
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Step:
    """One question, or one repeat with the `inside` of it.

    `checks` are the constraints that can be judged once this is answered, its own and earlier ones'; `parts` and
    `total` say that the answers of `parts`, of which this is one, add up to that of `total`.
    """

    path: str
    name: str
    question: Question | None = None
    repeat: Repeat | None = None
    inside: "Level | None" = None
    conditions: tuple[Worth, ...] = ()
    checks: tuple[Check, ...] = ()
    required: bool | Worth = False
    calculation: Worth | None = None
    choice_filter: Worth | None = None
    count: Worth | None = None
    choices: Mapping[str, Choice] = field(default_factory=dict)
    total: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The form outside every repeat, or the inside of one: `steps` in the order of answering, `order` in the form's."""

    steps: tuple[Step, ...]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A Form, ready to be answered; `labels` are those of (question, choice) in the form's first language."""

    form: Form
    level: Level
    places: Places
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)


_RECENT: dict[int, Plan] = {}


def plan_of(form: Form) -> Plan:
    """The plan of `form`, made once while the form is in use."""
    plan = _RECENT.get(id(form))
    if plan is None or plan.form is not form:
        if len(_RECENT) >= 16:
            _RECENT.clear()
        plan = _RECENT[id(form)] = _plan(form)
    return plan


def _plan(form: Form) -> Plan:
    places = {repeat.name: Place(repeat.path, repeat.repeats, is_repeat=True) for repeat in form.repeats}
    for question in form.questions:
        places.setdefault(question.name, Place(question.path, question.repeats))
    labels = {
        (question.name, choice.name): next(iter(choice.labels.values()), choice.name)
        for question in form.questions
        for choice in form.choices_of(question)
    }
    return Plan(form, _level(form, (), places), places, labels)


def _level(form: Form, around: tuple[str, ...], places: Places) -> Level:
    here = items(form, around, places)
    ordered = in_order(here)
    checks = _checks(ordered)
    added = sums(here, places)
    steps = []
    for item in ordered:
        due = tuple(checks.get(item.path, ()))
        if isinstance(item.of, Repeat):
            inside = _level(form, (*around, item.path), places)
            steps.append(_repeat_step(item, item.of, inside, due))
        else:
            steps.append(_question_step(item, item.of, form, due, added.get(item.path, ("", ()))))
    return Level(tuple(steps), tuple(item.path for item in here))


def _repeat_step(item: Item, repeat: Repeat, inside: Level, checks: tuple[Check, ...]) -> Step:
    return Step(
        path=repeat.path,
        name=repeat.name,
        repeat=repeat,
        inside=inside,
        conditions=_worths(item.relevant),
        checks=checks,
        count=_worth(repeat.repeat_count),
    )


def _question_step(
    item: Item, question: Question, form: Form, checks: tuple[Check, ...], added: tuple[str, tuple[str, ...]]
) -> Step:
    return Step(
        path=question.path,
        name=question.name,
        question=question,
        conditions=_worths(item.relevant),
        checks=checks,
        required=_required(question.required),
        calculation=_worth(question.calculation),
        choice_filter=_worth(question.choice_filter),
        choices={choice.name: choice for choice in form.choices_of(question)},
        total=added[0],
        parts=added[1],
    )


def _checks(ordered: Sequence[Item]) -> dict[str, list[Check]]:
    """Every constraint, under the path of the last answered of the questions it looks at."""
    position = {item.path: at for at, item in enumerate(ordered)}
    found: dict[str, list[Check]] = {}
    for item in ordered:
        if (node := item.constraint) is not None:
            last = max((item.path, *item.loosely), key=position.__getitem__)
            found.setdefault(last, []).append(_check(item.path, node))
    return found


def _check(owner: str, node: Node) -> Check:
    parts = list(conjuncts(node))
    return Check(owner, compiled(node), tuple(_comparisons(parts)), tuple(_patterns(parts)))


def _comparisons(parts: Iterable[Node]) -> Iterator[Comparison]:
    for part in parts:
        if isinstance(part, Operation) and part.operator in COMPARING:
            yield Comparison(part.operator, compiled(part.left), compiled(part.right))


def _patterns(parts: Iterable[Node]) -> Iterator[str]:
    for part in parts:
        match part:
            case Call("regex", (Here(), Text(pattern))):
                yield pattern


def _worth(text: str) -> Worth | None:
    node = readable(text)
    return None if node is None else compiled(node)


def _worths(texts: Iterable[str]) -> tuple[Worth, ...]:
    return tuple(worth for worth in map(_worth, texts) if worth is not None)


def _required(text: str) -> bool | Worth:
    wanted = text.strip().lower()
    if wanted in ALWAYS or wanted in NEVER:
        return wanted in ALWAYS
    return _worth(text) or False
