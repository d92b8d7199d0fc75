"""The stand-in ODK Central server on 127.0.0.1: what a sync may ask, answered as v2026.2 does.

What it keeps is store.py, and tests make things happen there. Its answers are held against recorded ones in
test_stand_in_central.py. Not here: OpenRosa, audits, draft forms, decrypting, GeoJSON.
"""

import csv
import io
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.central.odata import ProblemError, paged, selected, tag_of
from tests.central.store import Actor, Def, Form, Store, Submission, Version, text_of
from tests.central.tables import Pace, Rows, Tables, zipped

PROJECT = 1
UNKNOWN = (404, 404.1, "Could not find the resource you were looking for.")
EXCEL = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xls": "application/vnd.ms-excel",
}
UNLET = (401, 401.2, "Could not authenticate with the provided credentials.")
FORBIDDEN = (403, 403.1, "The authentication you provided does not have rights to perform that action.")


class Central:
    """A Central server of one's own: fill its `store`, start it with `serve`; `asked` lists what it was asked."""

    def __init__(self, *, tags: bool = True, rows_a_second: float = 0) -> None:
        self.store = Store()
        self.asked: list[str] = []
        self.default_top: int | None = None
        self.tags = tags
        self._pace = Pace(rows_a_second)
        self._known: dict[tuple[str, int, bool], dict[str, Rows]] = {}
        self.before: Callable[[Request], None] = lambda _: None
        self.session_lasts = timedelta(days=1)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on a free port while the block runs; yields the server's address."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(self.app(), log_level="warning", access_log=False, lifespan="off", ws="none")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.005)
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True
                thread.join()

    def app(self) -> Starlette:
        """The server as a web application."""
        project = f"/v1/projects/{PROJECT}"
        form = f"{project}/forms/{{form}}"
        one = f"{form}/submissions/{{submission}}"
        routes = [
            Route("/v1/sessions", self._open_session, methods=["POST"]),
            Route("/v1/audits", self._door(self._audits)),
            Route(f"{form}.svc/Submissions", self._door(self._odata)),
            Route(f"{form}/versions", self._door(self._versions)),
            Route(f"{form}/versions/{{version}}.xml", self._door(self._version_xml)),
            Route(f"{form}/versions/{{version}}.{{kind}}", self._door(self._workbook)),
            Route(f"{form}/submissions", self._door(self._list)),
            Route(f"{form}/submissions.csv.zip", self._door(self._tables)),
            Route(f"{form}/submissions/submitters", self._door(self._submitters)),
            Route(f"{one}/versions", self._door(self._defs)),
            Route(f"{one}/attachments", self._door(self._files)),
            Route(f"{one}/attachments/{{name}}", self._door(self._file)),
            Route(f"{one}.xml", self._door(self._xml)),
            Route(one, self._door(self._one)),
            Route(form, self._door(self._form)),
            Route(f"{project}/datasets/{{name}}/entities.csv", self._door(self._entities)),
            Route(f"{project}/datasets/{{name}}.svc/Entities", self._door(self._entity_count)),
            Route("/{rest:path}", self._door(self._unknown)),
        ]
        return Starlette(routes=routes)

    def _door(self, answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """`answer` for those who have a session."""

        def guarded(request: Request) -> Response:
            self.asked.append(f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path)
            self.before(request)
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if given not in self.store.sessions:
                return _problem(ProblemError(*UNLET))
            try:
                with self.store.lock:
                    return answer(request)
            except ProblemError as error:
                return _problem(error)

        return guarded

    async def _open_session(self, request: Request) -> Response:
        said = json.loads(await request.body() or b"{}")
        password, _ = self.store.users.get(said.get("email", ""), ("", ""))
        if not password or said.get("password") != password:
            return _problem(ProblemError(*UNLET))
        token, now = secrets.token_urlsafe(48), self.store.now()
        self.store.sessions[token] = said["email"]
        expires = text_of(datetime.fromisoformat(now) + self.session_lasts)
        return JSONResponse({"token": token, "csrf": secrets.token_urlsafe(48), "expiresAt": expires, "createdAt": now})

    def _unknown(self, _: Request) -> Response:
        raise ProblemError(*UNKNOWN)

    def _audits(self, _: Request) -> Response:
        raise ProblemError(*FORBIDDEN)

    def _form(self, request: Request) -> Response:
        form = self._of(request)
        return JSONResponse(_form_json(form, form.versions[-1]))

    def _versions(self, request: Request) -> Response:
        form = self._of(request)
        return JSONResponse([_form_json(form, version) for version in reversed(form.versions)])

    def _version_xml(self, request: Request) -> Response:
        wanted = request.path_params["version"].replace("___", "")
        for version in self._of(request).versions:
            if version.version == wanted:
                return Response(version.xml, media_type="application/xml")
        raise ProblemError(*UNKNOWN)

    def _workbook(self, request: Request) -> Response:
        """The workbook that a version was uploaded as; unknown under the end of another kind."""
        wanted, kind = request.path_params["version"].replace("___", ""), request.path_params["kind"]
        for version in self._of(request).versions:
            if version.version == wanted and version.workbook and kind == version.kind:
                return Response(version.workbook, media_type=EXCEL[kind])
        raise ProblemError(*UNKNOWN)

    def _list(self, request: Request) -> Response:
        found = selected(self._of(request), deleted=request.query_params.get("deleted") == "true")
        return self._tagged(request, found, lambda: JSONResponse([_listed(one) for one in found]))

    def _odata(self, request: Request) -> Response:
        form, asked = self._of(request), request.query_params
        found = selected(form, asked.get("$filter", ""))
        top = asked.get("$top", str(self.default_top) if self.default_top else None)
        page, token = paged(found, top, asked.get("$skiptoken"))
        base = f"{request.url.scheme}://{request.url.netloc}/v1/projects/{PROJECT}/forms/{form.id}.svc"
        body: dict[str, Any] = {
            "value": [_odata_row(one) for one in page],
            "@odata.context": f"{base}/$metadata#Submissions",
        }
        if token:
            rest = "&".join(f"{quote(name)}={quote(value)}" for name, value in asked.items() if name != "$skiptoken")
            body["@odata.nextLink"] = f"{base}/Submissions?{rest}&%24skiptoken={quote(token, safe='')}"
        if asked.get("$count") == "true":
            body["@odata.count"] = len(found)
        return self._tagged(request, found, lambda: JSONResponse(body))

    def _tables(self, request: Request) -> Response:
        form, asked = self._of(request), request.query_params
        found = selected(form, asked.get("$filter", ""))
        fields = form.all_fields() if asked.get("deletedFields") == "true" else form.versions[-1].fields
        known = self._known.setdefault((form.id, len(form.versions), asked.get("deletedFields") == "true"), {})
        pieces = zipped(Tables(form.id, fields, known), found, self._pace)
        return self._tagged(request, found, lambda: StreamingResponse(pieces, media_type="application/zip"))

    def _submitters(self, request: Request) -> Response:
        actors = {one.submitter.id: one.submitter for one in self._of(request).submissions.values()}
        return JSONResponse([_actor(actor) for actor in actors.values()])

    def _one(self, request: Request) -> Response:
        return JSONResponse(_listed(self._submission(request)))

    def _xml(self, request: Request) -> Response:
        return Response(self._submission(request).current.xml, media_type="application/xml")

    def _defs(self, request: Request) -> Response:
        defs = self._submission(request).defs
        return JSONResponse([{**_def(one, one is defs[-1]), "formVersion": one.version} for one in reversed(defs)])

    def _files(self, request: Request) -> Response:
        files = self._submission(request).files
        return JSONResponse([{"name": name, "exists": files[name] is not None} for name in sorted(files)])

    def _file(self, request: Request) -> Response:
        content = self._submission(request).files.get(request.path_params["name"])
        if content is None:
            raise ProblemError(*UNKNOWN)
        return Response(content, media_type="image/png")

    def _entities(self, request: Request) -> Response:
        text = self.store.datasets.get(request.path_params["name"])
        if text is None:
            raise ProblemError(*UNKNOWN)
        tag = f'"{hash(text)}"'
        if self.tags and request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        return PlainTextResponse(text, headers={"ETag": tag} if self.tags else {}, media_type="text/csv")

    def _entity_count(self, request: Request) -> Response:
        text = self.store.datasets.get(request.path_params["name"])
        if text is None:
            raise ProblemError(*UNKNOWN)
        context = f"{request.url.scheme}://{request.url.netloc}{request.url.path.rpartition('/')[0]}/$metadata#Entities"
        count = sum(1 for _ in csv.reader(io.StringIO(text))) - 1
        return JSONResponse({"value": [], "@odata.context": context, "@odata.count": count})

    def _tagged(self, request: Request, found: list[Submission], answer: Callable[[], Response]) -> Response:
        if not self.tags:
            return answer()
        tag = tag_of(found)
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        response = answer()
        response.headers["ETag"] = tag
        return response

    def _of(self, request: Request) -> Form:
        form = self.store.forms.get(request.path_params["form"])
        if form is None:
            raise ProblemError(*UNKNOWN)
        return form

    def _submission(self, request: Request) -> Submission:
        one = self._of(request).submissions.get(request.path_params["submission"])
        if one is None or one.deleted_at:
            raise ProblemError(*UNKNOWN)
        return one


def _problem(error: ProblemError) -> Response:
    return JSONResponse({"message": error.message, "code": error.code}, error.status)


def _form_json(form: Form, version: Version) -> dict[str, Any]:
    return {
        "projectId": PROJECT,
        "xmlFormId": form.id,
        "state": "open",
        "enketoId": None,
        "enketoOnceId": None,
        "createdAt": form.created_at,
        "updatedAt": form.versions[-1].published_at,
        "webformsEnabled": True,
        "keyId": form.key_id,
        "version": version.version,
        "hash": version.hash,
        "sha": version.sha,
        "sha256": version.sha256,
        "draftToken": None,
        "publishedAt": version.published_at,
        "name": form.title,
    }


def _actor(actor: Actor) -> dict[str, Any]:
    created = "2026-11-22T02:30:43.103Z"
    names = {"id": actor.id, "type": actor.kind, "displayName": actor.name}
    return {**names, "createdAt": created, "updatedAt": None, "deletedAt": None}


def _def(one: Def, current: bool) -> dict[str, Any]:
    return {
        "submitterId": one.by.id,
        "createdAt": one.created_at,
        "instanceName": None,
        "instanceId": one.instance_id,
        "current": current,
        "deviceId": one.device,
        "userAgent": "org.odk.collect.android/v2026.1.0 Dalvik/2.1.0",
    }


def _listed(one: Submission) -> dict[str, Any]:
    return {
        "instanceId": one.id,
        "submitterId": one.submitter.id,
        "deviceId": one.device,
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
        "reviewState": one.review_state,
        "userAgent": "org.odk.collect.android/v2026.1.0 Dalvik/2.1.0",
        "deletedAt": one.deleted_at,
        "currentVersion": _def(one.current, True),
    }


def _odata_row(one: Submission) -> dict[str, Any]:
    """A row of `$select=__id,__system`: the stand-in gives no content here, for a sync must take none."""
    system = {
        "submissionDate": one.created_at,
        "updatedAt": one.updated_at,
        "submitterId": str(one.submitter.id),
        "submitterName": one.submitter.name,
        "attachmentsPresent": one.present,
        "attachmentsExpected": len(one.files),
        "status": one.status,
        "reviewState": one.review_state,
        "deviceId": one.device,
        "edits": one.edits,
        "formVersion": one.defs[0].version,
        "deletedAt": one.deleted_at,
    }
    return {"__id": one.id, "__system": system}
