"""What an ODK Central server answers: its forms, its two indexes, its submissions one by one and by the thousand.

Content comes from the XML of a submission or from the CSV tables, never from OData, which turns 12.7 into 12 and knows
only the questions of the latest version. What is done with the answers is central_sync.py; what the tables hold is
central_export.py. A Project Viewer may ask all of this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from pipelines.archive.attachments import Wanted
from pipelines.errors import ServerError
from pipelines.sources.client import Client, Downloaded, NotThere

Shape = TypeVar("Shape")

NO_VERSION = "___"
"""How Central writes the version of a form that has none, in a path."""

STATUS_OF_REVIEW = {"hasIssues": "has_issues"}
"""Review state -> status as the archive keeps it; the others are plain words as they are."""

WALKS = 3
"""How often a walk is begun anew that ended before all was read."""


class _Form(msgspec.Struct):
    version: str | None = None
    hash: str = ""
    key_id: int | None = msgspec.field(name="keyId", default=None)


class _Current(msgspec.Struct):
    instance_id: str = msgspec.field(name="instanceId")


class _Row(msgspec.Struct):
    instance_id: str = msgspec.field(name="instanceId")
    created_at: str = msgspec.field(name="createdAt")
    submitter_id: int | None = msgspec.field(name="submitterId", default=None)
    review_state: str | None = msgspec.field(name="reviewState", default=None)
    current: _Current | None = msgspec.field(name="currentVersion", default=None)


class _System(msgspec.Struct):
    files_expected: int = msgspec.field(name="attachmentsExpected", default=0)
    files_present: int = msgspec.field(name="attachmentsPresent", default=0)
    deleted_at: str | None = msgspec.field(name="deletedAt", default=None)


class _Listed(msgspec.Struct):
    server_id: str = msgspec.field(name="__id")
    system: _System = msgspec.field(name="__system")


class _Page(msgspec.Struct):
    value: list[_Listed]
    count: int = msgspec.field(name="@odata.count")
    next_link: str = msgspec.field(name="@odata.nextLink", default="")


class _Named(msgspec.Struct):
    id: int
    display_name: str = msgspec.field(name="displayName", default="")


class _File(msgspec.Struct):
    name: str
    exists: bool


@dataclass(frozen=True, slots=True)
class FormState:
    """What a server says of a form now; `server_time` is its clock when it said so (UTC without zone)."""

    version: str
    hash: str
    encrypted: bool
    server_time: datetime


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the full index says of a submission; `sent_at` is the server's own text, for its filters."""

    server_id: str
    instance_id: str
    status: str
    sent_at: str
    submitter: int | None


@dataclass(frozen=True, slots=True)
class Index:
    """The full index of a form: every submission that is not deleted; `etag` changes when any of them does."""

    rows: tuple[IndexRow, ...]
    etag: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the second index (OData) says of a submission."""

    files_expected: int
    files_present: int
    deleted: bool


class Central:
    """One project of an ODK Central server."""

    def __init__(self, client: Client, project: int) -> None:
        self.client = client
        self._project = f"/v1/projects/{project}"

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return self.client.requests

    def form(self, form: str) -> FormState:
        """What the server says of `form`."""
        answer = self.client.ask(self._form(form))
        said = _decoded(answer.body, _Form, f"Form {form}")
        if answer.date is None:
            raise ServerError("The server sends no Date with its answers; have its web server mended (nginx does).")
        return FormState(said.version or "", said.hash, said.key_id is not None, answer.date)

    def versions(self, form: str) -> tuple[str, ...]:
        """The versions of `form` that were ever published, the oldest first."""
        body = self.client.get_bytes(f"{self._form(form)}/versions")
        return tuple(said.version or "" for said in reversed(_decoded(body, list[_Form], f"The versions of {form}")))

    def version_xml(self, form: str, version: str) -> str:
        """The XForm of one version, as sent."""
        path = f"{self._form(form)}/versions/{quote(version or NO_VERSION, safe='')}.xml"
        return _text(self.client.get_text(path, accept="application/xml"), f"Version {version} of form {form}")

    def index(self, form: str, etag: str = "") -> Index | None:
        """The full index of `form`; None where it is the one that `etag` stands for."""
        answer = self.client.ask(f"{self._form(form)}/submissions", etag=etag)
        if answer.status == 304:
            return None
        rows = _decoded(answer.body, list[_Row], f"The submissions of form {form}")
        return Index(tuple(map(_index_row, rows)), answer.etag)

    def count(self, form: str) -> int:
        """How many submissions `form` has that are not deleted, by the other index."""
        params = {"$top": "0", "$count": "true"}
        return self._page(form, params).count

    def shown(self, form: str, since: datetime | None = None) -> dict[str, Standing]:
        """By server id, what the second index says of every submission; or of those that came, were edited, reviewed or
        deleted `since` then (UTC), in which a restored one does not show.

        ServerError where the server breaks off its pages again and again, as it does in silence when the submission
        that a page ends with is purged.
        """
        found: dict[str, Standing] = {}
        count = 0
        for _ in range(WALKS):
            found = {}
            for page in self._pages(form, _window(since)):
                count = page.count
                found |= {row.server_id: _standing(row.system) for row in page.value}
            if len(found) >= count:
                return found
        message = f"The server counts {count} submissions of form {form} and shows {len(found)}; sync again."
        raise ServerError(message)

    def submission(self, form: str, server_id: str) -> str | None:
        """The XML of a submission as it stands now, as sent; None where it is deleted."""
        try:
            body = self.client.get_text(f"{self._submission(form, server_id)}.xml", accept="application/xml")
        except NotThere:
            return None
        return _text(body, f"A submission of form {form}")

    def export(self, form: str, into: Path, first: str, last: str) -> Downloaded:
        """Write the tables of all submissions sent from `first` to `last` (the server's texts) into `into`, zipped."""
        path = f"{self._form(form)}/submissions.csv.zip"
        between = f"__system/submissionDate ge {first} and __system/submissionDate le {last}"
        return self.client.download(path, into, {"attachments": "false", "deletedFields": "true", "$filter": between})

    def submitters(self, form: str) -> Mapping[int, str]:
        """The names of those who sent submissions, by number."""
        body = self.client.get_bytes(f"{self._form(form)}/submissions/submitters")
        return {one.id: one.display_name for one in _decoded(body, list[_Named], f"The submitters of form {form}")}

    def files(self, form: str, server_id: str) -> dict[str, bool] | None:
        """The files that a submission names, and whether the server has them; None where it is deleted."""
        try:
            body = self.client.get_bytes(f"{self._submission(form, server_id)}/attachments")
        except NotThere:
            return None
        return {file.name: file.exists for file in _decoded(body, list[_File], f"The files of form {form}")}

    def place_of_file(self, form: str, file: Wanted) -> str:
        """The path at which a file of a submission lies."""
        return f"{self._submission(form, file.server_id)}/attachments/{quote(file.file_name, safe='')}"

    def entities(self, dataset: str, etag: str = "") -> tuple[str, str] | None:
        """The entities of a dataset as CSV, as sent, and their ETag; None where `etag` still stands."""
        path = f"{self._project}/datasets/{quote(dataset, safe='')}/entities.csv"
        answer = self.client.ask(path, etag=etag, accept="text/csv")
        return None if answer.status == 304 else (_text(answer.body, f"Dataset {dataset}"), answer.etag)

    def _form(self, form: str) -> str:
        return f"{self._project}/forms/{quote(form, safe='')}"

    def _submission(self, form: str, server_id: str) -> str:
        return f"{self._form(form)}/submissions/{quote(server_id, safe='')}"

    def _pages(self, form: str, params: Mapping[str, str]) -> Iterator[_Page]:
        """The pages of a query, as many as the server makes of it; of a link that it gives only the place is taken."""
        page = self._page(form, params)
        yield page
        while page.next_link:
            token = parse_qs(urlsplit(page.next_link).query).get("$skiptoken", [""])[0]
            if not token:
                raise ServerError(f"The server gave a next page of form {form} without its place; sync again.")
            page = self._page(form, {**params, "$skiptoken": token})
            yield page

    def _page(self, form: str, params: Mapping[str, str]) -> _Page:
        body = self.client.get_bytes(f"{self._form(form)}.svc/Submissions", params)
        return _decoded(body, _Page, f"The index of form {form}")


def utc(text: str) -> datetime:
    """The moment in one of Central's times (`2026-11-22T02:33:27.471Z`), UTC without zone."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    except ValueError as error:
        raise ServerError(f"The server gave {text!r} for a time; ask the server's administrator.") from error


def status_of(review_state: str) -> str:
    """A review state as the archive keeps statuses; empty for one that nobody reviewed."""
    return STATUS_OF_REVIEW.get(review_state, review_state)


def root_id_of(server_id: str) -> str:
    """Our key for a submission: the bare uuid, as the archive keeps those of Kobo."""
    return server_id.removeprefix("uuid:")


def _window(since: datetime | None) -> dict[str, str]:
    """The query for what changed; that it names deletedAt makes the server show what is deleted too."""
    asked = {"$select": "__id,__system", "$count": "true"}
    if since is None:
        return asked
    moment = f"{since.isoformat(timespec='milliseconds')}Z"
    times = ("submissionDate", "updatedAt", "deletedAt")
    return {**asked, "$filter": " or ".join(f"__system/{time} ge {moment}" for time in times)}


def _standing(system: _System) -> Standing:
    return Standing(system.files_expected, system.files_present, bool(system.deleted_at))


def _index_row(row: _Row) -> IndexRow:
    current = row.current.instance_id if row.current else ""
    status = status_of(row.review_state or "")
    return IndexRow(row.instance_id, root_id_of(current), status, row.created_at, row.submitter_id)


def _decoded(body: bytes, shape: type[Shape], what: str) -> Shape:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{what} came in a shape that is not ODK Central's; check url and project in sources.yml."
        raise ServerError(message) from error


def _text(body: bytes, what: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ServerError(f"{what} came with bytes that are no UTF-8; ask the server's administrator.") from error
