"""The body of an answer, read within bounds, and what a whole JSON document is.

Cut or empty documents, keys that stand twice in the envelope, and texts that are no UTF-8 are refused here. What stands
inside a submission is not judged: it is kept as sent, and the archive knows what it cannot read.
"""

import json
import re
from collections.abc import Iterator

import msgspec

from pipelines.errors import CccmError, ServerError
from pipelines.sources.parts import depth, members
from pipelines.sources.refusal import Words, web_page
from pipelines.sources.retry import Unreached
from pipelines.sources.wire import Response

PIECE = 262_144
BOM = b"\xef\xbb\xbf"
LARGE = 1000
"""A value of the envelope longer than this is content; it is taken out before the envelope is read strictly."""


def pieces(response: Response, limit: int, where: str) -> Iterator[bytes]:
    """The body, decompressed, piece by piece; ServerError as soon as it has more bytes than `limit`."""
    size = 0
    while piece := response.read(PIECE, decode_content=True):
        size += len(piece)
        if size > limit:
            response.close()
            raise ServerError(f"{where} answered with more than {limit:,} bytes; ask the server's administrator.")
        yield piece


def whole_json(body: bytes, content_type: str, where: str, *, limit: int, words: Words) -> bytes:
    """`body` without a byte order mark, proven to be one whole JSON document in UTF-8 whose envelope is in order and
    nests no deeper than `limit`.
    """
    body = body.removeprefix(BOM)
    if "html" in content_type or _begins(body) == b"<":
        raise web_page(where, body, words)
    problem = _fault(body, where, limit, words)
    if problem:
        raise problem
    return body


def _fault(body: bytes, where: str, limit: int, words: Words) -> CccmError | None:
    """What keeps `body` from being a document to work with: cut short (that may pass), or wrong (that will not)."""
    if not body or body.isspace():
        return Unreached(f"{where} answered with nothing at all; run the sync again.")
    try:
        body.decode()
        envelope = _envelope(body)
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return _cut(where)
        return ServerError(
            f"{where} answered with bytes that are no UTF-8, first at byte {error.start}; ask its administrator."
        )
    except msgspec.DecodeError as error:
        return _cut(where) if re.search("truncated|do not close", str(error)) else _malformed(where, str(error))
    return _envelope_fault(envelope, where, limit, words)


def _cut(where: str) -> CccmError:
    return Unreached(f"{where} answered with a document that is cut short; run the sync again.")


def _malformed(where: str, why: str) -> CccmError:
    return ServerError(f"{where} answered with what is no JSON ({why}); ask the server's administrator.")


def _envelope_fault(envelope: bytes, where: str, limit: int, words: Words) -> CccmError | None:
    """What is wrong with the outermost object but for its contents; Python would keep the last of two equal keys."""
    if depth(envelope) > limit:
        return ServerError(f"{where} answered with JSON nested deeper than {limit} levels; ask its administrator.")
    try:
        said = json.loads(envelope, object_pairs_hook=_each_key_once, parse_constant=_no_number)
    except ValueError as error:
        return _malformed(where, str(error))
    if isinstance(said, dict) and list(said) == ["detail"]:
        why = words(str(said["detail"]).encode())
        return ServerError(f"{where} answered with a refusal ('{why}') instead of data; ask its administrator.")
    return None


def _envelope(body: bytes) -> bytes:
    """`body` with null for its contents: the large values of its outermost object; DecodeError where it is no JSON."""
    try:
        if _begins(body) != b"{":
            msgspec.json.decode(body, type=msgspec.Raw)
            return b"null" if len(body) > LARGE else body
        values = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).values()
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            raise
        return _envelope_of_the_odd(body)
    except RecursionError:
        return _envelope_of_the_odd(body)
    for value in values:
        if memoryview(value).nbytes > LARGE:
            before, _, after = body.partition(bytes(value))
            body = before + b"null" + after
    return body


def _envelope_of_the_odd(body: bytes) -> bytes:
    """The same where some submission cannot be read: null for each list of objects, whatever they are."""
    if _begins(body) != b"{":
        return b"null" if _are_objects(body) else body
    parts = [(key, b"null" if _are_objects(value) else value) for key, value in members(body)]
    return b"{" + b",".join(json.dumps(key).encode() + b":" + value for key, value in parts) + b"}"


def _are_objects(value: bytes) -> bool:
    return _begins(value) == b"[" and all(part[:1] == b"{" for _, part in members(value))


def _begins(text: bytes) -> bytes:
    """The first sign of `text` that is no blank; it is looked for in the beginning alone."""
    return text[:1000].lstrip()[:1]


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("a key stands twice")
    return keys
