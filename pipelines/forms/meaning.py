"""Whether two labels of one code mean the same: a spelling corrected, or another answer under an old code.

The judgement is careful: it says "the same" only for what it can explain (case, punctuation, letter forms, plural,
spelling, a hint added in brackets), and everything else is for a person to look at. It knows no dictionary: another
word of the same meaning counts as another meaning.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

LETTERS = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىیئ", "ي"),
        **dict.fromkeys("ێ", "ي"),
        **dict.fromkeys("کگ", "ك"),
        **dict.fromkeys("ةەھ", "ه"),
        **dict.fromkeys("ؤۆ", "و"),
        "ڕ": "ر",
        "ڵ": "ل",
        "ـ": "",
        "\u200c": "",
        "\u200d": "",
        "ء": "",
        "’": "'",
        "‘": "'",
    }
)
"""Letters that are typed for each other on Arabic and Kurdish keyboards."""

LITTLE = frozenset("the a an of is are in on at for its their your please في من علی علي لە له".split())
NOT = frozenset(
    "not no never none without non neither nor cannot لا ليس ليست غير بدون لم لن عدم بلا ما نا نه نيه بي نهخير".split()
)
LESS = frozenset("less fewer under below minimum < <= ≤ اقل دون كهمتر كمتر".split())
MORE = frozenset("more over above maximum greater least > >= ≥ اكثر فوق زياتر".split())
DIRECTED = frozenset("than from to before after من الي قبل بعد بو پيش".split()) | LESS | MORE
KEPT = LITTLE | NOT | DIRECTED
OPPOSED = re.compile(r"(?:un|in|im|ir|il|dis|non|نا|نه|بي|لا)-?")
NUMBERS = {
    word: str(number) for number, word in enumerate("zero one two three four five six seven eight nine ten".split())
}
ENDINGS = ("هكان", "كان", "هكه", "ات", "ون", "ين", "ان", "ه")
"""Endings of plural and definiteness in Arabic and Kurdish, longest first."""

_WORDS = re.compile(r"[<>]=?|[≤≥]|\d+(?:\.\d+)?|[^\W\d_]+")
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")


@lru_cache(maxsize=65536)
def same_meaning(old: str, new: str) -> bool:
    """Whether `new` is `old` written better, and not another answer."""
    if old == new:
        return True
    (old_text, old_hint), (new_text, new_hint) = _parted(old), _parted(new)
    if not old_text or not new_text:
        return _same(_words(old), _words(new))
    hints_agree = not (old_hint and new_hint) or _same(_words(old_hint), _words(new_hint))
    return (hints_agree and _same(_words(old_text), _words(new_text))) or _same(_words(old), _words(new))


def likeness(old: Iterable[str], new: Iterable[str]) -> float:
    """How many of the words of two labels stand in both, from 0 to 1; words count as same as above."""
    left, right = list(old), list(new)
    if not left or not right:
        return 0.0
    return 2 * (len(left) - len(_unmatched(left, right)[0])) / (len(left) + len(right))


@lru_cache(maxsize=8192)
def words_of(label: str) -> tuple[str, ...]:
    """The words of a label that carry its meaning, in the plainest spelling."""
    return tuple(word for word in _words(label) if word not in LITTLE)


def _parted(label: str) -> tuple[str, str]:
    """What stands outside of brackets, and within them."""
    hints = " ".join(first or second for first, second in _BRACKETS.findall(label))
    return _BRACKETS.sub(" ", label).strip(), hints.strip()


def _words(label: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", re.sub(r"</?\w[^>]*>", " ", label)).casefold().translate(LETTERS)
    plain = re.sub(r"n't\b|(?<=\bdo)nt\b", " not", "".join(c for c in plain if not unicodedata.combining(c)))
    plain = re.sub(r"(?<=\d)\s*(?:to|الي)\s*(?=\d)", " ", plain)
    found = [NUMBERS.get(word, word) for word in _WORDS.findall(plain)]
    return [str(float(word)) if word[0].isdigit() else _plain(word) for word in found]


def _plain(word: str) -> str:
    """A word without the article and the endings of its plural."""
    if word in KEPT:
        return word
    if len(word) > 4:
        word = re.sub(r"^(?:وال|بال|ال)(?=\w{3})", "", word)
    word = re.sub(r"(?<=\w\w)ies$", "y", word)
    word = re.sub(r"(?:(?<=ss)|(?<=sh)|(?<=ch)|(?<=x))es$|(?<=\w\w[^s\W])s$", "", word)
    while ending := next((end for end in ENDINGS if word.endswith(end) and len(word) - len(end) >= 3), ""):
        word = word.removesuffix(ending)
    return word


def _same(old: list[str], new: list[str]) -> bool:
    if _kinds(old) != _kinds(new):
        return False
    left, right = ([word for word in words if word not in LITTLE] for words in (old, new))
    lost, came = _unmatched(left, right)
    if lost or came:
        return False
    directed = any(word in DIRECTED for word in old)
    return not directed or all(_alike(a, b) for a, b in zip(left, right, strict=True))


def _kinds(words: Sequence[str]) -> tuple[list[str], int, int, int]:
    """The numbers in their order, and how often something is denied, called less, called more."""
    numbers = [word for word in words if word[0].isdigit()]
    return numbers, *(sum(word in kind for word in words) for kind in (NOT, LESS, MORE))  # type: ignore[return-value]


def _unmatched(left: Sequence[str], right: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of each that find no like one in the other."""
    lost = list((Counter(left) - Counter(right)).elements())
    came = list((Counter(right) - Counter(left)).elements())
    for word in list(lost):
        twin = next((other for other in came if _alike(word, other)), None)
        if twin is not None:
            lost.remove(word)
            came.remove(twin)
    return lost, came


@lru_cache(maxsize=65536)
def _alike(a: str, b: str) -> bool:
    """Whether two words are one in two spellings. Short words are told apart by a single letter, long ones are not."""
    if a == b:
        return True
    if a[0].isdigit() or b[0].isdigit() or a[0] != b[0] or _opposed(a, b):
        return False
    if re.sub(r"(.)\1+", r"\1", a) == re.sub(r"(.)\1+", r"\1", b) and min(len(a), len(b)) > 3:
        return True
    if sorted(a) == sorted(b) and len(a) > 3 and _edits(a, b) == 1:
        return True
    longest = max(len(a), len(b))
    return _edits(a, b) <= (2 if longest >= 9 else 1 if longest >= 6 else 0)


def _opposed(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    return long.endswith(short) and OPPOSED.fullmatch(long.removesuffix(short)) is not None


def _edits(a: str, b: str) -> int:
    """How many letters must be put in, left out, changed, or exchanged with their neighbour."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        older, before, row = before, row, [i]
        for j, right in enumerate(b, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
