"""What to do about an answer in quarantine: of a file's column or text, the very line that would map it.

The line of a column names no answer, so that it may be shown anywhere; one with a text stays beside the answers.
"""

import csv
import io
import json
from collections.abc import Collection

from pipelines.harmonize import convert
from pipelines.harmonize.convert import NOT_IN_LIST, NOT_IN_REFERENCE, REMEDIES
from pipelines.harmonize.plan import Shape

UNKNOWN_KEY = "unknown_key"

THIS_TEXT = "this text"
"""What stands in a line for the text of an answer, where that may not be shown."""

WRITTEN_OTHERWISE = frozenset(
    {
        convert.NOT_A_NUMBER,
        convert.NOT_WHOLE,
        convert.TOO_LARGE,
        convert.TOO_FINE,
        convert.NOT_A_DATE,
        convert.NOT_A_POINT,
    }
)
"""Reasons that a recode takes away: the text means a value, and does not write it as its type is written."""


def remedy(
    reason: str, tool: str, shape: Shape, path: str, text: str = THIS_TEXT, *, older: Collection[str] = ()
) -> str:
    """What to do where `path` was refused for `reason`; where a mapping is wanted, the line with `text` in it.

    `older` are the versions that the crosswalk may speak of: those of the repository but the newest.
    """
    if shape.layout is None:
        return _of_form(reason, tool, shape, path, text, older)
    columns = f"xlsforms/{tool}/crosswalk.yml, layouts, {shape.name}, columns"
    if reason == UNKNOWN_KEY:
        return f"{columns}: add the line {_quoted(path)}: COLUMN, or unmapped with a reason"
    if reason == NOT_IN_LIST:
        return f"{columns}, {_quoted(path)}, recode: add the line {_quoted(text)}: CODE"
    if reason == NOT_IN_REFERENCE:
        table = shape.layout.columns[path].by
        return f"warehouse/reference/{table}.csv: add the line {_cell(text)},CODE"
    return REMEDIES.get(reason, "")


def with_text(line: str, text: str) -> str:
    """`line` with the text of the answer in it, for those who may see it."""
    quoted, plain = _quoted(THIS_TEXT), f"add the line {THIS_TEXT},"
    if quoted in line:
        return line.replace(quoted, _quoted(text))
    return line.replace(plain, f"add the line {_cell(text)},")


def _of_form(reason: str, tool: str, shape: Shape, path: str, text: str, older: Collection[str]) -> str:
    if reason == UNKNOWN_KEY:
        return f"xlsforms/{tool}: add the version of the form that asks {_quoted(path)}, as VERSION.xlsx"
    landing = shape.landings.get(path)
    version = shape.form.version if shape.form else ""
    if landing is None or version not in older or reason not in WRITTEN_OTHERWISE:
        return REMEDIES.get(reason, "")
    to = f"{landing.suffix}.{landing.column}" if landing.suffix else landing.column
    entry = f"{{from: {_quoted(path)}, to: {_quoted(to)}, recode: {{{_quoted(text)}: VALUE}}}}"
    lines = f"xlsforms/{tool}/crosswalk.yml, versions, {_quoted(version)}"
    if path in shape.told:
        return f"{lines}, from: {_quoted(path)}: add to its recode {_quoted(text)}: VALUE"
    return f"{lines}: add the line - {entry}"


def _quoted(text: str) -> str:
    """`text` as YAML writes it in quotation marks, whatever is in it."""
    return json.dumps(text, ensure_ascii=False)


def _cell(text: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([text])
    return written.getvalue()
