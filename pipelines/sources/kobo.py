"""What a KoboToolbox server answers: its clock, its form versions, its submissions by keyset, its light index.

Only `query` on `_id` with `sort` and `limit` pages; `start` drifts when rows vanish and `offset` skips rows silently.
What is done with the answers is sync.py.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from pipelines.archive.archive import Submission
from pipelines.errors import ServerError
from pipelines.sources.client import Client
from pipelines.sources.parts import decoded

Shape = TypeVar("Shape", bound=msgspec.Struct)

PAGE = 1000
"""The largest page that Kobo serves; it cuts a larger `limit` without a word."""

IDS_IN_ONE_URL = 200
"""As many `_id` of up to 12 digits as keep a URL under 4 KB."""

INDEX_FIELDS = ("_id", "_uuid", "__version__", "_validation_status")


class _Page(msgspec.Struct):
    count: int
    results: list[msgspec.Raw]


class _Me(msgspec.Struct):
    server_time: str


class _Permission(msgspec.Struct):
    codename: str = ""


class _Version(msgspec.Struct):
    uid: str


class _Versions(msgspec.Struct):
    results: list[_Version] = []


class _Asset(msgspec.Struct):
    effective_permissions: list[_Permission] = []
    deployed_versions: _Versions | None = None


class _Envelope(msgspec.Struct):
    """The keys of a submission that are the server's, as far as the archive has columns for them."""

    server_id: int = msgspec.field(name="_id")
    uuid: str | None = msgspec.field(name="_uuid", default=None)
    version: str | None = msgspec.field(name="__version__", default=None)
    root_uuid: str | None = msgspec.field(name="meta/rootUuid", default=None)
    submission_time: str | None = msgspec.field(name="_submission_time", default=None)
    submitted_by: str | None = msgspec.field(name="_submitted_by", default=None)
    validation_status: Any = msgspec.field(name="_validation_status", default=None)


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the light index says of one submission."""

    server_id: str
    instance_id: str
    form_version: str
    validation_status: str


@dataclass(frozen=True, slots=True)
class AssetState:
    """What a server says of an asset: its deployed versions, and whether we may see every row of it."""

    versions: tuple[str, ...]
    sees_all_rows: bool


class Kobo:
    """One KoboToolbox server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def server_time(self) -> datetime:
        """The server's clock, UTC without zone; it also proves our token, for Kobo answers 404 where it means 401."""
        return _utc(_decoded(self._client.get_bytes("/me/"), _Me, "The answer of /me/").server_time)

    def asset(self, uid: str) -> AssetState:
        """What the server says of the asset `uid`."""
        detail = _decoded(self._client.get_bytes(f"/api/v2/assets/{uid}/", {"format": "json"}), _Asset, f"Asset {uid}")
        allowed = {permission.codename for permission in detail.effective_permissions}
        deployed = detail.deployed_versions or _Versions()
        return AssetState(
            versions=tuple(version.uid for version in deployed.results),
            sees_all_rows="view_submissions" in allowed,
        )

    def form_version(self, uid: str, version: str) -> str:
        """The content of one form version, as JSON text as sent."""
        return self._client.get_bytes(f"/api/v2/assets/{uid}/versions/{version}/", {"format": "json"}).decode()

    def pages(self, uid: str) -> Iterator[list[Submission]]:
        """Every submission of the asset, by ascending `_id`, a page at a time."""
        after = 0
        while submissions := [_submission(raw) for raw in self._page(uid, {"_id": {"$gt": after}}).results]:
            yield submissions
            after = _ascending([int(submission.server_id) for submission in submissions], after)

    def index(self, uid: str) -> Iterator[list[IndexRow]]:
        """The light index of every submission, by ascending `_id`, a page at a time."""
        after = 0
        while rows := [_index_row(raw) for raw in self._page(uid, {"_id": {"$gt": after}}, INDEX_FIELDS).results]:
            yield rows
            after = _ascending([int(row.server_id) for row in rows], after)

    def some(self, uid: str, server_ids: Sequence[str]) -> Iterator[list[Submission]]:
        """The submissions with these `_id`, in lists that keep every URL short."""
        for start in range(0, len(server_ids), IDS_IN_ONE_URL):
            wanted = [int(server_id) for server_id in server_ids[start : start + IDS_IN_ONE_URL]]
            yield [_submission(raw) for raw in self._page(uid, {"_id": {"$in": wanted}}).results]

    def shown(self, uid: str, server_ids: Sequence[str]) -> frozenset[str]:
        """Which of these `_id` the light index shows."""
        found: set[str] = set()
        for start in range(0, len(server_ids), IDS_IN_ONE_URL):
            wanted = [int(server_id) for server_id in server_ids[start : start + IDS_IN_ONE_URL]]
            page = self._page(uid, {"_id": {"$in": wanted}}, INDEX_FIELDS)
            found.update(_index_row(raw).server_id for raw in page.results)
        return frozenset(found)

    def _page(self, uid: str, query: Mapping[str, object], fields: Sequence[str] = ()) -> _Page:
        params = {"format": "json", "limit": str(PAGE), "sort": '{"_id":1}', "query": _compact(query)}
        if fields:
            params["fields"] = _compact(fields)
        body = self._client.get_bytes(f"/api/v2/assets/{uid}/data/", params)
        page = _decoded(body, _Page, f"The data of asset {uid}")
        if page.count and not page.results:
            message = f"The server counts {page.count} more submissions of asset {uid} and shows none; sync again."
            raise ServerError(message)
        return page


def _decoded(body: bytes, shape: type[Shape], what: str) -> Shape:
    try:
        return decoded(body, shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServerError(f"{what} came in a shape that is not Kobo's; check the address in sources.yml.") from error


def _utc(text: str) -> datetime:
    """The moment in `text` as UTC without zone; Kobo's times carry no zone and are UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ServerError(f"The server gave {text!r} for a time; ask the server's administrator.") from error
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _ascending(server_ids: list[int], after: int) -> int:
    """The largest of `server_ids`; ServerError where the server does not keep the order that paging rests on."""
    if server_ids != sorted(set(server_ids)) or server_ids[0] <= after:
        message = "The server did not keep the order of _id that was asked for; nothing of this page was archived."
        raise ServerError(message)
    return server_ids[-1]


def _envelope(raw: msgspec.Raw) -> _Envelope:
    try:
        return decoded(raw, _Envelope)
    except msgspec.DecodeError as error:
        message = f"A submission came without what Kobo always sends ({error}); ask the server's administrator."
        raise ServerError(message) from error


def _submission(raw: msgspec.Raw) -> Submission:
    row = _envelope(raw)
    return Submission(
        root_id=(row.root_uuid or "").removeprefix("uuid:") or str(row.server_id),
        raw=_text(raw),
        raw_kind="kobo_json",
        instance_id=row.uuid or "",
        server_id=str(row.server_id),
        form_version=row.version or "",
        submitted_at=_utc(row.submission_time) if row.submission_time else None,
        submitted_by=row.submitted_by or "",
        validation_status=_status(row),
    )


def _index_row(raw: msgspec.Raw) -> IndexRow:
    row = _envelope(raw)
    return IndexRow(str(row.server_id), row.uuid or "", row.version or "", _status(row))


def _text(raw: msgspec.Raw) -> str:
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise ServerError("A submission came with bytes that are no UTF-8; ask the server's administrator.") from error


def _status(row: _Envelope) -> str:
    status = row.validation_status
    return str(status.get("uid", "")) if isinstance(status, dict) else ""
