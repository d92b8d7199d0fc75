"""Kobo's own kinds of question, written out as the plain groups and questions that phones get of them.

A rating (begin_score), a ranking (begin_rank) and a matrix (begin_kobomatrix) stand in a form as a few rows; what is
answered are a group for the whole, or one for each row of the matrix, with a select_one or a question in each place.
The keys are those that servers send: sc/sc_a, rk/rk_1, mx_tent/mx_tent_cnt.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pipelines.errors import SchemaError
from pipelines.forms.sheets import Row, list_name_of, name_of

LISTS = {
    "begin_score": "kobo--score-choices",
    "begin_rank": "kobo--rank-items",
    "begin_kobomatrix": "kobo--matrix_list",
}
"""Begin row -> the column that names its list of choices."""

ITEMS = {"score__row": "begin_score", "rank__level": "begin_rank"}


def written_out(survey: Sequence[Row], choices: Sequence[Row], where: str) -> list[Row]:
    """The survey's rows without Kobo's own kinds; SchemaError where one of them names no list, or never ends."""
    rows: list[Row] = []
    standing: Row | None = None
    inner: list[Row] = []
    for row in survey:
        kind = "_".join(row.cells.get("type", "").split())
        if kind in LISTS and not standing:
            standing, inner = row, []
        elif standing and kind == standing.cells["type"].replace("begin", "end", 1).replace(" ", "_"):
            rows.extend(_written(standing, inner, row, choices, where))
            standing = None
        elif standing and kind.startswith(("begin_", "end_")):
            message = f"'{kind}' stands within '{name_of(standing)}', which can hold questions only; mend the order."
            raise SchemaError(f"{where}, sheet 'survey', row {row.number}: {message}")
        elif standing:
            inner.append(row)
        else:
            rows.append(row)
    if standing:
        message = f"'{name_of(standing)}' begins and never ends; add its end row."
        raise SchemaError(f"{where}, sheet 'survey', row {standing.number}: {message}")
    return rows


def _written(begin: Row, inner: Sequence[Row], end: Row, choices: Sequence[Row], where: str) -> Iterator[Row]:
    kind = begin.cells["type"].replace(" ", "_")
    list_name = begin.cells.get(LISTS[kind], "")
    items = [choice for choice in choices if list_name_of(choice) == list_name]
    if not items:
        message = f"'{name_of(begin)}' names no list of choices; write one into its column {LISTS[kind]}."
        raise SchemaError(f"{where}, sheet 'survey', row {begin.number}: {message}")
    if kind == "begin_kobomatrix":
        for item in items:
            yield from _row_of_matrix(begin, item, inner, end)
        return
    yield _retyped(begin, "begin_group")
    for row in inner:
        wanted = ITEMS.get(row.cells.get("type", "")) == kind
        yield _retyped(row, f"select_one {list_name}") if wanted else row
    yield _retyped(end, "end_group")


def _row_of_matrix(begin: Row, item: Row, inner: Sequence[Row], end: Row) -> Iterator[Row]:
    """One row of a matrix: a group named by the matrix and the choice, its questions by both and themselves."""
    group = f"{name_of(begin)}_{name_of(item)}"
    yield replace(_retyped(begin, "begin_group", group), texts=item.texts)
    for row in inner:
        labels = _joined(item.texts.get("label", {}), row.texts.get("label", {}))
        yield replace(
            _retyped(row, row.cells.get("type", ""), f"{group}_{name_of(row)}"), texts={**row.texts, "label": labels}
        )
    yield _retyped(end, "end_group")


def _retyped(row: Row, kind: str, name: str = "") -> Row:
    return replace(row, cells={**row.cells, "type": kind, **({"name": name} if name else {})})


def _joined(outer: Mapping[str, str], inner: Mapping[str, str]) -> dict[str, str]:
    """The label of a cell: of the matrix's row, then of its column."""
    return {language: f"{outer.get(language, '')}: {text}".removeprefix(": ") for language, text in inner.items()}
