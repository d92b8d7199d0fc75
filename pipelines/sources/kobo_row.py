"""One submission as a KoboToolbox server sends it, whole or as the light index shows it.

Which rows are asked for, and when, is kobo.py and sweep.py. The document itself is kept as it came.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipelines.archive.submission import AttachedFile, Standing, Submission, files_text
from pipelines.errors import ServerError
from pipelines.sources.parts import reader

INDEX_FIELDS = ("_id", "_uuid", "__version__", "_validation_status", "_attachments", "_date_modified")
"""What the light index is asked for. A validation status that is not asked for comes as `{}`; servers that know no
`_date_modified` leave it out.
"""

FILE_TYPES = frozenset({"image", "audio", "background-audio", "video", "file", "audit"})
"""The types of question whose answer names a file."""

NOTHING = (b"", b"{}", b"[]", b"null")

NamedFiles = Callable[[str], list[tuple[str, str]]]
"""What finds (question, file name) of each answer in a document that names a file."""


class Envelope(msgspec.Struct):
    """The keys of a submission that are the server's, as far as the archive has columns for them."""

    server_id: int = msgspec.field(name="_id")
    uuid: str | None = msgspec.field(name="_uuid", default=None)
    version: str | None = msgspec.field(name="__version__", default=None)
    root_uuid: str | None = msgspec.field(name="meta/rootUuid", default=None)
    submission_time: str | None = msgspec.field(name="_submission_time", default=None)
    submitted_by: str | None = msgspec.field(name="_submitted_by", default=None)
    modified: str | None = msgspec.field(name="_date_modified", default=None)
    status: msgspec.Raw = msgspec.field(name="_validation_status", default_factory=lambda: msgspec.Raw(b"{}"))
    attachments: msgspec.Raw = msgspec.field(name="_attachments", default_factory=lambda: msgspec.Raw(b"[]"))


READ = reader(Envelope)


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the light index says of one submission; `files` as `files_text` has them."""

    server_id: int
    instance_id: str
    form_version: str
    status: str
    modified: str
    files: str

    def shows(self, standing: Standing | None) -> bool:
        """Whether the submission stands on the server as we have it.

        One without `_uuid` could be edited without our seeing it, so it never does. That it was modified at another
        time is a hint where both sides know the time.
        """
        if standing is None or not self.instance_id:
            return False
        if self.modified and standing.modified and self.modified != standing.modified:
            return False
        now = (self.instance_id, self.form_version, self.status, self.files)
        return now == (standing.instance_id, standing.form_version, standing.status, standing.files)


def envelope(raw: msgspec.Raw) -> Envelope:
    """What the server says of the submission in `raw`; ServerError where it lacks what Kobo always sends."""
    try:
        return READ(raw)
    except msgspec.DecodeError as error:
        message = f"A submission came without what Kobo always sends ({error}); ask the server's administrator."
        raise ServerError(message) from error


def index_row(row: Envelope) -> IndexRow:
    """What the light index says in `row`."""
    files = files_text(_listed(row.attachments))
    return IndexRow(
        row.server_id, row.uuid or "", row.version or "", _status_text(row.status), row.modified or "", files
    )


def submission(raw: msgspec.Raw, row: Envelope, named_files: NamedFiles) -> Submission:
    """The submission in `raw`, of which `row` is the envelope: under the root id that the server gives it, else its
    first uuid that we see, else its number.
    """
    text = _text(raw)
    return Submission(
        root_id=(row.root_uuid or "").removeprefix("uuid:") or row.uuid or str(row.server_id),
        raw=text,
        raw_kind="kobo_json",
        instance_id=row.uuid or "",
        server_id=str(row.server_id),
        form_version=row.version or "",
        submitted_at=_sent_at(row.submission_time or ""),
        submitted_by=row.submitted_by or "",
        validation_status=_status_uid(row.status),
        files=_with_absent(_listed(row.attachments), named_files(text)),
    )


def files_named_by(contents: Iterable[str]) -> NamedFiles:
    """What finds the files that answers name, where `contents` are the form versions of an asset as sent."""
    questions = sorted({question for content in contents for question in _file_questions(content)})
    if not questions:
        return lambda _: []
    said = re.compile(f'"({"|".join(map(re.escape, questions))})":\\s*"((?:[^"\\\\]|\\\\.)+)"')
    return lambda raw: [(question, _unescaped(name)) for question, name in said.findall(raw)]


def utc(text: str) -> datetime:
    """The moment in `text` as UTC without zone; Kobo's times carry no zone and are UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # whose words repeat the text
        message = "The server gave something that is no time where one belongs; ask the server's administrator."
        raise ServerError(message) from None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)


def _sent_at(text: str) -> datetime | None:
    """When a submission arrived; a leap second is the one before it, and no time is none: the raw text stays."""
    try:
        return utc(re.sub(r":60(?=\D|$)", ":59", text) if ":60" in text else text)
    except ServerError:
        return None


def _text(raw: msgspec.Raw) -> str:
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise ServerError("A submission came with bytes that are no UTF-8; ask the server's administrator.") from error


def _status_text(status: msgspec.Raw) -> str:
    text = bytes(status)
    return "" if text in NOTHING else text.decode()


def _status_uid(status: msgspec.Raw) -> str:
    if bytes(status) in NOTHING:
        return ""
    said = _decoded(status)
    return str(said.get("uid") or "") if isinstance(said, dict) else ""


def _listed(attachments: msgspec.Raw) -> tuple[AttachedFile, ...]:
    """The files that the server lists; whatever is no list of objects lists none."""
    if bytes(attachments) in NOTHING:
        return ()
    said = _decoded(attachments)
    return tuple(_file(one) for one in said if isinstance(one, dict)) if isinstance(said, list) else ()


def _file(said: dict[str, Any]) -> AttachedFile:
    """One file; older servers number their files and know neither `uid` nor `media_file_basename`."""
    path = str(said.get("filename") or "")
    return AttachedFile(
        file_name=str(said.get("media_file_basename") or path.rpartition("/")[2]),
        uid=str(said.get("uid") or said.get("id") or said.get("download_url") or path),
        question=str(said.get("question_xpath") or ""),
        deleted=bool(said.get("is_deleted")),
    )


def _with_absent(listed: tuple[AttachedFile, ...], named: Sequence[tuple[str, str]]) -> tuple[AttachedFile, ...]:
    """`listed`, and what the answers name beyond it; a server writes some signs of a name in its own way."""
    if not named:
        return listed
    there = {_plain(file.file_name) for file in listed}
    absent = {(question, name) for question, name in named if _plain(name) not in there}
    return (*listed, *(AttachedFile(file_name=name, question=question) for question, name in sorted(absent)))


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "", name.replace(" ", "_"))


def _decoded(raw: msgspec.Raw) -> Any:
    """What `raw` holds; half a sign, which no text can hold, becomes a question mark."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        whole = json.dumps(json.loads(bytes(raw)), ensure_ascii=False)
        return json.loads(whole.encode("utf-8", "replace"))


def _unescaped(text: str) -> str:
    value: str = json.loads(f'"{text}"')
    return value.encode("utf-8", "replace").decode()


def _file_questions(content: str) -> list[str]:
    """The keys under which answers of this form version name files."""
    try:
        said = json.loads(content)
    except ValueError:
        return []
    survey = (said.get("content") or {}).get("survey") if isinstance(said, dict) else None
    rows = [row for row in survey or [] if isinstance(row, dict) and row.get("type") in FILE_TYPES]
    keys = [str(row.get("$xpath") or row.get("name") or "") for row in rows]
    return [f"meta/{key}" if key == "audit" else key for key in keys if key]
