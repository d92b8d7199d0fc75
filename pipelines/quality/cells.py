"""A cell as people write it in a cleaning log, and back: SQL texts for each type of column.

select_multiple is written as its codes with a space between, a decimal without trailing zeros, nothing as nothing. A
text that a type cannot hold exactly is refused here, never rounded. Which cells change is decisions.py.
"""

from collections.abc import Mapping

from pipelines.store.duck import literal, quote

WHOLE = "[-+]?[0-9]{1,18}"
DECIMAL = "[-+]?([0-9]{1,18}(\\.[0-9]{0,10})?|\\.[0-9]{1,10})"
OURS = "_"


def text_of(type_name: str, value: str) -> str:
    """SQL for the text of `value` (SQL of that type); null where there is no answer."""
    if type_name.endswith("[]"):
        return f"nullif(array_to_string({value}, ' '), '')"
    if type_name.startswith("DECIMAL"):
        return f"rtrim(rtrim(CAST({value} AS VARCHAR), '0'), '.')"
    return f"nullif(CAST({value} AS VARCHAR), '')"


def value_of(type_name: str, text: str) -> str:
    """SQL for the value that `text` (SQL of a text) means; null where the type cannot hold it exactly."""
    if type_name.endswith("[]"):
        return f"list_filter(string_split(trim({text}), ' '), lambda code: code <> '')"
    if type_name == "BIGINT":
        return f"CASE WHEN regexp_full_match(trim({text}), '{WHOLE}') THEN TRY_CAST(trim({text}) AS BIGINT) END"
    if type_name.startswith("DECIMAL"):
        return f"CASE WHEN regexp_full_match(trim({text}), '{DECIMAL}') THEN TRY_CAST(trim({text}) AS {type_name}) END"
    if type_name == "VARCHAR":
        return text
    return f"TRY_CAST(trim({text}) AS {type_name})"


def content_key(columns: Mapping[str, str]) -> str:
    """SQL for the key of what a row of a repeat says, wherever it stands: 16 hexadecimal digits over its answers.

    `columns` are the table's, name -> type. Empty answers do not count, so that a question added later changes no key.
    """
    answers = [
        f"{literal(name + '=')} || {text_of(columns[name], quote(name))}"
        for name in sorted(columns)
        if not name.startswith(OURS)
    ]
    return f"left(sha256(concat_ws(chr(31), '', {', '.join(answers)})), 16)" if answers else "''"
