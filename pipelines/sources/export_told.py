"""What the IMO should know of the files that a sync read, in sentences: columns nobody maps, rows that are not sure.

Headers and counts only, never what stands in a cell. Which texts of the cells nobody knows is harmonize/unknown.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipelines.project.layout import Layout

LONGEST_NAME = 60


@dataclass(slots=True)
class Told:
    """Counts rows while they are read; `warning` says what came of it."""

    layout_name: str
    layout: Layout
    replaced: int = 0
    without_key: int = 0
    key_again: int = 0
    without_time: int = 0
    _unknown: set[str] = field(default_factory=set)
    _absent: set[str] = field(default_factory=set)

    def of_headers(self, headers: Sequence[str]) -> None:
        """Note which of a file's columns the layout does not know, and which of its own are not there."""
        self._unknown |= set(headers) - set(self.layout.columns)
        self._absent |= set(self.layout.columns) - set(headers)

    def warning(self) -> str:
        """All that wants looking at, by column or by number of rows; empty where all is as the layout says."""
        return "; ".join(self._columns() + self._rows())

    def _columns(self) -> list[str]:
        said: list[str] = []
        if self._unknown:
            said.append(
                f"{len(self._unknown)} columns are not in layout '{self.layout_name}' and wait in quarantine "
                f"({listed(sorted(self._unknown))}): add them to crosswalk.yml"
            )
        absent = [header for header in self.layout.columns if header in self._absent]
        if absent:
            said.append(
                f"{len(absent)} columns of layout '{self.layout_name}' are not in every file ({listed(absent)})"
            )
        return said

    def _rows(self) -> list[str]:
        column = self.layout.submitted_at.column
        key = listed(self.layout.id.named)
        counted = {
            "differ between the files; of each the last file by name counts": self.replaced,
            f"have nothing in {key}, which tells rows apart: they are told apart by their order": self.without_key,
            f"have in {key} what an earlier row of the file has: both are kept": self.key_again,
            f"have in '{column}' no time that 'dates' of the layout reads: the file's own stands for it": (
                self.without_time
            ),
        }
        return [f"{rows} rows {what}" for what, rows in counted.items() if rows > 0]


def listed(names: Iterable[str]) -> str:
    """`names` in quotation marks; a very long one is cut."""
    return ", ".join(f"'{name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + '…'}'" for name in names)
