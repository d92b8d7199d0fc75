"""The project's own key: what hides a family's number in the key of its record.

A file in the data folder, made at first use, that only we may read. With another key every record would come anew under
another name, so it is never made where records were archived with one before.
"""

import os
import secrets
import stat
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.whole_file import draft_of, forget, sync_file, unwritable

BYTES = 32


def project_key(file: Path, *, may_make: bool) -> bytes:
    """The key in `file`; made there first where there is none and we `may_make` it."""
    if not file.exists():
        if not may_make:
            raise ConfigError(
                f"{file} is gone, and records were archived with the key in it: put it back from your backup, for with "
                "another key every record would come a second time."
            )
        _make(file)
    return _read(file)


def _make(file: Path) -> None:
    """Let a new key lie in `file`, unless another process was faster."""
    try:
        draft = draft_of(file)
        try:
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(BYTES) + "\n", encoding="ascii")
            sync_file(draft)
            file.hardlink_to(draft)
            sync_file(file.parent)
        finally:
            forget(draft)
    except FileExistsError:
        return
    except OSError as error:
        raise unwritable(file, error) from None


def _read(file: Path) -> bytes:
    try:
        with file.open(encoding="ascii") as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise ConfigError(f"{file} can be read by others: set its mode with 'chmod 600 {file}'.")
            key = bytes.fromhex(opened.read().strip())
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}): make it readable for us.") from None
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise ConfigError(f"{file} holds no key of {2 * BYTES} hexadecimal digits: put it back from your backup.")
    return key
