"""What to do about an answer in quarantine: of a file's column or text, the very line that would map it.

The line of a column names no answer, so that it may be shown anywhere; one with a text stays beside the answers.
"""

import csv
import io
import json

from pipelines.harmonize.convert import NOT_IN_LIST, NOT_IN_REFERENCE, REMEDIES
from pipelines.harmonize.plan import Shape

UNKNOWN_KEY = "unknown_key"


def remedy(reason: str, tool: str, shape: Shape, path: str, text: str = "this text") -> str:
    """What to do where `path` was refused for `reason`; where a mapping is wanted, the line with `text` in it."""
    if shape.layout is None:
        return REMEDIES.get(reason, "")
    columns = f"xlsforms/{tool}/crosswalk.yml, layouts, {shape.name}, columns"
    if reason == UNKNOWN_KEY:
        return f"{columns}: add the line {_quoted(path)}: COLUMN, or unmapped with a reason"
    if reason == NOT_IN_LIST:
        return f"{columns}, {_quoted(path)}, recode: add the line {_quoted(text)}: CODE"
    if reason == NOT_IN_REFERENCE:
        table = shape.layout.columns[path].by
        return f"warehouse/reference/{table}.csv: add the line {_cell(text)},CODE"
    return REMEDIES.get(reason, "")


def _quoted(text: str) -> str:
    """`text` as YAML writes it in quotation marks, whatever is in it."""
    return json.dumps(text, ensure_ascii=False)


def _cell(text: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([text])
    return written.getvalue()
