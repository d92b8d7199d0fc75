"""Odd names, large forms, empty rows, servers' broken forms: what a build makes of them, down to the tables."""

import json
from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.harmonize.build import balance_of, fingerprint
from pipelines.project import Project
from pipelines.store.duck import Connection, connect, read_rows
from tests.flow.harmonizing import TOOL, archive, built, project_of, submission

OF_THE_LEDGER = (
    *(
        "source",
        "asset",
        "root_id",
        "shape",
        "digest",
        "n_answers",
        "exceptional",
        "member",
        "landed",
        "n",
        "h",
        "brief",
    ),
    *("t", "s", "d", "i", "raw", "doc", "cell", "key", "path", "text", "code", "landed_index", "careful_row", "row0"),
)
EXCEPTION = {"amount": "٣"}


def form(*rows: str) -> str:
    """A form of `rows`, each "type name" or the end of a repeat."""
    lines = ["| survey |", "| | type | name | label | sensitivity |"]
    for row in rows:
        kind, _, rest = row.partition(" ")
        name, _, level = rest.partition(" ")
        lines.append(f"| | {kind} | {name} | {name} | {level} |")
    return "\n".join(lines)


def one(con: Connection, sql: str) -> dict[str, object]:
    """The only row."""
    (row,) = read_rows(con, sql)
    return row


def unbalanced(con: Connection, project: Project) -> int:
    """How many submissions the ledger finds wrong as the tables stand."""
    return sum(line.unbalanced for line in balance_of(con, project, project.tool(TOOL)))


def test_questions_may_be_called_as_the_ledger_calls_its_own(tmp_path: Path) -> None:
    rows = [f"text {name}" for name in OF_THE_LEDGER]
    asked = form("integer amount", *rows, "begin_repeat row", *rows, "text _shape", "text _index", "end_repeat")
    project = project_of(tmp_path, {"1": asked})
    said = {name: f"{name}!" for name in OF_THE_LEDGER}
    row = {f"row/{name}": text for name, text in {**said, "_shape": "round", "_index": "7"}.items()}
    archive(project, [submission("1", {**said, "row": [row]}), submission("2", {**said, **EXCEPTION, "row": [row]})])
    with built(project) as (con, report):
        assert (report.balanced, report.exceptions) == (True, 1)
        top = read_rows(con, "SELECT * EXCLUDE (amount) FROM harmonized.visit ORDER BY _id")
        inner = read_rows(con, "SELECT * FROM harmonized.visit__row ORDER BY _id")
    assert [{name: found[name] for name in OF_THE_LEDGER} for found in top] == [said, said]
    assert [found["_form_version"] for found in top] == ["1", "1"]
    expected = {**said, "_shape": "round", "_index_2": "7", "_index": "1", "_parent_index": None}
    assert inner == [{"_id": id_, "_source": "kobo", "_asset": "asset", **expected} for id_ in "12"]


def test_a_form_may_ask_more_than_a_thousand_questions(tmp_path: Path) -> None:
    numbers = [f"n{number}" for number in range(1500)]
    points = [f"p{number}" for number in range(10)]
    asked = form(*(f"integer {name}" for name in numbers), *(f"geopoint {name}" for name in points))
    project = project_of(tmp_path, {"1": asked})
    answers = {**dict.fromkeys(numbers, "7"), **dict.fromkeys(points, "36.5 43.25 300 4.5")}
    archive(project, [submission("1", answers), submission("2", {**answers, "n0": "٧"})])
    with built(project) as (con, report):
        assert (report.balanced, report.exceptions) == (True, 1)
        assert one(con, "SELECT sum(n0 + n1499) AS n, sum(p9_lat) AS lat FROM harmonized.visit") == {
            "n": 28,
            "lat": 73,
        }
        con.execute("UPDATE harmonized.visit SET p9_acc = 4 WHERE _id = '1'")
        assert unbalanced(con, project) == 1


def test_many_questions_of_then_may_share_a_column(tmp_path: Path) -> None:
    then = [f"q{number}" for number in range(1200)]
    rules = "versions:\n  '1':\n" + "".join(f"    - {{from: {name}, to: said}}\n" for name in then)
    project = project_of(
        tmp_path, {"1": form(*(f"text {name}" for name in then)), "2": form("text said")}, crosswalk=rules
    )
    archive(project, [submission("1", {"q1199": "last"})])
    with built(project) as (con, report):
        assert (report.balanced, one(con, "SELECT said FROM harmonized.visit")) == (True, {"said": "last"})


NESTED = form(
    "text camp",
    "integer amount",
    "begin_repeat block",
    "text name",
    "begin_repeat tent",
    "text owner",
    "end_repeat",
    "end_repeat",
)


@pytest.mark.parametrize("exception", [{}, EXCEPTION], ids=["compiled", "careful"])
def test_a_row_without_an_answer_is_no_row(exception: dict[str, str], tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": NESTED})
    tents = [{}, {"block/tent/owner": "b"}]
    blocks = [
        {},
        {"block/tent": tents},
        {"block/tent": [{}]},
        {"block/name": "A", "block/tent": [{}]},
        {"block/tent": []},
    ]
    archive(project, [submission("1", {"camp": "Essian", **exception, "block": blocks})])
    with built(project) as (con, report):
        assert (report.balanced, report.exceptions) == (True, len(exception))
        assert con.execute("SELECT _index, _parent_index, name FROM harmonized.visit__block ORDER BY 1").fetchall() == [
            ("2", None, None), ("4", None, "A")
        ]  # fmt: skip
        assert con.execute("SELECT _index, _parent_index, owner FROM harmonized.visit__tent").fetchall() == [
            ("2.2", "2", "b")
        ]
        left = read_rows(con, "SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'decoded%'")
        con.execute("UPDATE harmonized.visit__tent SET _parent_index = '1'")
        assert (left, unbalanced(con, project)) == ([], 1)


def test_repeats_whose_names_differ_by_case_both_land(tmp_path: Path) -> None:
    project = project_of(
        tmp_path,
        {"1": form(*("begin_repeat Row", "text a", "end_repeat"), *("begin_repeat row", "text b", "end_repeat"))},
    )
    archive(project, [submission("1", {"Row": [{"Row/a": "1"}], "row": [{"row/b": "2"}, {"row/b": "3"}]})])
    with built(project) as (_con, report):
        assert (report.balanced, report.rows) == (True, {"visit": 1, "visit__Row": 1, "visit__row_2": 2})


def test_a_server_s_form_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": form("text camp")})
    served = {"vA": '{"content": null}', "vB": json.dumps({"content": {"survey": [{"type": "text", "name": "block"}]}})}
    archive(
        project,
        [submission("1", {"camp": "Essian"}, "vA"), submission("2", {"block": "A1"}, "vB")],
        form_versions=served,
    )
    with built(project) as (con, report):
        rows = con.execute("SELECT _id, _form_version, camp, block FROM harmonized.visit ORDER BY _id").fetchall()
    assert rows == [("1", "1", "Essian", None), ("2", "vB", None, "A1")]
    assert (report.balanced, report.warnings) == (
        True,
        (
            "visit, version vA on the server: what was archived of it holds no form; sync it again, or deploy the form "
            "anew. Until then, what was sent by it from kobo (asset) is read by version 1.",
        ),
    )


SPLIT = """
versions:
  '1':
    - {from: PROVIDERS, split: {into: service, value: provider, other: other, by: provider_alias}}
"""
PROVIDERS = {
    "1": form("text PROVIDERS restricted"),
    "2": form("begin_repeat service", "text provider public", "text other public", "end_repeat"),
}


def test_a_split_needs_its_reference_table_before_any_document_does(tmp_path: Path) -> None:
    project = project_of(tmp_path, PROVIDERS, crosswalk=SPLIT)
    archive(project, [])
    with pytest.raises(ConfigError) as refused, built(project):
        pass
    assert str(refused.value) == (
        "xlsforms/visit/crosswalk.yml cuts a text by 'provider_alias', but there is no "
        "warehouse/reference/provider_alias.csv with two columns (alias, code); write one, or name another in 'by'."
    )


@pytest.mark.parametrize(("other", "levels"), [
    (", other: other", {"provider": "public", "other": "restricted"}),
    ("", {"provider": "restricted", "other": "public"}),
])  # fmt: skip
def test_a_restricted_text_that_is_split_opens_no_column(other: str, levels: dict[str, str], tmp_path: Path) -> None:
    project = project_of(tmp_path, PROVIDERS, crosswalk=SPLIT.replace(", other: other", other))
    project.reference.mkdir(parents=True)
    (project.reference / "provider_alias.csv").write_text("alias,provider\nMercy,mercy\n", encoding="utf-8")
    archive(project, [submission("1", {"PROVIDERS": "Mercy, Abu Ahmed 0770"})])
    with built(project) as (con, _):
        found = con.execute(
            """SELECT column_name, sensitivity FROM codebook.column_
               WHERE table_name = 'visit__service' AND column_name IN ('provider', 'other') AND schema_name = 'clean'"""
        ).fetchall()
    assert dict(found) == levels


PERIODS = [
    ("date", "2026-09-15", ("2026-09", "asked")),
    ("text", "2026-09", ("2026-09", "asked")),
    ("text", "2026-09-15", ("2026-09", "asked")),
    ("text", "September", ("2026-11", "submitted")),
    ("text", "2026-13", ("2026-11", "submitted")),
    ("integer", "202609", ("2026-11", "submitted")),
    ("dateTime", "2026-10-01T01:00:00.000+03:00", ("2026-10", "asked")),
]


@pytest.mark.parametrize(("kind", "answer", "period"), PERIODS, ids=[f"{kind} {text}" for kind, text, _ in PERIODS])
def test_the_period_is_a_month_or_the_month_of_sending(
    kind: str, answer: str, period: tuple[str, str], tmp_path: Path
) -> None:
    project = project_of(tmp_path, {"1": form(f"{kind} month")}, tool="title: Visit\nperiod: month\n")
    archive(project, [submission("1", {"month": answer})])
    with built(project) as (con, _):
        assert con.execute("SELECT _period, _period_how FROM harmonized.visit").fetchall() == [period]


def test_a_round_is_what_the_question_says(tmp_path: Path) -> None:
    project = project_of(
        tmp_path, {"1": form("integer round")}, tool="title: Visit\nperiod: {question: round, every: round}\n"
    )
    archive(project, [submission("1", {"round": "4"}), submission("2", {})])
    with built(project) as (con, _):
        assert con.execute("SELECT _period, _period_how FROM harmonized.visit ORDER BY _id").fetchall() == [
            ("4", "asked"), ("2026-11", "submitted")
        ]  # fmt: skip


ROUND_OF_THE_ASSET = """
sources:
  kobo:
    kind: kobo
    url: https://kobo.example.org
    token_env: KOBO_TOKEN
    tools: {visit: [{asset: asset, round: 2026-2}, {asset: other, round: 2026-1}]}
"""


@pytest.mark.parametrize(
    ("period", "found"),
    [
        ("{question: round, every: round}", [("4", "asked"), ("2026-2", "asset")]),
        ("{every: round}", [("2026-2", "asset"), ("2026-2", "asset")]),
        ("{every: month}", [("2026-11", "submitted"), ("2026-11", "submitted")]),
    ],
)
def test_a_round_that_no_answer_says_is_that_of_the_asset(
    period: str, found: list[tuple[str, str]], tmp_path: Path
) -> None:
    project = project_of(tmp_path, {"1": form("integer round")}, tool=f"title: Visit\nperiod: {period}\n")
    (project.xlsforms / "sources.yml").write_text(ROUND_OF_THE_ASSET)
    archive(project, [submission("1", {"round": "4"}), submission("2", {})])
    with built(project) as (con, _):
        assert con.execute("SELECT _period, _period_how FROM harmonized.visit ORDER BY _id").fetchall() == found


def test_another_round_of_an_asset_is_reason_to_build_anew(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": form("text camp")}, tool="title: Visit\nperiod: {every: round}\n")
    archive(project, [submission("1", {"camp": "a"})])
    with built(project) as (con, _):
        before = fingerprint(con, project, project.tool(TOOL), "")
        (project.xlsforms / "sources.yml").write_text(ROUND_OF_THE_ASSET)
        assert fingerprint(con, project, project.tool(TOOL), "") != before


def test_what_is_sent_in_the_first_hours_of_a_month_is_of_that_month(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": form("text camp")})
    archive(project, [submission("1", {"camp": "a"}), submission("2", {"camp": "b"})])
    with connect(project.archive_file(TOOL)) as con:
        con.execute("UPDATE submission SET submitted_at = TIMESTAMP '2026-10-31 20:59:59' WHERE root_id = '1'")
        con.execute("UPDATE submission SET submitted_at = TIMESTAMP '2026-10-31 21:00:00' WHERE root_id = '2'")
    with built(project) as (con, _):
        found = con.execute("SELECT _id, _period FROM harmonized.visit ORDER BY _id").fetchall()
    assert found == [("1", "2026-10"), ("2", "2026-11")]


LAYOUT = """
layouts:
  map:
    id: [camp]
    columns: {camp: camp, extra: {unmapped: never asked}}
"""


def test_a_header_that_the_layout_does_not_name_is_no_question_of_that_name(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": form("text camp", "text comment")}, crosswalk=LAYOUT)
    archive(project, [submission("1", {"camp": "Essian", "comment": "2020"}, "map", "csv_row")])
    with built(project) as (con, report):
        held = con.execute("SELECT path, text, reason FROM ledger.quarantine").fetchall()
        assert (report.balanced, one(con, "SELECT camp, comment FROM harmonized.visit"), held) == (
            True,
            {"camp": "Essian", "comment": None},
            [("comment", "2020", "unknown_key")],
        )


def test_the_smallest_whole_number_is_held(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"1": form("integer amount")})
    archive(
        project,
        [
            submission("1", {"amount": f"٠{-(2**63)}"}),
            submission("2", {"amount": f"{-(2**63)}.0"}),
            submission("3", {"amount": str(2**63)}),
        ],
    )
    with built(project) as (con, report):
        rows = con.execute("SELECT _id, amount FROM harmonized.visit ORDER BY _id").fetchall()
        held = con.execute("SELECT _id, reason FROM ledger.quarantine ORDER BY _id").fetchall()
    assert (report.balanced, rows) == (True, [("1", None), ("2", -(2**63)), ("3", None)])
    assert held == [("1", "not_a_number"), ("3", "too_large")]


def test_a_build_is_due_when_the_code_that_reads_answers_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_of(tmp_path, {"1": form("text camp")})
    archive(project, [])
    read: list[str] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append("/".join(path.parts[-2:])) or read_bytes(path))
    with connect(project.work_file) as con:
        fingerprint(con, project, project.tool(TOOL), "")
    rooms = {"archive/leaves.py", "project/crosswalk.py", "project/tool.py", "store/duck.py", "store/period.py"}
    assert {*rooms, "harmonize/served.py", "forms/read.py"} <= set(read)


CODED = """
| survey |
| | type                | name | label |
| | text                | code | Code |
| | select_multiple yn  | said | Said |
| | begin_repeat        | row  | Row |
| | select_multiple yn  | each | Each |
| | end_repeat          |      | |
| choices |
| | list_name | name | label |
| | yn        | yes  | Yes |
| | yn        | no   | No |
"""


def test_codes_of_then_are_recoded_beside_a_question_called_code(tmp_path: Path) -> None:
    rules = "versions:\n  '1': [{from: said, to: said, recode: {Y: 'yes', N: 'no'}}]\n"
    project = project_of(tmp_path, {"1": CODED, "2": CODED}, crosswalk=rules)
    archive(project, [submission("1", {"code": "Y", "said": "Y N", "row": [{"row/each": "yes no"}]})])
    with built(project) as (con, report):
        assert (report.balanced, report.exceptions) == (True, 0)
        assert one(con, "SELECT code, said FROM harmonized.visit") == {"code": "Y", "said": ["yes", "no"]}


@pytest.mark.parametrize("said", ["1", "", "2"])
def test_a_repeat_that_only_an_older_version_nests_stands_where_it_stood(said: str, tmp_path: Path) -> None:
    tent = ("begin_repeat tent", "text owner", "end_repeat")
    forms = {"1": form("text camp", "begin_repeat block", *tent, "end_repeat"), "2": form("text camp", *tent)}
    project = project_of(tmp_path, forms)
    blocks = [{"block/tent": [{"block/tent/owner": "a"}, {"block/tent/owner": "b"}]}]
    archive(
        project,
        [
            submission("1", {"camp": "Essian", "block": blocks}, said),
            submission("2", {"tent": [{"tent/owner": "c"}]}, "2"),
        ],
    )
    with built(project) as (con, report):
        rows = con.execute(
            "SELECT _id, _index, _parent_index, owner FROM harmonized.visit__tent ORDER BY ALL"
        ).fetchall()
        outer = con.execute("SELECT _id, _index FROM harmonized.visit__block").fetchall()
    assert (report.balanced, report.quarantined) == (True, 0)
    assert rows == [("1", "1.1", "1", "a"), ("1", "1.2", "1", "b"), ("2", "1", None, "c")]
    assert outer == [("1", "1")]


@pytest.mark.parametrize("answered", ["a", "b"])
def test_either_of_two_questions_that_became_one_may_be_answered(answered: str, tmp_path: Path) -> None:
    rules = "versions:\n  '1':\n    - {from: a, to: said}\n    - {from: b, to: said}\n"
    project = project_of(tmp_path, {"1": form("text a", "text b"), "2": form("text said")}, crosswalk=rules)
    archive(project, [submission("1", {answered: "yes"})])
    with built(project) as (con, report):
        assert (report.balanced, one(con, "SELECT said FROM harmonized.visit")) == (True, {"said": "yes"})


def test_a_server_s_form_is_the_version_that_says_the_same_not_only_asks_it(tmp_path: Path) -> None:
    then = "| survey |\n| | type | name | label |\n| | integer | far | How many kilometres |\n"
    rules = "versions:\n  '1':\n    - {from: far, to: far, factor: 1000}\n"
    project = project_of(tmp_path, {"1": then, "2": then.replace("kilo", "")}, crosswalk=rules)
    asked = {"type": "integer", "name": "far", "label": ["How many kilometres"]}
    served = {"vThen": json.dumps({"content": {"survey": [asked]}})}
    archive(project, [submission("1", {"far": "3"}, "vThen")], form_versions=served)
    with built(project) as (con, report):
        assert (report.balanced, one(con, "SELECT far FROM harmonized.visit")) == (True, {"far": 3000})
