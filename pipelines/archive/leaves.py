"""The answers in one archived document: its leaves, their count and their digest.

This module knows how servers write documents and nothing of what becomes of an answer: it is the independent half of
the ledger. The other half, which reads the answers back out of the tables, is harmonize/ledger.py.

A leaf is (repeat, index, path, text): the path of the question; for an answer inside a repeat the repeat's path and the
position path ("2", "2.1" for the first row of a nested repeat in the second row), both empty at the top.

The digest of a document is the sum, modulo 2^64, over its records (the top level, and each row of each repeat) of the
upper half of MD5 over `id US repeat US index RS (path US text RS)…`, leaves ordered by path, so neither the order of
keys nor that of records matters. MD5 guards against accidents here; the bytes themselves are guarded by SHA-256.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import md5
from typing import Any

import msgspec

from pipelines.archive.odk import ENVELOPE, Record, Records, csv_records, xml_records
from pipelines.archive.outline import NO_OUTLINE, Outline

US, RS = "\x1f", "\x1e"
"""Unit and record separator: they part the pieces of what is hashed."""

SERVER_KEYS: Mapping[str, frozenset[str]] = {
    "kobo_json": frozenset(
        {
            "__version__",
            "_attachments",
            "_bamboo_dataset_id",
            "_date_modified",
            "_geolocation",
            "_id",
            "_notes",
            "_status",
            "_submission_time",
            "_submitted_by",
            "_supplementalDetails",
            "_tags",
            "_uuid",
            "_validation_status",
            "_version_",
            *(f"_version__{number:03}" for number in range(1, 21)),
            "_xform_id_string",
            "formhub/uuid",
            "meta/deprecatedID",
            "meta/instanceID",
            "meta/instanceName",
            "meta/rootUuid",
        }
    ),
    "csv_row": frozenset(),
    "odk_xml": ENVELOPE,
    "odk_csv": ENVELOPE,
}
"""What the server adds to a document of each kind: envelope, not answers. Any other key is an answer."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One answer as it was sent."""

    repeat: str
    index: str
    path: str
    text: str


def leaves(raw: str, raw_kind: str, outline: Outline = NO_OUTLINE) -> tuple[Leaf, ...]:
    """The answers in `raw`; ValueError where it is no readable document. `outline` is of its form (outline.py)."""
    found = _records(raw, raw_kind, outline)
    return tuple(Leaf(*place, path, text) for place, said in found.items() for path, text in _pairs(said))


def count_and_digest(root_id: str, raw: str, raw_kind: str, outline: Outline = NO_OUTLINE) -> tuple[int, int]:
    """How many answers `raw` holds, and their digest in 0 … 2^64 - 1; ValueError where it is no document in Unicode."""
    count = total = 0
    for (repeat, index), said in _records(raw, raw_kind, outline).items():
        if said:
            count += len(said)
            total += _hash(f"{root_id}{US}{repeat}{US}{index}{RS}", said)
    return count, total % 2**64


def _hash(start: str, said: Record) -> int:
    if isinstance(said, dict):  # sorted by its keys alone, which takes half as long
        written = RS.join([f"{path}{US}{said[path]}" for path in sorted(said)])
    else:
        written = RS.join(map(US.join, sorted(said)))
    return int.from_bytes(md5(f"{start}{written}{RS}".encode(), usedforsecurity=False).digest()[8:], "little")


def _pairs(said: Record) -> Iterable[tuple[str, str]]:
    return said.items() if isinstance(said, dict) else said


def _records(raw: str, raw_kind: str, outline: Outline) -> Records:
    if raw_kind == "odk_xml":
        return xml_records(raw, outline)
    return csv_records(raw, outline) if raw_kind == "odk_csv" else _json_records(raw, raw_kind)


def _json_records(raw: str, raw_kind: str) -> Records:
    document = _document(raw)
    if not isinstance(document, dict):
        message = "not a JSON object"
        raise ValueError(message)
    for key in SERVER_KEYS[raw_kind].intersection(document):
        del document[key]
    found: dict[tuple[str, str], Record] = {}
    _collect(document, "", "", found)
    return found


def _document(raw: str) -> object:
    """What `raw` holds, each number in the very text it was written in, each key once.

    The quick reader would take the last of two equal keys, and 12.60 for 12.6. What it read is believed where it is
    written back byte for byte as it came, which neither would be; the careful reader takes twice as long.
    """
    try:
        sent = raw.encode()
        document: object = READ_QUICKLY(sent)
        if WRITE(document) == sent:
            return document
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    return DECODE(raw)


def _collect(record: dict[str, Any], repeat: str, index: str, found: dict[tuple[str, str], Record]) -> None:
    """Make of `record` a path and a text for each answer, and of each row of each repeat inside it a record too."""
    before = found.get((repeat, index), {})
    found[repeat, index] = record
    for path in [path for path, value in record.items() if type(value) is not str]:
        value = record[path]
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            del record[path]
            for position, row in enumerate(value, start=1):
                _collect(row, path, f"{index}.{position}" if index else str(position), found)
        elif value in (None, [], {}):
            del record[path]
        else:
            record[path] = _text(value)
    if before:  # two repeats that call what stands inside them the same: no answer hides another
        found[repeat, index] = [*_pairs(before), *record.items()]


def _text(value: object) -> str:
    """`value` as JSON without spaces, numbers as they were written."""
    if isinstance(value, _Number):
        return value
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(key)}:{_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, float):
        return WRITE(value).decode()
    return json.dumps(value, ensure_ascii=False)


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object of `pairs`; of a key that stood twice, one answer would be lost without a word."""
    keys = dict(pairs)
    if len(keys) < len(pairs):
        message = "a key stands twice"
        raise ValueError(message)
    return keys


class _Number(str):
    """A number of JSON, as it was written."""

    __slots__ = ()


DECODE = json.JSONDecoder(
    object_pairs_hook=_each_key_once, parse_int=_Number, parse_float=_Number, parse_constant=_Number
).decode
"""Reads JSON with every number as the text it was written in."""

READ_QUICKLY, WRITE = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
