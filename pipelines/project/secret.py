"""A secret as a value that does not show itself: not printed, not formatted, not pickled, not dumped.

Where secrets come from is source.py; the one place that reveals them is the HTTP client (sources/), and a test of the
house holds it to that.
"""

import base64
from typing import NoReturn, final
from urllib.parse import quote

from pipelines.errors import ConfigError

HIDDEN = "***"


@final
class Secret:
    """A token or a password; whatever one does with it but `reveal` gives `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the header or the body that carries it."""
        return self._value

    def appears_in(self, text: str) -> bool:
        """Whether `text` gives the secret away: in clear, backwards, by a half, percent-encoded or in base64."""
        half = len(self._value) // 2
        clear = {self._value, self._value[::-1], quote(self._value, safe="")}
        if half >= 4:
            clear |= {self._value[:half], self._value[half:]}
        encoded = {base64.b64encode(self._value.encode()).decode().rstrip("=")}
        return any(form in text for form in clear | encoded if form)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __reduce__(self) -> NoReturn:
        raise ConfigError("a secret is not written anywhere: hand on the name of the variable or the file it is in.")
