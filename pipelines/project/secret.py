"""A secret as a value that does not show itself (not printed, formatted, pickled or dumped), and where it is read from.

Which variable or file holds the secret of a source is source.py; the only place that reveals one is the HTTP client
(sources/), and a test holds the house to that.
"""

import base64
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
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

    def is_made_of(self, character: str) -> bool:
        """Whether every character of the secret is one that the pattern `character` describes."""
        return re.fullmatch(f"({character})*", self._value) is not None

    def appears_in(self, text: str) -> bool:
        """Whether `text` gives the secret away: in clear, backwards, by a half, percent-encoded or in base64."""
        return any(form in text for form in disguises(self._value))

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


def disguises(value: str) -> frozenset[str]:
    """The texts by which somebody who finds one of them has `value`, or enough of it to guess the rest."""
    half = len(value) // 2
    clear = {value, value[::-1], value[:half], value[half:]} if half >= 4 else {value, value[::-1]}
    inside = {base64.b64encode(b"x" * shift + value.encode()).decode().rstrip("=")[4:-1] for shift in range(3)}
    long_enough = {form for form in inside if len(form) >= 8}
    return frozenset(clear | {quote(value, safe="")} | long_enough) - {""}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one secret of a source is: in an environment variable, or in a file that only we may read."""

    source: str
    what: str
    variable: str = ""
    file: Path | None = None

    def read(self, environ: Mapping[str, str] = os.environ) -> Secret:
        """The secret, read anew at every call, so that a changed one needs no restart; ConfigError where there is
        none.
        """
        said = environ.get(self.variable, "") if self.variable else ""
        if not said and self.file:
            said = self._of_file(self.file)
        if not said.strip():
            raise ConfigError(f"source {self.source!r} has no {self.what}: {self._where_to_put_it()}.")
        return Secret(said.strip())

    def _where_to_put_it(self) -> str:
        if self.variable:
            return f"set the environment variable {self.variable}"
        if self.file:
            return f"write it to {self.file}"
        return f"name its {self.what}_env or {self.what}_file in xlsforms/sources.yml"

    def _of_file(self, file: Path) -> str:
        """What the file holds; a file that others may read is refused, for then the secret is one no more."""
        try:
            with file.open(encoding="utf-8") as opened:
                if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                    raise ConfigError(f"{file} can be read by others: set its mode with 'chmod 600 {file}'.")
                return opened.read()
        except OSError as error:
            raise ConfigError(
                f"the {self.what} of source {self.source!r} cannot be read from {file} ({error.strerror}): write it "
                "there, mode 0600."
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(f"{file} holds letters that no {self.what} has: write it there again.") from None
