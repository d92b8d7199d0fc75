"""A codebook as DDI Codebook 2.5: the XML that survey archives and data catalogues exchange.

Which element may stand where is the DDI Alliance's schema; tests/unit/ddi.py holds what of it applies here. What stands
in the elements is codebook.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from pipelines.products.codebook import Codebook, Labels, Origin, Variable

NAMESPACE = "ddi:codebook:2_5"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
UNDETERMINED = "und"

NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document can hold, not even escaped."""

NUMERIC = frozenset({"integer", "decimal", "range"})
DATED = {"date": "date", "today": "date", "dateTime": "time", "start": "time", "end": "time"}
DOMAINS = {
    **dict.fromkeys(NUMERIC, "numeric"),
    **dict.fromkeys(DATED, "datetime"),
    **dict.fromkeys(("select_multiple", "rank"), "multiple"),
    **dict.fromkeys(("geopoint", "start-geopoint"), "geographic"),
    "select_one": "category",
}


def write_ddi(codebook: Codebook, path: Path) -> None:
    """Write `codebook` to `path` (.xml)."""
    root = Element("codeBook", {"xmlns": NAMESPACE, "version": "2.5", "ID": _id("codebook", codebook.tool)})
    root.set(LANG, language_tag(codebook.languages[0]) if codebook.languages else UNDETERMINED)
    _study(root, codebook)
    for table in codebook.tables:
        _file(root, codebook, table)
    described = SubElement(root, "dataDscr")
    ids = _ids(codebook.variables)
    for name in codebook.tables:
        _group(described, name, [ids[one.table, one.name] for one in codebook.variables if one.table == name])
    for variable in codebook.variables:
        _variable(described, variable, ids[variable.table, variable.name])
    for origin in codebook.nowhere:
        _text(described, "notes", _origin(origin), type="no column")
    indent(root)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def language_tag(language: str) -> str:
    """`language` as xml:lang writes it; `und` where a form calls it by a name that is no code."""
    return language if LANGUAGE.fullmatch(language) else UNDETERMINED


def _study(root: Element, codebook: Codebook) -> None:
    citation = SubElement(SubElement(root, "stdyDscr"), "citation")
    titles = SubElement(citation, "titlStmt")
    _text(titles, "titl", codebook.title)
    _text(titles, "IDNo", codebook.tool)
    _versions(citation, codebook.versions)


def _file(root: Element, codebook: Codebook, table: str) -> None:
    txt = SubElement(SubElement(root, "fileDscr", {"ID": _id("file", table)}), "fileTxt")
    _text(txt, "fileName", f"harmonized.{table}")
    around = (
        "one row for each record" if table == codebook.tool else f"a repeat of {codebook.tool}: keys _id and _index"
    )
    _text(txt, "fileCont", around)


def _group(described: Element, table: str, ids: list[str]) -> None:
    group = SubElement(described, "varGrp", {"type": "file", "name": table, "var": " ".join(ids)})
    _text(group, "labl", table)


def _variable(described: Element, variable: Variable, identity: str) -> None:
    given = {"ID": identity, "name": _held(variable.name), "files": _id("file", variable.table)}
    var = SubElement(described, "var", {**given, "intrvl": "contin" if variable.type in NUMERIC else "discrete"})
    _texts(var, "labl", variable.labels)
    _text(var, "security", variable.sensitivity)
    _question(var, variable)
    if variable.relevant:
        _text(var, "universe", variable.relevant)
    for code in variable.codes:
        missing = {"missing": "Y", "missType": code.missing} if code.missing else {}
        category = SubElement(var, "catgry", missing)
        _text(category, "catValu", code.name)
        _texts(category, "labl", code.labels)
    for origin in variable.origins:
        _text(var, "codInstr", _origin(origin))
    _versions(var, variable.versions)
    for vocabulary, term in (("HXL", variable.hxl), ("indicator", variable.indicator)):
        if term:
            _text(var, "concept", term, vocab=vocabulary)
    kind = "numeric" if variable.type in NUMERIC else "character"
    _text(var, "varFormat", variable.type, type=kind, category=DATED.get(variable.type, "other"))
    _text(var, "notes", variable.status, type="status")
    if variable.constraint:
        _text(var, "notes", variable.constraint, type="constraint")


def _question(var: Element, variable: Variable) -> None:
    if not variable.labels:
        return
    question = SubElement(var, "qstn", {"responseDomainType": DOMAINS.get(variable.type, "text")})
    _texts(question, "qstnLit", variable.labels)
    _texts(question, "ivuInstr", variable.hints)


def _versions(around: Element, versions: tuple[str, ...]) -> None:
    for version in versions:
        _text(SubElement(around, "verStmt"), "version", version)


def _origin(origin: Origin) -> str:
    return "; ".join(filter(None, [f"{origin.version}: {origin.path} ({origin.how})", origin.recode, origin.why]))


def _texts(around: Element, name: str, labels: Labels) -> None:
    for language, text in labels.items():
        _text(around, name, text).set(LANG, language_tag(language))


def _text(around: Element, name: str, text: str, **attributes: str) -> Element:
    element = SubElement(around, name, {attribute: _held(value) for attribute, value in attributes.items()})
    element.text = _held(text)
    return element


def _held(text: str) -> str:
    """`text` as far as XML can hold it."""
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _ids(variables: tuple[Variable, ...]) -> dict[tuple[str, str], str]:
    """An ID for each column, none like another, whatever letters the names hold."""
    found: dict[tuple[str, str], str] = {}
    for variable in variables:
        wanted = _id("var", f"{variable.table}.{variable.name}")
        found[variable.table, variable.name] = _free(wanted, set(found.values()))
    return found


def _free(wanted: str, taken: set[str]) -> str:
    numbered: Iterator[str] = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(name for name in numbered if name not in taken)


def _id(kind: str, name: str) -> str:
    return f"{kind}.{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"
