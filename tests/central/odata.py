"""The stand-in server's filters, pages and the tag of what is selected, as Central's OData and REST share them."""

import base64
import json
import re
from collections.abc import Callable, Iterable
from hashlib import md5
from typing import Any

from tests.central.store import Form, Submission

FIELDS: dict[str, Callable[[Submission], Any]] = {
    "__id": lambda one: one.id,
    "__system/submissionDate": lambda one: one.created_at,
    "__system/updatedAt": lambda one: one.updated_at,
    "__system/submitterId": lambda one: str(one.submitter.id),
    "__system/reviewState": lambda one: one.review_state,
    "__system/deletedAt": lambda one: one.deleted_at,
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "ge": lambda a, b: a is not None and a >= b,
    "gt": lambda a, b: a is not None and a > b,
    "le": lambda a, b: a is not None and a <= b,
    "lt": lambda a, b: a is not None and a < b,
}
TOKEN = re.compile(r"\(|\)|'[^']*'|[^\s()]+")


class ProblemError(Exception):
    """An answer that is an error: status, code and words of Central's."""

    def __init__(self, status: int, code: float, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


Test = Callable[[Submission], bool]


def selected(form: Form, text: str = "", *, deleted: bool = False) -> list[Submission]:
    """The submissions that a filter selects, newest first; deleted ones only where it names deletedAt."""
    test = _parsed(text) if text else (lambda _: True)
    if deleted:
        found = [one for one in form.submissions.values() if one.deleted_at]
    else:
        shown = "deletedAt" in text
        found = [one for one in form.submissions.values() if (shown or not one.deleted_at) and test(one)]
    return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)


def tag_of(found: Iterable[Submission]) -> str:
    """The weak tag of a selection: it changes with whatever Central counts as an event."""
    said = json.dumps(sorted((one.id, one.event) for one in found))
    return f'W/"eventhash:{md5(said.encode(), usedforsecurity=False).hexdigest()}"'


def paged(found: list[Submission], top: str | None, skiptoken: str | None) -> tuple[list[Submission], str]:
    """One page, and the token of the next; a token whose submission is gone gives an empty page, without a word."""
    if top is not None and not top.isdecimal():
        raise ProblemError(400, 400.11, f"Invalid input data type: expected {top} to be (like) integer")
    start = 0
    if skiptoken is not None:
        cursor = _cursor(skiptoken)
        start = next((place for place, one in enumerate(found, start=1) if one.id == cursor), len(found))
    page = found[start:] if top is None else found[start : start + int(top)]
    more = bool(page) and start + len(page) < len(found)
    return page, _token(page[-1].id) if more else ""


def _token(instance_id: str) -> str:
    said = json.dumps({"instanceId": instance_id}, separators=(",", ":"))
    return "01" + base64.b64encode(said.encode()).decode()


def _cursor(token: str) -> str:
    try:
        return str(json.loads(base64.b64decode(token[2:], validate=True))["instanceId"])
    except (ValueError, KeyError) as error:
        raise ProblemError(400, 400.35, "Invalid $skiptoken") from error


def _parsed(text: str) -> Test:
    tokens = TOKEN.findall(text)
    test = _either(tokens)
    if tokens:
        raise ProblemError(400, 400.18, f"The OData filter expression you provided, '{text}', could not be parsed")
    return test


def _either(tokens: list[str]) -> Test:
    tests = [_both(tokens)]
    while tokens[:1] == ["or"]:
        tokens.pop(0)
        tests.append(_both(tokens))
    return lambda one: any(test(one) for test in tests)


def _both(tokens: list[str]) -> Test:
    tests = [_single(tokens)]
    while tokens[:1] == ["and"]:
        tokens.pop(0)
        tests.append(_single(tokens))
    return lambda one: all(test(one) for test in tests)


def _single(tokens: list[str]) -> Test:
    if tokens[:1] == ["("]:
        tokens.pop(0)
        test = _either(tokens)
        tokens.pop(0)
        return test
    name, sign, value = tokens.pop(0), tokens.pop(0), tokens.pop(0)
    if name not in FIELDS or sign not in COMPARE:
        message = f"The given OData filter expression references fields not supported by this server: {name}"
        raise ProblemError(501, 501.5, message)
    wanted = None if value == "null" else value.strip("'")
    field, compare = FIELDS[name], COMPARE[sign]
    return lambda one: compare(field(one), wanted)
