"""Building one curated table: the rows, the order, the codebook, and what is refused."""

import re
from collections.abc import Iterator

import pytest

from pipelines.curate import CuratedTable, build_table
from pipelines.errors import ConfigError, DataError
from pipelines.store.duck import Connection, in_memory, read_rows


def table(sql: str, key: tuple[str, ...] = ("a",), **said: object) -> CuratedTable:
    return CuratedTable(name="thing", description="A thing.", sql=sql, depends=frozenset(), key=key, **said)  # type: ignore[arg-type]


@pytest.fixture
def con() -> Iterator[Connection]:
    with in_memory() as con:
        yield con


def test_rows_stand_in_the_order_of_the_key(con: Connection) -> None:
    sql = "SELECT * FROM (VALUES (2, 'x'), (NULL, 'z'), (1, 'y')) AS v(a, b) -- the last line is a comment"
    assert build_table(con, table(sql)) == 3
    assert con.execute("FROM curated.thing").fetchall() == [(1, "y"), (2, "x"), (None, "z")]


def test_every_column_is_written_down_and_those_not_classified_are_restricted(con: Connection) -> None:
    build_table(con, table("SELECT 1 AS old, 2 AS a", levels={"a": "public"}))
    build_table(
        con, table("SELECT 1 AS a, 2 AS b, 3 AS c", levels={"a": "public", "b": "partners"}, column_docs={"b": "B."})
    )
    assert con.execute("FROM codebook.column_").fetchall() == [
        ("curated", "thing", "a", "public", ""),
        ("curated", "thing", "b", "partners", "B."),
        ("curated", "thing", "c", "restricted", ""),
    ]


def test_the_table_says_itself_what_it_is(con: Connection) -> None:
    build_table(con, table("SELECT 1 AS a"))
    assert read_rows(con, "SELECT comment FROM duckdb_tables() WHERE table_name = 'thing'") == [{"comment": "A thing."}]


def test_what_others_wrote_into_the_codebook_stays(con: Connection) -> None:
    build_table(con, table("SELECT 1 AS a"))
    con.execute("INSERT INTO codebook.column_ VALUES ('clean', 'thing', 'a', 'restricted', '')")
    build_table(con, table("SELECT 1 AS a"))
    assert [row["schema_name"] for row in read_rows(con, "FROM codebook.column_")] == ["clean", "curated"]


@pytest.mark.parametrize(
    "said",
    [{"levels": {"b": "public"}}, {"column_docs": {"b": "B."}}, {"key": ("a", "b")}],
    ids=["classified", "explained", "in the key"],
)
def test_a_column_that_the_select_does_not_give_is_named(con: Connection, said: dict[str, object]) -> None:
    message = (
        "warehouse/curated/thing.sql: its comment names the column 'b', which the SELECT does not give; correct the "
        "name, or take it out. It gives a, c."
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        build_table(con, table("SELECT 1 AS a, 2 AS c", **said))  # type: ignore[arg-type]


def test_a_key_that_repeats_is_refused_and_the_last_good_table_stays(con: Connection) -> None:
    build_table(con, table("SELECT 1 AS a"))
    message = (
        "warehouse/curated/thing.sql: its key (a) is not unique, 1 of them stand in several rows; give the key another "
        "column, or let the SELECT give one row for each."
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        build_table(con, table("SELECT unnest([7, 7, 8]) AS a"))
    assert con.execute("FROM curated.thing").fetchall() == [(1,)]


def test_two_empty_keys_are_a_repeated_key(con: Connection) -> None:
    with pytest.raises(ConfigError, match=r"its key \(a\) is not unique"):
        build_table(con, table("SELECT unnest([NULL, NULL]) AS a"))


def test_sql_that_fails_is_one_sentence_without_the_values(con: Connection) -> None:
    with pytest.raises(DataError) as caught:
        build_table(con, table("SELECT CAST(x AS INTEGER) AS a FROM (VALUES ('secret answer')) AS v(x)"))
    said = str(caught.value)
    assert said.startswith("warehouse/curated/thing.sql: Conversion Error: ")
    assert said.endswith("; build the tables that it reads, or correct the SQL.")
    assert "secret" not in said
    assert "\n" not in said


def test_a_table_that_is_not_there_yet_is_named(con: Connection) -> None:
    with pytest.raises(DataError, match=r"warehouse/curated/thing\.sql: .*clean.*build the tables that it reads"):
        build_table(con, table("SELECT a FROM clean.fsmt"))
