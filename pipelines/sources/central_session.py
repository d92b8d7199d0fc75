"""Being let in by an ODK Central server: a session, opened with an e-mail address and a password.

It lasts a day, or as the server is set. The client opens one for its first request, and another shortly before it ends,
or when the server has forgotten it (401). How long it lasts is told by the server's clock alone: ours may be wrong.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from pipelines.errors import AuthError, ServerError
from pipelines.project.secret import Secret
from pipelines.sources.client import Client
from pipelines.sources.credentials import Session


class _Opened(msgspec.Struct):
    token: str
    created: str = msgspec.field(name="createdAt", default="")
    expires: str = msgspec.field(name="expiresAt", default="")

    @property
    def seconds(self) -> float | None:
        """How long the session lasts; None where the server says nothing sensible."""
        try:
            lasts = datetime.fromisoformat(self.expires) - datetime.fromisoformat(self.created)
        except (ValueError, TypeError):
            return None
        return lasts.total_seconds() if lasts.total_seconds() > 0 else None


class CentralSession:
    """Opens sessions on one server; calling it gives a new one, as Client takes its credentials."""

    def __init__(self, url: str, email: Secret, password: Secret, *, named: str, ca_file: Path | None = None) -> None:
        self._email, self._password, self._named = email, password, named
        self._door = Client(url, dict, named=named, ca_file=ca_file)

    @property
    def requests(self) -> int:
        """How many requests it took to be let in."""
        return self._door.requests

    def __call__(self) -> Session:
        """A new session; AuthError where e-mail and password do not fit."""
        said = {"email": self._email, "password": self._password}
        try:
            opened = msgspec.json.decode(self._door.post_json("/v1/sessions", said, again=True), type=_Opened)
        except AuthError:
            opened = None
        except msgspec.DecodeError as error:
            message = f"source '{self._named}' opened no session as ODK Central does; check its url in sources.yml."
            raise ServerError(message) from error
        if opened is None:
            message = f"source '{self._named}' refused the e-mail address or the password; set both anew (email_env)."
            raise AuthError(message)
        return Session({"Authorization": Secret(f"Bearer {opened.token}")}, opened.seconds)
