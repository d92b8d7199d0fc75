"""A Form: one version of a questionnaire, as a value.

What a form says belongs here. Reading one from a workbook or a server's answer is read.py; what the answers become is
harmonize/.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Labels = Mapping[str, str]
"""Language code ("en", "ar", "ckb"; the whole name where a column names no code) -> text."""

LEVELS = ("public", "partners", "restricted")
"""Sensitivity, widest audience first. What nobody classified is restricted."""

NOT_ANSWERED = frozenset(
    {"note", "begin_group", "end_group", "begin_repeat", "end_repeat", "xml-external", "csv-external"}
)
"""Row types of the survey sheet that never carry an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One row of the choices sheet; `extra` holds further columns, such as those a cascade filters by."""

    list_name: str
    name: str
    labels: Labels = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of questions; `path` as servers send it ("wash/latrines")."""

    path: str
    name: str
    labels: Labels = field(default_factory=dict)
    relevant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A repeat; `repeats` are the paths of the repeats around it, outermost first."""

    path: str
    name: str
    labels: Labels = field(default_factory=dict)
    relevant: str = ""
    repeat_count: str = ""
    repeats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One row of the survey sheet that can carry an answer.

    `type` is the bare XLSForm type ("select_one", "integer"); `list_name` its choice list, or the file it chooses from.
    `path` is the group path and the name, joined by "/", as servers send it. `repeats` are the paths of the repeats
    around it, outermost first. `row` is the row of the survey sheet, counted as a spreadsheet shows it (the header is
    row 1). `extra` holds columns that we give no meaning; `kuid` is Kobo's own mark of the row, which outlives a new
    name but no new workbook.
    """

    path: str
    name: str
    type: str
    row: int = 0
    list_name: str = ""
    labels: Labels = field(default_factory=dict)
    hints: Labels = field(default_factory=dict)
    relevant: str = ""
    constraint: str = ""
    constraint_messages: Labels = field(default_factory=dict)
    required: str = ""
    calculation: str = ""
    choice_filter: str = ""
    appearance: str = ""
    default: str = ""
    sensitivity: str = ""
    hxl: str = ""
    indicator: str = ""
    parameters: str = ""
    kuid: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    repeats: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        """The audience this question's answers may reach: default deny."""
        return self.sensitivity or "restricted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One version of a tool's questionnaire. Questions stand in the order of the survey sheet."""

    tool: str
    version: str
    title: str = ""
    form_id: str = ""
    languages: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    groups: tuple[Group, ...] = ()
    repeats: tuple[Repeat, ...] = ()
    choices: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)

    def question(self, path: str) -> Question:
        """The question at `path`; KeyError where there is none."""
        for question in self.questions:
            if question.path == path:
                return question
        raise KeyError(path)

    def choices_of(self, question: Question) -> tuple[Choice, ...]:
        """What `question` offers; nothing where it offers no list of the form."""
        return self.choices.get(question.list_name, ())

    def repeat(self, path: str) -> Repeat:
        """The repeat at `path`; KeyError where there is none."""
        for repeat in self.repeats:
            if repeat.path == path:
                return repeat
        raise KeyError(path)

    def relevance(self, path: str) -> tuple[str, ...]:
        """Every condition under which the question at `path` is asked: of its groups and repeats, then its own."""
        holders: tuple[Group | Repeat, ...] = (*self.groups, *self.repeats)
        around = [holder.relevant for holder in holders if holder.relevant and path.startswith(holder.path + "/")]
        return (*around, *filter(None, [self.question(path).relevant]))
