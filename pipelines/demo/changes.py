"""What changes submissions besides a phone: bulk edits, deletions, validation statuses.

A bulk edit writes a new XML and goes through the same door as a phone's (receive.py).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipelines.demo.access import (
    Ground,
    RefusedError,
    User,
    asset_asked_for,
    asset_to_change,
    base_url,
    ground_of,
    json_body,
)
from pipelines.demo.data import find_rows, find_submission
from pipelines.demo.instance import instance_of, read_instance, set_text
from pipelines.demo.receive import receive
from pipelines.demo.store import Asset, Submission
from pipelines.demo.uids import edit_uuid

STATUSES = {
    "validation_status_approved": "Approved",
    "validation_status_not_approved": "Not Approved",
    "validation_status_on_hold": "On Hold",
}


async def delete_one(request: Request) -> Response:
    """Delete one submission; nothing is left of it."""
    asset, user = asset_to_change(request)
    submission = find_submission(request, asset, user)
    ground_of(request).store.forget([submission.id])
    return Response(status_code=204)


async def delete_many(request: Request) -> Response:
    """Delete the submissions named by id, by query, or all of them once confirmed."""
    asset, user = asset_to_change(request)
    payload = await _payload(request)
    chosen = _chosen(request, asset, user, payload)
    ground_of(request).store.forget([submission.id for submission in chosen])
    return JSONResponse({"detail": f"{len(chosen)} submissions have been deleted"})


async def edit_many(request: Request) -> Response:
    """Write the same answers into several submissions; each gets a new uuid, as after any edit."""
    asset, user = asset_to_change(request)
    payload = await _payload(request)
    data = payload.get("data")
    if not isinstance(data, dict) or not data:
        raise RefusedError(400, {"payload": ["`data` must contain at least one value"]})
    chosen = _chosen(request, asset, user, payload)
    results = [_edit(ground_of(request), user, submission, data) for submission in chosen]
    return JSONResponse({"count": len(results), "successes": len(results), "failures": 0, "results": results})


async def validation_status(request: Request) -> Response:
    """The validation status of one submission: shown, set, or taken back."""
    asset, user = asset_asked_for(request) if request.method in ("GET", "HEAD") else asset_to_change(request)
    submission = find_submission(request, asset, user)
    store = ground_of(request).store
    if request.method == "PATCH":
        status = _status(ground_of(request), user, await json_body(request))
        store.keep(replace(submission, validation=status))
        return Response(status, media_type="application/json")
    if request.method == "DELETE":
        store.keep(replace(submission, validation="{}"))
        return Response(status_code=204)
    return Response(submission.validation, media_type="application/json")


async def validation_statuses(request: Request) -> Response:
    """Set or take back the validation status of several submissions."""
    asset, user = asset_to_change(request)
    payload = await _payload(request)
    ground = ground_of(request)
    status = "{}" if request.method == "DELETE" else _status(ground, user, payload)
    chosen = _chosen(request, asset, user, payload)
    with ground.store.transaction():
        for submission in chosen:
            ground.store.keep(replace(submission, validation=status))
    return JSONResponse({"detail": f"{len(chosen)} submissions have been updated"})


async def _payload(request: Request) -> Mapping[str, Any]:
    payload = (await json_body(request)).get("payload")
    if not isinstance(payload, dict):
        raise RefusedError(400, {"payload": ["This field is required."]})
    return payload


def _chosen(request: Request, asset: Asset, user: User, payload: Mapping[str, Any]) -> list[Submission]:
    ground = ground_of(request)
    if "submission_ids" in payload:
        return _by_id(
            ground.store.find(Submission, "asset = ? ORDER BY id", (asset.number,)), payload["submission_ids"]
        )
    query = payload.get("query", {})
    if not query and payload.get("confirm") is not True:
        raise RefusedError(500, {"error": "Server Error (500)"})
    return [submission for submission, _ in find_rows(ground, asset, user, query, base_url(request))]


def _by_id(submissions: list[Submission], wanted: Any) -> list[Submission]:
    if not isinstance(wanted, list) or not wanted:
        raise RefusedError(400, {"payload": ["`submission_ids` must contain at least one value"]})
    numbered = {str(submission.id): submission for submission in submissions}
    if not {str(number) for number in wanted} <= set(numbered):
        raise RefusedError(400, "One or more submission ids are invalid")
    return [numbered[str(number)] for number in wanted]


def _status(ground: Ground, user: User, payload: Mapping[str, Any]) -> str:
    name = payload.get("validation_status.uid")
    if name not in STATUSES:
        raise RefusedError(400, f"Invalid validation status: `{name}`")
    status = {
        "timestamp": int(ground.now().timestamp()),
        "uid": name,
        "by_whom": user.name,
        "label": STATUSES[name],
    }
    return json.dumps(status, separators=(",", ":"))


def _edit(ground: Ground, user: User, submission: Submission, data: Mapping[str, Any]) -> dict[str, Any]:
    tree = read_instance(submission.xml).tree
    for path, value in data.items():
        set_text(tree, path, "" if value is None else str(value))
    new = edit_uuid(submission.root_uuid, submission.uuid)
    set_text(tree, "meta/instanceID", f"uuid:{new}")
    set_text(tree, "meta/deprecatedID", f"uuid:{submission.uuid}")
    set_text(tree, "meta/rootUuid", f"uuid:{submission.root_uuid}")
    receive(ground, user, instance_of(tree))
    return {
        "uuid": new,
        "root_uuid": submission.root_uuid,
        "status_code": 201,
        "message": "Successful submission",
    }
