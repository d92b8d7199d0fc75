"""The door for phones: list of forms, form XML, manifest, submissions. Its XML is word for word a Kobo server's.

What becomes of a submission is receive.py; what a submission looks like is instance.py.
"""

import json
from collections.abc import Mapping
from hashlib import md5
from typing import Any
from xml.dom.minidom import Document, Element
from xml.sax.saxutils import escape, quoteattr

from defusedxml.minidom import parseString
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipelines.demo.access import RefusedError, User, base_url, ground_of, known_user
from pipelines.demo.instance import Instance, UnreadableXmlError, instance_of, read_instance, tree_of
from pipelines.demo.receive import Receipt, Upload, Verdict, receive
from pipelines.demo.store import Asset, Version

HEADERS = {"X-OpenRosa-Version": "1.0", "X-OpenRosa-Accept-Content-Length": "10000000"}
XML_FILE = "xml_submission_file"


async def form_list(request: Request) -> Response:
    """The deployed forms."""
    _known_phone(request)
    store, base = ground_of(request).store, _door(request)
    forms = []
    for asset in store.find(Asset, "true ORDER BY number"):
        version = _deployed(request, asset)
        if version is not None:
            forms.append(_listed(asset, version, base))
    return _xml(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<xforms xmlns="http://openrosa.org/xforms/xformsList">{"".join(forms)}</xforms>'
    )


async def form_xml(request: Request) -> Response:
    """The XForm of a deployed form, with the nodes that the server adds: `formhub/uuid` and `__version__`."""
    _known_phone(request)
    asset = _numbered(request)
    version = _deployed(request, asset) if asset else None
    if asset is None or version is None:
        raise RefusedError(404, "Resource not found (404)", "text/html")
    return _xml(_dressed(asset, version))


async def manifest(request: Request) -> Response:
    """The media files of a form: none."""
    _known_phone(request)
    return _xml(
        '<?xml version="1.0" encoding="utf-8"?>\n<manifest xmlns="http://openrosa.org/xforms/xformsManifest"></manifest>'
    )


async def announce(request: Request) -> Response:
    """What a phone asks before it sends: yes, here."""
    _known_phone(request)
    return Response(status_code=204, headers={**HEADERS, "Location": str(request.url)})


async def submit(request: Request) -> Response:
    """Take in one submission, as multipart XML with its files or as JSON."""
    user = _known_phone(request)
    if request.headers.get("content-type", "").startswith("application/json"):
        return await _submit_json(request, user)
    async with request.form() as form:
        xml_file = form.get(XML_FILE)
        if not isinstance(xml_file, UploadFile):
            return _refusal(400, "No XML submission file.")
        files = {
            part.filename: Upload(part.content_type or "application/octet-stream", await part.read())
            for name, part in form.multi_items()
            if isinstance(part, UploadFile) and part.filename and name != XML_FILE
        }
        xml = await xml_file.read()
    try:
        instance = read_instance(xml)
    except UnreadableXmlError:
        return _refusal(400, "Improperly formatted XML.")
    receipt = receive(ground_of(request), user, instance, files)
    if receipt.verdict is not Verdict.TAKEN:
        return _refusal(*receipt.verdict.value)
    return _xml(_taken(receipt, instance), 201, {"Location": str(request.url)})


async def _submit_json(request: Request, user: User) -> Response:
    try:
        body = json.loads(await request.body())
        form_id, content = body["id"], body["submission"]
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "Incorrect format. Provide the form id and submission content"}, 400)
    if not isinstance(content, Mapping):
        return JSONResponse({"error": "Received empty submission. No instance was created"}, 400)
    instance = instance_of(tree_of(str(form_id), content))
    receipt = receive(ground_of(request), user, instance)
    status, words = receipt.verdict.value
    if receipt.verdict is not Verdict.TAKEN:
        return JSONResponse({"error": words}, status, headers=HEADERS)
    quoted = _quoted(receipt, instance)
    body = {
        "message": words,
        "formid": quoted["id"],
        "encrypted": False,
        "instanceID": quoted["instanceID"],
        "submissionDate": quoted["submissionDate"],
        "markedAsCompleteDate": quoted["markedAsCompleteDate"],
    }
    return JSONResponse(body, status, headers={**HEADERS, "Location": str(request.url)})


def _known_phone(request: Request) -> User:
    try:
        return known_user(request)
    except RefusedError as error:
        text = f'<?xml version="1.0" encoding="utf-8"?>\n<root><detail>{escape(str(error.detail))}</detail></root>'
        error.answer = _xml(text, 401, {"WWW-Authenticate": 'Basic realm="cccm"'})
        raise


def _quoted(receipt: Receipt, instance: Instance) -> dict[str, str]:
    submission = receipt.submission
    return {
        "id": receipt.asset.uid if receipt.asset else "",
        "instanceID": f"uuid:{instance.uuid}",
        "submissionDate": submission.received if submission else "",
        "markedAsCompleteDate": submission.written if submission else "",
    }


def _taken(receipt: Receipt, instance: Instance) -> str:
    quoted = {name: quoteattr(value) for name, value in _quoted(receipt, instance).items()}
    return (
        '<OpenRosaResponse xmlns="http://openrosa.org/http/response">\n'
        f"    <message>{Verdict.TAKEN.value[1]}</message>\n"
        f'    <submissionMetadata xmlns="http://www.opendatakit.org/xforms" id={quoted["id"]}  '
        f'instanceID={quoted["instanceID"]} submissionDate={quoted["submissionDate"]} isComplete="true" '
        f"markedAsCompleteDate={quoted['markedAsCompleteDate']}/>\n"
        "</OpenRosaResponse>\n"
    )


def _refusal(status: int, words: str) -> Response:
    return _xml(
        "<?xml version='1.0' encoding='UTF-8' ?>\n"
        '<OpenRosaResponse xmlns="http://openrosa.org/http/response">\n'
        f'        <message nature="">{escape(words)}</message>\n'
        "</OpenRosaResponse>",
        status,
    )


def _xml(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text, status, {**HEADERS, **(headers or {})}, "text/xml")


def _door(request: Request) -> str:
    user = request.path_params.get("user")
    return f"{base_url(request)}/{user}" if user else base_url(request)


def _numbered(request: Request) -> Asset | None:
    return ground_of(request).store.first(Asset, "number = ?", (request.path_params["number"],))


def _deployed(request: Request, asset: Asset) -> Version | None:
    where = "asset = ? AND deployed <> '' ORDER BY ordinal DESC"
    return ground_of(request).store.first(Version, where, (asset.number,))


def _listed(asset: Asset, version: Version, base: str) -> str:
    text = escape(_version_text(version))
    name = escape(asset.name)
    digest = md5(version.xform.encode(), usedforsecurity=False).hexdigest()
    return (
        f"<xform><formID>{escape(asset.uid)}</formID><name>{name}</name><majorMinorVersion>{text}</majorMinorVersion>"
        f"<version>{text}</version><hash>md5:{digest}</hash><descriptionText>{name}</descriptionText>"
        f"<downloadUrl>{base}/forms/{asset.number}/form.xml</downloadUrl>"
        f"<manifestUrl>{base}/xformsManifest/{asset.number}</manifestUrl></xform>"
    )


def _version_text(version: Version) -> str:
    return f"{version.number} ({version.deployed[:19].replace('T', ' ')})"


def _dressed(asset: Asset, version: Version) -> str:
    document: Document = parseString(version.xform)
    model = document.getElementsByTagName("model")[0]
    root = next(node for node in model.getElementsByTagName("instance")[0].childNodes if isinstance(node, Element))
    root.setAttribute("id", asset.uid)
    root.setAttribute("version", _version_text(version))
    formhub = document.createElement("formhub")
    formhub.appendChild(document.createElement("uuid"))
    root.insertBefore(formhub, root.firstChild)
    root.appendChild(document.createElement("__version__"))
    for path, value in (("__version__", version.uid), ("formhub/uuid", asset.form_uuid)):
        bind = document.createElement("bind")
        bind.setAttribute("nodeset", f"/{root.tagName}/{path}")
        bind.setAttribute("type", "string")
        bind.setAttribute("calculate", f"'{value}'")
        model.appendChild(bind)
    text: Any = document.documentElement
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text.toxml()}'
