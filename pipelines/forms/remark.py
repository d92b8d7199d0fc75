"""A remark on a form: what a person should mend, or should know of. Finding them is workbook.py and lint.py."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence with where, what and what to do. A serious one fails `cccm forms check`; `code` stays for ever."""

    code: str
    text: str
    serious: bool = True

    def __str__(self) -> str:
        return f"{self.code} {self.text}"
