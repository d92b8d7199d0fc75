"""Lines for the crosswalk that a person may paste: what an unmapped question may have become, and why.

Never applied by itself: names that merely look alike are no proof. What speaks for a pair is match.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipelines.forms.codes import codes_of, twins
from pipelines.forms.diff import column_of
from pipelines.forms.form import Form, Question
from pipelines.forms.match import candidates, matches
from pipelines.project.crosswalk import Computed, VersionEntry

LIKELY = 0.6


@dataclass(frozen=True, slots=True)
class Proposal:
    """One line: the old question's path, the new column, the codes that have other names, and what speaks for it."""

    path: str
    to: str
    score: float
    evidence: str
    recode: dict[str, str] = field(default_factory=dict)

    def written(self) -> str:
        """The line as YAML, its evidence above it."""
        codes = ", ".join(f"{_text(old)}: {_text(new)}" for old, new in self.recode.items())
        recode = f", recode: {{{codes}}}" if codes else ""
        return (
            f"    # {self.score:.2f}: {self.evidence}\n"
            f"    - {{from: {_text(self.path)}, to: {_text(self.to)}{recode}}}\n"
        )


def proposals(
    old: Form, new: Form, entries: Sequence[VersionEntry] = (), computed: Sequence[Computed] = ()
) -> list[Proposal]:
    """A line for each old question that nothing joins or reads and that a new one is like; likeliest pairs are taken
    first.

    No new question is proposed twice: two old ones that became one are a decision, not a guess.
    """
    paired = matches(old, new, entries, computed)
    said = {entry.from_ for entry in entries} | {path for line in computed for path in line.members}
    lost = [question for question in paired.removed if question.path not in said]
    found = [(candidate, question) for question in lost for candidate in candidates(question, old, new, paired.added)]
    taken: set[str] = set()
    lines: dict[str, Proposal] = {}
    for candidate, question in sorted(found, key=lambda pair: (-pair[0].score, pair[1].row)):
        if candidate.score >= LIKELY and candidate.path not in taken and question.path not in lines:
            taken.add(candidate.path)
            target = new.question(candidate.path)
            recode = dict(_recode(question, target, old, new))
            lines[question.path] = Proposal(
                question.path, column_of(target), candidate.score, candidate.evidence, recode
            )
    return [lines[question.path] for question in lost if question.path in lines]


def _recode(question: Question, target: Question, old: Form, new: Form) -> Iterator[tuple[str, str]]:
    """The codes whose labels stand under another code today."""
    offered = codes_of(new, target)
    lost = {code: choices for code, choices in codes_of(old, question).items() if code not in offered}
    yield from twins(lost, offered).items()


def _text(word: str) -> str:
    """A text as YAML takes it for one, whatever it looks like."""
    return (
        word if word.replace("_", "a").replace("/", "a").replace(".", "a").isalpha() and _plain(word) else _quoted(word)
    )


def _plain(word: str) -> bool:
    return word.isascii() and word.lower() not in {"yes", "no", "true", "false", "null", "on", "off", "y", "n"}


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
