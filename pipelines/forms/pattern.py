"""Patterns of regex(), made so that no answer can make them run for long.

Python's matcher tries one way after another: a pattern that repeats within a repeat can take longer than the world is
old. So the ways are counted before any is tried, from the pattern and the length of the answer. DuckDB has no such
trouble: what becomes SQL is not checked here.
"""

import re
from functools import lru_cache
from math import inf, prod
from re import _constants as names  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from pipelines.errors import SchemaError

MOST_WAYS = 5_000_000
TYPICAL = 40
"""Signs of an answer that a pattern must at least be able to take."""

_REPEATS = frozenset({names.MAX_REPEAT, names.MIN_REPEAT, names.POSSESSIVE_REPEAT})


def matches(text: str, pattern: str) -> bool:
    """Whether the whole of `text` is as `pattern` says; SchemaError where nobody can tell soon."""
    made, tree = _made(pattern)
    if _ways(tree, len(text)) > MOST_WAYS:
        raise SchemaError(_too_long(pattern, len(text)))
    return made.fullmatch(text) is not None


def risk_of(pattern: str) -> str:
    """Why `pattern` is not to be worked out, and what to do; empty where it may be."""
    try:
        _, tree = _made(pattern)
    except SchemaError as error:
        return str(error)
    return _too_long(pattern, TYPICAL) if _ways(tree, TYPICAL) > MOST_WAYS else ""


def _too_long(pattern: str, length: int) -> str:
    return (
        f"The pattern {pattern!r} of regex() could take for ever on an answer of {length} characters; "
        "let no + or * stand within another, such as [a-z ]+ for ([a-z]+ ?)+."
    )


@lru_cache(maxsize=512)
def _made(pattern: str) -> tuple[re.Pattern[str], Any]:
    try:
        return re.compile(pattern, re.ASCII), parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise SchemaError(f"The pattern {pattern!r} of regex() cannot be read: {error}; mend it.") from error


def _ways(tree: Any, length: int) -> float:
    """In how many ways at most a text of `length` signs can be tried against a parsed pattern."""
    return prod(_ways_of(kind, argument, length) for kind, argument in tree)


def _ways_of(kind: Any, argument: Any, length: int) -> float:
    if kind in _REPEATS:
        fewest, most, body = int(argument[0]), min(int(argument[1]), length), argument[2]
        within = _ways(body, length)
        many = 1.0 if within == 1 else inf if most > 64 or within**most > MOST_WAYS else within**most
        return many * (max(most - fewest, 0) + 1)
    if kind == names.BRANCH:
        return sum(_ways(branch, length) for branch in argument[1])
    parts = argument if isinstance(argument, tuple | list) else (argument,)
    return prod(_ways(part, length) for part in parts if isinstance(part, parser.SubPattern))
