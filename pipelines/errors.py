"""The errors a person may see. Each message is one sentence: where, what was found, what to do.

    CccmError
    ├── AuthError        a server refused our credentials
    ├── ConfigError      a file or a setting of ours is wrong
    ├── TransientError   a server or the network failed in a way that may pass
    ├── ServerError      a server answered something it should not
    ├── DataError        what was received or stored cannot be read as what it should be
    ├── DiskError        the disk is full, or refuses
    ├── LockError        somebody else is writing
    └── SchemaError      a form, a mapping and the data contradict each other

Nothing else belongs here: where a status becomes an error is decided in the room that meets it.
"""

from typing import ClassVar


class CccmError(Exception):
    """What every error of ours is; its text may be shown to a user as it stands."""

    error_class: ClassVar[str] = "internal"


class AuthError(CccmError):
    """A server refused our credentials."""

    error_class = "auth"


class ConfigError(CccmError):
    """A file or a setting of ours is wrong."""

    error_class = "config"


class TransientError(CccmError):
    """A server or the network failed in a way that may pass."""

    error_class = "transient"


class ServerError(CccmError):
    """A server answered something it should not."""

    error_class = "server"


class DataError(CccmError):
    """What was received or stored cannot be read as what it should be."""

    error_class = "data"


class DiskError(CccmError):
    """The disk is full, or refuses."""

    error_class = "disk"


class LockError(CccmError):
    """Somebody else is writing."""

    error_class = "lock"


class SchemaError(CccmError):
    """A form, a mapping and the data contradict each other."""

    error_class = "schema"
