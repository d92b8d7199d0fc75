"""The `query`, `sort` and `fields` of a list of submissions, as a Kobo server understands them.

A Mongo query in JSON, cut down to a list of allowed operators. Every answer is text, and an operator compares only what
has its own type: a number never equals a text. `$expr` and `$ifNull` are refused here, though Kobo allows them. What a
page looks like is data.py.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ALLOWED = frozenset({
    "$or", "$and", "$in", "$nin", "$not", "$exists", "$gt", "$gte", "$lt", "$lte", "$regex", "$options", "$all",
    "$elemMatch", "$ne", "$expr", "$ifNull",
})  # fmt: skip
"""Operators that pass. Any other is taken for the name of a key, which no row has: it matches nothing."""

ALWAYS = ("_id", "_uuid", "meta/rootUuid")
"""What `fields` gives even unasked."""

Row = Mapping[str, Any]


class UnsupportedQueryError(Exception):
    """A query that the database refuses: 400."""


class ServerFaultError(Exception):
    """A query that makes the server fail: 500."""


def matches(row: Row, query: Any) -> bool:
    """Whether `row` is one that `query` asks for."""
    if not isinstance(query, Mapping):
        raise ServerFaultError
    return all(_holds(row, key, wanted) for key, wanted in query.items())


def split_ids(query: Any) -> tuple[str, list[int], Any]:
    """What `query` asks of `_id`, as SQL with its values, and what is left to ask of each row: ranges and lists of
    numbers need no more.
    """
    asked = query.get("_id") if isinstance(query, Mapping) else None
    if not isinstance(asked, Mapping) or not asked or not set(asked) <= {"$gt", "$lte", "$in"}:
        return "", [], query
    numbers = {name: wanted if isinstance(wanted, list) else [wanted] for name, wanted in asked.items()}
    values = [number for wanted in numbers.values() for number in wanted]
    if any(_kind(number) != "number" for number in values) or isinstance(asked.get("$in", []), int):
        return "", [], query
    places = {"$gt": "id > ?", "$lte": "id <= ?", "$in": f"id IN ({', '.join('?' * len(numbers.get('$in', ())))})"}
    sql = "".join(f" AND {places[name]}" for name in numbers)
    return sql, values, {key: wanted for key, wanted in query.items() if key != "_id"}


def in_order(rows: Sequence[Row], sort: Mapping[str, Any]) -> list[Row]:
    """`rows` ordered by the keys of `sort`, the first key first; 1 is ascending, -1 descending."""
    ordered = list(rows)
    for key, direction in reversed(list(sort.items())):
        ordered.sort(key=lambda row, key=key: _rank(_first(row, key)), reverse=direction == -1)  # type: ignore[misc]
    return ordered


def only_fields(row: Row, names: Sequence[str]) -> dict[str, Any]:
    """`row` cut to its keys in `names`; a validation status that is not asked for comes out empty, as on the server."""
    kept = {key: value for key, value in row.items() if key in names or key in ALWAYS}
    if "_attachments" in kept:
        asked = [
            file if file["question_xpath"] in names else file | {"question_xpath": ""} for file in kept["_attachments"]
        ]
        kept["_attachments"] = asked
    return {"_validation_status": {}} | kept


def _holds(row: Row, key: str, wanted: Any) -> bool:
    if key in ("$and", "$or"):
        if not isinstance(wanted, list) or not wanted:
            raise UnsupportedQueryError
        parts = (matches(row, part) for part in wanted)
        return all(parts) if key == "$and" else any(parts)
    if key in ALLOWED:
        raise UnsupportedQueryError
    found = _candidates(row, key)
    operators = isinstance(wanted, Mapping) and any(name.startswith("$") for name in wanted)
    return _passes(found, wanted) if operators else _equals(found, wanted)


def _passes(found: list[Any], wanted: Mapping[str, Any]) -> bool:
    if not ALLOWED.issuperset(wanted):
        return False
    return all(OPERATORS[name](found, operand, wanted) for name, operand in wanted.items() if name != "$options")


def _candidates(row: Any, key: str) -> list[Any]:
    """What stands at `key`, which may lead by dots into objects and lists; a list counts whole and item by item."""
    if isinstance(row, list):
        return [value for item in row for value in _candidates(item, key)]
    if not isinstance(row, Mapping):
        return []
    if key in row:
        value = row[key]
        return [value, *value] if isinstance(value, list) else [value]
    head, dot, rest = key.partition(".")
    return _candidates(row[head], rest) if dot and head in row else []


def _first(row: Row, key: str) -> Any:
    return next(iter(_candidates(row, key)), None)


def _rank(value: Any) -> tuple[int, Any]:
    """Mongo's order of types: nothing, numbers, texts, and the rest."""
    if value is None:
        return 0, 0
    if _kind(value) == "number":
        return 1, value
    return (2, value) if isinstance(value, str) else (3, str(value))


def _kind(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


def _equals(found: list[Any], wanted: Any) -> bool:
    if wanted is None and not found:
        return True
    return any(_kind(value) == _kind(wanted) and value == wanted for value in found)


def _compares(test: Callable[[Any, Any], bool]) -> Callable[[list[Any], Any, Row], bool]:
    def holds(found: list[Any], wanted: Any, _: Row) -> bool:
        comparable = [value for value in found if _kind(value) == _kind(wanted) and _kind(value) in ("number", "str")]
        return any(test(value, wanted) for value in comparable)

    return holds


def _is_in(found: list[Any], wanted: Any, _: Row) -> bool:
    if not isinstance(wanted, list):
        raise UnsupportedQueryError
    return any(_equals(found, one) for one in wanted)


def _has_all(found: list[Any], wanted: Any, _: Row) -> bool:
    if not isinstance(wanted, list):
        raise ServerFaultError
    return bool(wanted) and all(_equals(found, one) for one in wanted)


def _exists(found: list[Any], wanted: Any, _: Row) -> bool:
    return bool(found) == bool(wanted)


def _fits(found: list[Any], wanted: Any, around: Row) -> bool:
    if not isinstance(wanted, str):
        raise UnsupportedQueryError
    flags = [getattr(re, letter.upper()) for letter in str(around.get("$options", "")) if letter in "imsx"]
    try:
        pattern = re.compile(wanted, sum(set(flags)))
    except re.error as error:
        raise UnsupportedQueryError from error
    return any(isinstance(value, str) and pattern.search(value) for value in found)


def _has_element(found: list[Any], wanted: Any, _: Row) -> bool:
    if not isinstance(wanted, Mapping):
        raise UnsupportedQueryError
    lists = [value for value in found if isinstance(value, list)]
    return any(matches(item, wanted) for items in lists for item in items if isinstance(item, Mapping))


def _is_not(found: list[Any], wanted: Any, _: Row) -> bool:
    if not isinstance(wanted, Mapping):
        raise UnsupportedQueryError
    return not _passes(found, wanted)


def _refused(_found: list[Any], _wanted: Any, _: Row) -> bool:
    raise UnsupportedQueryError


OPERATORS: dict[str, Callable[[list[Any], Any, Row], bool]] = {
    "$gt": _compares(lambda value, wanted: value > wanted),
    "$gte": _compares(lambda value, wanted: value >= wanted),
    "$lt": _compares(lambda value, wanted: value < wanted),
    "$lte": _compares(lambda value, wanted: value <= wanted),
    "$ne": lambda found, wanted, _: not _equals(found, wanted),
    "$in": _is_in,
    "$nin": lambda found, wanted, row: not _is_in(found, wanted, row),
    "$all": _has_all,
    "$exists": _exists,
    "$regex": _fits,
    "$elemMatch": _has_element,
    "$not": _is_not,
    **dict.fromkeys(("$or", "$and", "$expr", "$ifNull"), _refused),
}
