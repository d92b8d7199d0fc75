"""A submission as a phone writes it (XML), and what a Kobo server makes of it (flat JSON).

The rules are Kobo's: keys are full paths, everything is text, what is empty is left out, repeats are recognised by the
latest deployed form. Who may send what, and what is kept, is receive.py.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipelines.forms.form import Form

FILE_TYPES = frozenset({"image", "audio", "background-audio", "video", "file"})

Answers = dict[str, Any]


class UnreadableXmlError(Exception):
    """The bytes are no XML that a form could have written."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the server must know of a form to read a submission of it."""

    repeats: frozenset[str] = frozenset()
    geopoints: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """One submission as it came in; the identifiers are without their `uuid:`."""

    tree: Element
    xml: str
    form_id: str
    form_uuid: str
    uuid: str
    deprecated: str
    root: str


def shape_of(form: Form) -> Shape:
    """The shape of `form`."""
    return Shape(
        repeats=frozenset(repeat.path for repeat in form.repeats),
        geopoints=tuple(question.path for question in form.questions if question.type == "geopoint"),
        files=tuple(question.path for question in form.questions if question.type in FILE_TYPES),
    )


def shape_text(shape: Shape) -> str:
    """`shape` as the store keeps it."""
    return json.dumps([sorted(shape.repeats), shape.geopoints, shape.files])


def shape_of_text(text: str) -> Shape:
    """The shape that `shape_text` wrote."""
    repeats, geopoints, files = json.loads(text)
    return Shape(frozenset(repeats), tuple(geopoints), tuple(files))


def read_instance(xml: bytes | str) -> Instance:
    """The submission in `xml`; UnreadableXmlError where there is none."""
    data = xml.encode() if isinstance(xml, str) else xml
    try:
        tree = fromstring(data)
        text = data.decode("utf-8").strip()
    except (ParseError, DefusedXmlException, UnicodeDecodeError) as error:
        raise UnreadableXmlError(str(error)) from error
    return instance_of(tree, text)


def instance_of(tree: Element, xml: str = "") -> Instance:
    """The submission that `tree` holds."""
    return Instance(
        tree=tree,
        xml=xml or tostring(tree, encoding="unicode"),
        form_id=tree.get("id") or _local(tree),
        form_uuid=_text(tree, "formhub/uuid"),
        uuid=_text(tree, "meta/instanceID").removeprefix("uuid:"),
        deprecated=_text(tree, "meta/deprecatedID").removeprefix("uuid:"),
        root=_text(tree, "meta/rootUuid").removeprefix("uuid:"),
    )


def answers_of(tree: Element, repeats: frozenset[str]) -> Answers:
    """The answers, flat, as Kobo sends them; a group with two instances becomes a list, as there."""
    return dict(_flat(_children(tree, "", repeats), ""))


def leaves(answers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every answer with its key, those inside repeats too."""
    for key, value in answers.items():
        if isinstance(value, list):
            for item in value:
                yield from leaves(item)
        else:
            yield key, value


def geolocation_of(answers: Mapping[str, Any], shape: Shape) -> list[float | None]:
    """Latitude and longitude of the first geopoint that was answered."""
    found = dict(reversed(list(leaves(answers)))) if shape.geopoints else {}
    for path in shape.geopoints:
        try:
            lat, lon = found.get(path, "").split()[:2]
            return [float(lat), float(lon)]
        except ValueError:
            continue
    return [None, None]


def tree_of(root: str, content: Mapping[str, Any]) -> Element:
    """The XML of a submission that came as nested JSON."""
    tree = Element(root, {"id": root})
    _write(tree, content)
    return tree


def set_text(tree: Element, path: str, text: str) -> None:
    """Write `text` at `path`, making the nodes that are not there."""
    node = tree
    for name in path.split("/"):
        found = _child(node, name)
        node = SubElement(node, tree.tag[: tree.tag.rfind("}") + 1] + name) if found is None else found
    node.text = text


def _write(node: Element, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        for item in value if isinstance(value, list) else [value]:
            child = SubElement(node, name)
            if isinstance(item, Mapping):
                _write(child, item)
            else:
                child.text = "" if item is None else str(item)


def _children(node: Element, path: str, repeats: frozenset[str]) -> Answers:
    found: Answers = {}
    for child in node:
        name = _local(child)
        below = f"{path}/{name}" if path else name
        value = _children(child, below, repeats) if len(child) else child.text
        if not value or (isinstance(value, str) and value.isspace()):
            continue
        if below in repeats:
            found.setdefault(name, []).append(value)
        elif name not in found:
            found[name] = value
        else:
            first = found[name]
            found[name] = [*first, value] if isinstance(first, list) else [first, value]
    return found


def _flat(nested: Answers, path: str) -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        below = f"{path}/{name}" if path else name
        if isinstance(value, dict):
            yield from _flat(value, below)
        elif isinstance(value, list):
            yield below, [dict(_flat(item, below)) if isinstance(item, dict) else {below: item} for item in value]
        else:
            yield below, value


def _local(node: Element) -> str:
    return node.tag.rpartition("}")[2]


def _child(node: Element, name: str) -> Element | None:
    return next((child for child in node if _local(child) == name), None)


def _text(tree: Element, path: str) -> str:
    node: Element | None = tree
    for name in path.split("/"):
        node = None if node is None else _child(node, name)
    return (node.text or "").strip() if node is not None else ""
