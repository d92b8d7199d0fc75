"""What a change between two versions of a form is: its rule, its class, and what a line of the crosswalk says of it.

Which changes there are between two forms is diff.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CLASSES = ("breaking", "mappable", "extending", "harmless")
"""Worst first."""

RULES: Mapping[str, str] = {
    "D101": "a label is written otherwise",
    "D102": "a hint or a message is written otherwise",
    "D103": "the order is another",
    "D104": "it is asked, required or constrained otherwise",
    "D105": "its sensitivity, HXL tag or indicator is another",
    "D106": "a language is left out",
    "D107": "a question that nobody answered is no longer asked",
    "D108": "a choice of a question that nobody answered is no longer offered",
    "D201": "a question is new",
    "D202": "a choice is new",
    "D203": "a language is new",
    "D204": "a repeat is new",
    "D301": "a question has another name",
    "D302": "a question stands in another group",
    "D303": "codes have other names",
    "D304": "a type holds more than before",
    "D305": "a question asks something else, by its label",
    "D306": "it is calculated otherwise",
    "D307": "a text becomes rows of a repeat",
    "D308": "a question is left out on purpose",
    "D309": "a column is computed from a question",
    "D401": "a type cannot hold what was answered before",
    "D402": "a question stands at another depth of repeats",
    "D403": "a code means something else",
    "D404": "a question is no longer asked",
    "D405": "a choice is no longer offered",
    "D406": "a repeat is no longer asked",
}
"""What each rule finds. A code stays for ever; its first digit is its class."""

KEEPS_ITS_COLUMN = frozenset({"D404", "D406"})
"""Breaking for whoever reads the figures on, but no answer is in danger: the column stays, and is called retired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs. `path` is the old question's where there is one, else the new one's.

    `settled` says that a line of the crosswalk speaks of it already; `entry` is the line to add where none does, and
    `candidates` are new questions that it may have become. `effect` says what becomes of the rows that are there.
    """

    rule: str
    path: str
    sentence: str
    effect: str = "none: rows stay as they are"
    entry: str = ""
    settled: bool = False
    old: str = ""
    candidates: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """One of CLASSES."""
        return CLASSES[4 - int(self.rule[1])]

    @property
    def needs_a_line(self) -> bool:
        """Whether answers would be misread or set apart until the crosswalk says what they mean."""
        return self.kind == "breaking" and not self.settled and self.rule not in KEEPS_ITS_COLUMN
