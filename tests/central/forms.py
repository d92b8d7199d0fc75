"""Forms for tests, made by hypothesis: nested groups and repeats, with answers to them, and the XML of both."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from hypothesis import strategies as st

NAMES = st.text("abcé._-", min_size=1, max_size=3).filter(lambda name: name[0] in "abcé")
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=12)
TYPES = {"text": "string"}
NUMBERS = st.decimals(-90, 90, places=3).map(str)


@dataclass(frozen=True)
class Node:
    """A node of a form: `kind` is text, geopoint, group or repeat."""

    name: str
    kind: str
    children: tuple["Node", ...] = ()


def nodes(depth: int = 3) -> st.SearchStrategy[tuple[Node, ...]]:
    """What stands in a group: questions, and further groups and repeats."""
    leaf = st.builds(Node, NAMES, st.sampled_from(["text", "text", "geopoint"]))
    one = leaf if not depth else st.one_of(leaf, leaf, _holders(depth))
    return st.lists(one, min_size=1, max_size=4, unique_by=lambda node: node.name).map(tuple)


def _holders(depth: int) -> st.SearchStrategy[Node]:
    return st.builds(Node, NAMES, st.sampled_from(["group", "repeat"]), nodes(depth - 1))


@st.composite
def filled(draw: st.DrawFn, form: tuple[Node, ...]) -> str:
    """The XML of answers to `form`, without the root."""
    pieces = []
    for node in form:
        times = draw(st.integers(0, 3)) if node.kind == "repeat" else 1
        for _ in range(times):
            if node.children:
                said = draw(filled(node.children))
            elif node.kind == "geopoint":
                said = " ".join(draw(st.lists(NUMBERS, min_size=2, max_size=4) | st.just([])))
            else:
                said = escape(draw(TEXTS))
            pieces.append(f"<{node.name}>{said}</{node.name}>" if said else f"<{node.name}/>")
    return "".join(pieces)


def xform_of(form: tuple[Node, ...], version: str = "1") -> str:
    """The XForm that asks `form`."""
    binds = "".join(
        f'<bind nodeset="/data/{path}" type="{TYPES.get(node.kind, node.kind)}"/>' for path, node in _leaves(form, "")
    )
    repeats = "".join(f'<repeat nodeset="/data/{path}"/>' for path in _repeats(form, ""))
    return (
        '<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"><h:head>'
        f'<h:title>Any</h:title><model><instance><data id="any" version="{version}">{_empty(form)}'
        f"<meta><instanceID/></meta></data></instance>{binds}</model></h:head><h:body>{repeats}</h:body></h:html>"
    )


def submission_of(answers: str, instance_id: str, version: str = "1") -> str:
    """The XML of a whole submission."""
    meta = f"<meta><instanceID>{instance_id}</instanceID></meta>"
    return f'<?xml version="1.0"?><data id="any" version="{version}">{answers}{meta}</data>'


def repeats_of(form: tuple[Node, ...]) -> frozenset[str]:
    return frozenset(_repeats(form, ""))


def _empty(form: tuple[Node, ...]) -> str:
    return "".join(f"<{node.name}>{_empty(node.children)}</{node.name}>" for node in form)


def _leaves(form: tuple[Node, ...], path: str) -> Iterator[tuple[str, Node]]:
    for node in form:
        if node.children:
            yield from _leaves(node.children, f"{path}{node.name}/")
        else:
            yield path + node.name, node


def _repeats(form: tuple[Node, ...], path: str) -> Iterator[str]:
    for node in form:
        if node.kind == "repeat":
            yield path + node.name
        yield from _repeats(node.children, f"{path}{node.name}/")
