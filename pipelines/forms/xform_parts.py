"""An XForm taken apart: its nodes by path, its texts by language, its lists. What Form that is, is xform.py."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipelines.errors import SchemaError
from pipelines.forms.form import Choice, Group, Labels, Question, Repeat
from pipelines.forms.rows import language_code

META = "meta"
AUDIT = "meta/audit"
ROSA = "{http://openrosa.org/javarosa}"

OF_BIND = {
    "": "text",
    "string": "text",
    "int": "integer",
    "binary": "file",
    "datetime": "dateTime",
}
"""Type of a bind -> type of a question; any other is called the same."""

OF_CONTROL = {
    "select1": "select_one",
    "select": "select_multiple",
    "rank": "rank",
    "trigger": "acknowledge",
    "range": "range",
}
OF_ACTION = {"setgeopoint": "start-geopoint", "recordaudio": "background-audio"}
OF_PRELOAD = {"date": "today"}
CONTROLS = frozenset({"input", "upload", "secret", *OF_CONTROL})
SELECTS = frozenset({"select_one", "select_multiple", "rank"})


def tree_of(xform: str, where: str) -> Element:
    """The nodes of `xform`; SchemaError, in which it is called `where`, where it is no form."""
    try:
        tree: Element = fromstring(xform, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError) as error:
        raise SchemaError(f"{where}: what was archived of it is no XForm; sync it again.") from error
    if next(_all(tree, "model"), None) is None or next(iter(next(_all(tree, "instance"), ())), None) is None:
        raise SchemaError(f"{where}: what was archived of it holds no form; publish the form anew.")
    return tree


@dataclass(frozen=True)
class XForm:
    """An XForm taken apart; nodes are known by their path without the root."""

    tree: Element

    @cached_property
    def model(self) -> Element:
        """The part of the form that says what is asked; the body says how."""
        return next(_all(self.tree, "model"))

    @cached_property
    def root(self) -> Element:
        """The node that a submission is."""
        return next(iter(next(_all(self.model, "instance"))))

    @cached_property
    def title(self) -> str:
        """What the form is called."""
        return next((node.text or "" for node in _all(self.tree, "title")), "")

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages of its labels, by code."""
        found = tuple(language_code(node.get("lang", "")) for node in _all(self.model, "translation"))
        return found or ("default",)

    @cached_property
    def repeats(self) -> frozenset[str]:
        """The paths of its repeats."""
        return frozenset(_path(node.get("nodeset", "")) for node in _all(self.tree, "repeat"))

    @cached_property
    def binds(self) -> Mapping[str, Element]:
        """What is said of the type and logic of each path."""
        return {_path(node.get("nodeset", "")): node for node in _all(self.model, "bind")}

    @cached_property
    def actions(self) -> Mapping[str, str]:
        """The types of questions that nobody is asked, by path."""
        return {_path(node.get("ref", "")): OF_ACTION[local(node)] for node in self.model if local(node) in OF_ACTION}

    @cached_property
    def controls(self) -> Mapping[str, Element]:
        """What is shown of each question."""
        nodes = (node for node in self.tree.iter() if local(node) in CONTROLS)
        return {_path(node.get("ref", "") or node.get("nodeset", "")): node for node in nodes}

    @cached_property
    def holders(self) -> Mapping[str, Element]:
        """The groups of the body; a repeat's labels stand in the group around it."""
        return {_path(node.get("ref", "")): node for node in _all(self.tree, "group") if node.get("ref")}

    @cached_property
    def instances(self) -> Mapping[str, Element]:
        """The lists that come with the form, by name."""
        return {node.get("id", ""): node for node in _all(self.model, "instance") if node.get("id")}

    @cached_property
    def texts(self) -> Mapping[str, Labels]:
        """The texts by id and language; "-" is what pyxform writes where there is no translation."""
        found: dict[str, dict[str, str]] = {}
        for translation in _all(self.model, "translation"):
            language = language_code(translation.get("lang", ""))
            for text in translation:
                said = next((_written(value) for value in text if not value.get("form")), "")
                if said not in {"", "-"}:
                    found.setdefault(text.get("id", ""), {})[language] = said
        return found

    def places(self) -> Iterator[tuple[str, Element]]:
        """Every node of the form once, with its path; not what stands in meta, but for the audit."""
        seen: set[str] = set()
        for path, node in _nodes(self.root, ""):
            if path not in seen and (path == AUDIT or path.partition("/")[0] != META):
                seen.add(path)
                yield path, node

    def around(self, path: str) -> tuple[str, ...]:
        """The repeats around `path`, outermost first."""
        return tuple(sorted((repeat for repeat in self.repeats if path.startswith(repeat + "/")), key=len))

    def questions(self) -> Iterator[Question]:
        """Every question, in the order of the form."""
        for path, node in self.places():
            kind = "" if len(node) or path in self.repeats else self.type_of(path, node)
            if kind:
                control = self.controls.get(path)
                kind, list_name = self.list_of(kind, path, control)
                yield Question(
                    path=path,
                    name=path.rpartition("/")[2],
                    type=kind,
                    list_name=list_name,
                    labels=self.label(path),
                    hints=self.said(control, "hint"),
                    appearance=control.get("appearance", "") if control is not None else "",
                    repeats=self.around(path),
                )

    def type_of(self, path: str, node: Element) -> str:
        """The XLSForm type of the question at `path`; empty for a note."""
        bind = self.binds.get(path, Element("bind"))
        given, control = bind.get("type", ""), self.controls.get(path)
        preload = bind.get(ROSA + "preload", "")
        if path == AUDIT:
            return "audit"
        if preload:
            return OF_PRELOAD.get(preload, bind.get(ROSA + "preloadParams", ""))
        if control is None:
            plain = "calculate" if bind.get("calculate") else "hidden"
            return self.actions.get(path) or (plain if given in {"", "string"} else OF_BIND.get(given, given))
        if local(control) == "upload":
            media = control.get("mediatype", "").partition("/")[0]
            return media if media in {"image", "audio", "video"} else "file"
        fixed = bind.get("readonly", "").strip() == "true()" and not bind.get("calculate") and not (node.text or "")
        if fixed and local(control) == "input" and given in {"", "string"}:
            return ""
        return OF_CONTROL.get(local(control)) or OF_BIND.get(given, given)

    def list_of(self, kind: str, path: str, control: Element | None) -> tuple[str, str]:
        """(type, list of choices) of a question; a list that lies in a file has the file's name."""
        if kind not in SELECTS or control is None:
            return kind, ""
        itemset = next(_all(control, "itemset"), None)
        if itemset is None:
            return kind, path.replace("/", "_")
        named = re.match(r"\s*(?:randomize\()?\s*instance\(\s*['\"](.+?)['\"]", itemset.get("nodeset", ""))
        list_name = named.group(1) if named else ""
        file = self.instances[list_name].get("src", "") if list_name in self.instances else ""
        return (f"{kind}_from_file", file.rpartition("/")[2]) if file else (kind, list_name)

    def group(self, path: str) -> Group:
        """The group at `path`."""
        return Group(path=path, name=path.rpartition("/")[2], labels=self.said(self.holders.get(path), "label"))

    def repeat(self, path: str) -> Repeat:
        """The repeat at `path`."""
        labels = self.said(self.holders.get(path), "label")
        return Repeat(path=path, name=path.rpartition("/")[2], labels=labels, repeats=self.around(path))

    def said(self, holder: Element | None, what: str) -> Labels:
        """The label or hint of a group or control, by language."""
        node = next((child for child in holder if local(child) == what), None) if holder is not None else None
        return self.text(node) if node is not None else {}

    def label(self, path: str) -> Labels:
        """The label of the question at `path`, also of one without a control."""
        return self.said(self.controls.get(path), "label") or self.texts.get(f"/{local(self.root)}/{path}:label", {})

    def text(self, node: Element) -> Labels:
        """What a label says itself, or refers to."""
        named = re.fullmatch(r"\s*jr:itext\(['\"](.+)['\"]\)\s*", node.get("ref", ""))
        if named:
            return self.texts.get(named.group(1), {})
        written = _written(node)
        return {self.languages[0]: written} if written else {}

    def listed_choices(self) -> dict[str, tuple[Choice, ...]]:
        """The choices of every list that stands in an instance of the model, by the list's name."""
        lists = {
            name: tuple(self.choice(name, item) for item in _all(instance, "item"))
            for name, instance in self.instances.items()
        }
        return {name: choices for name, choices in lists.items() if choices}

    def choice(self, list_name: str, item: Element) -> Choice:
        """One item of a list."""
        cells = {local(cell): cell for cell in item}
        known = {"name", "label", "itextId"}
        labels = self.text(cells["label"]) if "label" in cells else {}
        if "itextId" in cells:
            labels = self.texts.get(cells["itextId"].text or "", {})
        extra = {name: cell.text or "" for name, cell in cells.items() if name not in known and cell.text}
        name = cells["name"].text or "" if "name" in cells else ""
        return Choice(list_name=list_name, name=name, labels=labels, extra=extra)

    def inline_choices(self) -> dict[str, tuple[Choice, ...]]:
        """The choices that stand in the question itself, as older forms write them, under the question's path."""
        found: dict[str, tuple[Choice, ...]] = {}
        for path, control in self.controls.items():
            items = [node for node in control if local(node) == "item"]
            name = path.replace("/", "_")
            if items:
                found[name] = tuple(self._inline(name, item) for item in items)
        return found

    def _inline(self, list_name: str, item: Element) -> Choice:
        value = next((node.text or "" for node in item if local(node) == "value"), "")
        return Choice(list_name=list_name, name=value, labels=self.said(item, "label"))


def _nodes(node: Element, path: str) -> Iterator[tuple[str, Element]]:
    for child in node:
        below = f"{path}/{local(child)}" if path else local(child)
        yield below, child
        yield from _nodes(child, below)


def _written(node: Element) -> str:
    """The text of a label; what it shows of an answer is `${name}`, as the XLSForm writes it."""
    pieces = [node.text or ""]
    for child in node:
        shown = child.get("value", "").strip().rpartition("/")[2]
        pieces += [f"${{{shown}}}" if local(child) == "output" else _written(child), child.tail or ""]
    return "".join(pieces).strip()


def _all(tree: Element, name: str) -> Iterator[Element]:
    return (node for node in tree.iter() if local(node) == name)


def _path(nodeset: str) -> str:
    """`/data/wash/latrines` without its root."""
    return nodeset.strip().removeprefix("/").partition("/")[2]


def local(node: Element) -> str:
    """The name of a node without its namespace."""
    return node.tag.rpartition("}")[2]
