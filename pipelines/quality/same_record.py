"""The rule that no file holds: a record stands once, by the identity of tool.yml, whichever source or asset it is from.

A record of which another one counts is a finding, and its proposal says which. Which one that is, is current.py; that
it is counted once is clean.py.
"""

from collections.abc import Collection

from pipelines.errors import ConfigError
from pipelines.project import Project, Tool
from pipelines.quality.current import order_of
from pipelines.quality.expectations import Rule, rules_for
from pipelines.quality.identity import identity_sql
from pipelines.store.duck import Connection, quote

NAME = "same_record"
LAYER = "harmonized"

PROPOSE = """
UPDATE quality.finding SET proposal = 'remove_survey: ' || kept._source || '/' || kept._asset || '/' || kept._id ||
                                      ' counts in its place'
FROM (
    SELECT _source AS source, _asset AS asset, _id AS id,
           unnest(first_value({{'_source': _source, '_asset': _asset, '_id': _id}}) OVER (
               PARTITION BY {identity} ORDER BY {order}))
    FROM harmonized.{table} WHERE {identity} IS NOT NULL
) AS kept
WHERE tool = $tool AND layer = $layer AND rule = $rule
  AND (finding._source, finding._asset, finding._id) = (kept.source, kept.asset, kept.id)
"""


def all_rules(project: Project, layer: str, table: str) -> tuple[Rule, ...]:
    """What must hold for `layer`.`table`: the rules of its file, and the one that an `identity` makes."""
    rules = rules_for(project, layer, table)
    if layer != LAYER or not (project.xlsforms / table / "tool.yml").is_file():
        return rules
    tool = project.tool(table)
    if not tool.identity:
        return rules
    if any(rule.name == NAME for rule in rules):
        raise ConfigError(f"{rules[0].file}: the rule {NAME!r} is the one that `identity` makes: rename yours.")
    return (*rules, _rule(tool))


def propose(con: Connection, tool: Tool, columns: Collection[str]) -> None:
    """Write into each finding of the rule which record counts in its place."""
    if tool.identity:
        sql = PROPOSE.format(
            identity=identity_sql(tool, columns), order=order_of(tool, columns), table=quote(tool.name)
        )
        con.execute(sql, {"tool": tool.name, "layer": LAYER, "rule": NAME})


def _rule(tool: Tool) -> Rule:
    identity = identity_sql(tool, tool.identity)
    first = f"row_number() OVER (PARTITION BY {identity} ORDER BY {order_of(tool, ['_validation_status'])}) = 1"
    named = " and ".join(tool.identity)
    return Rule(
        layer=LAYER,
        table=tool.name,
        name=NAME,
        holds=f"CASE WHEN {identity} IS NOT NULL THEN {first} END",
        why=f"another record has the same {named}, perhaps from another source; one counts, the others are kept",
        severity="warning",
        columns=tool.identity,
        file=tool.folder / "tool.yml",
        line=_line(tool),
    )


def _line(tool: Tool) -> int:
    lines = (tool.folder / "tool.yml").read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if line.startswith("identity")), 1)
