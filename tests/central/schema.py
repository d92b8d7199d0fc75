"""What the stand-in server knows of a form: its fields as a tree, read from the XForm."""

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, fromstring


@dataclass
class Field:
    """A field of a form; `kind` is structure, repeat, geopoint, binary or value."""

    name: str
    kind: str
    children: dict[str, "Field"] = field(default_factory=dict)


def local(node: Element) -> str:
    return node.tag.rpartition("}")[2]


def root_of(xform: str) -> Element:
    """The primary instance's root."""
    model = next(node for node in fromstring(xform).iter() if local(node) == "model")
    return next(iter(next(node for node in model if local(node) == "instance")))


def title_of(xform: str) -> str:
    return next(node.text or "" for node in fromstring(xform).iter() if local(node) == "title")


def fields_of(xform: str) -> dict[str, Field]:
    """The fields by name, those of groups and repeats inside them."""
    tree = fromstring(xform)
    kinds = {_path(node): _kind(node.get("type", "")) for node in tree.iter() if local(node) == "bind"}
    kinds |= {_path(node): "repeat" for node in tree.iter() if local(node) == "repeat"}
    found: dict[str, Field] = {}
    _add(root_of(xform), (), kinds, found)
    return found


def merged(newer: dict[str, Field], older: dict[str, Field]) -> dict[str, Field]:
    """The fields of both: Central's deletedFields=true."""
    both = {name: Field(one.name, one.kind, dict(one.children)) for name, one in newer.items()}
    for name, one in older.items():
        if name not in both:
            both[name] = one
        elif one.children:
            both[name].children = merged(both[name].children, one.children)
    return both


def binaries(fields: dict[str, Field], node: Element) -> list[str]:
    """The names of files that a submission's answers name."""
    found: list[str] = []
    for child in node:
        one = fields.get(local(child))
        if one is not None and one.children:
            found += binaries(one.children, child)
        elif one is not None and one.kind == "binary" and child.text:
            found.append(child.text)
    return found


def _add(node: Element, around: tuple[str, ...], kinds: dict[str, str], into: dict[str, Field]) -> None:
    for child in node:
        path = (*around, local(child))
        kind = kinds.get("/".join(path), "value")
        if len(child):
            kind = "repeat" if kind == "repeat" else "structure"
        one = into.setdefault(local(child), Field(local(child), kind))
        _add(child, path, kinds, one.children)


def _path(node: Element) -> str:
    return node.get("nodeset", "").strip().removeprefix("/").partition("/")[2]


def _kind(given: str) -> str:
    return given if given in {"geopoint", "binary"} else "value"
