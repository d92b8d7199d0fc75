"""The key of a file's row, its root id: the texts of the columns that the layout names, or an HMAC of them.

How the project's key is kept is project_key.py.
"""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipelines.errors import ConfigError
from pipelines.project.layout import IdRule

PARTED = "\x1f"
"""Between the parts of what is hashed, where no text has it: AB and C are not A and BC."""


@dataclass(slots=True)
class RowKeys:
    """Gives each row of one file its key. `without` and `again` count rows that had no text for it, or an earlier's."""

    rule: IdRule
    key: Callable[[], bytes]
    without: int = 0
    again: int = 0
    _seen: set[str] = field(default_factory=set)

    def of(self, cells: Mapping[str, str]) -> str:
        """The key of the row of these `cells`; "#2", "#3" … behind it where an earlier row of the file has it."""
        wanted = key_of(cells, self.rule, self.key)
        says = any(cells.get(column, "").strip() for column in self.rule.named)
        free, number = wanted, 1
        while free in self._seen:
            number += 1
            free = f"{wanted}#{number}"
        self.without += not says
        self.again += says and number > 1
        self._seen.add(free)
        return free


def key_of(cells: Mapping[str, str], rule: IdRule, key: Callable[[], bytes]) -> str:
    """The key of a row by itself; `key` is asked for only where the rule hashes."""
    if rule.columns:
        return "|".join(cells.get(column, "").strip() for column in rule.columns)
    said = PARTED.join(_as_meant(cells.get(column, "")) for column in rule.hmac)
    return hmac.new(key(), said.encode(), hashlib.sha256).hexdigest()


def check_standing(root_id: str, raw: str, rule: IdRule, key: Callable[[], bytes], where: str) -> None:
    """Nothing, or ConfigError where a row that stands in the archive would come under another key today."""
    again = key_of(json.loads(raw), rule, key)
    if not re.fullmatch(re.escape(again) + r"(#\d+)?", root_id):
        raise ConfigError(
            f"{where}: what is archived has other keys than 'id' of the layout gives today, so every row would come a "
            "second time: put the rule back, or the project's key, or write the rule as a new layout with an 'asset' "
            "of its own in sources.yml."
        )


def _as_meant(text: str) -> str:
    """A number of a family however it was typed: case, spaces, unseen marks and Arabic digits do not count."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    digits = "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in plain)
    return " ".join(digits.split()).casefold()
