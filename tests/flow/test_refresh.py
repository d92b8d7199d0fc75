"""The whole way, as a user goes it: `cccm demo run`, then the same again, then what the published files show."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import load_workbook

from pipelines.demo.server import StandIn
from pipelines.store.duck import Connection, connect, read_rows
from tests.flow.cluster import Cluster, Done, new_cluster

PLANTED = "07701234567"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cluster, Done]:
    """A cluster whose demo has run once."""
    cluster = new_cluster(tmp_path_factory.mktemp("refresh"))
    return cluster, cluster.command("demo", "run")


@pytest.fixture
def cluster(ran: tuple[Cluster, Done]) -> Cluster:
    assert ran[1].code == 0, ran[1].err
    return ran[0]


@pytest.fixture
def served(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster while its server is up."""
    stand_in = StandIn(cluster.project.data / "demo-server.sqlite")
    with stand_in.serve(cluster.port):
        yield cluster
    stand_in.close()


def test_the_demo_ends_in_a_table_and_an_example(ran: tuple[Cluster, Done]) -> None:
    _, done = ran
    assert done.code == 0, done.err
    assert re.search(r"fsmt .*2019-1, 2026-1", done.out)
    assert "cccm query" in done.out
    assert "Ninewa" in done.out


def test_every_answer_is_accounted_for(cluster: Cluster) -> None:
    lines = cluster.rows("SELECT * FROM ledger.balance ORDER BY tool, _form_version", restricted=True)
    assert [(line["tool"], line["_form_version"]) for line in lines] == [
        ("fsmt", "2019-1"),
        ("fsmt", "2026-1"),
        ("population", "2026-1"),
    ]
    for line in lines:
        assert line["unbalanced"] == 0
        assert line["received"] == line["landed"] + line["split"] + line["quarantined"]
        archived = cluster.archived(
            line["tool"], "SELECT sum(n_answers)::BIGINT AS n FROM submission WHERE gone_run IS NULL"
        )
        assert archived[0]["n"] == sum(each["received"] for each in lines if each["tool"] == line["tool"])


def test_a_second_run_builds_nothing_and_adds_one_line(served: Cluster) -> None:
    before = (served.project.published_file.stat(), served.project.restricted_file.stat())
    revisions = {tool: _revisions(served, tool) for tool in ("fsmt", "population")}
    built = _built(served)
    steps = served.answer("run")
    assert {line["step"]: line[""] for line in steps if line[""] != "unchanged"} == {}
    assert {tool: _revisions(served, tool) for tool in revisions} == revisions
    assert _built(served) == built
    after = (served.project.published_file.stat(), served.project.restricted_file.stat())
    assert [(s.st_ino, s.st_mtime_ns) for s in after] == [(s.st_ino, s.st_mtime_ns) for s in before]
    for tool in revisions:
        runs = served.archived(tool, "SELECT * FROM sync_run ORDER BY run")
        assert [run["complete"] for run in runs] == [True, True]
        assert (runs[1]["new"], runs[1]["edited"], runs[1]["deleted"]) == (0, 0, 0)


def test_the_planted_number_is_found_in_the_restricted_file_only(cluster: Cluster) -> None:
    assert _where_stands(cluster.project.published_file, PLANTED) == []
    assert ("harmonized", "fsmt__service", "contact_phone") in _where_stands(cluster.project.restricted_file, PLANTED)
    assert cluster.project.restricted_file.stat().st_mode & 0o777 == 0o600


def test_no_restricted_question_is_published(cluster: Cluster) -> None:
    restricted = cluster.rows(
        """SELECT DISTINCT table_name, column_name FROM codebook.question
           WHERE sensitivity = 'restricted' AND column_name <> ''"""
    )
    published = cluster.rows("SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'harmonized'")
    assert restricted
    closed = {(row["table_name"], row["column_name"]) for row in restricted}
    assert closed & {(row["table_name"], row["column_name"]) for row in published} == set()


def test_a_question_of_the_older_form_only_keeps_its_typed_column(cluster: Cluster) -> None:
    rows = cluster.rows("SELECT _form_version, count(males_0_4) AS answered FROM harmonized.fsmt GROUP BY 1 ORDER BY 1")
    assert rows[0]["_form_version"] == "2019-1"
    assert rows[0]["answered"] > 0
    assert rows[1] == {"_form_version": "2026-1", "answered": 0}


def test_both_workbooks_are_written_without_a_formula(cluster: Cluster) -> None:
    files = sorted(cluster.project.products.rglob("*.xlsx"))
    assert [file.stem for file in files] == ["population_sheet", "service_3w"]
    for file in files:
        for sheet in load_workbook(file).worksheets:
            assert [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == "f"] == []


def test_status_says_who_has_not_reported(cluster: Cluster) -> None:
    done = cluster.cccm("status")
    assert done.code == 0
    assert "Not reported" in done.out
    assert "2026-10" in done.out


def test_as_of_an_earlier_day_fewer_months_are_due(cluster: Cluster) -> None:
    latest = cluster.rows("SELECT max(period) AS period FROM curated.camp_population")
    assert latest == [{"period": "2026-10"}]


def _revisions(cluster: Cluster, tool: str) -> int:
    return int(cluster.archived(tool, "SELECT count(*) AS n FROM submission")[0]["n"])


def _built(cluster: Cluster) -> list[dict[str, object]]:
    with connect(cluster.project.work_file, read_only=True) as con:
        tables = "SELECT schema_name, table_name, table_oid FROM duckdb_tables() ORDER BY ALL"
        return [*read_rows(con, "SELECT * FROM meta.built ORDER BY name"), *read_rows(con, tables)]


def _where_stands(path: Path, text: str) -> list[tuple[str, str, str]]:
    with connect(path, read_only=True) as con:
        columns = read_rows(con, "SELECT schema_name, table_name, column_name FROM duckdb_columns() ORDER BY ALL")
        return [tuple(row.values()) for row in columns if _holds(con, row, text)]


def _holds(con: Connection, row: dict[str, str], text: str) -> bool:
    place = f'"{row["schema_name"]}"."{row["table_name"]}"'
    found = read_rows(
        con, f'SELECT count(*) AS n FROM {place} WHERE contains("{row["column_name"]}"::VARCHAR, ?)', [text]
    )
    return bool(found[0]["n"])
