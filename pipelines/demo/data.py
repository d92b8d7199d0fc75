"""The submissions of a project, as lists and one by one: paging, `query`, `sort`, `fields`, `format=xml`.

What a query means is query.py; what changes submissions is changes.py.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from pipelines.demo.access import (
    NOT_FOUND,
    Ground,
    RefusedError,
    User,
    asset_asked_for,
    base_url,
    find_asset,
    ground_of,
)
from pipelines.demo.query import ServerFaultError, UnsupportedQueryError, in_order, matches, only_fields, split_ids
from pipelines.demo.store import Asset, Attachment, Content, Submission

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
XML = "application/xml; charset=utf-8"
SIZES = ("large", "medium", "small")
OF_THE_INDEX = frozenset({
    "_id", "_uuid", "__version__", "_validation_status", "_attachments", "_submission_time",
    "_date_modified", "meta/rootUuid",
})  # fmt: skip
"""What the server writes after the answers: a page of these alone needs none of them read."""

Row = dict[str, Any]


async def data_list(request: Request) -> Response:
    """One page of the submissions that the account sees."""
    asset, user = _deployed_asset(request)
    params = request.query_params
    if "count" in params:
        raise RefusedError(
            400, {"count": "This param is not implemented. Use `count` property of the response instead."}
        )
    limit = min(_number(params, "limit", DEFAULT_PAGE, least=1, wrong="A positive integer is required"), LARGEST_PAGE)
    start = _number(params, "start", 0, least=0, wrong="A positive integer is required.")
    base = base_url(request)
    count, rows, texts = _found(ground_of(request), asset, user, params, base, (limit, start))
    links = _links(f"{base}{request.url.path}", params, count)
    if params.get("format") == "xml":
        return _xml_list(request, count, links, [row.xml for row in rows])
    head = f'{{"count":{count},"next":{json.dumps(links[0])},"previous":{json.dumps(links[1])},"results":['
    return Response(f"{head}{','.join(texts)}]}}", media_type="application/json")


async def data_detail(request: Request) -> Response:
    """One submission, by its number, its present uuid or its first uuid."""
    asset, user = asset_asked_for(request)
    submission = find_submission(request, asset, user)
    if request.query_params.get("format") == "xml":
        _refuse_json_only(request)
        return Response(submission.xml, media_type=XML)
    return Response(
        row_texts(ground_of(request), asset, [submission], base_url(request))[0], media_type="application/json"
    )


def find_submission(request: Request, asset: Asset, user: User) -> Submission:
    """The submission named in the path; RefusedError where the account sees none such."""
    name = request.path_params["submission"]
    store = ground_of(request).store
    if name.isdecimal() and len(name) < 19:
        found = store.first(Submission, "asset = ? AND id = ?", (asset.number, int(name)))
    else:
        found = store.first(Submission, "asset = ? AND (uuid = ? OR root_uuid = ?)", (asset.number, name, name))
    if found is None or user.whose() not in ("", found.submitted_by):
        raise RefusedError(404, NOT_FOUND)
    return found


def find_rows(ground: Ground, asset: Asset, user: User, query: Any, base: str) -> list[tuple[Submission, Row]]:
    """The submissions that match `query`, by number, each with its row; RefusedError where the query is refused."""
    ids, numbers, rest = split_ids(query)
    submissions = ground.store.find(Submission, *_where(asset, user, ids, numbers))
    rows = [json.loads(text) for text in row_texts(ground, asset, submissions, base)]
    try:
        return [both for both in zip(submissions, rows, strict=True) if matches(both[1], rest)]
    except UnsupportedQueryError as error:
        raise RefusedError(400, ["Unsupported query"]) from error
    except ServerFaultError as error:
        raise RefusedError(500, {"error": "Server Error (500)"}) from error


def row_texts(ground: Ground, asset: Asset, submissions: Sequence[Submission], base: str) -> list[str]:
    """The submissions as JSON; what was kept as JSON is not written anew."""
    files: dict[int, list[Row]] = {}
    if submissions:
        numbers = [submission.id for submission in submissions]
        where = "present AND submission BETWEEN ? AND ? ORDER BY number"
        found = ground.store.find(Attachment, where, (min(numbers), max(numbers)))
        taken_out = {content.uid for content in ground.store.find(Content, "deleted")} if found else set()
        for file in found:
            shown = _attachment(ground.owner, asset, file, base) | {"is_deleted": file.uid in taken_out}
            files.setdefault(file.submission, []).append(shown)
    return [_row_text(submission, files.get(submission.id, [])) for submission in submissions]


def _row_text(row: Submission, files: list[Row]) -> str:
    attachments = json.dumps(files, ensure_ascii=False, separators=(",", ":")) if files else "[]"
    return (
        f'{{"_id":{row.id},{row.answers},"_attachments":{attachments},"_status":"submitted_via_web",'
        f'"_geolocation":{row.geolocation},"_submission_time":"{row.received[:19]}",'
        f'"_validation_status":{row.validation},"_submitted_by":{_quoted(row.submitted_by)}}}'
    )


@lru_cache
def _quoted(name: str) -> str:
    return json.dumps(name)


def _without_answers(row: Submission) -> Submission:
    """`row` with the end of its answers alone, which begins with the form's version: what an index may be asked for.

    Nobody is asked for `__version__`; where its key stands in a text, its quotes are escaped.
    """
    start = row.answers.rfind('"__version__":')
    return replace(row, answers=row.answers[start:]) if start > 0 else row


def _attachment(owner: str, asset: Asset, file: Attachment, base: str) -> Row:
    url = f"{base}/api/v2/assets/{asset.uid}/data/{file.submission}/attachments/{file.uid}/"
    sizes = SIZES if file.mimetype.startswith("image/") else ()
    return {
        "download_url": url,
        "mimetype": file.mimetype,
        "filename": f"{owner}/{file.file_name}",
        "media_file_basename": file.basename,
        "uid": file.uid,
        "is_deleted": False,
        **{f"download_{size}_url": f"{url}{size}/" for size in sizes},
        "question_xpath": file.question,
    }


def _deployed_asset(request: Request) -> tuple[Asset, User]:
    if find_asset(request) is None:
        raise RefusedError(404, "Resource not found (404)", "text/html")
    asset, user = asset_asked_for(request)
    if ground_of(request).shape_of(asset) is None:
        raise RefusedError(400, "The specified asset has not been deployed")
    return asset, user


Found = tuple[int, list[Submission], list[str]]


def _found(
    ground: Ground, asset: Asset, user: User, params: Mapping[str, str], base: str, window: tuple[int, int]
) -> Found:
    """How many rows there are, and those of the page, as kept and as JSON."""
    query, sort, names = _json(params, "query", {}), _json(params, "sort", {}), _json(params, "fields", None)
    limit, start = window
    ids, numbers, rest = split_ids(query)
    if not rest and isinstance(query, dict) and sort in ({}, {"_id": 1}, {"_id": -1}):
        where, values = _where(asset, user, ids, numbers)
        where += " DESC" if sort.get("_id") == -1 else ""
        count = ground.store.count(Submission, where, values)
        page = ground.store.find(Submission, f"{where} LIMIT ? OFFSET ?", (*values, limit, start))
        if names is not None and OF_THE_INDEX.issuperset(names):
            page = [_without_answers(row) for row in page]
        texts = row_texts(ground, asset, page, base)
        if names is None:
            return count, page, texts
        rows = [json.loads(text) for text in texts]
    else:
        matching = find_rows(ground, asset, user, query, base)
        kept = {submission.id: submission for submission, _ in matching}
        count = len(kept)
        rows = in_order([row for _, row in matching], sort)[start : start + limit]
        page = [kept[row["_id"]] for row in rows]
    cut = rows if names is None else [only_fields(row, names) for row in rows]
    return count, page, [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in cut]


def _where(asset: Asset, user: User, ids: str, numbers: Sequence[int]) -> tuple[str, tuple[object, ...]]:
    mine = user.whose()
    whose = " AND submitted_by = ?" if mine else ""
    return f"asset = ?{ids}{whose} ORDER BY id", (asset.number, *numbers, *([mine] if mine else []))


def _number(params: Mapping[str, str], name: str, default: int, *, least: int, wrong: str) -> int:
    text = params.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise RefusedError(400, {name: wrong})
    return int(text)


def _json(params: Mapping[str, str], name: str, default: Any) -> Any:
    try:
        value = json.loads(params[name]) if name in params else default
    except ValueError as error:
        raise RefusedError(400, {name: "Value must be valid JSON."}) from error
    if name == "sort" and not isinstance(value, dict):
        raise RefusedError(400, {name: "Value must be valid JSON."})
    if name == "fields" and value is not None and not isinstance(value, list):
        raise RefusedError(400, {name: "Value must be valid JSON."})
    return value


def _links(url: str, params: Mapping[str, str], count: int) -> tuple[str | None, str | None]:
    """The `next` and `previous` links, which heed `offset` and `page` although the rows do not."""
    limit = _lenient(params, "limit") or _lenient(params, "page_size") or DEFAULT_PAGE
    limit = min(limit, LARGEST_PAGE)
    start = _lenient(params, "start") or _lenient(params, "offset") or max(_lenient(params, "page") - 1, 0) * limit
    later = _link(url, params, limit, start + limit) if start + limit < count else None
    earlier = _link(url, params, limit, start - limit) if start > 0 else None
    return later, earlier


def _lenient(params: Mapping[str, str], name: str) -> int:
    text = params.get(name, "")
    return int(text) if text.isdecimal() else 0


def _link(url: str, params: Mapping[str, str], limit: int, start: int) -> str:
    asked = {name: value for name, value in params.items() if name != "start"} | {"limit": str(limit)}
    if start > 0:
        asked["start"] = str(start)
    return f"{url}?{urlencode(sorted(asked.items()))}"


def _xml_list(request: Request, count: int, links: tuple[str | None, str | None], texts: list[str]) -> Response:
    _refuse_json_only(request)
    later, earlier = (escape(str(link)) for link in links)
    rows = "".join(without_declaration(text) for text in texts)
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><root><count>{count}</count><next>{later}</next>'
        f"<previous>{earlier}</previous><results>{rows}</results></root>"
    )
    return Response(body, media_type=XML)


def without_declaration(xml: str) -> str:
    """`xml` without its first `<?xml …?>`."""
    return xml.partition("?>")[2].lstrip() if xml.startswith("<?xml") else xml


def _refuse_json_only(request: Request) -> None:
    if request.headers.get("accept", "").startswith("application/json"):
        raise RefusedError(406, "Could not satisfy the request Accept header.")
