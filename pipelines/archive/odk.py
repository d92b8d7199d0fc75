"""How ODK Central writes a submission: as XML, or as its rows of the CSV tables, both read as records of answers.

What a record is and how it is hashed is leaves.py. An odk_csv document is one JSON object: the name of each table that
has rows of the submission -> [the head, row, ...], every cell as it was sent. Both kinds give the same answers for the
same submission, but for what Central's CSV itself leaves out (docs/decisions/central-content-from-csv-and-xml.md).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from xml.parsers import expat

import msgspec

from pipelines.archive.outline import WHOLE, Outline

Record = dict[str, str] | list[tuple[str, str]]
"""The path and text of each answer in a record, in the order of the document; pairs where a path may stand twice."""

Records = Mapping[tuple[str, str], Record]
"""(repeat, index) -> the record there."""

ENVELOPE = frozenset(
    {
        "__version__",
        "formhub/uuid",
        "meta/deprecatedID",
        "meta/entity",
        "meta/entity/label",
        "meta/instanceID",
        "meta/instanceName",
        "meta/rootUuid",
    }
)
"""What clients and the server add to a submission: not answers."""

CSV_ENVELOPE = frozenset(
    {
        "AttachmentsExpected",
        "AttachmentsPresent",
        "DeviceID",
        "Edits",
        "FormVersion",
        "KEY",
        "PARENT_KEY",
        "ReviewState",
        "Status",
        "SubmissionDate",
        "SubmitterID",
        "SubmitterName",
    }
)
"""The columns that Central adds to its tables."""

TABLES = msgspec.json.Decoder(dict[str, list[list[str]]])
"""Name of a table -> its head, and its rows."""

POSITION = re.compile(r"\[(\d+)\]")


def xml_records(raw: str, outline: Outline) -> Records:
    """The answers in a submission's XML; ValueError where it is none.

    An encrypted submission holds none that can be read.
    """
    walk = _Walk(outline)
    try:
        walk.parser.Parse(raw.encode(), True)
    except expat.ExpatError as error:
        message = f"no whole XML document: {error}"
        raise ValueError(message) from error
    return {} if walk.encrypted else walk.records


class _Walk:
    """A walk through a submission's XML, element by element."""

    def __init__(self, outline: Outline) -> None:
        self.records: dict[tuple[str, str], list[tuple[str, str]]] = {("", ""): []}
        self.encrypted = False
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = _refuse
        self._outline = outline
        self._stack: list[tuple[str, str, str, list[str]]] = []
        self._times: dict[tuple[str, str], int] = {}

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self._stack:
            self.encrypted = attributes.get("encrypted") == "yes"
            self._stack.append(("", "", "", []))
            return
        around, repeat, index, _ = self._stack[-1]
        local = name.rpartition(":")[2]
        path = f"{around}/{local}" if around else local
        if path in self._outline.repeats:
            times = self._times[path, index] = self._times.get((path, index), 0) + 1
            repeat, index = path, f"{index}.{times}" if index else str(times)
            self.records[repeat, index] = []
        self._stack.append((path, repeat, index, []))

    def _text(self, text: str) -> None:
        self._stack[-1][3].append(text)

    def _end(self, _: str) -> None:
        path, repeat, index, texts = self._stack.pop()
        if texts and path not in ENVELOPE:
            text = "".join(texts)
            if path in self._outline.questions or not text.isspace():  # what stands between elements is no answer
                self.records[repeat, index].append((path, text))


def _refuse(*_: object) -> None:
    message = "a submission declares no document type"
    raise ValueError(message)


def csv_records(raw: str, outline: Outline) -> Records:
    """The answers in a submission's rows of Central's CSV tables; ValueError where it is no such document."""
    try:
        tables = TABLES.decode(raw)
    except msgspec.MsgspecError as error:
        message = f"no rows of tables: {error}"
        raise ValueError(message) from error
    records: dict[tuple[str, str], dict[str, str]] = {("", ""): {}}
    for head, *rows in tables.values():
        names, place = tuple(head), head.index("KEY")
        for row in rows:
            if len(row) != len(head):
                message = f"a row of {len(row)} cells under a head of {len(head)}"
                raise ValueError(message)
            of_row = _place(row[place].partition("/")[2])
            records[of_row] = _said(row, _cells(names, of_row[0], outline))
    if "\\r" in raw:
        return {key: {path: lines_as_in_xml(text) for path, text in said.items()} for key, said in records.items()}
    return records


def place_of(key: str) -> tuple[str, str]:
    """(repeat, index) of the row that Central calls `key`: `uuid:a/wash/tap[2]/fault[1]` is wash/tap/fault, 2.1."""
    return _place(key.partition("/")[2])


def lines_as_in_xml(text: str) -> str:
    """`text` with the ends of lines that XML makes of them: Central's CSV hands on those of the phone."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@lru_cache(maxsize=4096)
def _place(path: str) -> tuple[str, str]:
    return POSITION.sub("", path), ".".join(POSITION.findall(path))


def _said(row: Sequence[str], cells: "_Cells") -> dict[str, str]:
    said = {path: text for path, cell in cells.whole if (text := row[cell])}
    for path, parts in cells.parted:
        if text := " ".join([row[cell] for cell in parts]).rstrip(" "):
            said[path] = text
    return said


@dataclass(frozen=True, slots=True)
class _Cells:
    """Which answer stands in which cell of a row: `whole` ones, ordered by path, and points, in four parts."""

    whole: list[tuple[str, int]]
    parted: list[tuple[str, list[int]]]


@lru_cache(maxsize=256)
def _cells(head: tuple[str, ...], repeat: str, outline: Outline) -> _Cells:
    """What `head` says of a row's cells; a column that no form claims is an answer under its own head."""
    envelope = {"KEY", "PARENT_KEY"} if repeat else CSV_ENVELOPE
    found: dict[str, list[int]] = {}
    for place, name in enumerate(head):
        path, _ = outline.columns.get((repeat, name), (f"{repeat}/{name}" if repeat else name, WHOLE))
        if name not in envelope and path not in ENVELOPE:
            found.setdefault(path, []).append(place)
    return _Cells(
        whole=sorted((path, cells[0]) for path, cells in found.items() if len(cells) == 1),
        parted=sorted((path, cells) for path, cells in found.items() if len(cells) > 1),
    )
