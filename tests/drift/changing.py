"""Scenarios drawn at random: a form, a sequence of changes, submissions under each version and some under another.

A question is one through all its changes, whatever it is called and wherever it stands; so where each answer must be
found follows from the drawing alone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from hypothesis import strategies as st

from tests.drift.scenario import Document, Scenario, markdown_of
from tests.drift.words import words

TYPES = ("text", "integer", "decimal", "date", "geopoint", "select_one", "select_multiple")
WIDER: Mapping[str, tuple[str, ...]] = {
    "integer": ("decimal", "text"),
    "decimal": ("text",),
    "date": ("text",),
    "geopoint": ("text",),
    "select_one": ("select_multiple", "text"),
    "select_multiple": ("text",),
    "text": ("integer", "date"),
}
"""What a type may become; a text that becomes anything else cannot join it."""

GROUPS = ("", "g", "h", "g/h")
REPEATS = ("", "", "r", "s")
SIGNS = ("", "é", "خزان", "'", '"', "\\", "{}", "🙂", "؟", ";--")
CHANGES = ("rename", "move", "wrap", "add", "drop", "back", "retype", "recode", "nest", "regroup", "relabel", "reorder")


@dataclass(frozen=True)
class Asked:
    """A question as one version asks it; `number` tells which question it is through all versions.

    Where it is not `told`, the crosswalk says nothing of it. Where it once took `fractions`, it becomes no integer:
    those would be set apart, as golden/drift has it.
    """

    number: int
    name: str
    type: str
    group: str = ""
    repeat: str = ""
    coded: int = 0
    label: str = "?"
    told: bool = True
    fractions: bool = False


@dataclass(frozen=True)
class Version:
    """What one version asks, in its order; whether the repeat `s` is in `r`, and in which group `r` is."""

    asked: tuple[Asked, ...]
    nested: bool = False
    around: str = ""

    def repeats(self, one: Asked) -> tuple[str, ...]:
        """The paths of the repeats around a question, outermost first."""
        outer = f"{self.around}/r".lstrip("/")
        inner = f"{outer}/s" if self.nested else "s"
        return {"": (), "r": (outer,), "s": (outer, inner) if self.nested else (inner,)}[one.repeat]

    def path(self, one: Asked) -> str:
        """Where a question stands."""
        return "/".join(filter(None, [*self.repeats(one)[-1:], one.group, one.name]))


@dataclass
class Names:
    """What is counted while a scenario is drawn: names that were given, words that were said."""

    given: int = 0
    said: int = 0
    dropped: dict[int, Asked] = field(default_factory=dict)

    def new(self) -> str:
        self.given += 1
        return f"q{self.given}"


@st.composite
def changing(draw: st.DrawFn) -> Scenario:
    """A form that changes two to four times."""
    names = Names()
    asked = tuple(_new(draw, names) for _ in range(draw(st.integers(3, 6))))
    versions = [Version(asked, draw(st.booleans()), draw(st.sampled_from(["", "g"])))]
    for _ in range(draw(st.integers(1, 3))):
        version = versions[-1]
        for change in draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=4)):
            version = _changed(draw, change, version, names)
        versions.append(version)
    told = {one.number: one.told for version in versions for one in version.asked}
    versions = [replace(v, asked=tuple(replace(one, told=told[one.number]) for one in v.asked)) for v in versions]
    named = {str(number): version for number, version in enumerate(versions, start=1)}
    return _scenario(draw, named, names)


def _new(draw: st.DrawFn, names: Names) -> Asked:
    name = names.new()
    kind, group, repeat = draw(st.sampled_from(TYPES)), draw(st.sampled_from(GROUPS)), draw(st.sampled_from(REPEATS))
    return Asked(names.given, name, kind, group, repeat, told=draw(st.integers(0, 3)) > 0)


def _changed(draw: st.DrawFn, change: str, version: Version, names: Names) -> Version:
    match change:
        case "add":
            return replace(version, asked=(*version.asked, _new(draw, names)))
        case "nest":
            return replace(version, nested=not version.nested)
        case "regroup":
            return replace(version, around=draw(st.sampled_from(["", "g", "h"])))
        case "reorder":
            return replace(version, asked=tuple(draw(st.permutations(version.asked))))
        case "back" if names.dropped:
            return replace(version, asked=(*version.asked, names.dropped.popitem()[1]))
    chosen = draw(st.sampled_from(version.asked))
    others = tuple(one for one in version.asked if one != chosen)
    if change == "drop" and others:
        names.dropped[chosen.number] = chosen
        return replace(version, asked=others)
    put = _put(draw, change, chosen, names)
    return replace(version, asked=tuple(put if one == chosen else one for one in version.asked))


def _put(draw: st.DrawFn, change: str, one: Asked, names: Names) -> Asked:
    """A question after a change of its own."""
    match change:
        case "rename":
            return replace(one, name=names.new())
        case "move":
            return replace(one, group=draw(st.sampled_from(GROUPS)))
        case "wrap" if not one.repeat:
            return replace(one, repeat=draw(st.sampled_from(["r", "s"])))
        case "retype":
            fractions = one.fractions or one.type == "decimal"
            kind = draw(st.sampled_from([kind for kind in WIDER[one.type] if not (fractions and kind == "integer")]))
            return replace(one, type=kind, told=one.told and one.type != "text", fractions=fractions)
        case "recode" if one.type.startswith("select"):
            return replace(one, coded=one.coded + 1)
        case _:
            return replace(one, label=one.label + "?")


def _scenario(draw: st.DrawFn, versions: Mapping[str, Version], names: Names) -> Scenario:
    newest = versions[list(versions)[-1]]
    sent = [_submission(draw, versions, version, names) for version in versions for _ in range(draw(st.integers(2, 4)))]
    sent += [_submission(draw, versions, list(versions)[-1], names, whole=True)]
    sent += _under_another(draw, versions, names)
    codes = {version: _codes(asked, sent, version) for version, asked in versions.items()}
    becomes: dict[str, str] = {}
    lines: list[str] = []
    for version in list(versions)[:-1]:
        for one in versions[version].asked:
            recoded = _recoded(one, newest, codes[version])
            becomes |= recoded
            codes[list(versions)[-1]].get(one.number, {}).update(dict.fromkeys(recoded.values(), ""))
        found = list(_entries(versions[version], newest, codes[version]))
        lines += [f"  '{version}':", *found] if found else []
    means = {version: dict(_means(asked, newest)) for version, asked in versions.items()}
    anywhere = {path: meant for said in means.values() for path, meant in said.items()}
    return Scenario(
        name="visit",
        title="drawn",
        written={version: markdown_of(_form(asked, codes[version]), version) for version, asked in versions.items()},
        sent=tuple(draw(st.permutations(sent))),
        crosswalk="\n".join(["versions:", *lines, ""]) if lines else "",
        means={"": anywhere, "vOfNobody": anywhere, **{v: {**anywhere, **said} for v, said in means.items()}},
        becomes=becomes,
    )


def _today(one: Asked, newest: Version) -> Asked | None:
    """The question as it is asked today, where the answers of then stand in its column; None where they do not."""
    today = next((other for other in newest.asked if other.number == one.number), None)
    if today is None or (one.type != today.type and (one.type == "text" or today.type not in WIDER[one.type])):
        return None
    same = (one.name, one.repeat) == (today.name, today.repeat)
    return today if same or one.told else None


def _means(version: Version, newest: Version) -> Iterator[tuple[str, str]]:
    """The column of today that each question's answers are found in; one of its own where there is none."""
    for one in version.asked:
        today = _today(one, newest)
        column = f"{today.repeat}.{today.name}".lstrip(".") if today else f"{one.number} of then"
        yield version.path(one), column


def _recoded(one: Asked, newest: Version, codes: Mapping[int, Mapping[str, str]]) -> dict[str, str]:
    """What the codes of then are called now, where the crosswalk says so."""
    today = _today(one, newest)
    if not (today and one.told and one.type.startswith("select") and today.type.startswith("select")):
        return {}
    return {code: _code(today, serial) for code, serial in codes[one.number].items() if one.coded != today.coded}


def _entries(version: Version, newest: Version, codes: Mapping[int, Mapping[str, str]]) -> Iterator[str]:
    """The lines of the crosswalk about one version."""
    for one in version.asked:
        today, recode = _today(one, newest), _recoded(one, newest, codes)
        if today and one.told and (recode or (one.name, one.repeat) != (today.name, today.repeat)):
            to = f"{today.repeat}.{today.name}".lstrip(".")
            entry = {"from": version.path(one), "to": to, **({"recode": recode} if recode else {})}
            yield f"    - {json.dumps(entry)}"


def _form(version: Version, codes: Mapping[int, Mapping[str, str]]) -> str:
    """The form, line by line, each group and each repeat once."""
    lines: list[str] = []
    standing: list[tuple[str, str]] = []
    for one in sorted(version.asked, key=lambda one: version.path(one).split("/")[:-1]):
        wanted = _holders(version, one)
        while standing != wanted[: len(standing)]:
            lines.append(f"end_{standing.pop()[0]}")
        for kind, name in wanted[len(standing) :]:
            lines.append(f"begin_{kind} {name}")
            standing.append((kind, name))
        listed = f" l{one.number}" if one.type.startswith("select") else ""
        lines.append(f"{one.type}{listed} {one.name} = {one.label}")
    lines += [f"end_{kind}" for kind, _ in reversed(standing)]
    lines += [f"choice l{number} {code}" for number, chosen in codes.items() for code in (*chosen, "none")]
    return "\n".join(lines)


def _holders(version: Version, one: Asked) -> list[tuple[str, str]]:
    """The groups and repeats around a question, outermost first."""
    path = version.path(one).split("/")[:-1]
    repeats = {repeat.count("/") for repeat in version.repeats(one)}
    return [("repeat" if depth in repeats else "group", name) for depth, name in enumerate(path)]


def _submission(
    draw: st.DrawFn, versions: Mapping[str, Version], version: str, names: Names, *, whole: bool = False
) -> Document:
    """A submission under `version`; a `whole` one answers everything."""
    asked = versions[version]
    answered = [one for one in asked.asked if whole or draw(st.integers(0, 3))]
    return {**_document(draw, asked, answered, names), "__version__": version}


def _under_another(draw: st.DrawFn, versions: Mapping[str, Version], names: Names) -> Iterator[Document]:
    """Submissions that say another version than the one whose questions they answer, or none that anybody knows.

    They answer what is a text in every version, and always what it is: another version would read it otherwise.
    """
    kinds: dict[int, set[str]] = {}
    for asked in versions.values():
        for one in asked.asked:
            kinds.setdefault(one.number, set()).add(one.type)
    for _ in range(draw(st.integers(0, 2))):
        asked = draw(st.sampled_from(list(versions.values())))
        plain = [one for one in asked.asked if kinds[one.number] == {"text"}]
        said = draw(st.sampled_from([*versions, "vOfNobody", ""]))
        document = _document(draw, asked, plain, names)
        yield {**document, **({"__version__": said} if said else {})}


def _document(draw: st.DrawFn, version: Version, answered: Sequence[Asked], names: Names) -> Document:
    """The answers to these questions as a server shows them."""
    document: Document = {version.path(one): _said(draw, one, names) for one in answered if not one.repeat}
    for repeat in ("r", "s"):
        inside = [one for one in answered if one.repeat == repeat]
        if not inside:
            continue
        *outer, path = version.repeats(inside[0])
        rows = [{version.path(one): _said(draw, one, names) for one in inside} for _ in range(draw(st.integers(1, 3)))]
        if not outer:
            document[path] = rows
            continue
        around: list[dict[str, Any]] = document.setdefault(outer[0], [{}])
        for row in rows:
            around[draw(st.integers(0, len(around) - 1))].setdefault(path, []).append(row)
    return document


def _said(draw: st.DrawFn, one: Asked, names: Names) -> str:
    """An answer whose words nobody said before."""
    names.said += 1
    n = names.said
    match one.type:
        case "integer":
            return str(1000 + n)
        case "decimal":
            return f"{1000 + n}.5"
        case "date":
            return date.fromordinal(730_000 + n).isoformat()
        case "geopoint":
            return f"36.{n:05}1 43.{n:05}2 {1000 + n}.25 {1000 + n}.75"
        case "select_one":
            return _code(one, n)
        case "select_multiple":
            return f"{_code(one, n)} {_code(one, n)}b"
        case _:
            return f"t{n}{draw(st.sampled_from(SIGNS))}"


def _code(one: Asked, serial: object) -> str:
    """The code of a choice, as the question's list calls it now."""
    return f"c{one.coded}_{serial}"


def _codes(version: Version, sent: Sequence[Document], name: str) -> dict[int, dict[str, str]]:
    """Of each select, the codes that were chosen in a version, and the serial of each."""
    said: dict[str, list[str]] = {}
    for document in sent:
        if document.get("__version__") == name:
            for path, text in _flat(document):
                said.setdefault(path, []).extend(words(text))
    return {
        one.number: {
            code: code.partition("_")[2] for code in said.get(version.path(one), []) if one.type.startswith("select")
        }
        for one in version.asked
    }


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, value in document.items():
        if isinstance(value, list):
            for row in value:
                yield from _flat(row)
        else:
            yield path, value
