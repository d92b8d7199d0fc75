"""Fill the columns that the crosswalk computes, and tell whether they say what the columns say that they are made of.

What each is made of is computed.py. A tool whose crosswalk computes nothing has no statement from here.
"""

from collections.abc import Iterator, Mapping

from pipelines.harmonize.kinds import Sql
from pipelines.harmonize.plan import Plan, Shape, Table
from pipelines.store.duck import Connection, literal, quote

Values = Mapping[str, Mapping[str, Sql]]
"""Physical column -> shape -> SQL of its value in rows of that shape."""

VERSION = quote("/version")
KEY = ("source", "asset", "id")


def derive(con: Connection, plan: Plan, *, again: bool = False) -> None:
    """Compute what is to be computed; `again` in the rows alone that do not say it yet."""
    for table, values in _computed(plan):
        version, others, these = _rows(plan, table, values)
        chosen = ", ".join(f"{quote(name)} = {_value(name, said, version)}" for name, said in values.items())
        where = f"{these} AND ({_wrong(values, version)})" if again else these
        source = f"FROM {others}" if others else ""
        con.execute(f"UPDATE harmonized.{quote(table.name)} AS this SET {chosen} {source} WHERE {where}")


def astray(plan: Plan) -> Iterator[Sql]:
    """SQL for the submissions of each table in which a computed column says something else than it would today."""
    for table, values in _computed(plan):
        version, others, these = _rows(plan, table, values)
        source = f", {others}" if others else ""
        yield f"""SELECT this._source, this._asset, this._id FROM harmonized.{quote(table.name)} AS this{source}
                  WHERE {these} AND ({_wrong(values, version)})"""


def computed_names(shape: Shape, table: Table) -> set[str]:
    """The physical columns of `table` that are computed in rows of this shape: no answer rests in them."""
    return {name for each in shape.derived if each.suffix == table.suffix for name, _ in each.values}


def _computed(plan: Plan) -> Iterator[tuple[Table, Values]]:
    """The tables in which something is computed, and what."""
    for table in plan.tables.values():
        found: dict[str, dict[str, Sql]] = {}
        for shape in plan.shapes.values():
            for each in shape.derived:
                for name, value in each.values if each.suffix == table.suffix else ():
                    found.setdefault(name, {})[shape.name] = value
        if found:
            yield table, found


def _value(name: str, said: Mapping[str, Sql], version: Sql) -> Sql:
    branches = " ".join(f"WHEN {literal(shape)} THEN {value}" for shape, value in said.items())
    return f"CASE {version} {branches} ELSE {quote(name)} END"


def _wrong(values: Values, version: Sql) -> Sql:
    return " OR ".join(f"{quote(name)} IS DISTINCT FROM {_value(name, said, version)}" for name, said in values.items())


def _rows(plan: Plan, table: Table, values: Values) -> tuple[Sql, Sql, Sql]:
    """SQL for the version of a row, for what tells it (nothing where the row says it itself), and for which rows have
    something computed; all under names that no question has.
    """
    shapes = ", ".join(literal(shape) for shape in sorted({shape for said in values.values() for shape in said}))
    if not table.suffix:
        return "this._form_version", "", f"this._form_version IN ({shapes})"
    key = ", ".join(f"_{part} AS {quote('/' + part)}" for part in KEY)
    top = f"harmonized.{quote(plan.tool)}"
    versions = f"(SELECT {key}, _form_version AS {VERSION} FROM {top} WHERE _form_version IN ({shapes})) AS v"
    return f"v.{VERSION}", versions, " AND ".join(f"this._{part} = v.{quote('/' + part)}" for part in KEY)
