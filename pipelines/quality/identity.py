"""When two records are the same thing: the `identity` of tool.yml, in SQL over a row of the tool's table.

How people type is no difference here: case, spaces, unseen marks, Arabic digits and the letters of different keyboards.
What follows from it: a finding with a proposal (same_record.py), and one that counts (current.py).
"""

from collections.abc import Collection

from pipelines.errors import ConfigError
from pipelines.project import Tool
from pipelines.store.duck import literal, quote

WRITTEN = "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹یىکأإآٱةہـ"
MEANT = "01234567890123456789ييكااااهه"
"""Each letter of WRITTEN counts as the one of MEANT below it; the last, tatweel, for nothing."""

UNSEEN = r"\p{Cf}"
SPACES = r"[\s\p{Z}]+"


def identity_sql(tool: Tool, columns: Collection[str]) -> str:
    """SQL for a list of the identity's parts as they are compared; null where a part has no answer."""
    for column in tool.identity:
        if column not in columns:
            raise ConfigError(
                f"{tool.folder / 'tool.yml'}: the identity names {column!r}, which no version of the form asks: "
                "correct it."
            )
    parts = [_as_meant(f"CAST({quote(column)} AS VARCHAR)") for column in tool.identity]
    answered = " AND ".join(f"{part} IS NOT NULL" for part in parts)
    return f"CASE WHEN {answered} THEN [{', '.join(parts)}] END"


def _as_meant(text: str) -> str:
    seen = f"regexp_replace(nfc_normalize({text}), '{UNSEEN}', '', 'g')"
    plain = f"translate(lower({seen}), {literal(WRITTEN)}, {literal(MEANT)})"
    return f"nullif(trim(regexp_replace({plain}, '{SPACES}', ' ', 'g')), '')"
