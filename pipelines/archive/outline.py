"""What counting the answers of an ODK Central document needs to know of its form, read from the form versions archived.

A single instance of a repeat looks like a group in XML, and the head of a CSV column does not say where its group ends
and its question begins. So an outline names the repeats, questions and points of a form. It is read here from the XForm
itself, apart from forms/, so that counting stays independent of harmonizing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

if TYPE_CHECKING:
    from pipelines.store.duck import Connection  # not loaded: see prepared.py

PARTS = ("-Latitude", "-Longitude", "-Altitude", "-Accuracy")
"""A geopoint is four columns in Central's CSV."""

WHOLE = -1
"""A column that holds a whole answer, not a part of a point."""

Key = tuple[str, str]
"""(repeat, head of the column)."""


@dataclass(frozen=True, eq=False)
class Outline:
    """The nodes of a form as paths without its root: `repeats`, `questions` (by the repeat they stand in), `points`.

    Where an outline stands for several versions, the oldest come first.
    """

    repeats: frozenset[str] = frozenset()
    questions: Mapping[str, str] = field(default_factory=dict)
    points: frozenset[str] = frozenset()

    @cached_property
    def columns(self) -> Mapping[Key, tuple[str, int]]:
        """(repeat, head of a CSV column) -> (path, which part of a point or WHOLE); who claims a head first has it."""
        found: dict[Key, tuple[str, int]] = {}
        for key, path, part in self._claims():
            found.setdefault(key, (path, part))
        return found

    @cached_property
    def disputed(self) -> frozenset[Key]:
        """The heads that two questions claim: `a-b/c` and `a/b-c` are both written `a-b-c`."""
        claims: dict[Key, set[tuple[str, int]]] = {}
        for key, path, part in self._claims():
            claims.setdefault(key, set()).add((path, part))
        return frozenset(key for key, claimed in claims.items() if len(claimed) > 1)

    def _claims(self) -> Iterator[tuple[Key, str, int]]:
        for path, repeat in self.questions.items():
            head = path.removeprefix(f"{repeat}/").replace("/", "-")
            yield (repeat, head), path, WHOLE
            if path in self.points:
                yield from (((repeat, head + end), path, part) for part, end in enumerate(PARTS))


NO_OUTLINE = Outline()

FORM_VERSIONS = """
SELECT source, asset, version, arg_max(content, first_seen) FROM {where}
GROUP BY ALL ORDER BY source, asset, min(first_seen), version
"""
"""The form versions of an archive, the last content kept of each, oldest first."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """The outlines of the form versions in an archive, by (source, asset, version), the oldest version first."""

    of_version: Mapping[tuple[str, str, str], Outline]
    of_asset: Mapping[tuple[str, str], Outline]

    def of(self, source: str, asset: str, version: str, raw_kind: str) -> Outline:
        """What counting a document of this kind and version needs: its version's own outline, or where that is not
        archived, and for CSV, whose columns are those of all versions, the asset's.
        """
        if not raw_kind.startswith("odk_"):
            return NO_OUTLINE
        whole = self.of_asset.get((source, asset), NO_OUTLINE)
        return whole if raw_kind == "odk_csv" else self.of_version.get((source, asset, version), whole)


def outlines_in(con: "Connection") -> Outlines:
    """The outlines of the form versions in the archive file that `con` has open."""
    return outlines_of(con.execute(FORM_VERSIONS.format(where="form_version")).fetchall())


def outlines_of(archived: Iterable[tuple[str, str, str, str]]) -> Outlines:
    """The outlines of `archived` form versions (source, asset, version, content), oldest first; Kobo's have none."""
    versions: dict[tuple[str, str, str], Outline] = {}
    assets: dict[tuple[str, str], Outline] = {}
    for source, asset, version, content in archived:
        if content.lstrip().startswith("<"):
            outline = outline_of(content)
            versions[source, asset, version] = outline
            assets[source, asset] = _together(assets.get((source, asset), NO_OUTLINE), outline)
    return Outlines(versions, assets)


def outline_of(xform: str) -> Outline:
    """The outline of the form that `xform` is; an empty one where it cannot be read, for what it says is foreign."""
    try:
        tree: Element = fromstring(xform)
    except (ParseError, DefusedXmlException, ValueError):
        return NO_OUTLINE
    model = next((node for node in tree.iter() if _local(node) == "model"), None)
    instances = (node for node in (() if model is None else model) if _local(node) == "instance")
    instance = next(instances, None)
    root = next(iter(instance), None) if instance is not None else None
    if model is None or root is None:
        return NO_OUTLINE
    repeats = frozenset(_path(node.get("nodeset", "")) for node in tree.iter() if _local(node) == "repeat")
    points = {_path(node.get("nodeset", "")) for node in model if node.get("type") == "geopoint"}
    return Outline(repeats, dict(_questions(root, "", "", repeats)), frozenset(points))


def _questions(node: Element, path: str, repeat: str, repeats: frozenset[str]) -> Iterator[tuple[str, str]]:
    for child in node:
        below = f"{path}/{_local(child)}" if path else _local(child)
        if len(child):
            yield from _questions(child, below, below if below in repeats else repeat, repeats)
        else:
            yield below, repeat


def _together(older: Outline, newer: Outline) -> Outline:
    return Outline(older.repeats | newer.repeats, {**newer.questions, **older.questions}, older.points | newer.points)


def _path(nodeset: str) -> str:
    """`/data/wash/latrines` without its root."""
    return nodeset.strip().removeprefix("/").partition("/")[2]


def _local(node: Element) -> str:
    return node.tag.rpartition("}")[2]
