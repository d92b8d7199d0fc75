"""Carry what our own columns say of a question from one workbook to the next version of it.

Sensitivity, HXL tag and indicator are decided here and unknown to servers: a form that comes back from one has lost
them, or has them as they were when it was deployed. What the repository says stands, question by question.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from openpyxl import load_workbook
from openpyxl.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

from pipelines.forms.form import Form, Question
from pipelines.forms.headings import heading_of

OURS = ("sensitivity", "hxl", "indicator")


def carry_over(path: Path, form: Form, known: Form) -> int:
    """Write into the workbook at `path`, which holds `form`, what `known` says in our columns of the questions that
    keep their name; how many questions that changed.
    """
    said = {new.row: facts for new, facts in _facts(form, known) if any(getattr(new, k) != v for k, v in facts.items())}
    if not said:
        return 0
    book = load_workbook(path)
    sheet = next(sheet for sheet in book.worksheets if sheet.title.strip().lower() == "survey")
    columns = _columns(sheet)
    for row, facts in said.items():
        for column, text in facts.items():
            cell = sheet.cell(row, columns[column])
            if isinstance(cell, Cell):
                cell.value, cell.data_type = text, "s"
    book.save(path)
    return len(said)


def _facts(form: Form, known: Form) -> Iterator[tuple[Question, Mapping[str, str]]]:
    """Each question of `form` that a workbook's row asks, with what `known` says of it."""
    of_path = {question.path: question for question in known.questions}
    of_name = {question.name: question for question in known.questions}
    times = Counter(question.name for question in (*known.questions, *form.questions))
    rows: set[int] = set()
    for question in form.questions:
        alone = of_name.get(question.name) if times[question.name] == 2 else None
        before = of_path.get(question.path, alone)
        facts = {name: getattr(before, name) for name in OURS if getattr(before, name, "")}
        if facts and question.row not in rows:
            yield question, facts
        rows.add(question.row)


def _columns(sheet: Worksheet) -> dict[str, int]:
    """The number of each of our columns; one that is not there yet is headed behind the last."""
    heads = ((number, str(cell.value or "")) for number, cell in enumerate(sheet[1], start=1))
    found = {heading_of(head)[0]: number for number, head in heads}
    for name in OURS:
        if name not in found:
            found[name] = sheet.max_column + 1
            sheet.cell(1, found[name], name)
    return {name: found[name] for name in OURS}
