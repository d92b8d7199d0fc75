"""The files of submissions over HTTP: their bytes, and how they are taken out.

How a file gets in is receive.py; how a submission lists its files is data.py.
"""

from starlette.requests import Request
from starlette.responses import Response

from pipelines.demo.access import NOT_FOUND, RefusedError, asset_asked_for, asset_to_change, ground_of
from pipelines.demo.data import find_submission
from pipelines.demo.store import Attachment, Content, Store


async def attachment(request: Request) -> Response:
    """One file as it was uploaded; its smaller sizes, of an image, are the same here."""
    uid = request.path_params["attachment"]
    return _bytes(request, "uid = ?", uid)


async def attachments(request: Request) -> Response:
    """The file that answers the question `xpath`: there is no list."""
    xpath = request.query_params.get("xpath", "")
    if not xpath:
        raise RefusedError(400, "`xpath` query parameter is required")
    return _bytes(request, "question = ?", xpath)


async def take_out(request: Request) -> Response:
    """Take a file out: its name stays in the submission's list, marked as deleted."""
    asset_to_change(request)
    store = ground_of(request).store
    uid = request.path_params["attachment"]
    content = _content(store, store.first(Attachment, "present AND uid = ?", (uid,)))
    store.keep(Content(content.number, content.uid, content.bytes, deleted=True))
    return Response(status_code=204)


def _bytes(request: Request, where: str, value: str) -> Response:
    asset, user = asset_asked_for(request)
    submission = find_submission(request, asset, user)
    store = ground_of(request).store
    file = store.first(Attachment, f"present AND submission = ? AND {where}", (submission.id, value))
    content = _content(store, file)
    return Response(content.bytes, media_type=file.mimetype if file else None)


def _content(store: Store, file: Attachment | None) -> Content:
    content = store.first(Content, "uid = ? AND NOT deleted", (file.uid,)) if file else None
    if content is None:
        raise RefusedError(404, NOT_FOUND)
    return content
