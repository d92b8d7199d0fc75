"""JSON taken apart without being read: the slices of a document, as sent, where a reader gives up on the whole.

One submission with half an emoji (a lone surrogate), a NaN, or brackets without end makes every JSON reader refuse the
page it stands in, and with it the thousand others. Here the page is parted by its brackets and quotes alone, so that
each submission is kept as sent; whether it can be read is for the archive to find out. Only what a reader refused comes
here: it is slow.
"""

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

Shape = TypeVar("Shape", bound=msgspec.Struct)

OPEN_TEXT = b'"'

MARKS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},:"]', re.DOTALL)
"""A whole text, or one mark of structure; a quote alone begins a text that never ends."""

STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def reader(shape: type[Shape]) -> Callable[[bytes | msgspec.Raw], Shape]:
    """What reads JSON as a `shape`, the slow way where no other is left; msgspec's errors where that fails too."""
    at_once = msgspec.json.Decoder(shape).decode
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(shape)}

    def read(raw: bytes | msgspec.Raw) -> Shape:
        try:
            return at_once(raw)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, RecursionError):
            said = dict(members(bytes(raw)))
        values = {name: _value(said[name], kind) for name, kind in fields.items() if name in said}
        return msgspec.convert(values, type=shape)

    return read


def decoded(raw: bytes | msgspec.Raw, shape: type[Shape]) -> Shape:
    """`raw` as a `shape`, by a reader that is used once."""
    return reader(shape)(raw)


def _value(sent: bytes, kind: Any) -> object:
    if kind is msgspec.Raw:
        return msgspec.Raw(sent)
    try:
        if kind == list[msgspec.Raw]:
            return [msgspec.Raw(part) for _, part in members(sent)]
        return json.loads(sent)
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None


def members(text: bytes) -> list[tuple[str, bytes]]:
    """The keys and values of the outermost object or array of `text` ("" for keys of an array), as they were sent.

    DecodeError where its brackets do not close, or something stands behind them.
    """
    found: list[tuple[str, bytes]] = []
    depth, start, key = 0, 0, ""
    for mark in MARKS.finditer(text):
        if mark[0] == OPEN_TEXT:
            break
        byte = text[mark.start()]
        depth += STEPS.get(byte, 0)
        opens, closes = byte in b"[{" and depth == 1, byte in b"]}" and depth == 0
        if byte == ord(":") and depth == 1:
            key, start = _key(text[start : mark.start()]), mark.end()
        elif opens:
            start = mark.end()
        elif closes or (byte == ord(",") and depth == 1):
            value = text[start : mark.start()].strip()
            if value or key or found or not closes:
                found.append((key, value))
            key, start = "", mark.end()
        if closes:
            if text[mark.end() :].strip():
                break
            return found
    raise msgspec.DecodeError("its brackets do not close")


def depth(text: bytes) -> int:
    """How deep brackets nest in JSON `text`."""
    deepest = now = 0
    for mark in MARKS.finditer(text):
        now += STEPS.get(text[mark.start()], 0)
        deepest = max(deepest, now)
    return deepest


def _key(text: bytes) -> str:
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from None
