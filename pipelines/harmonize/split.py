"""Cut one text into the names it lists: provider strings such as "DCVAW LCN SCI UNHCR WEO Khanzaed".

Names have spaces inside and are joined by spaces or commas, so they can only be found by the names we know, longest
first; the words between them are names we do not know. No letter of the text is dropped but the separators, of which
"and" is one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.harmonize.convert import fold

TOKEN = re.compile(r"[,;|،؛\n]+|[^\s,;|،؛/\\&+–-]+")
"""A list's own separator, or a word."""

BINDING = frozenset({"-", "–", "&", "+"})
"""What may stand between two words that are one: TDH-Zurich is no TDH."""

APART = re.compile(r"\s[/&+–-]\s")
"""What parts two names that we do not know, where it has spaces around it."""

EDGES = " /\\&+-–.\t\r\n\xa0"
AND = re.compile(r"^(and\s+)+|(\s+and)+$|^and$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """One name of a text: as written, and the codes it stands for (none where it is unknown)."""

    written: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The names to cut by: the words of each, folded, and the codes it stands for; how many words the longest has."""

    codes: Mapping[tuple[str, ...], tuple[str, ...]]
    longest: int


@dataclass(frozen=True, slots=True)
class Word:
    """A word (or a list's separator) of a text, and where it stands."""

    folded: str
    start: int
    end: int

    @property
    def separates(self) -> bool:
        """Whether it is a separator and no word."""
        return not self.folded


def names_of(known: Mapping[str, Sequence[str]]) -> Names:
    """The names to cut by, of each name as written and the codes it stands for."""
    codes: dict[tuple[str, ...], tuple[str, ...]] = {}
    for written, meant in known.items():
        words = tuple(word.folded for word in _words(written))
        if any(words):
            codes[words] = tuple(dict.fromkeys((*codes.get(words, ()), *meant)))
    return Names(codes, max(map(len, codes), default=0))


def pieces(text: str, names: Names) -> tuple[Piece, ...]:
    """The names in `text`, in its order."""
    return tuple(_pieces(text, _words(text), names))


def _pieces(text: str, words: Sequence[Word], names: Names) -> Iterator[Piece]:
    at = unknown = 0
    while at < len(words):
        end = _end_of_name(text, words, at, names)
        if end:
            yield from _unknown(text, words[unknown:at])
            yield Piece(text[words[at].start : words[end - 1].end], names.codes[_folded(words[at:end])])
            at = unknown = end
        elif words[at].separates:
            yield from _unknown(text, words[unknown:at])
            at = unknown = at + 1
        else:
            at += 1
    yield from _unknown(text, words[unknown:])


def _end_of_name(text: str, words: Sequence[Word], at: int, names: Names) -> int:
    """Where the longest known name that begins at this word ends; 0 where none begins here."""
    if at and _bound(text, words[at - 1], words[at]):
        return 0
    for end in range(min(at + names.longest, len(words)), at, -1):
        open_end = end == len(words) or not _bound(text, words[end - 1], words[end])
        if open_end and _folded(words[at:end]) in names.codes:
            return end
    return 0


def _unknown(text: str, words: Sequence[Word]) -> Iterator[Piece]:
    """The names that these words, of which none is known, may be: whole, but where a sign parts them."""
    if words:
        for part in APART.split(text[words[0].start : words[-1].end]):
            written = AND.sub("", " ".join(part.strip(EDGES).split()))
            if written:
                yield Piece(written, ())


def _words(text: str) -> list[Word]:
    """The words of `text` and its separators; a word of points alone is none."""
    found = [Word(_plain(match[0]), match.start(), match.end()) for match in TOKEN.finditer(text)]
    return [word for word in found if word.folded or text[word.start] in ",;|،؛\n"]


def _plain(word: str) -> str:
    return "" if word[0] in ",;|،؛\n" else fold(word).strip(".")


def _folded(words: Sequence[Word]) -> tuple[str, ...]:
    return tuple(word.folded for word in words)


def _bound(text: str, one: Word, other: Word) -> bool:
    """Whether two neighbours are parts of one written word."""
    return text[one.end : other.start] in BINDING and not (one.separates or other.separates)
