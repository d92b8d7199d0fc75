"""The expressions of a form (relevant, constraint, calculation, choice_filter, ...) as small trees.

Grammar only: XPath 1.0 as XLSForm uses it, without paths. What a tree is worth for given answers is evaluate.py; what
it becomes in SQL is another room's.
"""

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from pipelines.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Text:
    """A text between quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, never negative (the sign is a Negative)."""

    value: float


@dataclass(frozen=True, slots=True)
class Here:
    """`.`: the answer of the question that the expression belongs to."""


@dataclass(frozen=True, slots=True)
class Parent:
    """`..`: what stands around the question; only position(..) knows what to do with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`${name}`: the answer of another question, or the instances of a repeat."""

    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A bare name: in a choice_filter, a column of the choices sheet."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands and the operator between them, one of OPERATORS."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus sign and what follows it."""

    operand: "Node"


Node = Text | Number | Here | Parent | Answer | Column | Call | Operation | Negative

OPERATORS = {
    "or": 1, "and": 2, "=": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "div": 6, "mod": 6,
}  # fmt: skip
"""Operator -> how tightly it binds; all bind from the left."""

MANY = 99
FUNCTIONS = {
    "abs": (1, 1), "acos": (1, 1), "area": (1, 1), "asin": (1, 1), "atan": (1, 1), "atan2": (2, 2),
    "base64-decode": (1, 1), "boolean": (1, 1), "boolean-from-string": (1, 1), "ceiling": (1, 1),
    "checklist": (2, MANY), "coalesce": (2, 2), "concat": (1, MANY), "contains": (2, 2), "cos": (1, 1),
    "count": (1, 1), "count-non-empty": (1, 1), "count-selected": (1, 1), "current": (0, 0), "date": (1, 1),
    "date-time": (1, 1), "decimal-date-time": (1, 1), "decimal-time": (1, 1), "digest": (2, 3), "distance": (1, MANY),
    "ends-with": (2, 2), "exp": (1, 1), "exp10": (1, 1), "false": (0, 0), "floor": (1, 1), "format-date": (2, 2),
    "format-date-time": (2, 2), "geofence": (2, 2), "if": (3, 3), "indexed-repeat": (3, 7), "instance": (1, 1),
    "int": (1, 1), "join": (2, MANY), "jr:choice-name": (2, 2), "jr:itext": (1, 1), "last": (0, 0), "log": (1, 1),
    "log10": (1, 1), "max": (1, MANY), "min": (1, MANY), "normalize-space": (1, 1), "not": (1, 1), "now": (0, 0),
    "number": (1, 1), "once": (1, 1), "pi": (0, 0), "position": (1, 1), "pow": (2, 2), "property": (1, 1),
    "pulldata": (4, 4), "random": (0, 0), "randomize": (1, 2), "regex": (2, 2), "round": (1, 2), "selected": (2, 2),
    "selected-at": (2, 2), "sin": (1, 1), "sqrt": (1, 1), "starts-with": (2, 2), "string": (1, 1),
    "string-length": (0, 1), "substr": (2, 3), "substring": (2, 3), "substring-after": (2, 2),
    "substring-before": (2, 2), "sum": (1, MANY), "tan": (1, 1), "today": (0, 0), "translate": (3, 3), "true": (0, 0),
    "uuid": (0, 1), "version": (0, 0), "weighted-checklist": (4, MANY),
}  # fmt: skip
"""What phones know: function -> fewest and most arguments."""

DEEPEST = 150
"""How deep a tree may be: far beyond what people write, far below what Python can follow."""

_WORD = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)
           | (?P<text>"[^"]*"|'[^']*')
           | (?P<answer>\$\{[^{}]*\})
           | (?P<name>[^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?)
           | (?P<mark>\.\.|<=|>=|!=|[-+*=<>(),.])
           | (?P<end>\Z))""",
    re.VERBOSE,
)
_REMEDIES = {
    "/": "paths are not understood here: name the question as ${name}",
    "[": "paths are not understood here: name the question as ${name}",
    "$": "write ${ and }, with the question's name between them",
    "{": "write ${ and }, with the question's name between them",
    "'": "close the text with the quote it opened with",
    '"': "close the text with the quote it opened with",
    "‘": "use straight quotes",
    "’": "use straight quotes",
    "“": "use straight quotes",
    "”": "use straight quotes",
    "!": "write != for 'is not', and not(...) to turn a condition round",
    "&": "write and",
    "|": "write or",
}


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of `text`; SchemaError says at which character it cannot be read, and what to write."""
    return _Parser(text).whole()


def walk(node: Node) -> Iterator[Node]:
    """`node` and every node below it, from the top, left to right."""
    yield node
    match node:
        case Call(_, arguments):
            for argument in arguments:
                yield from walk(argument)
        case Operation(_, left, right):
            yield from walk(left)
            yield from walk(right)
        case Negative(operand):
            yield from walk(operand)


def names(node: Node) -> frozenset[str]:
    """The questions and repeats that `node` refers to by ${name}, in texts (for jr:choice-name) too."""
    found = {part.name for part in walk(node) if isinstance(part, Answer)}
    for part in walk(node):
        if isinstance(part, Text):
            found.update(re.findall(r"\$\{\s*([^{}]+?)\s*\}", part.value))
    return frozenset(found)


def write(node: Node) -> str:
    """`node` as an XLSForm would write it; parsing that gives `node` again."""
    match node:
        case Text(value):
            return f'"{value}"' if "'" in value else f"'{value}'"
        case Number(value):
            return f"{Decimal(repr(value)):f}".removesuffix(".0")
        case Answer(name):
            return f"${{{name}}}"
        case Column(name):
            return name
        case Call(function, arguments):
            return f"{function}({', '.join(map(write, arguments))})"
        case Operation(operator, left, right):
            return f"({write(left)} {operator} {write(right)})"
        case Negative(operand):
            return f"(- {write(operand)})"
        case Here():
            return "."
        case Parent():
            return ".."


class _Parser:
    """One reading of one text: precedence climbing over its words. `kind` "mark" is what is neither word nor value."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.kind, self.word, self.start, self.end = "", "", 0, 0
        self.depth = 0
        self.step()

    def whole(self) -> Node:
        if self.kind == "end":
            raise self.error("nothing is written here", "write a condition, or leave the cell empty")
        node = self.expression(0)
        if self.kind != "end":
            raise self.error(f"{self.word!r} follows a finished expression", "join two conditions with and / or")
        return node

    def step(self) -> None:
        found = _WORD.match(self.text, self.end)
        if found is None:
            self.start = len(self.text) - len(self.text[self.end :].lstrip())
            mark = self.text[self.start]
            raise self.error(f"{mark!r} cannot be read", _REMEDIES.get(mark, "remove it"))
        self.kind = found.lastgroup or "end"
        self.word, self.start, self.end = found[self.kind], found.start(self.kind), found.end()

    def error(self, found: str, remedy: str, at: int | None = None) -> SchemaError:
        place = (self.start if at is None else at) + 1
        return SchemaError(f"In the expression {self.text!r}, at character {place}, {found}; {remedy}.")

    def stands(self) -> str:
        return "it ends" if self.kind == "end" else f"{self.word!r} stands"

    def expression(self, tightest: int) -> Node:
        """What begins here, as far as operators bind tighter than `tightest`."""
        self.depth += 1
        outside = self.depth - 1
        node = self.operand()
        while self.kind in ("mark", "name") and OPERATORS.get(self.word, 0) > tightest:
            operator = self.word
            self.step()
            node = Operation(operator, node, self.expression(OPERATORS[operator]))
            self.depth += 1
        self.depth = outside
        return node

    def operand(self) -> Node:
        if self.depth > DEEPEST:
            raise self.error("it is too long to follow", "move parts of it to calculate questions")
        kind, word, start = self.kind, self.word, self.start
        if kind == "end" or (kind == "mark" and word not in ("-", "(", ".", "..")):
            remedy = "write = once" if word == "=" else "write ${name}, a number, a 'text' or a function"
            raise self.error(f"{self.stands()} where a value should be", remedy)
        self.step()
        match kind:
            case "number":
                return self.number(word, start)
            case "text":
                return Text(word[1:-1])
            case "answer":
                return self.answer(word, start)
            case "name":
                return self.call(word, start) if self.is_mark("(") else Column(word)
        return self.marked(word)

    def marked(self, word: str) -> Node:
        if word == "-":
            # tighter than every operator: -a = b compares, it does not negate the comparison
            return Negative(self.expression(max(OPERATORS.values())))
        if word == "(":
            node = self.expression(0)
            self.expect(")", "close every bracket")
            return node
        return Parent() if word == ".." else Here()

    def number(self, word: str, start: int) -> Node:
        value = float(word)
        if math.isinf(value):
            raise self.error("a number is too large to count with", "write a smaller one", start)
        return Number(value)

    def answer(self, word: str, start: int) -> Node:
        name = word[2:-1].strip()
        if not name or re.search(r"\s", name):
            raise self.error(f"{word!r} names no question", "write one question's name between ${ and }", start)
        return Answer(name)

    def is_mark(self, mark: str) -> bool:
        return self.kind == "mark" and self.word == mark

    def expect(self, mark: str, remedy: str) -> None:
        if not self.is_mark(mark):
            raise self.error(f"{self.stands()} where {mark!r} should be", remedy)
        self.step()

    def call(self, function: str, start: int) -> Node:
        if function not in FUNCTIONS:
            near = difflib.get_close_matches(function, FUNCTIONS, 1)
            remedy = f"write {near[0]}" if near else "use a function of XLSForm"
            raise self.error(f"there is no function {function!r}", remedy, start)
        self.step()
        arguments: list[Node] = []
        while not self.is_mark(")"):
            if arguments:
                self.expect(",", "separate arguments with commas, and close the bracket")
            arguments.append(self.expression(0))
        fewest, most = FUNCTIONS[function]
        if not fewest <= len(arguments) <= most:
            wanted = f"{fewest}" if fewest == most else f"at least {fewest}" if most == MANY else f"{fewest} to {most}"
            raise self.error(f"{function}() has {len(arguments)} arguments", f"give it {wanted}", start)
        self.step()
        return Call(function, tuple(arguments))
