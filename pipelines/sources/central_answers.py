"""The shapes of what an ODK Central server answers, and what we make of them: states, index rows, times, keys.

Asking is central.py.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from pipelines.errors import ServerError

Shape = TypeVar("Shape")

STATUS_OF_REVIEW = {"hasIssues": "has_issues"}
"""Review state -> status as the archive keeps it; the others are plain words as they are."""


class ServedForm(msgspec.Struct):
    """A form, or one of its versions."""

    version: str | None = None
    hash: str = ""
    published_at: str | None = msgspec.field(default=None, name="publishedAt")


class CurrentVersion(msgspec.Struct):
    """The version of a submission that stands."""

    instance_id: str = msgspec.field(name="instanceId")


class ServedRow(msgspec.Struct):
    """A submission in the full index (REST)."""

    instance_id: str = msgspec.field(name="instanceId")
    created_at: str = msgspec.field(name="createdAt")
    submitter_id: int | None = msgspec.field(name="submitterId", default=None)
    review_state: str | None = msgspec.field(name="reviewState", default=None)
    current: CurrentVersion | None = msgspec.field(name="currentVersion", default=None)


class System(msgspec.Struct):
    """What the second index (OData) keeps beside the answers of a submission."""

    files_expected: int = msgspec.field(name="attachmentsExpected", default=0)
    files_present: int = msgspec.field(name="attachmentsPresent", default=0)
    deleted_at: str | None = msgspec.field(name="deletedAt", default=None)


class Listed(msgspec.Struct):
    """A submission in the second index."""

    server_id: str = msgspec.field(name="__id")
    system: System = msgspec.field(name="__system")


class Page(msgspec.Struct):
    """A page of the second index."""

    value: list[Listed]
    count: int = msgspec.field(name="@odata.count")
    next_link: str = msgspec.field(name="@odata.nextLink", default="")


class Counted(msgspec.Struct):
    """An answer of which only the count matters."""

    count: int = msgspec.field(name="@odata.count")


class Named(msgspec.Struct):
    """Somebody who sends submissions."""

    id: int
    display_name: str = msgspec.field(name="displayName", default="")


class ServedFile(msgspec.Struct):
    """A file that a submission names."""

    name: str
    exists: bool


@dataclass(frozen=True, slots=True)
class FormState:
    """What a server says of a form now; `server_time` is its clock when it said so (UTC without zone)."""

    hash: str
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


def utc(text: str) -> datetime:
    """The moment in one of Central's times (`2026-11-22T02:33:27.471Z`), UTC without zone."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    except ValueError:  # whose words repeat the text
        message = "The server gave something that is no time where one belongs; ask the server's administrator."
        raise ServerError(message) from None


def status_of(review_state: str) -> str:
    """A review state as the archive keeps statuses; empty for one that nobody reviewed."""
    return STATUS_OF_REVIEW.get(review_state, review_state)


def root_id_of(server_id: str) -> str:
    """Our key for a submission: the bare uuid, as the archive keeps those of Kobo."""
    return server_id.removeprefix("uuid:")


def window(since: datetime | None) -> dict[str, str]:
    """The query for what changed; that it names deletedAt makes the server show what is deleted too."""
    asked = {"$select": "__id,__system", "$count": "true"}
    if since is None:
        return asked
    moment = f"{since.isoformat(timespec='milliseconds')}Z"
    times = ("submissionDate", "updatedAt", "deletedAt")
    return {**asked, "$filter": " or ".join(f"__system/{time} ge {moment}" for time in times)}


def standing(system: System) -> Standing:
    """What the second index says of one submission."""
    return Standing(system.files_expected, system.files_present, bool(system.deleted_at))


def index_row(row: ServedRow) -> IndexRow:
    """What the full index says of one submission."""
    current = row.current.instance_id if row.current else ""
    status = status_of(row.review_state or "")
    return IndexRow(row.instance_id, root_id_of(current), status, row.created_at, row.submitter_id)


def decoded(body: bytes, shape: type[Shape], what: str) -> Shape:
    """`body` in this `shape`; ServerError, which says `what` it should be, where it is not."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{what} came in a shape that is not ODK Central's; check url and project in sources.yml."
        raise ServerError(message) from error
