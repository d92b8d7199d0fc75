"""Whatever a server sends and however a form was changed: the ledger balances, and every answer is where it belongs.

Forms, crosswalks and submissions are drawn by hypothesis; the oracle knows from the drawing where an answer must be
found, and reads the tables with Python alone.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.store.duck import read_rows
from tests.flow.harmonizing import archive, built, project_of, submission

FEW = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to shrink what failed takes longer than to read it
    suppress_health_check=list(HealthCheck),
)

FORM = """
| survey |
| | type                    | name     | label |
| | text                    | camp     | Camp |
| | integer                 | families | Families |
| | decimal                 | litres   | Litres |
| | date                    | visited  | Visited |
| | dateTime                | opened   | Opened |
| | geopoint                | place    | Place |
| | select_multiple problem | problems | Problems |
| | begin_repeat            | block    | Block |
| | integer                 | shelters | Shelters |
| | begin_repeat            | repair   | Repair |
| | text                    | item     | Item |
| | end_repeat              |          | |
| | end_repeat              |          | |
| choices |
| | list_name | name  | label |
| | problem   | water | Water |
"""
PATHS = (
    *("camp", "families", "litres", "visited", "opened", "place", "problems", "block", "block/shelters"),
    *("block/repair", "block/repair/item", "CAMP", "unknown", "group/camp", "meta/instanceID", "_id", "", "a b'\"\\"),
)
ODD = (
    *("", " ", "35", "٣٥", "007", "-0", "+5", "1e5", "1_000", "0x10", "12.50", "12.6", "nan", "inf", "1e400", "NaN"),
    *("9223372036854775808", "-9223372036854775808", "1.00000000001", "99999999.99999999995", "infinity", "epoch"),
    *("2026-02-30", "2026-1-5", "99999-01-01", "0044-03-15 (BC)", "2026-11-10", "infinity+03:00", "allballs"),
    *("294247-01-10T04:00:54.775-03:00", "0001-01-01T00:00:00.000+12:00", "9999-12-31T23:59:59.999-12:00"),
    *("2026-11-10T09:12:33.120+03:00", "2026-11-10T09:12:33.120Z", "2026-11-10T09:12:33.120+99:99"),
    *("36.1 44.2", "36.1 44.2 0 0", "36.1 44.2 0.0 0.0", "36.1  44.2", "? 44.2", "1 2 3 4 5", "a  b", " a", "a "),
    *(
        "\x00",
        "\x1f",
        "\x1e",
        "a\x1fb\x1ec",
        "\ud83d",
        "🙂",
        "خزان",
        "\u200f12",
        "'",
        '"',
        "\\",
        "[1, 2]",
        "{}",
        "null",
    ),
)
TEXTS = st.one_of(st.sampled_from(ODD), st.text(max_size=20))
VALUES = st.recursive(
    st.one_of(TEXTS, TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(PATHS), inner, max_size=4)),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from(PATHS), VALUES, max_size=10)


@FEW
@given(documents=st.lists(DOCUMENTS, min_size=20, max_size=40))
def test_whatever_a_server_sends_balances(documents: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = project_of(Path(folder), {"1": FORM})
        archive(project, [submission(str(number), json.dumps(each)) for number, each in enumerate(documents)])
        with built(project) as (_, report):
            assert report.balanced
            assert sum(line.submissions for line in report.balance) == len(documents)


@dataclass(frozen=True)
class Drawn:
    """A question of the newest version, and how version 1 asked it: where, and under what name; `then` empty: not."""

    name: str
    type: str
    now: str
    then: str

    @property
    def renamed(self) -> bool:
        """Whether the crosswalk must join the two."""
        return bool(self.then) and self.then.rpartition("/")[2] != self.name

    def path(self, version: str) -> str:
        """Where `version` asks it; empty where it does not."""
        return self.now if version == "2" else self.then


ANSWERS: Mapping[str, st.SearchStrategy[str]] = {
    "text": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    "integer": st.integers(-(2**63), 2**63 - 1).map(str),
    "decimal": st.decimals(min_value=-(10**9), max_value=10**9, places=3).map(lambda number: f"{number:f}"),
    "date": st.dates(date(1900, 1, 1), date(2100, 1, 1)).map(str),
    "select_multiple code": st.lists(st.sampled_from(["water", "roads", "tents"]), min_size=1, max_size=3).map(
        " ".join
    ),
}
PLACES = st.sampled_from(["", "site", "people", "site/inner"])


@st.composite
def questions(draw: st.DrawFn) -> list[Drawn]:
    """Between three and eight questions, some of them in the repeat `row`."""
    found = []
    for number in range(draw(st.integers(3, 8))):
        name, kind = f"q{number}", draw(st.sampled_from(sorted(ANSWERS)))
        then = draw(st.sampled_from([name, name, f"old_{number}", ""]))
        inside = draw(st.integers(0, 3)) == 0
        now, before = ("row", "row") if inside else (draw(PLACES), draw(PLACES))
        found.append(Drawn(name, kind, f"{now}/{name}".lstrip("/"), f"{before}/{then}".lstrip("/") if then else ""))
    return found


@st.composite
def submissions(draw: st.DrawFn, drawn: list[Drawn]) -> tuple[str, dict[str, str], list[dict[str, str]]]:
    """(version, the answers outside the repeat, those of each of its rows)."""
    version = draw(st.sampled_from(["1", "2"]))
    asked = [each for each in drawn if each.path(version)]
    outside = [each for each in asked if not each.now.startswith("row/")]
    inside = [each for each in asked if each.now.startswith("row/")]

    def answers(of: list[Drawn]) -> dict[str, str]:
        return {each.name: draw(ANSWERS[each.type]) for each in of if draw(st.booleans())}

    rows = [answers(inside) for _ in range(draw(st.integers(0, 3)))] if inside else []
    return version, answers(outside), [row for row in rows if row]


@FEW
@given(data=st.data())
def test_every_answer_is_found_where_the_newest_version_would_have_put_it(data: st.DataObject) -> None:
    drawn = data.draw(questions())
    given_ = data.draw(st.lists(submissions(drawn), min_size=1, max_size=12))
    renamed = [each for each in drawn if each.renamed]
    to = {each.name: f"row.{each.name}" if each.now.startswith("row/") else each.name for each in renamed}
    entries = [f"    - {{from: {each.then}, to: {to[each.name]}}}" for each in renamed]
    with tempfile.TemporaryDirectory() as folder:
        forms = {version: markdown(drawn, version) for version in ("1", "2")}
        project = project_of(
            Path(folder), forms, crosswalk="\n".join(["versions:", "  '1':", *entries]) if entries else ""
        )
        archive(project, [submission(str(n), document(drawn, *each), each[0]) for n, each in enumerate(given_)])
        with built(project) as (con, report):
            assert report.balanced
            top = read_rows(con, "SELECT * FROM harmonized.visit ORDER BY CAST(_id AS INTEGER)")
            rows = read_rows(
                con, "SELECT * FROM harmonized.visit__row ORDER BY CAST(_id AS INTEGER), CAST(_index AS INTEGER)"
            )
    types = {each.name: each.type for each in drawn}
    assert [answers_of(row) for row in top] == [values(outside, types) for _, outside, _ in given_]
    assert [answers_of(row) for row in rows] == [values(row, types) for _, _, inside in given_ for row in inside]


def markdown(drawn: list[Drawn], version: str) -> str:
    """The form of `version`; a note keeps it from being empty, and a repeat is in both."""
    lines = ["| survey |", "| | type | name | label |", "| | note | hello | Hello |"]
    for group in sorted({path.rpartition("/")[0] for each in drawn if (path := each.path(version))}):
        kind = "repeat" if group == "row" else "group"
        names = group.split("/") if group else []
        lines += [f"| | begin_{kind} | {name} | {name} |" for name in names]
        lines += [
            f"| | {each.type} | {path.rpartition('/')[2]} | {each.name} |"
            for each in drawn
            if (path := each.path(version)) and path.rpartition("/")[0] == group
        ]
        lines += [f"| | end_{kind} | | |" for _ in names]
    if not any(each.path(version).startswith("row/") for each in drawn):
        lines += ["| | begin_repeat | row | Row |", "| | text | spare | Spare |", "| | end_repeat | | |"]
    choices = [f"| | code | {code} | {code} |" for code in ("water", "roads", "tents")]
    return "\n".join([*lines, "| choices |", "| | list_name | name | label |", *choices])


def document(
    drawn: list[Drawn], version: str, outside: dict[str, str], rows: list[dict[str, str]]
) -> dict[str, object]:
    """The submission as a server sends it."""
    path = {each.name: each.path(version) for each in drawn}
    sent: dict[str, object] = {path[name]: text for name, text in outside.items()}
    if rows:
        sent["row"] = [{path[name]: text for name, text in row.items()} for row in rows]
    return sent


def answers_of(row: dict[str, object]) -> dict[str, object]:
    """The answers in a row of a table."""
    return {name: value for name, value in row.items() if not name.startswith("_") and value is not None}


def values(answers: dict[str, str], types: dict[str, str]) -> dict[str, object]:
    """The answers as values, by Python alone."""
    read = {
        "integer": int,
        "decimal": Decimal,
        "date": date.fromisoformat,
        "select_multiple code": lambda text: text.split(" "),
    }
    return {name: read.get(types[name], str)(text) for name, text in answers.items()}
