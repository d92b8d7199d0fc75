"""Files are whole or not there; what leaves is only what was let out; messages show no answer of anybody."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import ConfigError, DataError
from pipelines.store.duck import (
    Connection,
    connect,
    in_memory,
    insert_texts,
    literal,
    new_file,
    plain_errors,
    quote,
    read_rows,
    read_value,
    scrubbed,
    table_exists,
    transaction,
)
from pipelines.store.publish import Published, publish
from pipelines.store.reference import fingerprint, load_reference

NASTY = ['a"b', "a'b", "a\\b", "a;b--", "خيمة", "SELECT", " ", "a\nb", "a.b", "\x1f", "{a}", "$1", "?"]
PHONE = "0750-planted-number-4711"


@pytest.mark.parametrize("text", NASTY)
def test_a_foreign_name_or_text_stays_a_name_or_a_text(text: str) -> None:
    with in_memory() as con:
        con.execute(f"CREATE TABLE t AS SELECT {literal(text)} AS {quote(text)}")
        assert read_rows(con, f"SELECT {quote(text)} FROM t") == [{text: text}]


def test_a_new_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.duckdb"
    with new_file(path, mode=0o600) as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS n")
        assert not path.exists()
    with connect(path, read_only=True) as con:
        assert read_value(con, "SELECT n FROM t") == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["a.duckdb"]


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with new_file(path) as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS n")
    with pytest.raises(RuntimeError), new_file(path) as con:  # noqa: PT012 - the block fails half way
        con.execute("CREATE TABLE t AS SELECT 2 AS n")
        raise RuntimeError
    with connect(path, read_only=True) as con:
        assert read_value(con, "SELECT n FROM t") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["a.duckdb"]


def test_a_transaction_writes_all_or_nothing() -> None:
    with in_memory() as con:
        con.execute("CREATE TABLE t (n INTEGER)")
        with pytest.raises(KeyboardInterrupt), transaction(con):  # noqa: PT012 - the block fails half way
            con.execute("INSERT INTO t VALUES (1)")
            raise KeyboardInterrupt
        with transaction(con):
            con.execute("INSERT INTO t VALUES (2)")
        assert read_rows(con, "SELECT * FROM t") == [{"n": 2}]


def test_texts_are_inserted_as_they_are() -> None:
    with in_memory() as con:
        con.execute("CREATE TABLE t (a VARCHAR, n INTEGER)")
        insert_texts(con, "t", [])
        insert_texts(con, "t", [["", "1"], [None, None], ["خيمة 'x'", "-3"]])
        assert con.execute("SELECT * FROM t").fetchall() == [("", 1), (None, None), ("خيمة 'x'", -3)]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "does not exist; run `cccm run` first."),
        (
            lambda path: path.write_bytes(b"no database"),
            "cannot be opened as a DuckDB file; put back its last backup, or move it away.",
        ),
    ],
    ids=["absent", "broken"],
)
def test_a_file_that_cannot_be_read_says_what_to_do(make: Callable[[Path], object], says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    make(path)
    with pytest.raises(DataError) as refused, connect(path, read_only=True):
        pass
    assert str(refused.value) == f"{path} {says}"


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT CAST('{PHONE}' AS INTEGER)",
        f"SELECT CAST('it''s {PHONE}' AS DATE)",
        f'SELECT from_json(\'{{"a": "{PHONE}\', \'{{"a": "VARCHAR"}}\')',
        f"SELECT CAST('{PHONE}' AS TIMESTAMP)",
    ],
)
def test_a_message_of_the_database_shows_no_answer(sql: str) -> None:
    with (
        in_memory() as con,
        pytest.raises(DataError) as refused,
        plain_errors("harmonizing visit", "nothing was changed"),
    ):
        con.execute(sql).fetchall()
    assert str(refused.value).startswith("harmonizing visit: ")
    assert str(refused.value).endswith("; nothing was changed.")
    assert PHONE not in str(refused.value)


def test_only_the_first_line_of_a_message_is_shown_and_names_stay() -> None:
    assert (
        scrubbed('Catalog Error: Table "visit" does not exist!\nLINE 1: …')
        == 'Catalog Error: Table "visit" does not exist!'
    )
    assert scrubbed("Conversion Error: no number: 'a' \nLINE 1: SELECT 'a'") == "Conversion Error: no number: '…'"


def test_reference_tables_are_text_but_for_coordinates(tmp_path: Path) -> None:
    (tmp_path / "site.csv").write_text("site,name_ar,lat,camp_lon\n007,خانكى,36.8,42.7\n8,,,\n", encoding="utf-8")
    (tmp_path / "alias.csv").write_text("alias,site\nKhanke,007\n")
    with in_memory() as con:
        assert load_reference(con, tmp_path) == ["alias", "site"]
        assert con.execute("SELECT * FROM reference.site").fetchall() == [
            ("007", "خانكى", 36.8, 42.7),
            ("8", None, None, None),
        ]
        before = fingerprint(tmp_path)
        (tmp_path / "alias.csv").unlink()
        assert load_reference(con, tmp_path) == ["site"]
        assert not table_exists(con, "reference", "alias")
    assert fingerprint(tmp_path) != before


def test_a_coordinate_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "site.csv").write_text("site,lat\n1,north\n2,36.8\n")
    with in_memory() as con, pytest.raises(ConfigError) as refused:
        load_reference(con, tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}/site.csv, column 'lat': 1 values are no number; write degrees such as 36.78."
    )


@pytest.fixture
def work_file(tmp_path: Path) -> Path:
    """A work.duckdb with answers of every level, one of them classified twice, one not at all."""
    path = tmp_path / "work.duckdb"
    with new_file(path) as con:
        con.execute(
            f"""
            CREATE SCHEMA harmonized; CREATE SCHEMA codebook; CREATE SCHEMA ledger; CREATE SCHEMA meta;
            CREATE TABLE harmonized.visit AS SELECT * FROM (VALUES
                ('2', 'kobo', 'a', 'Khanke', 2700, '{PHONE}', 'x', 'y'), ('1', 'kobo', 'a', 'Essian', 2800, NULL, 'x',
                'y')
            ) AS t(_id, _source, _asset, camp, families, phone, twice, forgotten);
            CREATE TABLE harmonized.secret AS SELECT '{PHONE}' AS phone;
            CREATE TABLE ledger.note AS SELECT '{PHONE}' AS text;
            CREATE TABLE codebook.column_ (schema_name VARCHAR, table_name VARCHAR, column_name VARCHAR,
                                           sensitivity VARCHAR, description VARCHAR);
            """
        )
        levels = {
            "_id": "partners",
            "_source": "partners",
            "_asset": "partners",
            "camp": "public",
            "families": "partners",
        }
        lines = [*levels.items(), ("phone", "restricted"), ("twice", "public"), ("twice", "restricted")]
        insert_texts(con, "codebook.column_", [["harmonized", "visit", name, level, ""] for name, level in lines])
    return path


def rows(con: Connection) -> list[dict[str, object]]:
    return read_rows(con, "SELECT * FROM harmonized.visit")


def test_only_what_was_let_out_is_published(work_file: Path) -> None:
    path = work_file.with_name("warehouse.duckdb")
    assert publish(work_file, path, restricted=False) == Published(path, tables=2, columns=10, rows=10)
    key = {"_source": "kobo", "_asset": "a"}
    with connect(path, read_only=True) as con:
        assert rows(con) == [
            {"_id": "1", **key, "camp": "Essian", "families": 2800},
            {"_id": "2", **key, "camp": "Khanke", "families": 2700},
        ]
        assert not table_exists(con, "harmonized", "secret")
        assert not table_exists(con, "ledger", "note")
    assert PHONE.encode() not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_restricted_file_holds_all_and_opens_for_us_alone(work_file: Path) -> None:
    path = work_file.with_name("warehouse-restricted.duckdb")
    assert publish(work_file, path, restricted=True).tables == 4
    with connect(path, read_only=True) as con:
        assert [row["phone"] for row in rows(con)] == [None, PHONE]
        assert read_value(con, "SELECT text FROM ledger.note") == PHONE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_reader_keeps_the_file_that_it_opened(work_file: Path) -> None:
    path = work_file.with_name("warehouse.duckdb")
    publish(work_file, path, restricted=False)
    with connect(path, read_only=True) as reader:
        with connect(work_file) as con:
            con.execute("DELETE FROM harmonized.visit WHERE _id = '1'")
        publish(work_file, path, restricted=False)
        assert len(rows(reader)) == 2
    with connect(path, read_only=True) as con:
        assert len(rows(con)) == 1
