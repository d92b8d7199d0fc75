"""Hand many rows to the database by their columns, as arrays that it reads in place.

A list that is bound as a parameter is copied value by value, which takes three times as long. What the rows are is the
business of whoever has them.
"""

from collections.abc import Iterable, Sequence

from pipelines.store.duck import Connection

NAME = "rows_by_column"


def insert_by_column(
    con: Connection, sql: str, columns: Iterable[Sequence[str | None]], params: Sequence[object]
) -> None:
    """Run `sql`, in which `{columns}` stands for a relation of these columns, all texts; each becomes what the table
    has it be. The texts must be Unicode: DuckDB takes no half of a sign.
    """
    import numpy as np  # noqa: PLC0415 - DuckDB loads it anyway, but with the first statement that needs it

    arrays = {f"column{number}": np.array(column, dtype=object) for number, column in enumerate(columns)}
    con.register(NAME, arrays)
    try:
        con.execute(sql.format(columns=f"(SELECT {', '.join(map(_text, arrays))} FROM {NAME})"), list(params))
    finally:
        con.unregister(NAME)


def _text(name: str) -> str:
    return f"CAST({name} AS VARCHAR)"  # a column of nothing but nulls has no type of its own
