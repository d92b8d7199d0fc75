"""A scenario of a form that changes, as a value: its versions, what was sent under each, and what today's question is.

It is read from tests/golden/drift/<name>.yml, whose README says how one is written. Every word of an answer is a token
that stands nowhere else in the scenario, so that it can be found again in any table, whoever made it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines.forms.form import Form
from pipelines.forms.read import read_markdown
from tests.drift.words import words

FOLDER = Path(__file__).parents[1] / "golden" / "drift"

KEYS = frozenset(
    {"title", "forms", "crosswalk", "reference", "sent", "means", "becomes", "computes", "apart", "retyped"}
)

OF_THE_SERVER = re.compile(r"_.*|meta/(instanceID|deprecatedID|rootUuid|instanceName)|formhub/uuid")
"""Keys of a document that are no answers; no question of a scenario is called so."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an answer: who said it (a number from 1), where, and the question of today that it answers.

    `target` is the word it stands as under today's question. `today` names the column ("families", "block.name");
    `asked` is false where the newest version asks it no more; an `anchor` was sent under the newest version itself.
    `computed` are a column and the text that is computed there of this answer; `retyped` is the column of its own that
    it has where today's cannot hold it.
    """

    word: str
    target: str
    submission: int
    path: str
    index: str
    today: str
    asked: bool
    anchor: bool
    apart: bool
    computed: tuple[str, str] = ("", "")
    retyped: str = ""

    @property
    def mappable(self) -> bool:
        """Whether it is an older answer that today's form asks for, or a column of today is computed of."""
        told = self.asked or bool(self.computed[0])
        return told and not (self.anchor or self.apart or self.retyped)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A form that changed. `forms` by version, the oldest first, with the Markdown they are written in.

    `means` says of version and path which column of today is meant, where the name does not say it. `becomes` maps a
    word to the one that a declared mapping makes of it. `computes` maps a column to words of older answers, and each to
    the text that a declared mapping computes there beside the answer itself. `apart` are words that can only be set
    apart, with a reason. `retyped` are the columns, by version and path, of answers to a question of today which its
    type or its place holds no longer: they may stand with today's, and need not.
    """

    name: str
    title: str
    written: Mapping[str, str]
    sent: tuple[Document, ...]
    crosswalk: str = ""
    reference: Mapping[str, str] = field(default_factory=dict)
    means: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    becomes: Mapping[str, str] = field(default_factory=dict)
    computes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    retyped: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()

    @property
    def tool(self) -> str:
        """What the tool of this form is called."""
        return f"d{self.name}"

    @property
    def newest(self) -> str:
        """The newest version."""
        return list(self.written)[-1]

    def form(self, version: str) -> Form:
        """The form of `version`."""
        return read_markdown(self.written[version], self.tool, version)

    def tokens(self) -> list[Token]:
        """Every word of every answer that was sent."""
        asked = {version: dict(_columns(self.form(version))) for version in self.written}
        return [
            token
            for number, document in enumerate(self.sent, start=1)
            for token in self._tokens(number, document, asked)
        ]

    def _tokens(self, number: int, document: Document, asked: Mapping[str, Mapping[str, str]]) -> Iterator[Token]:
        version, newest = document.get("__version__", ""), asked[self.newest]
        meant = {**asked.get(version, newest), **self.means.get(version, {})}
        computed = {word: (to, text) for to, made in self.computes.items() for word, text in made.items()}
        of_today = {path: self.means.get(self.newest, {}).get(path, column) for path, column in newest.items()}
        for path, index, text in _leaves(document, ""):
            today = meant.get(path) or path.rpartition("/")[2]
            for word in words(text):
                yield Token(
                    word=word,
                    target=self.becomes.get(word, word),
                    submission=number,
                    path=path,
                    index=index,
                    today=today,
                    asked=today in of_today.values(),
                    anchor=version == self.newest and path in newest,
                    apart=word in self.apart,
                    computed=computed.get(word, ("", "")),
                    retyped=self.retyped.get(version, {}).get(path, ""),
                )


def scenarios() -> list[Scenario]:
    """Every scenario, by name."""
    return [read_scenario(path) for path in sorted(FOLDER.glob("*.yml"))]


def read_scenario(path: Path) -> Scenario:
    """The scenario at `path`; ValueError where it contradicts itself."""
    given = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # all is text, as Kobo sends it
    if odd := given.keys() - KEYS:
        raise ValueError(f"{path.name} says {', '.join(sorted(odd))}, which is no key of a scenario.")
    scenario = Scenario(
        name=path.stem,
        title=given["title"],
        written={version: markdown_of(text, version) for version, text in given["forms"].items()},
        sent=tuple(_sent(given["sent"])),
        crosswalk=given.get("crosswalk", ""),
        reference=given.get("reference", {}),
        means=given.get("means", {}),
        becomes={words(old)[0]: words(new)[0] for old, new in given.get("becomes", {}).items()},
        apart=frozenset(word for text in given.get("apart", []) for word in words(text)),
        computes=given.get("computes", {}),
        retyped=given.get("retyped", {}),
    )
    _refuse_what_is_not_unique(scenario)
    return scenario


def _refuse_what_is_not_unique(scenario: Scenario) -> None:
    said = Counter(token.word for token in scenario.tokens())
    twice = [word for word, times in said.items() if times > 1]
    lost = (scenario.becomes.keys() | scenario.apart) - said.keys()
    anchored = {token.today for token in scenario.tokens() if token.anchor}
    afloat = {token.today for token in scenario.tokens() if token.asked and not token.apart} - anchored
    if twice or lost or afloat:
        found = f"stand twice: {twice}, are never said: {sorted(lost)}, have no answer of today: {sorted(afloat)}"
        raise ValueError(f"In {scenario.name}.yml these {found}.")


def _sent(listed: list[Document]) -> Iterator[Document]:
    """The documents; one that says `many` stands for so many, `{n}` being the number of each."""
    for document in listed:
        many = int(document.pop("many", 0))
        yield from ({key: text.format(n=n) for key, text in document.items()} for n in range(1, many + 1))
        if not many:
            yield document


def _leaves(document: Document, index: str) -> Iterator[tuple[str, str, str]]:
    """(path, position of the row, text) of every answer."""
    for path, value in document.items():
        if OF_THE_SERVER.fullmatch(path) and not index:
            continue
        if isinstance(value, list):
            for position, row in enumerate(value, start=1):
                yield from _leaves(row, f"{index}.{position}".lstrip("."))
        else:
            yield path, index, value


def _columns(form: Form) -> Iterator[tuple[str, str]]:
    """(path, column) of each question, as "name" or "repeat.name"."""
    for question in form.questions:
        repeat = f"{question.repeats[-1].rpartition('/')[2]}." if question.repeats else ""
        yield question.path, repeat + question.name


def markdown_of(text: str, version: str) -> str:
    """The Markdown tables of a form written line by line: `type name = label | label in the second language`."""
    languages = ["English (en)"]
    survey: list[list[str]] = []
    choices: list[list[str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        head, _, labels = line.partition(" = ")
        if line.startswith("languages:"):
            languages = [name.strip() for name in line.partition(":")[2].split(",")]
        elif line.startswith("choice "):
            _, list_name, code = head.split()
            choices.append([list_name, code, *_labels(labels or code, languages)])
        else:
            survey.append([*_question(head), *_labels(labels or head.split()[-1], languages)])
    named = [f"label::{language}" for language in languages]
    sheets = {
        "survey": [["type", "name", "kobo--matrix_list", "kobo--rank-items", "kobo--score-choices", *named], *survey],
        "choices": [["list_name", "name", *named], *choices],
        "settings": [["form_title", "version"], ["Drift", version]],
    }
    return "\n".join(line for sheet, rows in sheets.items() for line in (f"| {sheet} |", *map(_line, rows)))


def _question(head: str) -> list[str]:
    """Type, name, and the list that Kobo's own kinds of question name in a column of its own."""
    if " " not in head:
        return [head, "", "", "", ""]
    kind, _, name = head.rpartition(" ")
    own, _, list_name = kind.partition(" ")
    places = {"begin_kobomatrix": 2, "begin_rank": 3, "begin_score": 4}
    cells = [own if own in places else kind, name, "", "", ""]
    if own in places:
        cells[places[own]] = list_name
    return cells


def _labels(text: str, languages: list[str]) -> list[str]:
    labels = [label.strip() for label in text.split("|")]
    return (labels * len(languages))[: len(languages)] if len(labels) == 1 else labels


def _line(cells: list[str]) -> str:
    return f"| | {' | '.join(cells)} |"
