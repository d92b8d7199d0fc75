"""Cells as a cleaning log writes them: texts in, the values of a typed table out, and back."""

from collections.abc import Iterator
from hashlib import sha256

import pytest

from pipelines.quality.cells import content_key, text_of, value_of
from pipelines.store.duck import Connection, in_memory, read_value


@pytest.fixture(scope="module")
def con() -> Iterator[Connection]:
    with in_memory() as opened:
        yield opened


@pytest.mark.parametrize(
    ("kind", "written", "comes_back"),
    [
        ("BIGINT", "1395", "1395"),
        ("BIGINT", " 7 ", "7"),
        ("BIGINT", "12.6", None),
        ("BIGINT", "about 40", None),
        ("BIGINT", "99999999999999999999", None),
        ("DECIMAL(28,10)", "12.60", "12.6"),
        ("DECIMAL(28,10)", "100", "100"),
        ("DECIMAL(28,10)", "0", "0"),
        ("DECIMAL(28,10)", "1.12345678901", None),
        ("DATE", "2026-06-01", "2026-06-01"),
        ("DATE", "2026-13-01", None),
        ("VARCHAR", " as written ", " as written "),
        ("VARCHAR[]", "water  sanitation", "water sanitation"),
        ("DOUBLE", "35.4344959", "35.4344959"),
    ],
)
def test_a_value_is_what_its_type_holds_exactly(
    con: Connection, kind: str, written: str, comes_back: str | None
) -> None:
    sql = f"SELECT {text_of(kind, value_of(kind, 'written'))} FROM (SELECT CAST(? AS VARCHAR) AS written)"
    assert read_value(con, sql, [written]) == comes_back


@pytest.mark.parametrize("kind", ["BIGINT", "DECIMAL(28,10)", "DATE", "VARCHAR", "VARCHAR[]", "DOUBLE", "TIMESTAMP"])
def test_nothing_stays_nothing(con: Connection, kind: str) -> None:
    sql = f"SELECT {value_of(kind, 'written')} IS NULL FROM (SELECT CAST(NULL AS VARCHAR) AS written)"
    assert read_value(con, sql) is True


def test_the_content_key_is_about_the_answers_and_not_about_where_they_stand(con: Connection) -> None:
    columns = {"_id": "VARCHAR", "_index": "VARCHAR", "organisation": "VARCHAR", "activity_area": "VARCHAR[]"}
    con.execute(
        """CREATE OR REPLACE TABLE service AS FROM (VALUES
            ('a', '1', 'nrc', ['water', 'shelter']), ('a', '2', 'nrc', ['water', 'shelter']), ('a', '3', 'drc', NULL)
        ) AS rows(_id, _index, organisation, activity_area)"""
    )
    one, same, other = [key for (key,) in con.execute(f"SELECT {content_key(columns)} FROM service").fetchall()]
    nrc = sha256(b"\x1factivity_area=water shelter\x1forganisation=nrc").hexdigest()[:16]
    drc = sha256(b"\x1forganisation=drc").hexdigest()[:16]
    assert (one, same, other) == (nrc, nrc, drc)


def test_a_question_added_later_changes_no_content_key(con: Connection) -> None:
    con.execute("CREATE OR REPLACE TABLE service AS SELECT 'a' AS _id, 'nrc' AS organisation, NULL::BIGINT AS role")
    before, after = {"organisation": "VARCHAR"}, {"organisation": "VARCHAR", "role": "BIGINT"}
    assert read_value(con, f"SELECT {content_key(before)} = {content_key(after)} FROM service") is True
