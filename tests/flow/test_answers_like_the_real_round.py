"""The synthetic FSMT rounds beside the real one of August 2020: medians, missing shares and choice shares.

Both are counted among the camps to which the form puts the question; a question that the form requires has no missing
share. The real round is read by the layout in crosswalk.yml; it is never copied, and the test skips where it is not at
hand. The whole table: pytest -s.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from pipelines.demo.answers import Answers
from pipelines.demo.months import demo_submissions
from pipelines.demo.population import read_sites
from pipelines.demo.services import read_spellings
from pipelines.forms.evaluate import Scope, is_true
from pipelines.forms.expression import parse
from pipelines.forms.form import Form, Question
from pipelines.forms.read import read_form

ROOT = Path(__file__).parents[2]
ROUND = "data/open/cccmiraq__FSMTMap/fsmt_sites__20201018_1c26eb6.csv"
SAMPLES = 16
"""How often every camp answers; 43 camps each time."""

FEW = 5
"""Fewer real answers than this say nothing of a median or a share."""

PLACES = ("governorate", "district", "site")
"""Lists of places, which are the same in both by construction."""

Row = Mapping[str, str]
"""Question name -> the answer as text, in the codes of the form."""


@cache
def crosswalk() -> Mapping[str, Any]:
    return yaml.safe_load((ROOT / "xlsforms/fsmt/crosswalk.yml").read_text(encoding="utf-8"))


def form_of(version: str) -> Form:
    return read_form(ROOT / f"xlsforms/fsmt/{version}.xlsx", "fsmt", version)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()


def english(form: Form, list_name: str) -> dict[str, str]:
    """English label, in lower case -> code."""
    return {plain(choice.labels.get("en", choice.name)): choice.name for choice in form.choices[list_name]}


@dataclass(frozen=True)
class Header:
    """A column of the real round, and the question of a form that asks the same."""

    header: str
    question: Question
    recode: Mapping[str, str]


def headers(form: Form) -> Iterator[Header]:
    """The comparable columns: those that the layout maps onto something that `form` asks."""
    by_name = {question.name: question for question in form.questions if not question.repeats}
    older = {
        entry["to"]: entry["from"].rpartition("/")[2] for entry in crosswalk()["versions"]["2019-1"] if "to" in entry
    }
    for header, entry in crosswalk()["layouts"]["fsmt-map-2020"]["columns"].items():
        split = isinstance(entry, dict) and "split" in entry
        to = header if split else entry if isinstance(entry, str) else entry.get("to", "")
        name = to if to in by_name and (form.version != "2019-1" or to not in older) else older.get(to, "")
        if name in by_name:
            yield Header(header, by_name[name], {} if isinstance(entry, str) else entry.get("recode", {}))


def real_round(shared: Path, form: Form) -> list[Row]:
    """The real round, in the names and codes of `form`."""
    newest = form_of("2026-1")
    found = []
    with (shared / ROUND).open(encoding="cp1252", newline="") as lines:
        for cells in csv.DictReader(lines):
            row = {}
            for column in headers(form):
                text = cells[column.header].strip()
                if text not in ("", "NA"):
                    row[column.question.name] = coded(text, column, form, newest)
            found.append({name: text for name, text in row.items() if text})
    return found


def coded(text: str, column: Header, form: Form, newest: Form) -> str:
    """A cell as a phone would send it: codes for labels, joined by spaces."""
    question = column.question
    if question.list_name in ("", *PLACES):
        return text
    codes = english(form, question.list_name)
    # what the layout recodes to is a code of today's list, if there is one: to its label, and to this form's code
    today = {choice.name: choice for choice in newest.choices.get(question.list_name, ())}
    parts = dict(codes)
    for written, code in column.recode.items():
        label = plain(today[code].labels["en"]) if code in today else ""
        parts[plain(written)] = codes.get(label, code)
    if question.type != "select_multiple":
        return parts.get(plain(text), "")
    return " ".join(dict.fromkeys(code for code in found_in(plain(text), parts)))


def found_in(text: str, parts: Mapping[str, str]) -> Iterator[str]:
    """The codes of the labels in `text`, the longest labels first."""
    labels = sorted(parts, key=len, reverse=True)
    while text:
        label = next((label for label in labels if text.startswith(label)), "")
        if label:
            yield parts[label]
        text = (text[len(label) :] if label else text.partition(" ")[2]).lstrip(" ,")


def asked(form: Form, question: Question, rows: Sequence[Row]) -> list[Row]:
    """The rows in which `form` puts `question`."""
    conditions = [parse(condition) for condition in form.relevance(question.path)]
    now = datetime(2020, 9, 1, tzinfo=UTC)
    return [
        row
        for row in rows
        if all(
            is_true(condition, Scope(now=now, value_of=lambda name, row=row: row.get(name, "")))
            for condition in conditions
        )
    ]


def by_name(answers: Answers) -> Row:
    return {path.rpartition("/")[2]: text for path, text in answers.items() if isinstance(text, str)}


@dataclass(frozen=True)
class Compared:
    """One figure of both rounds, and whether it is near enough."""

    question: str
    figure: str
    real: float
    ours: float
    near: bool
    n: int


def share(rows: Sequence[Row], name: str, choice: str) -> float:
    return sum(choice in row[name].split() for row in rows) / len(rows)


def compared(form: Form, question: Question, real: Sequence[Row], ours: Sequence[Row]) -> Iterator[Compared]:
    """Every figure of `question` that can be compared."""
    name = question.name
    real, ours = asked(form, question, real), asked(form, question, ours)
    if len(real) < FEW:
        return
    have, had = [row for row in real if name in row], [row for row in ours if name in row]
    left, lack = 1 - len(have) / len(real), 1 - len(had) / len(ours)
    if question.required != "yes":
        yield Compared(name, "missing", left, lack, abs(left - lack) <= 0.1, len(real))
    if len(have) < FEW or not had:
        return
    if question.type in ("integer", "decimal"):
        middle, ourmiddle = (median(float(row[name]) for row in rows) for rows in (have, had))
        yield Compared(name, "median", middle, ourmiddle, abs(middle - ourmiddle) <= 0.1 * abs(middle), len(have))
    elif question.type in ("select_one", "select_multiple") and question.list_name not in (
        "governorate",
        "district",
        "site",
    ):
        for choice in form.choices[question.list_name]:
            theirs, mine = share(have, name, choice.name), share(had, name, choice.name)
            if theirs or mine:
                yield Compared(name, choice.name, theirs, mine, abs(theirs - mine) <= 0.1, len(have))


def table(figures: Sequence[Compared]) -> str:
    return "\n".join(
        f"{'  ' if figure.near else '! '}{figure.question:56.56} {figure.figure:24.24} "
        f"real {figure.real:9.2f}  ours {figure.ours:9.2f}  n={figure.n}"
        for figure in figures
    )


def summary(version: str, figures: Sequence[Compared]) -> str:
    """One line: how many figures there are, and the widest distances."""
    medians = [abs(figure.ours / figure.real - 1) for figure in figures if figure.figure == "median" and figure.real]
    missing = [abs(figure.ours - figure.real) for figure in figures if figure.figure == "missing"]
    shares = [abs(figure.ours - figure.real) for figure in figures if figure.figure not in ("median", "missing")]
    return (
        f"fsmt {version} beside the real round: {len({figure.question for figure in figures})} questions; "
        f"{len(medians)} medians within {max(medians):.1%}, {len(missing)} missing shares within {max(missing):.1%}, "
        f"{len(shares)} choice shares within {max(shares):.1%}"
    )


@pytest.mark.parametrize("version", ["2019-1", "2026-1"])
def test_medians_missing_shares_and_choice_shares_are_within_a_tenth_of_the_real_round(version, shared, capsys):
    if not (shared / ROUND).exists():
        pytest.skip(f"the real round of August 2020 is not at hand ({ROUND})")
    form = form_of(version)
    sites = read_sites(ROOT / "warehouse/reference/site.csv")
    spellings = read_spellings(ROOT / "warehouse/reference/organisation_alias.csv")
    ours = [
        by_name(planned.answers)
        for seed in range(SAMPLES)
        for planned in demo_submissions(
            [form], sites, months=(), rounds={"2020-08": (version,)}, seed=seed, spellings=spellings
        )
    ]
    real = real_round(shared, form)

    figures = [figure for column in headers(form) for figure in compared(form, column.question, real, ours)]

    print(table(figures))
    with capsys.disabled():
        print("\n" + summary(version, figures))
    assert len(real) == 43
    assert len(ours) == 43 * SAMPLES
    assert [(figure.question, figure.figure, figure.real, figure.ours) for figure in figures if not figure.near] == []
