"""A form on a stand-in Central server and our archive of it: what the tests of a sync have in their hands."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.archive.archive import open_archive
from pipelines.project.secret import Secret
from pipelines.sources.central import Central
from pipelines.sources.central_session import CentralSession
from pipelines.sources.central_sync import sync_central
from pipelines.sources.client import Client
from pipelines.sources.limits import Limits
from pipelines.sources.sync import Manner, SyncReport, Wish
from pipelines.store.duck import connect, read_rows
from tests.central.forms import Node, xform_of
from tests.central.server import Central as StandIn

NOW = datetime(2026, 11, 20)  # noqa: DTZ001 - the archive keeps UTC without zone
VISIT = (
    Node("start", "text"),
    Node(
        "site",
        "group",
        (Node("name", "text"), Node("families", "int"), Node("gps", "geopoint"), Node("photo", "binary")),
    ),
    Node("tap", "repeat", (Node("name", "text"), Node("fault", "repeat", (Node("of", "text"),)))),
)
AGAIN = Limits(first_wait=0.001, longest_wait=0.001)
"""Attempts that follow one another at once."""


@dataclass
class Camp:
    """A server with the form `visit`, and our archive of it in `folder`."""

    server: StandIn
    url: str
    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def archive(self) -> Path:
        return self.folder / "archive" / "visit.duckdb"

    @property
    def store(self) -> Path:
        return self.folder / "attachments"

    def publish(self, form: tuple[Node, ...] = VISIT, version: str = "1") -> None:
        self.server.store.publish("visit", xform_of(form, version))

    def send(self, answers: str, *, version: str = "1", files: dict[str, bytes] | None = None, at: str = "") -> str:
        """Send `answers` (XML); the submission's id."""
        xml = self.xml(answers, f"uuid:{next(self._numbers):08}", version)
        return self.server.store.send("visit", xml, files=files, at=at)

    def send_many(self, count: int) -> list[str]:
        return [
            self.send(f"<site><name>camp {number}</name><families>{number}</families></site>")
            for number in range(count)
        ]

    def edit(self, server_id: str, answers: str, *, version: str = "1") -> None:
        """Replace a submission's answers."""
        self.server.store.edit("visit", server_id, self.xml(answers, f"{server_id}-edit{next(self._numbers)}", version))

    def sync(self, *, full: bool = False, accept: bool = False, limits: Limits = AGAIN, url: str = "") -> SyncReport:
        """Sync; `server.asked` then lists what was asked for."""
        self.server.asked.clear()
        with open_archive(self.archive) as archive:
            return sync_central(
                archive,
                self.central(limits=limits, url=url),
                "central",
                "visit",
                wish=Wish(full=full, accept_deletions=accept),
                now=NOW,
                manner=Manner(attachments=self.store),
            )

    def central(self, *, limits: Limits = AGAIN, url: str = "", password: str = "viewer-password") -> Central:
        """Our side of the server, as a Project Viewer."""
        at = url or self.url
        session = CentralSession(at, Secret("viewer@example.org"), Secret(password), named="central")
        return Central(Client(at, session, named="central", limits=limits), 1)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with connect(self.archive, read_only=True) as con:
            return read_rows(con, sql)

    def current(self, columns: str = "root_id, raw_kind, form_version, validation_status") -> list[tuple[Any, ...]]:
        """What stands in the archive."""
        sql = f"SELECT {columns} FROM submission WHERE gone_run IS NULL ORDER BY root_id"
        return [tuple(row.values()) for row in self.rows(sql)]

    def asked(self, ending: str) -> list[str]:
        """What was asked for whose path ends so."""
        return [said for said in self.server.asked if said.partition("?")[0].endswith(ending)]

    @staticmethod
    def xml(answers: str, instance_id: str, version: str = "1") -> str:
        meta = f"<meta><instanceID>{instance_id}</instanceID></meta>"
        return f'<?xml version="1.0"?><data id="visit" version="{version}">{answers}{meta}</data>'


@contextmanager
def camp_in(folder: Path, **settings: Any) -> Iterator[Camp]:
    """A camp whose form is published, its server running."""
    server = StandIn(**settings)
    with server.serve() as url:
        camp = Camp(server, url, folder)
        camp.publish()
        yield camp
