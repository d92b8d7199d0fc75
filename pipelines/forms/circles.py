"""Questions whose logic rests on each other in a circle: phones refuse such a form, or never come to rest."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from pipelines.errors import SchemaError
from pipelines.forms.expression import Answer, Call, Negative, Node, Operation, parse
from pipelines.forms.form import Form, Group, Question, Repeat

RESTS_ON = ("calculation", "relevant", "required")
"""What is worked out again when an answer changes; a constraint is only looked at when the question is left."""


def circles(form: Form) -> list[tuple[str, ...]]:
    """Circles of names, each beginning and ending with the same one; at most one through any name."""
    graph = _graph(form)
    found: list[tuple[str, ...]] = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = tuple(reversed(error.args[1]))
            found.append(circle)
            graph = {name: needs - set(circle) for name, needs in graph.items() if name not in circle}
        else:
            return found


def _graph(form: Form) -> Mapping[str, set[str]]:
    holders: tuple[Group | Repeat, ...] = (*form.groups, *form.repeats)
    around = [(holder.path + "/", holder.relevant) for holder in holders if holder.relevant]
    graph: dict[str, set[str]] = {}
    for question in form.questions:
        texts = [text for path, text in around if question.path.startswith(path)]
        needs = {name for text in (*_texts(question), *texts) for name in _needed(text)}
        graph.setdefault(question.name, set()).update(needs)
    return graph


def _texts(question: Question) -> Iterator[str]:
    return filter(None, (getattr(question, key) for key in RESTS_ON))


def _needed(text: str) -> Iterator[str]:
    try:
        yield from _answers(parse(text))
    except SchemaError:
        return  # lint.py says that it cannot be read


def _answers(node: Node) -> Iterator[str]:
    """The questions that `node` needs now; what another instance of a repeat answered was settled before."""
    match node:
        case Answer(name):
            yield name
        case Call("indexed-repeat", _):
            return
        case Call(_, arguments):
            for argument in arguments:
                yield from _answers(argument)
        case Operation(_, left, right):
            yield from _answers(left)
            yield from _answers(right)
        case Negative(operand):
            yield from _answers(operand)
