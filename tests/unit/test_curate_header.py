"""The comment at the head of a curated SQL file."""

import re

import pytest

from pipelines.curate.header import Header, read_header
from pipelines.errors import ConfigError

SQL = """\
-- The people of each camp,
-- month by month.
--
-- A second paragraph.
--
-- key: period, site
-- public: period, site,
--   individuals
-- partners: women, men
-- restricted: phone
-- column individuals: people reported;
--   never an estimate
-- column women: women of 18 and older

-- a comment further down says nothing
SELECT 1
"""


def test_the_header_says_what_the_table_is_and_who_may_see_its_columns() -> None:
    assert read_header("warehouse/curated/x.sql", SQL) == Header(
        description="The people of each camp, month by month.\n\nA second paragraph.",
        key=("period", "site"),
        levels={
            "period": "public",
            "site": "public",
            "individuals": "public",
            "women": "partners",
            "men": "partners",
            "phone": "restricted",
        },
        column_docs={"individuals": "people reported; never an estimate", "women": "women of 18 and older"},
    )


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("SELECT 1", "x.sql: it does not say what the table is; begin the file with a comment that does."),
        (
            "-- A table.\nSELECT 1",
            "x.sql: it must say once which columns make a row unique; write '-- key: column, column'",
        ),
        ("-- A table.\n-- key: a\n-- key: b\nSELECT 1", "x.sql: it must say once which columns make a row unique"),
        ("-- A table.\n-- key:\nSELECT 1", "x.sql: it must say once which columns make a row unique"),
        (
            "-- A table.\n-- pubic: a\nSELECT 1",
            "x.sql, line 2: the comment says 'pubic', which we do not know; write one of",
        ),
        ("-- A table.\n-- column: a\nSELECT 1", "x.sql, line 2: the comment says 'column', which we do not know"),
        ("-- A table.\n-- public a: b\nSELECT 1", "x.sql, line 2: the comment says 'public a', which we do not know"),
        ("-- A table.\n-- key: a\n-- public: a b; c\nSELECT 1", "x.sql: 'b;' in its comment is no name of a column"),
        ("-- A table.\n-- key: a\n-- public: a\n-- partners: a\nSELECT 1", "x.sql: the column 'a' is classified twice"),
    ],
)
def test_a_header_that_cannot_be_understood_is_named(header: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_header("x.sql", header)


def test_prose_with_a_colon_is_prose() -> None:
    header = read_header("x.sql", "-- A table.\n-- Note: late means late.\n-- key: a\nSELECT 1 AS a")
    assert header.description == "A table. Note: late means late."
