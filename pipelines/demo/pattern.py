"""A text that a simple regular expression accepts: for constraints such as regex(., '07[0-9]{9}').

Letters, classes, groups, alternatives and repetition are understood; look-around and back-references are not.
"""

import random
import string
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Part:
    """Letters to choose from, or alternatives to choose from; and how often, at least and at most."""

    what: "str | Ways"
    least: int
    most: int


Ways = list[list[Part]]
"""Alternatives; each is a sequence of parts."""

_CLASSES = {"d": string.digits, "w": string.ascii_lowercase + string.digits, "s": " "}
_ANY = string.ascii_lowercase + string.digits
_MOST = 4
"""How often `*` and `+` repeat at most."""


def sample_of(pattern: str, rng: random.Random) -> str | None:
    """A text that `pattern` accepts; None where the pattern is beyond this module."""
    ways = _read(pattern)
    return None if ways is None else _sample(ways, rng)


def _sample(ways: Ways, rng: random.Random) -> str:
    written = []
    for part in rng.choice(ways):
        what = part.what
        for _ in range(rng.randint(part.least, part.most)):
            written += [rng.choice(what) if isinstance(what, str) else _sample(what, rng)]
    return "".join(written)


@lru_cache(maxsize=256)
def _read(pattern: str) -> Ways | None:
    reader = _Reader(pattern)
    try:
        ways = reader.ways()
    except (IndexError, ValueError):
        return None
    return ways if reader.at == len(pattern) else None


class _Reader:
    """One reading of one pattern; ValueError or IndexError where it is beyond us."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def ways(self) -> Ways:
        ways: Ways = [[]]
        while self.at < len(self.pattern) and self.peek() != ")":
            mark = self.take()
            if mark == "|":
                ways.append([])
            elif mark not in "^$":
                what = self.one(mark)
                ways[-1].append(Part(what, *self.times()))
        return ways

    def one(self, mark: str) -> str | Ways:
        if mark == "(":
            if self.pattern[self.at : self.at + 2] == "?:":
                self.at += 2
            ways = self.ways()
            if self.take() != ")":
                raise ValueError(self.pattern)
            return ways
        if mark == "[":
            return self.characters()
        if mark == "\\":
            return self.escaped()
        if mark in "*+?{":
            raise ValueError(self.pattern)
        return _ANY if mark == "." else mark

    def escaped(self) -> str:
        mark = self.take()
        if mark in _CLASSES:
            return _CLASSES[mark]
        if mark.isalnum():
            raise ValueError(self.pattern)
        return mark

    def characters(self) -> str:
        refused = self.peek() == "^"
        self.at += refused
        found = ""
        while (mark := self.take()) != "]":
            letters = self.escaped() if mark == "\\" else mark
            if self.peek() == "-" and self.pattern[self.at + 1] != "]":
                self.at += 1
                letters = "".join(map(chr, range(ord(mark), ord(self.take()) + 1)))
            found += letters
        return "".join(letter for letter in _ANY if letter not in found) if refused else found

    def times(self) -> tuple[int, int]:
        mark = self.peek()
        if mark not in ("*", "+", "?", "{"):
            return 1, 1
        self.at += 1
        if mark == "{":
            end = self.pattern.index("}", self.at)
            least, comma, most = self.pattern[self.at : end].partition(",")
            self.at = end + 1
            return int(least), int(most or int(least) + _MOST) if comma else int(least)
        return {"*": (0, _MOST), "+": (1, _MOST), "?": (0, 1)}[mark]
