"""The body of an answer, read within bounds, and what a whole JSON document is.

Cut or empty documents, keys that stand twice in the envelope, and texts that are no UTF-8 are refused here. What stands
inside a submission is not judged: it is kept as sent, and the archive knows what it cannot read.
"""

import json
from collections.abc import Iterator

import msgspec

from pipelines.errors import CccmError, ServerError
from pipelines.sources.refusal import safe_words, web_page
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


def whole_json(body: bytes, content_type: str, where: str, depth: int) -> bytes:
    """`body` without a byte order mark, proven to be one whole JSON document in UTF-8 whose envelope is in order."""
    body = body.removeprefix(BOM)
    if "html" in content_type or body.lstrip()[:1] == b"<":
        raise web_page(where, body)
    problem = _fault(body, where) or _envelope_fault(body, where, depth)
    if problem:
        raise problem
    return body


def _fault(body: bytes, where: str) -> CccmError | None:
    """What keeps `body` from being one JSON document in UTF-8: cut (it may pass) or malformed (it will not)."""
    if not body.strip():
        return Unreached(f"{where} answered with nothing at all; run the sync again.")
    try:
        body.decode()
        msgspec.json.decode(body, type=msgspec.Raw)
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return _cut(where)
        return ServerError(
            f"{where} answered with bytes that are no UTF-8, first at byte {error.start}; ask its administrator."
        )
    except RecursionError:
        return ServerError(f"{where} answered with JSON nested too deep to be read; ask the server's administrator.")
    except msgspec.DecodeError as error:
        return _cut(where) if "truncated" in str(error) else _malformed(where, str(error))
    return None


def _cut(where: str) -> CccmError:
    return Unreached(f"{where} answered with a document that is cut short; run the sync again.")


def _malformed(where: str, why: str) -> CccmError:
    return ServerError(f"{where} answered with what is no JSON ({why}); ask the server's administrator.")


def _envelope_fault(body: bytes, where: str, depth: int) -> CccmError | None:
    """What is wrong with the outermost object but for its contents; Python would keep the last of two equal keys."""
    envelope = _without_contents(body)
    if _depth(envelope) > depth:
        return ServerError(f"{where} answered with JSON nested deeper than {depth} levels; ask its administrator.")
    try:
        said = json.loads(envelope, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        return _malformed(where, str(error))
    if isinstance(said, dict) and list(said) == ["detail"]:
        words = safe_words(str(said["detail"]).encode())
        return ServerError(f"{where} answered with a refusal ('{words}') instead of data; ask its administrator.")
    return None


def _without_contents(body: bytes) -> bytes:
    """`body` with null for each large value of the outermost object."""
    if body.lstrip()[:1] != b"{":
        return b"null" if len(body) > LARGE else body
    for value in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).values():
        if len(content := bytes(value)) > LARGE:
            body = body.replace(content, b"null", 1)
    return body


def _depth(text: bytes) -> int:
    """How deep brackets nest in JSON `text`, counted without recursion."""
    deepest = now = 0
    quoted = escaped = False
    for byte in text:
        if quoted:
            escaped, quoted = byte == 0x5C and not escaped, byte != 0x22 or escaped
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            now += 1
            deepest = max(deepest, now)
        elif byte in b"]}":
            now -= 1
    return deepest


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("a key stands twice")
    return keys
