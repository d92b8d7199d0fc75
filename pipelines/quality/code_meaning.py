"""The rule that no file holds: a code that means something else today waits apart until somebody says what it is.

Which codes those are, harmonizing has written into ledger.apart; each answer under one of them is a finding.
"""

from collections.abc import Iterator

from pipelines.project import Tool
from pipelines.quality.expectations import Rule
from pipelines.quality.same_record import LAYER
from pipelines.store.duck import Connection, literal, quote, read_rows, table_exists

NAME = "code_meaning"

APART = """
SELECT column_name, list(kept_as ORDER BY kept_as) AS codes,
       string_agg(DISTINCT version, ', ' ORDER BY version) AS versions
FROM ledger.apart WHERE tool = ? AND table_name = ? GROUP BY column_name ORDER BY column_name
"""


def meaning_rules(con: Connection, tool: Tool, table: str, types: dict[str, str]) -> Iterator[Rule]:
    """A rule for each column of a harmonized table (`types` by column) that holds codes which are kept apart."""
    if not table_exists(con, "ledger", "apart"):
        return
    for row in read_rows(con, APART, [tool.name, table]):
        name, codes = quote(row["column_name"]), ", ".join(map(literal, row["codes"]))
        one = f"{name} NOT IN ({codes})"
        holds = f"NOT list_has_any({name}, [{codes}])" if types[row["column_name"]].endswith("[]") else one
        yield Rule(
            layer=LAYER,
            table=table,
            name=f"{NAME}_{row['column_name']}",
            holds=holds,
            why=f"a code of version {row['versions']} means something else now; `cccm forms check` names the line that "
            "says what it is",
            severity="warning",
            columns=(row["column_name"],),
            file=tool.crosswalk_file,
        )
