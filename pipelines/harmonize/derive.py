"""Fill the columns that the crosswalk computes, and tell whether they say what the columns say that they are made of.

What each is made of is computed.py. A tool whose crosswalk computes nothing has no statement from here.
"""

from collections.abc import Iterator

from pipelines.harmonize.kinds import Sql
from pipelines.harmonize.plan import Plan, Shape, Table
from pipelines.store.duck import Connection, literal, quote

THIS, VERSION = "this", quote("/version")


def derive(con: Connection, plan: Plan) -> None:
    """Compute what is to be computed, in the rows that do not say it yet."""
    for table in plan.tables.values():
        by_column = _by_column(plan, table)
        if by_column:
            chosen = ", ".join(f"{quote(name)} = {_value(name, said)}" for name, said in by_column.items())
            con.execute(
                f"""UPDATE harmonized.{quote(table.name)} AS {THIS} SET {chosen} FROM {_versions(plan, by_column)} AS v
                    WHERE {_same_row(THIS, "v")} AND ({_wrong(by_column)})"""
            )


def astray(plan: Plan) -> Iterator[Sql]:
    """SQL for the submissions of each table in which a computed column says something else than it would today."""
    for table in plan.tables.values():
        by_column = _by_column(plan, table)
        if by_column:
            yield f"""SELECT {THIS}._source, {THIS}._asset, {THIS}._id
                      FROM harmonized.{quote(table.name)} AS {THIS} JOIN {_versions(plan, by_column)} AS v
                        ON {_same_row(THIS, "v")}
                      WHERE {_wrong(by_column)}"""


def computed_names(shape: Shape, table: Table) -> set[str]:
    """The physical columns of `table` that are computed in rows of this shape: no answer rests in them."""
    return {name for each in shape.derived if each.suffix == table.suffix for name, _ in each.values}


def _by_column(plan: Plan, table: Table) -> dict[str, dict[str, Sql]]:
    """Physical column -> shape -> SQL of its value there."""
    found: dict[str, dict[str, Sql]] = {}
    for shape in plan.shapes.values():
        for each in shape.derived:
            if each.suffix == table.suffix:
                for name, value in each.values:
                    found.setdefault(name, {})[shape.name] = value
    return found


def _value(name: str, said: dict[str, Sql]) -> Sql:
    branches = " ".join(f"WHEN {literal(shape)} THEN {value}" for shape, value in said.items())
    return f"CASE v.{VERSION} {branches} ELSE {quote(name)} END"


def _wrong(by_column: dict[str, dict[str, Sql]]) -> Sql:
    return " OR ".join(f"{quote(name)} IS DISTINCT FROM {_value(name, said)}" for name, said in by_column.items())


def _versions(plan: Plan, by_column: dict[str, dict[str, Sql]]) -> Sql:
    """The submissions whose rows have something computed, under names that no question has."""
    shapes = sorted({shape for said in by_column.values() for shape in said})
    return f"""(SELECT _source AS {quote("/source")}, _asset AS {quote("/asset")}, _id AS {quote("/id")},
                       _form_version AS {VERSION}
                FROM harmonized.{quote(plan.tool)} WHERE _form_version IN ({", ".join(map(literal, shapes))}))"""


def _same_row(this: Sql, versions: Sql) -> Sql:
    return " AND ".join(f"{this}._{key} = {versions}.{quote('/' + key)}" for key in ("source", "asset", "id"))
