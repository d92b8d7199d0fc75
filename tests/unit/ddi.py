"""The rules of DDI Codebook 2.5 for what our codebooks use of it, and what a document does against them.

They are written out of the schema that the DDI Alliance published on 2012-01-17 (codebook.xsd, target namespace
ddi:codebook:2_5): the order and number of children, attributes and their values, IDs and references. The schema itself
is not here: no package of the registry ships it. Elements that we never write are unknown here, and so refused.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

NAMESPACE = "{ddi:codebook:2_5}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"

ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")
ANY = re.compile(r".*", re.DOTALL)

ONE, SOME, MANY = "1", "?", "*"
ATTRIBUTES_OF_ALL = {"ID": ID, LANG: LANGUAGE, "source": re.compile("archive|producer")}


@dataclass(frozen=True)
class Rule:
    """What may stand in an element: its children in their order (name -> how many), attributes, whether text.

    Where it is `mixed`, text may stand among children in any order.
    """

    children: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    text: bool = False

    @property
    def mixed(self) -> bool:
        return self.text and bool(self.children)


def text(**attributes: str) -> Rule:
    return Rule(text=True, attributes={name: re.compile(values) for name, values in attributes.items()})


VERSIONS = {"verStmt": MANY}
RULES = {
    "codeBook": Rule(
        {"docDscr": MANY, "stdyDscr": "+", "fileDscr": MANY, "dataDscr": MANY, "otherMat": MANY},
        {"version": re.compile(r"2\.5"), "codeBookAgency": ID},
    ),
    "stdyDscr": Rule({"citation": "+", "studyAuthorization": MANY, "stdyInfo": MANY, "notes": MANY}),
    "citation": Rule(
        {
            "titlStmt": ONE,
            "rspStmt": SOME,
            "prodStmt": SOME,
            "distStmt": SOME,
            "serStmt": MANY,
            "verStmt": MANY,
            "biblCit": SOME,
            "holdings": MANY,
            "notes": MANY,
        }
    ),
    "titlStmt": Rule({"titl": ONE, "subTitl": MANY, "altTitl": MANY, "parTitl": MANY, "IDNo": MANY}),
    "titl": text(),
    "IDNo": text(agency=".*", level=".*"),
    "verStmt": Rule({"version": SOME, "verResp": SOME, "notes": MANY}),
    "version": text(date=".*", type=".*"),
    "fileDscr": Rule({"fileTxt": MANY, "locMap": SOME, "notes": MANY}, {"URI": ANY}),
    "fileTxt": Rule(
        {"fileName": SOME, "fileCitation": SOME, "fileCont": SOME, "fileStrc": SOME, "dimensns": SOME, "fileType": SOME}
    ),
    "fileName": text(),
    "fileCont": text(),
    "dataDscr": Rule({"varGrp": MANY, "nCubeGrp": MANY, "var": MANY, "nCube": MANY, "notes": MANY}),
    "varGrp": Rule(
        {"labl": MANY, "txt": MANY, "concept": MANY, "defntn": SOME, "universe": SOME, "notes": MANY},
        {"type": re.compile("section|multipleResp|grid|subject|record|file|other"), "var": ANY, "name": ANY},
    ),
    "var": Rule(
        {
            "location": MANY,
            "labl": MANY,
            "imputation": SOME,
            "security": SOME,
            "embargo": SOME,
            "respUnit": SOME,
            "anlysUnit": SOME,
            "qstn": MANY,
            "valrng": MANY,
            "invalrng": MANY,
            "undocCod": MANY,
            "universe": MANY,
            "TotlResp": SOME,
            "sumStat": MANY,
            "txt": MANY,
            "stdCatgry": MANY,
            "catgryGrp": MANY,
            "catgry": MANY,
            "codInstr": MANY,
            "verStmt": MANY,
            "concept": MANY,
            "derivation": SOME,
            "varFormat": SOME,
            "geoMap": MANY,
            "catLevel": MANY,
            "notes": MANY,
        },
        {"name": ANY, "files": ANY, "intrvl": re.compile("contin|discrete")},
        required=frozenset({"name"}),
    ),
    "labl": text(level=".*", vendor=".*", country=".*"),
    "security": text(date=".*"),
    "universe": text(level=".*", clusion="I|E"),
    "qstn": Rule(
        {"preQTxt": MANY, "qstnLit": MANY, "postQTxt": MANY, "forward": MANY, "backward": MANY, "ivuInstr": MANY},
        {"responseDomainType": re.compile("text|numeric|code|category|datetime|geographic|multiple|other")},
        text=True,
    ),
    "qstnLit": text(),
    "ivuInstr": text(),
    "catgry": Rule(
        {"catValu": SOME, "labl": MANY, "txt": MANY, "catStat": MANY, "mrow": SOME},
        {"missing": re.compile("Y|N"), "missType": ANY},
    ),
    "catValu": text(),
    "codInstr": text(),
    "concept": text(vocab=".*", vocabURI=".*"),
    "varFormat": text(type="character|numeric", formatname=".*", category="date|time|currency|other"),
    "notes": text(type=".*", subject=".*", level=".*"),
}
REFERENCES = {"var": ("files",), "varGrp": ("var",)}


def faults(root: Element) -> list[str]:
    """What in the document is against the schema, in words; nothing where it is valid."""
    found = [] if root.tag == f"{NAMESPACE}codeBook" else [f"the root is {root.tag}"]
    ids = Counter(element.get("ID", "") for element in root.iter())
    found += [f"two elements have the ID {name}" for name, times in ids.items() if name and times > 1]
    for element in root.iter():
        found += _faults_of(element)
        for attribute in REFERENCES.get(_name(element), ()):
            missing = [name for name in element.get(attribute, "").split() if name not in ids]
            found += [f"{_name(element)} refers to {name}, which is not there" for name in missing]
    return found


def _faults_of(element: Element) -> Iterator[str]:
    name = _name(element)
    rule = RULES.get(name)
    if rule is None:
        yield f"{name} is no element that we know"
        return
    if not rule.text and (element.text or "").strip():
        yield f"{name} holds text"
    yield from _wrong_attributes(element, name, rule)
    children = [_name(child) for child in element]
    yield from (f"{child} stands in {name}" for child in children if child not in rule.children)
    order = list(rule.children)
    places = [order.index(child) for child in children if child in rule.children]
    if not rule.mixed and places != sorted(places):
        yield f"the children of {name} stand in another order: {children}"
    for child, times in rule.children.items():
        few, most = {ONE: (1, 1), SOME: (0, 1), "+": (1, len(children)), MANY: (0, len(children))}[times]
        if not few <= children.count(child) <= most:
            yield f"{name} holds {children.count(child)} {child}"


def _wrong_attributes(element: Element, name: str, rule: Rule) -> Iterator[str]:
    allowed = {**ATTRIBUTES_OF_ALL, **rule.attributes}
    for attribute, value in element.attrib.items():
        if attribute not in allowed or not allowed[attribute].fullmatch(value):
            yield f"{name} has {attribute}={value!r}"
    yield from (f"{name} lacks {attribute}" for attribute in rule.required - element.attrib.keys())


def _name(element: Element) -> str:
    return element.tag.removeprefix(NAMESPACE)
