"""What waits for somebody: each answer in quarantine, and what layouts leave open, with the line that would land it.

The texts of answers are shown to those alone who ask for them; what puts answers here is exceptions.py and unmapped.py.
"""

from collections.abc import Sequence
from typing import Any

from pipelines.harmonize.remedies import with_text
from pipelines.project import Project
from pipelines.store.duck import connect, plain_errors, read_rows

Line = dict[str, Any]

QUARANTINED = """
SELECT tool, _source, _asset, _id, _form_version, _index, path, reason, remedy AS line, text FROM ledger.quarantine
WHERE tool IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL
"""

UNMAPPED = """
SELECT tool, layout, path AS "column", text, answers, line FROM ledger.unmapped
WHERE tool IN (SELECT unnest(?::VARCHAR[])) ORDER BY tool, layout, path, answers DESC, text
"""

UNMAPPED_COUNTED = """
SELECT tool, layout, path AS "column", count(*) FILTER (text <> '') AS texts, sum(answers)::BIGINT AS answers,
       coalesce(max(line) FILTER (text = ''), '') AS line
FROM ledger.unmapped WHERE tool IN (SELECT unnest(?::VARCHAR[])) GROUP BY ALL ORDER BY ALL
"""


def quarantined(project: Project, tools: Sequence[str] | None = None, *, restricted: bool = False) -> list[Line]:
    """A line for each answer of `tools` (of all where none is named) in quarantine: its place, why, what would land it.

    The `restricted` ones hold the text, and the line with the text in it.
    """
    rows = _read(project, tools, QUARANTINED)
    if restricted:
        return [{**row, "line": with_text(row["line"], row["text"])} for row in rows]
    return [{name: value for name, value in row.items() if name != "text"} for row in rows]


def unmapped(project: Project, tools: Sequence[str] | None = None, *, values: bool = False) -> list[Line]:
    """A line for each column of a file that a layout leaves open: in whole, with what would map it, or in some `texts`.

    With `values`, a line for each of those texts, and what would map it: people wrote them, so they may hold anything.
    """
    return _read(project, tools, UNMAPPED if values else UNMAPPED_COUNTED)


def _read(project: Project, tools: Sequence[str] | None, sql: str) -> list[Line]:
    names = [project.tool(name).name for name in tools or []] or [tool.name for tool in project.tools()]
    path = project.work_file
    with connect(path, read_only=True) as con, plain_errors(str(path), "run `cccm build`"):
        return read_rows(con, sql, [names])
