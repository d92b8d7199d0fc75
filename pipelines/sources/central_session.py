"""Being let in by an ODK Central server: a session, opened with an e-mail address and a password.

It lasts a day. The client opens one for its first request and another when the server has forgotten it (401).
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from pipelines.errors import AuthError, ServerError
from pipelines.project.secret import Secret
from pipelines.sources.client import Client


class _Opened(msgspec.Struct):
    token: str


class CentralSession:
    """Opens sessions on one server; calling it gives the headers of a new one, as Client takes its credentials."""

    def __init__(self, url: str, email: Secret, password: Secret, *, named: str, ca_file: Path | None = None) -> None:
        self._email, self._password, self._named = email, password, named
        self._door = Client(url, dict, named=named, ca_file=ca_file)

    @property
    def requests(self) -> int:
        """How many requests it took to be let in."""
        return self._door.requests

    def __call__(self) -> Mapping[str, Secret]:
        """The headers of a new session; AuthError where e-mail and password do not fit."""
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
        return {"Authorization": Secret(f"Bearer {opened.token}")}
