"""Which question of a newer form an older one is: by the crosswalk, by its path, by its name alone in both.

Names that merely look alike are never matched here; they are candidates that a person may look at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.forms.form import Form, Question
from pipelines.forms.meaning import likeness, words_of
from pipelines.project.crosswalk import Computed, VersionEntry

LIKE = 0.5
MOST_CANDIDATES = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new question that an old one may have become, how likely (0 to 1), and what speaks for it."""

    path: str
    score: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Matches:
    """`pairs` are (old, new, how) in the order of the old form, how is "path", "crosswalk" or "name"."""

    pairs: tuple[tuple[Question, Question, str], ...]
    removed: tuple[Question, ...]
    added: tuple[Question, ...]


def matches(old: Form, new: Form, entries: Sequence[VersionEntry] = (), computed: Sequence[Computed] = ()) -> Matches:
    """How the questions of two forms pair; `entries` are the crosswalk's lines about the old one, and `computed` those
    about columns that are made of several.
    """
    found: dict[str, tuple[Question, str]] = {}
    said: dict[str, VersionEntry | None] = {entry.from_: entry for entry in entries}
    for line in computed:  # a question is not the one that it is computed into
        name = line.to.rpartition(".")[2].casefold()
        said |= {path: None for path in line.members if path.rpartition("/")[2].casefold() == name and path not in said}
    by_path = {question.path: question for question in new.questions}
    for question in old.questions:
        entry = said.get(question.path)
        target = _named(new, entry.to) if entry and entry.to else None
        if target:
            found[question.path] = target, "crosswalk"
        elif question.path not in said and question.path in by_path:
            found[question.path] = by_path[question.path], "path"
    free = [question for question in old.questions if question.path not in found and question.path not in said]
    open_ = [question for question in new.questions if question.path not in {to.path for to, _ in found.values()}]
    for question in free:
        twins = [other for other in open_ if other.name.casefold() == question.name.casefold()]
        if len(twins) == 1 and sum(other.name.casefold() == question.name.casefold() for other in free) == 1:
            found[question.path] = twins[0], "name"
    taken = {to.path for to, _ in found.values()}
    return Matches(
        tuple((question, *found[question.path]) for question in old.questions if question.path in found),
        tuple(question for question in old.questions if question.path not in found),
        tuple(question for question in new.questions if question.path not in taken),
    )


def candidates(question: Question, old: Form, new: Form, among: Sequence[Question]) -> list[Candidate]:
    """What `question` may have become among new questions, likeliest first; none where nothing speaks for any."""
    found = [_candidate(question, other, old, new) for other in among]
    likely = sorted((one for one in found if one.score >= LIKE), key=lambda one: (-one.score, one.path))
    return likely[:MOST_CANDIDATES]


def _named(form: Form, column: str) -> Question | None:
    """The question that a crosswalk calls `name`, or `repeat.name`; of several, the first by path."""
    repeat, _, name = column.rpartition(".")
    fits = [
        question
        for question in form.questions
        if name.casefold() in {question.name.casefold(), "__".join(question.path.split("/")[-2:]).casefold()}
        and (question.repeats[-1].rpartition("/")[2] if question.repeats else "").casefold() == repeat.casefold()
    ]
    return fits[0] if fits else None


def _candidate(question: Question, other: Question, old: Form, new: Form) -> Candidate:
    """What speaks for a pair: Kobo's mark alone is nearly proof; else labels, choices and names are weighed."""
    if question.kuid and question.kuid == other.kuid:
        return Candidate(other.path, 0.99, "the same $kuid: renamed in the form builder")
    labels = _labels(question, other)
    codes = _choices(question, other, old, new)
    names = likeness(_split(question.name), _split(other.name))
    alike = [(labels, 3.0), (names, 1.0), *([(codes, 2.0)] if codes is not None else [])]
    score = sum(worth * weight for worth, weight in alike) / sum(weight for _, weight in alike)
    if _family(question) != _family(other):
        score *= 0.6
    parts = [f"labels {labels:.2f}", f"name {names:.2f}", *([f"choices {codes:.2f}"] if codes is not None else [])]
    return Candidate(other.path, round(score, 3), ", ".join(parts))


def _labels(question: Question, other: Question) -> float:
    """How alike the labels are, over all languages that both speak; half as much where they name other numbers."""
    spoken = question.labels.keys() & other.labels.keys()
    words = [(words_of(question.labels[code]), words_of(other.labels[code])) for code in spoken]
    alike = [likeness(old, new) / (1 if _numbers(old) == _numbers(new) else 2) for old, new in words]
    return sum(alike) / len(alike) if alike else 0.0


def _numbers(words: Sequence[str]) -> list[str]:
    return [word for word in words if word[0].isdigit()]


def _choices(question: Question, other: Question, old: Form, new: Form) -> float | None:
    """How many choices both offer, by code or by a label; None where one of them offers none."""
    left, right = (
        [frozenset(_marks(choice.name, choice.labels)) for choice in form.choices_of(asked)]
        for form, asked in ((old, question), (new, other))
    )
    if not left or not right:
        return None
    every = frozenset().union(*right)
    return 2 * sum(bool(marks & every) for marks in left) / (len(left) + len(right))


def _marks(code: str, labels: Mapping[str, str]) -> Iterator[str]:
    yield code.casefold()
    yield from (" ".join(words_of(label)) for label in labels.values())


def _split(name: str) -> list[str]:
    return [word for word in name.casefold().replace("-", "_").split("_") if word]


def _family(question: Question) -> str:
    """Types that answer alike."""
    if question.type in {"integer", "decimal", "range", "calculate"}:
        return "number"
    if question.type.startswith(("select_", "rank")):
        return "choice"
    return question.type
