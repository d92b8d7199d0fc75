"""What a KoboToolbox server answers: its clock, what it says of an asset, its submissions by ranges of `_id`.

Only `query` on `_id` with `sort` and `limit` pages; `offset` skips rows silently, and `start`, which drifts when rows
vanish, is asked for nothing but where to cut. How one row reads is kobo_row.py; what is done with it is sweep.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TypeVar
from urllib.parse import quote

import msgspec

from pipelines.archive.submission import Submission
from pipelines.errors import ServerError
from pipelines.sources.client import Client
from pipelines.sources.kobo_row import (
    INDEX_FIELDS,
    Envelope,
    IndexRow,
    NamedFiles,
    envelope,
    index_row,
    submission,
    utc,
)
from pipelines.sources.parts import decoded
from pipelines.sources.ranges import Range

Shape = TypeVar("Shape", bound=msgspec.Struct)

PAGE = 1000
"""The largest page that Kobo serves; it cuts a larger `limit` without a word."""

LETTERS_OF_A_LIST = 3_400
"""As many as the `_id` of one list may take in a URL, which stays below 4 KB with them."""


class _Page(msgspec.Struct):
    count: int
    results: list[msgspec.Raw]


class _Me(msgspec.Struct):
    server_time: str


class _Permission(msgspec.Struct):
    codename: str = ""


class _Version(msgspec.Struct):
    uid: str
    date_deployed: str | bool = False


class _Versions(msgspec.Struct):
    results: list[_Version] = []


class _Asset(msgspec.Struct):
    uid: str | None = None
    name: str | None = None
    effective_permissions: list[_Permission] = []
    deployed_versions: _Versions | None = None
    deployment__submission_count: int | None = None


class _ContradictionError(ServerError):
    """An answer that does not fit what was asked."""


@dataclass(frozen=True, slots=True)
class AssetState:
    """What a server says of an asset: its deployed versions and since when each is in use, the newest first, what our
    account may do, how many submissions it has (None where it does not tell), what it is called.
    """

    versions: tuple[str, ...]
    deployed_on: tuple[str, ...]
    permission: str
    count: int | None
    name: str

    @property
    def sees_all_rows(self) -> bool:
        """Whether our account may see every submission."""
        return "view_submissions" in self.permission.split(",")


@dataclass(frozen=True, slots=True)
class Seen:
    """One page: its rows in the order of `_id`, each as sent and with its envelope; and how many more the server counts
    though it showed none.
    """

    rows: tuple[msgspec.Raw, ...]
    envelopes: tuple[Envelope, ...]
    unshown: int = 0

    @property
    def ids(self) -> tuple[int, ...]:
        """The `_id` of each row."""
        return tuple(row.server_id for row in self.envelopes)

    @property
    def told(self) -> "Seen":
        """The same without its rows, so that the page need not be kept."""
        return Seen((), (), self.unshown)


class Kobo:
    """One KoboToolbox server; several threads may ask it at once."""

    def __init__(self, client: Client, *, page: int = PAGE) -> None:
        """`page` is how many rows are asked for at a time."""
        self.client = client
        self.page = page

    def server_time(self) -> datetime:
        """The server's clock, UTC without zone; it also proves our token, for Kobo answers 404 where it means 401."""
        return utc(_decoded(self.client.get_bytes("/me/"), _Me, "The answer of /me/").server_time)

    def asset(self, uid: str) -> AssetState:
        """What the server says of the asset `uid`; ServerError where it speaks of another one."""
        detail = _decoded(self.client.get_bytes(f"/api/v2/assets/{uid}/", {"format": "json"}), _Asset, f"Asset {uid}")
        if detail.uid not in (None, uid):
            raise ServerError(f"The server answered for asset {uid} with another one; ask the server's administrator.")
        deployed = detail.deployed_versions or _Versions()
        return AssetState(
            versions=tuple(version.uid for version in deployed.results),
            deployed_on=tuple(str(version.date_deployed or "")[:10] for version in deployed.results),
            permission=",".join(sorted({permission.codename for permission in detail.effective_permissions})),
            count=detail.deployment__submission_count,
            name=detail.name or "",
        )

    def form_version(self, uid: str, version: str) -> str:
        """The content of one form version, as JSON text as sent."""
        where = f"/api/v2/assets/{uid}/versions/{quote(version, safe='')}/"
        return self.client.get_bytes(where, {"format": "json"}).decode()

    def edge(self, uid: str, *, above: int, last: bool = False) -> tuple[int, int]:
        """The smallest `_id` above `above`, or the largest; and how many there are. Both 0 where there are none."""
        found, count = self._one(uid, above, {"sort": _compact({"_id": -1 if last else 1})})
        return (found, count) if found else (0, 0)

    def nth(self, uid: str, *, above: int, n: int) -> int:
        """About the `n`-th `_id` above `above`, from 0: good enough to cut there, and for nothing else."""
        return self._one(uid, above, {"sort": _compact({"_id": 1}), "start": str(n)})[0]

    def rows(self, uid: str, part: Range, *, light: bool = False) -> Seen:
        """The next page of a range; ServerError where the server does not keep the order that paging rests on."""
        asked = {"$gt": part.above} | ({"$lte": part.up_to} if part.up_to is not None else {})
        return _once_more(lambda: self._seen(uid, asked, INDEX_FIELDS if light else (), part))

    def chosen(self, uid: str, server_ids: Sequence[int], *, light: bool = False) -> Seen:
        """Of the submissions with these `_id`, as many as the server gives at a time."""
        asked = {"$in": list(server_ids)}
        part = Range(server_ids[0] - 1, server_ids[-1])
        return _once_more(lambda: self._seen(uid, asked, INDEX_FIELDS if light else (), part))

    @staticmethod
    def submissions(seen: Seen, named_files: NamedFiles) -> list[Submission]:
        """The rows of a page as submissions."""
        return [submission(raw, row, named_files) for raw, row in zip(seen.rows, seen.envelopes, strict=True)]

    @staticmethod
    def index_rows(seen: Seen) -> list[IndexRow]:
        """The rows of a light page."""
        return [index_row(row) for row in seen.envelopes]

    def _one(self, uid: str, above: int, params: Mapping[str, str]) -> tuple[int, int]:
        """The `_id` of one row, 0 where there is none, and how many there are."""
        asked = {"query": _compact({"_id": {"$gt": above}}), "fields": '["_id"]', "limit": "1", **params}
        page = self._page(uid, asked)
        return (envelope(page.results[0]).server_id if page.results else 0), page.count

    def _seen(self, uid: str, ids: Mapping[str, object], fields: Sequence[str], part: Range) -> Seen:
        params = {"limit": str(self.page), "sort": '{"_id":1}', "query": _compact({"_id": ids})}
        page = self._page(uid, params | ({"fields": _compact(fields)} if fields else {}))
        seen = Seen(tuple(page.results), tuple(map(envelope, page.results)), 0 if page.results else max(page.count, 0))
        _refuse_disorder(seen.ids, part)
        return seen

    def _page(self, uid: str, params: Mapping[str, str]) -> _Page:
        body = self.client.get_bytes(f"/api/v2/assets/{uid}/data/", {"format": "json", **params})
        return _decoded(body, _Page, f"The data of asset {uid}")


def lists_of(server_ids: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """`server_ids` in lists that keep a URL below 4 KB and an answer on one page."""
    ordered = sorted(server_ids)
    start = letters = 0
    for end, server_id in enumerate(ordered):
        letters += len(str(server_id)) + 3  # and the comma, written %2C
        if letters > LETTERS_OF_A_LIST or end - start == PAGE:
            yield tuple(ordered[start:end])
            start, letters = end, len(str(server_id)) + 3
    if start < len(ordered):
        yield tuple(ordered[start:])


def _once_more(ask: Callable[[], Seen]) -> Seen:
    """What the server says the second time, where it contradicted itself the first time."""
    try:
        seen = ask()
    except _ContradictionError:
        return ask()
    return ask() if seen.unshown else seen


def _refuse_disorder(shown: Sequence[int], part: Range) -> None:
    inside = not shown or (shown[0] > part.above and (part.up_to is None or shown[-1] <= part.up_to))
    if not inside or any(one >= after for one, after in pairwise(shown)):
        message = "The server did not keep the order of _id that was asked for; nothing of this page was archived."
        raise _ContradictionError(message)


def _decoded(body: bytes, shape: type[Shape], what: str) -> Shape:
    try:
        return decoded(body, shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{what} came in a shape that is not Kobo's; check the address in sources.yml."
        raise _ContradictionError(message) from error


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
