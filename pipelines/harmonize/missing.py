"""Why a cell is empty: views that work it out when they are asked, so that no second copy of the data is kept.

    not_in_version   the version of the form did not ask this
    not_relevant     it was asked only under a condition that does not hold in this record
    not_answered     it was asked, and left empty
    refused          a code by which somebody refuses to answer
    dont_know        a code by which somebody says that they do not know
    quarantined      it was answered, and the answer waits in quarantine
    unknown          whether it was asked cannot be told: the condition cannot be worked out, or looks at an answer that
                     is not at hand here

A condition is worked out from the answers that were sent, in the codes of then. What partners see rests on nothing but
what they may see: a condition on a restricted question would tell its answer, and is unknown to them.
"""

from pipelines.harmonize.emptiness import KEY, Visible, empty_cells
from pipelines.harmonize.kinds import Sql
from pipelines.harmonize.plan import Landing, Plan, Shape, Table
from pipelines.store.duck import Connection, insert_texts, quote

TABLES = """
CREATE SCHEMA IF NOT EXISTS missing;
CREATE TABLE IF NOT EXISTS missing.held (
    tool VARCHAR, table_name VARCHAR, _id VARCHAR, _source VARCHAR, _asset VARCHAR, _index VARCHAR,
    column_name VARCHAR);
CREATE TABLE IF NOT EXISTS missing.definition (tool VARCHAR, view_name VARCHAR, audience VARCHAR, definition VARCHAR);
"""
"""`held` are the cells whose answers wait in quarantine; `definition` what the published files make their views of."""

ALL, PARTNERS = "all", "partners"


def write_missing(con: Connection, plan: Plan) -> None:
    """Make the views missing.<table> of the plan's tool anew; the codebook must be written."""
    con.execute(TABLES)
    con.execute("DELETE FROM missing.held WHERE tool = ?", [plan.tool])
    con.execute("DELETE FROM missing.definition WHERE tool = ?", [plan.tool])
    _write_held(con, plan)
    shown = {(row[0], row[1]) for row in con.execute(SHOWN).fetchall()}
    for table in plan.tables.values():
        definitions = {
            ALL: _definition(plan, table, lambda _table, _column: True),
            PARTNERS: _definition(plan, table, lambda name, column: (name, column) in shown),
        }
        insert_texts(con, "missing.definition", [[plan.tool, table.name, *each] for each in definitions.items()])
        con.execute(definitions[ALL])


SHOWN = """
SELECT table_name, column_name FROM codebook.column_ WHERE schema_name = 'harmonized'
GROUP BY ALL HAVING bool_and(sensitivity IN ('public', 'partners'))
"""


def _write_held(con: Connection, plan: Plan) -> None:
    """Write down which cells the quarantined answers would have stood in."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE held_place (version VARCHAR, path VARCHAR, t VARCHAR, c VARCHAR, depth INT)"
    )
    places = []
    for shape in plan.shapes.values():
        for landing in (shape.landings if shape.layout else _landings_of_forms(plan, shape)).values():
            table = plan.tables[landing.suffix]
            depth = len(table.within) + 1 if table.suffix else 0
            places.append([shape.name, landing.path, table.name, landing.column, str(depth)])
    insert_texts(con, "held_place", places)
    con.execute(HELD, [plan.tool])
    con.execute("DROP TABLE held_place")


def _landings_of_forms(plan: Plan, shape: Shape) -> dict[str, Landing]:
    """Where each path lands that any form knows: an answer to a question of another version lands as that one's do."""
    newest_first = [other.landings for other in plan.shapes.values() if other.layout is None]
    anywhere = {path: landing for landings in reversed(newest_first) for path, landing in landings.items()}
    return {**anywhere, **shape.landings}


HELD = """
INSERT INTO missing.held
SELECT DISTINCT tool, t, _id, _source, _asset, CASE WHEN depth = 0 THEN '' WHEN _index <> '' THEN _index
                ELSE array_to_string(list_transform(range(depth), lambda n: '1'), '.') END, c
FROM ledger.quarantine JOIN held_place ON version = _form_version AND held_place.path = quarantine.path
WHERE tool = ?
"""


def _definition(plan: Plan, table: Table, visible: Visible) -> Sql:
    """The statement that makes the view of one table: a part for each column, so that asking for one reads one."""
    parts = [
        empty_cells(plan, table, column, physical, visible)
        for column in table.columns
        for physical, _ in column.physical
        if visible(table.name, physical)
    ]
    named = "NULL::VARCHAR AS _index, '' AS column_name, '' AS why"
    nothing = f"SELECT {KEY}, {named} FROM harmonized.{quote(table.name)} LIMIT 0"
    chunks = [" UNION ALL ".join(parts[start : start + 100]) for start in range(0, len(parts), 100)]
    rows = " UNION ALL ".join(f"({chunk})" for chunk in chunks) or nothing
    return f"CREATE OR REPLACE VIEW missing.{quote(table.name)} AS {rows}"
