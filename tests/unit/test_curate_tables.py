"""Reading the curated SQL files: what they depend on, their order, and what is refused."""

import re
from pathlib import Path

import pytest

from pipelines.curate import dependencies, read_table, read_tables
from pipelines.errors import ConfigError


def write(folder: Path, name: str, select: str, head: str = "-- A table.\n-- key: a\n") -> Path:
    path = folder / f"{name}.sql"
    path.write_text(f"{head}{select}", encoding="utf-8")
    return path


def test_dependencies_are_read_from_the_sql() -> None:
    sql = """
        -- reads comment.only in a comment
        WITH first AS (SELECT * FROM clean.fsmt AS f), second AS (FROM first JOIN "clean"."fsmt__service" USING (_id))
        SELECT *, (SELECT max(as_of) FROM meta.as_of) AS day, 'text.only' AS said
        FROM second, unnest([1, 2]) AS u(n)
        LEFT JOIN reference.site AS s USING (site)
        WHERE site NOT IN (SELECT site FROM curated.closed) AND EXISTS (FROM generate_series(1, 2))
        UNION ALL BY NAME
        SELECT * FROM first
    """
    assert dependencies(sql) == frozenset({
        "clean.fsmt", "clean.fsmt__service", "meta.as_of", "reference.site", "curated.closed",
    })  # fmt: skip


def test_a_table_of_the_name_of_a_cte_is_still_read_where_its_schema_is_named() -> None:
    assert dependencies("WITH site AS (SELECT * FROM reference.site) SELECT * FROM site") == {"reference.site"}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM site", "x.sql reads 'site' of no schema; write it as schema.site."),
        ("SELECT 1; SELECT 2", "x.sql must be one SELECT and nothing else; split it, or take the rest out."),
        ("DROP TABLE clean.fsmt", "x.sql must be one SELECT and nothing else"),
        ("CREATE TABLE a.b AS SELECT 1", "x.sql must be one SELECT and nothing else"),
        ("", "x.sql must be one SELECT and nothing else"),
        ("SELECT FROM WHERE (", "x.sql is not SQL that we can read ("),
        ("SELECT current_date", "x.sql calls current_date, which reads the clock; read meta.as_of instead."),
        ("SELECT now()", "which reads the clock; read meta.as_of instead."),
        ("SELECT today() AS d", "which reads the clock; read meta.as_of instead."),
        ("SELECT random()", "which draws lots; take it out."),
        (
            "SELECT any_value(a) FROM clean.fsmt",
            "x.sql calls any_value, which picks a row by no rule; use min, max, or",
        ),
        ("SELECT first(a) FROM clean.fsmt", "x.sql calls first, which picks a row by no rule"),
    ],
)
def test_sql_that_is_not_one_steady_select_is_refused(sql: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        dependencies(sql, "x.sql")


def test_first_value_over_an_order_is_steady() -> None:
    assert dependencies("SELECT first_value(a) OVER (ORDER BY b) FROM clean.fsmt") == {"clean.fsmt"}


def test_a_table_is_what_its_file_says(tmp_path: Path) -> None:
    path = write(tmp_path, "b", "-- column a: a thing\n-- public: a\nSELECT a, b FROM clean.fsmt;\n")
    table = read_table(path)
    assert (table.name, table.description, table.key, table.depends) == ("b", "A table.", ("a",), {"clean.fsmt"})
    assert (table.level("a"), table.level("b")) == ("public", "restricted")
    assert table.sql.endswith("SELECT a, b FROM clean.fsmt")
    assert table.file == "warehouse/curated/b.sql"


def test_tables_come_after_those_they_read(tmp_path: Path) -> None:
    write(tmp_path, "a", "SELECT a FROM curated.z")
    write(tmp_path, "m", "SELECT a FROM curated.a JOIN curated.k USING (a)")
    write(tmp_path, "k", "SELECT a FROM clean.fsmt")
    write(tmp_path, "z", "SELECT a FROM clean.fsmt")
    assert [table.name for table in read_tables(tmp_path)] == ["k", "z", "a", "m"]


def test_a_circle_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a", "SELECT a FROM curated.b")
    write(tmp_path, "b", "SELECT a FROM curated.c")
    write(tmp_path, "c", "SELECT a FROM curated.a")
    message = r"The curated tables go in a circle \(\w reads \w reads \w reads \w\); let one of them do without\."
    with pytest.raises(ConfigError, match=message) as caught:
        read_tables(tmp_path)
    said = str(caught.value)
    assert any(circle in said for circle in ("a reads b reads c reads a", "b reads c reads a", "c reads a reads b"))


def test_a_table_that_reads_itself_is_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "a", "SELECT a FROM curated.a")
    with pytest.raises(ConfigError, match=r"in a circle \(a reads a\)"):
        read_tables(tmp_path)


def test_a_curated_table_that_no_file_makes_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a", "SELECT a FROM curated.sight")
    message = (
        "warehouse/curated/a.sql reads curated.sight, which no file makes; add warehouse/curated/sight.sql, or correct "
        "the name."
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_tables(tmp_path)


def test_a_file_name_that_is_no_table_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Camp List\.sql is no name for a table; rename it"):
        read_table(write(tmp_path, "Camp List", "SELECT 1 AS a"))


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_bytes("-- Café.\n-- key: a\nSELECT 1 AS a".encode("cp1252"))
    with pytest.raises(ConfigError, match=r"a\.sql is not UTF-8 text; save it as UTF-8\."):
        read_table(path)
