"""The comment at the head of a curated SQL file, as values.

It begins with what the table is, in prose; then come lines of `word: text`, each of which may run on over the following
lines. What the SQL below it reads is tables.py.

    -- The people of each camp, month by month.
    --
    -- key: period, site
    -- public: period, site,
    --   individuals
    -- partners: women, men
    -- column individuals: people reported
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from pipelines.errors import ConfigError

Level = Literal["public", "partners", "restricted"]

WORDS = ("key", "column", *get_args(Level))
ENTRY = re.compile(r"(?P<word>[a-z_]+)(?: (?P<name>[A-Za-z_]\w*))?:(?: (?P<text>.*)|$)")
COLUMN = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its table; a column in none of the `levels` is restricted."""

    description: str
    key: tuple[str, ...]
    levels: Mapping[str, Level]
    column_docs: Mapping[str, str]


def read_header(file: str, sql: str) -> Header:
    """What the first comment of `sql` says; ConfigError names `file` and what it cannot understand."""
    description: list[str] = []
    entries: list[tuple[str, str, list[str]]] = []
    for number, line in _comment_lines(sql):
        if entry := ENTRY.match(line):
            entries.append(_entry(file, number, entry))
        elif entries:
            entries[-1][2].append(line.strip())
        else:
            description.append(line)
    docs = {name: " ".join(text).strip() for word, name, text in entries if word == "column"}
    return Header(
        description=_prose(file, description),
        key=_key(file, entries),
        levels=MappingProxyType(_levels(file, entries)),
        column_docs=MappingProxyType(docs),
    )


def _comment_lines(sql: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line of the comment that `sql` begins with."""
    for number, line in enumerate(sql.splitlines(), start=1):
        if not line.startswith("--"):
            return
        yield number, line.removeprefix("--").removeprefix(" ").rstrip()


def _entry(file: str, number: int, entry: re.Match[str]) -> tuple[str, str, list[str]]:
    word, name, text = entry["word"], entry["name"] or "", entry["text"] or ""
    if word not in WORDS or (word == "column") != bool(name):
        raise ConfigError(
            f"{file}, line {number}: the comment says {entry[0].split(':')[0]!r}, which we do not know; write one of "
            "'key:', 'public:', 'partners:', 'restricted:' or 'column <name>:'."
        )
    return word, name, [text]


def _prose(file: str, lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    if not text:
        raise ConfigError(f"{file}: it does not say what the table is; begin the file with a comment that does.")
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text))


def _key(file: str, entries: list[tuple[str, str, list[str]]]) -> tuple[str, ...]:
    found = [_names(file, text) for word, _, text in entries if word == "key"]
    if len(found) != 1 or not found[0]:
        raise ConfigError(
            f"{file}: it must say once which columns make a row unique; write '-- key: column, column' in its comment."
        )
    return tuple(found[0])


def _levels(file: str, entries: list[tuple[str, str, list[str]]]) -> dict[str, Level]:
    levels: dict[str, Level] = {}
    for level in get_args(Level):
        for text in (text for word, _, text in entries if word == level):
            for name in _names(file, text):
                if name in levels:
                    raise ConfigError(f"{file}: the column {name!r} is classified twice; keep one of the two.")
                levels[name] = level
    return levels


def _names(file: str, lines: list[str]) -> list[str]:
    names = [name for name in re.split(r"[,\s]+", " ".join(lines)) if name]
    for name in names:
        if not COLUMN.fullmatch(name):
            raise ConfigError(f"{file}: {name!r} in its comment is no name of a column; write names and commas only.")
    return names
