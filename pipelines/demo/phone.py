"""A phone that fills a form and sends it: the XML that KoboCollect would write, and the way it travels.

What is answered is answers.py. Only the standard library speaks HTTP here: urllib3 belongs to sources.
"""

import mimetypes
import uuid
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from pipelines.demo.uids import form_uuid
from pipelines.errors import AuthError, SchemaError, TransientError
from pipelines.forms.form import Form

Answers = Mapping[str, Any]
"""Path of a question -> text; path of a repeat -> a list of such mappings."""


def submission_xml(
    form: Form,
    asset_uid: str,
    version_uid: str,
    answers: Answers,
    *,
    instance_id: str,
    deprecated_id: str = "",
    root_id: str = "",
) -> bytes:
    """The OpenRosa XML of one filled form; an edit names the instance that it replaces and, if known, the first one.

    The identifiers are bare uuids. Questions without an answer are sent as empty nodes.
    """
    tree = Element(asset_uid, {"id": asset_uid, "version": version_uid})
    SubElement(SubElement(tree, "formhub"), "uuid").text = form_uuid(asset_uid)
    _fill(tree, form, answers, ())
    SubElement(tree, "__version__").text = version_uid
    meta = tree.find("meta")
    meta = SubElement(tree, "meta") if meta is None else meta
    for name, identifier in (("instanceID", instance_id), ("deprecatedID", deprecated_id), ("rootUuid", root_id)):
        if identifier:
            SubElement(meta, name).text = f"uuid:{identifier}"
    text = tostring(tree, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


class Phone:
    """A connection to one server that stays open, as `with Phone(url, token) as phone: phone.send(xml)`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def send(self, xml: bytes, files: Mapping[str, bytes] | None = None) -> int:
        """Send one submission and its files; the HTTP status, of which 201 and 202 mean that the server has it."""
        content_type, body = multipart(xml, files)
        headers = {"Content-Type": content_type, "X-OpenRosa-Version": "1.0", "Authorization": f"Token {self._token}"}
        try:
            self._connection.request("POST", "/submission", body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise TransientError(
                f"{self._url} took no submission ({error}); see that it runs, and send again."
            ) from error
        if answer.status == 401:
            raise AuthError(f"{self._url} refused the phone's token; start the phone with the token of that server.")
        return answer.status


def send(url: str, token: str, xml: bytes, files: Mapping[str, bytes] | None = None) -> int:
    """Send one submission over a connection of its own; the HTTP status."""
    with Phone(url, token) as phone:
        return phone.send(xml, files)


def multipart(xml: bytes, files: Mapping[str, bytes] | None = None) -> tuple[str, bytes]:
    """Content type and body of the request that carries a submission and its files."""
    boundary = uuid.uuid4().hex
    pieces = [_part(boundary, "xml_submission_file", "submission.xml", xml)]
    pieces += [_part(boundary, name, name, content) for name, content in (files or {}).items()]
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces) + f"--{boundary}--\r\n".encode()


def _part(boundary: str, name: str, file_name: str, content: bytes) -> bytes:
    kind = mimetypes.guess_type(file_name)[0] or "application/octet-stream"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n"


def _fill(node: Element, form: Form, answers: Answers, around: tuple[str, ...]) -> None:
    """Write what stands directly in `around` (the repeats that `node` is an instance of), in the form's order."""
    below = around[-1] if around else ""
    groups: dict[str, Element] = {below: node}
    unused = set(answers)
    for question in form.questions:
        inner = question.repeats[: len(around) + 1]
        if inner == around:
            unused.discard(question.path)
            _place(groups, question.path).text = _text(answers.get(question.path))
        elif inner[:-1] == around and inner[-1] in unused:
            unused.discard(inner[-1])
            for instance in answers[inner[-1]]:
                _fill(_place(groups, inner[-1]), form, instance, inner)
    if unused:
        raise SchemaError(
            f"{form.tool} {form.version} has no question '{min(unused)}'{f' in {below}' if below else ''}; "
            "answer only what this version asks."
        )


def _place(groups: dict[str, Element], path: str) -> Element:
    """A new node at `path`, in its group, which is made where it is missing."""
    parent, _, name = path.rpartition("/")
    if parent not in groups:
        groups[parent] = _place(groups, parent)
    return SubElement(groups[parent], name)


def _text(answer: Any) -> str | None:
    return None if answer is None else str(answer)
