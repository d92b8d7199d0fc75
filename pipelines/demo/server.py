"""The stand-in KoboToolbox server: its routes, how it is filled, how it is started.

It answers as a real server does (docs of each part: access.py, assets.py, data.py, attachments.py, changes.py,
openrosa.py). Not here: exports, hooks, imports and deployment over HTTP.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.demo import access, assets, attachments, changes, data, openrosa
from pipelines.demo.access import Ground, RefusedError, Sees, User, in_utc
from pipelines.demo.content import content_hash, content_of
from pipelines.demo.instance import shape_of, shape_text
from pipelines.demo.load import edit, load
from pipelines.demo.store import Asset, Store, Submission, Version
from pipelines.demo.uids import form_uuid, uid
from pipelines.errors import ConfigError
from pipelines.forms.form import Form

HOST = "127.0.0.1"
GONE = "The V1 API has been removed. Please read the migration article at https://support.kobotoolbox.org/migrating_api.html"


class StandIn:
    """A Kobo server of one's own: fill it with `deploy`, start it with `serve`; its file keeps all it was sent."""

    def __init__(
        self,
        path: Path,
        *,
        token: str = "demo-token",  # noqa: S107 - guards no secret, on loopback only
        user: str = "cccm_im",
        latency: float = 0.0,
    ) -> None:
        """`latency` is how many seconds every answer takes longer, as over a slow line."""
        self._ground = Ground(Store(path), owner=user)
        self._latency = latency
        self.admit(user, token, sees="all")

    def admit(self, user: str, token: str, *, sees: Sees = "own") -> None:
        """Let an account in, or narrow one that is in: it sees all submissions, its own, or no project.

        Its password, where one is asked for, is its token.
        """
        self._ground.users[token] = User(user, token, sees)

    @property
    def clock(self) -> datetime:
        """The server's time."""
        return self._ground.now()

    def set_clock(self, moment: datetime | None) -> None:
        """Stop the server's clock at `moment`, also for the next start; None lets the real one run."""
        self._ground.store.set_setting("clock", in_utc(moment).isoformat() if moment else "")

    def draft(self, asset_uid: str, form: Form, xform_xml: str = "") -> str:
        """Put `form` on the server, or on the asset that is there, without deploying it; its version uid."""
        return self._new_version(asset_uid, form, xform_xml, live=False)

    def deploy(self, asset_uid: str, form: Form, xform_xml: str) -> str:
        """Deploy `form` as the asset's newest version, or the draft of it that waits; its version uid."""
        return self._new_version(asset_uid, form, xform_xml, live=True)

    def load(self, asset_uid: str, version: str, many: Iterable[Mapping[str, Any]]) -> None:
        """Put many submissions of that form version on the server at once, each by its answers."""
        load(self._ground, asset_uid, version, many)

    def edit(self, asset_uid: str, submissions: Sequence[int], path: str, text: str) -> None:
        """Answer the question `path` of these submissions anew."""
        edit(self._ground, asset_uid, submissions, path, text)

    def delete(self, submissions: Sequence[int]) -> None:
        """Delete these submissions; nothing is left of them."""
        self._ground.store.forget(submissions)

    def deployed_versions(self, asset_uid: str) -> tuple[str, ...]:
        """The uids of the asset's deployed versions, the oldest first."""
        where = "deployed <> '' AND asset = (SELECT number FROM asset WHERE uid = ?) ORDER BY ordinal"
        return tuple(version.uid for version in self._ground.store.find(Version, where, (asset_uid,)))

    def count(self, asset_uid: str) -> int:
        """How many submissions the asset has now."""
        where = "asset = (SELECT number FROM asset WHERE uid = ?)"
        return self._ground.store.count(Submission, where, (asset_uid,))

    def close(self) -> None:
        """Close the file."""
        self._ground.store.close()

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve on 127.0.0.1 while the block runs; yields the server's address. Port 0 takes any free one."""
        with _socket(port) as listening:
            server = _uvicorn(self.app())
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            while not server.started:
                if not thread.is_alive():
                    raise ConfigError(f"The stand-in server on {HOST} did not start; see its messages above.")
                time.sleep(0.005)
            try:
                yield _address(listening)
            finally:
                server.should_exit = True
                thread.join()

    def run(self, port: int) -> None:
        """Serve on 127.0.0.1 until interrupted."""
        with _socket(port) as listening:
            _uvicorn(self.app()).run(sockets=[listening])

    def app(self) -> Starlette:
        """The server as a web application."""
        app = Starlette(routes=_routes(), exception_handlers={RefusedError: _refused, HTTPException: _not_routed})
        app.router.redirect_slashes = False
        app.state.ground = self._ground
        if self._latency:
            app.add_middleware(_SlowLine, seconds=self._latency)
        return app

    def _new_version(self, asset_uid: str, form: Form, xform_xml: str, *, live: bool) -> str:
        store, now = self._ground.store, _moment(self.clock)
        with store.transaction():
            known = store.first(Asset, "uid = ?", (asset_uid,))
            asset = known or Asset(0, asset_uid, "", form_uuid(asset_uid), now, now, "")
            number = store.keep(replace(asset, name=form.title or form.tool, modified=now))
            version = _next_version(store, number, asset_uid, form, live=live)
            stamped = replace(version, xform=xform_xml, modified=now, deployed=now if live else "")
            store.keep(stamped)
        self._ground.shapes.pop(number, None)
        return version.uid


class _SlowLine:
    """Every answer, some seconds later; others are served meanwhile."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self._seconds)
        await self._app(scope, receive, send)


def run(path: Path, port: int) -> None:
    """Serve the file at `path` on 127.0.0.1 until interrupted."""
    stand_in = StandIn(path)
    try:
        stand_in.run(port)
    finally:
        stand_in.close()


def _next_version(store: Store, asset: int, asset_uid: str, form: Form, *, live: bool) -> Version:
    """The version that `form` becomes: the draft at the head where that is the same form, else a new one."""
    before = store.find(Version, "asset = ? ORDER BY ordinal DESC", (asset,))
    digest = content_hash(content_of(form))
    if live and before and not before[0].deployed and before[0].content_hash == digest:
        head = before[0]
    else:
        version_uid = uid("v", asset_uid, str(len(before)), digest)
        content = json.dumps(content_of(form, version_uid), ensure_ascii=False)
        head = Version(0, asset, version_uid, "", content, digest, shape_text(shape_of(form)), "", "", "")
    deployed = sum(bool(version.deployed) for version in before)
    return replace(head, number=str(deployed + 1) if live else f"{deployed}.1")


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@contextmanager
def _socket(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"Port {port} of {HOST} is taken; choose another one with --port.") from error
        yield listening


def _address(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


def _uvicorn(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", ws="none"))


async def _refused(_: Request, error: Exception) -> Response:
    return cast("RefusedError", error).answer


async def _not_routed(request: Request, error: Exception) -> Response:
    path = request.url.path
    if isinstance(error, HTTPException) and error.status_code == 405:
        headers = dict(error.headers or {})
        return JSONResponse({"detail": f'Method "{request.method}" not allowed.'}, 405, headers=headers)
    if path.startswith("/api/v2/") and not path.endswith("/"):
        query = f"?{request.url.query}" if request.url.query else ""
        return PlainTextResponse("", 301, headers={"Location": f"{path}/{query}"}, media_type="text/html")
    return PlainTextResponse("Resource not found (404)", 404, media_type="text/html")


async def _gone(_: Request) -> Response:
    return JSONResponse({"detail": GONE}, 410)


def _routes() -> list[Route]:
    asset = "/api/v2/assets/{asset}"
    routes = [
        Route("/me/", access.me),
        Route("/token/", access.token),
        Route("/demo/clock", access.clock, methods=["GET", "PUT"]),
        Route("/api/v2/assets/", assets.asset_list),
        Route("/api/v2/assets.json", assets.asset_list),
        Route(f"{asset}/", assets.asset_detail),
        Route(f"{asset}.json", assets.asset_detail),
        Route(f"{asset}/versions/", assets.version_list),
        Route(f"{asset}/versions/{{version}}/", assets.version_detail),
        Route(f"{asset}/data/", data.data_list),
        Route(f"{asset}/data.json", data.data_list),
        Route(f"{asset}/data/bulk/", changes.edit_many, methods=["PATCH"]),
        Route(f"{asset}/data/bulk/", changes.delete_many, methods=["DELETE"]),
        Route(f"{asset}/data/validation_statuses/", changes.validation_statuses, methods=["PATCH", "DELETE"]),
        Route(f"{asset}/attachments/{{attachment}}/", attachments.take_out, methods=["DELETE"]),
        Route(f"{asset}/data/{{submission}}/attachments/", attachments.attachments),
        Route(f"{asset}/data/{{submission}}/attachments/{{attachment}}/", attachments.attachment),
        Route(f"{asset}/data/{{submission}}/attachments/{{attachment}}/{{size}}/", attachments.attachment),
        Route(f"{asset}/data/{{submission}}/", data.data_detail),
        Route(f"{asset}/data/{{submission}}/", changes.delete_one, methods=["DELETE"]),
        Route(
            f"{asset}/data/{{submission}}/validation_status/",
            changes.validation_status,
            methods=["GET", "PATCH", "DELETE"],
        ),
    ]
    gone = [
        Route(path, _gone)
        for path in ("/api/v1/{rest:path}", "/assets/", "/assets/{rest:path}", "/exports/", "/imports/")
    ]
    return [*routes, *gone, *_phone_routes(""), *_phone_routes("/{user}")]


def _phone_routes(door: str) -> list[Route]:
    return [
        Route(f"{door}/formList", openrosa.form_list),
        Route(f"{door}/forms/{{number:int}}/form.xml", openrosa.form_xml),
        Route(f"{door}/xformsManifest/{{number:int}}", openrosa.manifest),
        Route(f"{door}/submission", openrosa.submit, methods=["POST"]),
        Route(f"{door}/submission", openrosa.announce, methods=["HEAD"]),
    ]
