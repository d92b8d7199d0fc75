"""Projects and their form versions, as the API shows them.

Their submissions are data.py; making a version is server.py.
"""

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipelines.demo.access import (
    NOT_FOUND,
    Ground,
    RefusedError,
    User,
    asset_asked_for,
    base_url,
    find_asset,
    ground_of,
    who_asks,
)
from pipelines.demo.store import Asset, Submission, Version
from pipelines.demo.uids import uid

Body = dict[str, Any]

PERMISSIONS = {
    "view_asset": "View form",
    "change_asset": "Edit form",
    "manage_asset": "Manage project",
    "add_submissions": "Add submissions",
    "view_submissions": "View submissions",
    "partial_submissions": {
        "default": "Act on submissions only from specific users",
        "view_submissions": "View submissions only from specific users",
        "change_submissions": "Edit submissions only from specific users",
        "delete_submissions": "Delete submissions only from specific users",
        "validate_submissions": "Validate submissions only from specific users",
    },
    "change_submissions": "Edit submissions",
    "delete_submissions": "Delete submissions",
    "validate_submissions": "Validate submissions",
}
OF_THE_OWNER = tuple(sorted(set(PERMISSIONS) - {"partial_submissions"}))
OF_A_PARTNER = ("add_submissions", "partial_submissions", "view_asset")
FORM_LINKS = (
    "url",
    "offline_url",
    "single_url",
    "single_once_url",
    "iframe_url",
    "single_iframe_url",
    "preview_url",
    "edit_url",
    "view_url",
)
DOWNLOADS = {
    "xls_legacy": "exports/{}/xls/",
    "csv_legacy": "exports/{}/csv/",
    "zip_legacy": "exports/{}/zip/",
    "xls": "reports/{}/export.xlsx",
    "csv": "reports/{}/export.csv",
}
METADATA_ROWS = frozenset(
    {"start", "end", "today", "username", "deviceid", "phonenumber", "simserial", "audit", "hidden"}
)
ONLY_IN_DETAIL = frozenset(
    {
        "advanced_features", "analysis_form_json", "assignable_permissions", "content", "deployed_versions",
        "deployment__data_download_links", "deployment__links", "effective_permissions", "embeds", "exports", "files",
        "hooks_link", "map_custom", "map_styles", "paired_data", "project_ownership", "report_custom", "report_styles",
        "version__content_hash", "version_count", "xform_link", "xls_link",
    }
)  # fmt: skip


async def asset_list(request: Request) -> Response:
    """The projects that the account sees, the one deployed last first, drafts at the end; none for nobody."""
    user = who_asks(request)
    ground = ground_of(request)
    seen: list[Body] = []
    if user is not None and user.sees != "nothing":
        seen = [_asset(ground, asset, user, base_url(request)) for asset in ground.store.find(Asset)]
        seen.sort(key=lambda body: body["date_deployed"] or "", reverse=True)
    found = [body for body in seen if _asked_for(body, request.query_params.get("q", ""))]
    limit = request.query_params.get("limit", "100")
    shown = found[: int(limit) if limit.isdecimal() else 100]
    answer: Body = {"count": len(found), "next": None, "previous": None, "results": [_without(body) for body in shown]}
    if request.query_params.get("metadata") == "on":
        languages = sorted({name for body in found for name in body["summary"]["languages"]})
        answer["metadata"] = {"languages": languages, "countries": [], "sectors": [], "organizations": []}
    return JSONResponse(answer)


async def asset_detail(request: Request) -> Response:
    """One project, with the content of its newest version."""
    asset, user = asset_asked_for(request)
    return JSONResponse(_asset(ground_of(request), asset, user, base_url(request)))


async def version_list(request: Request) -> Response:
    """All versions of a form, the newest first; drafts too."""
    asset, _ = asset_asked_for(request)
    if "deployed" in request.query_params:
        return JSONResponse({"error": "Server Error (500)"}, 500)
    return JSONResponse(_listed(_versions(ground_of(request), asset), asset, base_url(request)))


async def version_detail(request: Request) -> Response:
    """One version, with its content."""
    if find_asset(request) is None:
        raise RefusedError(404, NOT_FOUND)
    asset, _ = asset_asked_for(request)
    where = "asset = ? AND uid = ?"
    version = ground_of(request).store.first(Version, where, (asset.number, request.path_params["version"]))
    if version is None:
        raise RefusedError(404, "No AssetVersion matches the given query.")
    return JSONResponse(_version(version, asset, base_url(request)) | {"content": json.loads(version.content)})


def _without(body: Body) -> Body:
    return {key: value for key, value in body.items() if key not in ONLY_IN_DETAIL}


def _asked_for(body: Body, query: str) -> bool:
    """Whether `q` lets the asset through; a broken `q` lets none through, with 200."""
    facts = {"asset_type:survey": True, "_deployment_status:deployed": body["has_deployment"]}
    return all(facts.get(part.strip("() "), False) for part in re.split(r"\s+AND\s+", query) if part)


def _versions(ground: Ground, asset: Asset) -> list[Version]:
    return ground.store.find(Version, "asset = ? ORDER BY ordinal DESC", (asset.number,))


def _listed(versions: list[Version], asset: Asset, base: str) -> Body:
    results = [_version(version, asset, base) for version in versions[:100]]
    return {"count": len(versions), "next": None, "previous": None, "results": results}


def _version(version: Version, asset: Asset, base: str) -> Body:
    return {
        "uid": version.uid,
        "url": f"{base}/api/v2/assets/{asset.uid}/versions/{version.uid}/",
        "content_hash": version.content_hash,
        "date_deployed": version.deployed or False,
        "date_modified": version.modified,
        "version_number": version.number,
    }


def _asset(ground: Ground, asset: Asset, user: User, base: str) -> Body:
    versions = _versions(ground, asset)
    deployed = [version for version in versions if version.deployed]
    content = json.loads(versions[0].content)
    return {
        **_identity(asset, ground.owner, base),
        "summary": _summary(content),
        "date_created": asset.created,
        "date_modified": asset.modified,
        "date_deployed": deployed[0].deployed if deployed else None,
        "version_id": versions[0].uid,
        "version__content_hash": versions[0].content_hash,
        "version_count": len(versions),
        "deployed_version_id": deployed[0].uid if deployed else None,
        "deployed_versions": _listed(deployed, asset, base),
        **_deployment(ground, asset, user, base, live=bool(deployed)),
        "report_styles": _report_styles(content),
        "content": content,
        **_permissions(ground, asset, user, base),
    }


def _identity(asset: Asset, owner: str, base: str) -> Body:
    url = f"{base}/api/v2/assets/{asset.uid}"
    return {
        "url": f"{url}/",
        "owner": f"{base}/api/v2/users/{owner}/",
        "owner__username": owner,
        "owner_label": owner,
        "parent": None,
        "settings": {"sector": {}, "country": [], "description": "", "organization": "", "country_codes": []},
        "asset_type": "survey",
        "kind": "asset",
        "uid": asset.uid,
        "name": asset.name,
        "tag_string": "",
        "files": [],
        "report_custom": {},
        "advanced_features": {"_version": "20250820"},
        "map_styles": {},
        "map_custom": {},
        "downloads": [{"format": kind, "url": f"{url}.{kind}"} for kind in ("xls", "xml")],
        "embeds": [{"format": kind, "url": f"{url}/{kind}/"} for kind in ("xls", "xform")],
        "analysis_form_json": {"additional_fields": []},
        "xform_link": f"{url}/xform/",
        "xls_link": f"{url}/xls/",
        "hooks_link": f"{url}/hooks/",
        "exports": f"{url}/exports/",
        "export_settings": [],
        "data": f"{url}/data/",
        "paired_data": f"{url}/paired-data/",
        "children": {"count": 0},
        "subscribers_count": 0,
        "access_types": None,
        "data_sharing": {},
        "project_ownership": None,
        "last_modified_by": None,
        "created_by": None,
    }


def _deployment(ground: Ground, asset: Asset, user: User, base: str, *, live: bool) -> Body:
    counted = ground.store.count(Submission, "asset = ?", (asset.number,)) if user.sees == "all" else None
    owner_url = f"{base}/{ground.owner}"
    return {
        "has_deployment": live,
        "deployment__active": live,
        "deployment_status": "deployed" if live else "draft",
        "deployment__encrypted": False,
        "deployment__uuid": asset.form_uuid if live else None,
        "deployment__submission_count": counted,
        "deployment__last_submission_time": asset.last_submission.replace("+00:00", "Z") or None,
        "deployment__links": dict.fromkeys(FORM_LINKS, f"{base}/x/{asset.number}") if live else {},
        "deployment__data_download_links": {
            name: f"{owner_url}/{path.format(asset.uid)}" for name, path in DOWNLOADS.items() if live
        },
    }


def _summary(content: Body) -> Body:
    rows = [row for row in content["survey"] if "name" in row]
    asked = [row for row in rows if row["type"] not in METADATA_ROWS and row["type"] != "begin_group"]
    labels = [row["label"][0] for row in asked if row.get("label") and row["type"] != "begin_repeat"]
    languages = [name for name in content["translations"] if name]
    columns = dict.fromkeys(key for row in content["survey"] for key in row if not key.startswith("$"))
    return {
        "geo": any(row["type"] in ("geopoint", "geotrace", "geoshape") for row in rows),
        "labels": labels[:5],
        "columns": list(columns),
        "lock_all": False,
        "lock_any": False,
        "languages": languages,
        "row_count": len(asked),
        "name_quality": {"ok": 0, "bad": 0, "good": len(asked), "total": len(asked), "firsts": {}},
        "default_translation": languages[0] if languages else None,
    }


def _report_styles(content: Body) -> Body:
    names = {row.get("name", row["$kuid"]): row["$kuid"] for row in content["survey"]}
    return {"default": {}, "specified": {name: {} for name in names}, "kuid_names": names}


def _permissions(ground: Ground, asset: Asset, user: User, base: str) -> Body:
    partners = [other.name for other in ground.users.values() if other.sees == "own" and other.name != ground.owner]
    given = [(ground.owner, codename) for codename in OF_THE_OWNER]
    given += [(partner, codename) for partner in partners for codename in OF_A_PARTNER]
    mine = (*OF_THE_OWNER, "delete_asset") if user.sees == "all" else OF_A_PARTNER
    return {
        "assignable_permissions": [
            {"url": f"{base}/api/v2/permissions/{codename}/", "label": label} for codename, label in PERMISSIONS.items()
        ],
        "permissions": [_assignment(asset, name, codename, base) for name, codename in given],
        "effective_permissions": [{"codename": codename} for codename in mine],
        "status": "shared" if partners else "private",
    }


def _assignment(asset: Asset, name: str, codename: str, base: str) -> Body:
    assignment = uid("p", asset.uid, name, codename)
    permissions = f"{base}/api/v2/permissions"
    body: Body = {
        "url": f"{base}/api/v2/assets/{asset.uid}/permission-assignments/{assignment}/",
        "user": f"{base}/api/v2/users/{name}/",
        "permission": f"{permissions}/{codename}/",
        "label": PERMISSIONS[codename],
    }
    if codename == "partial_submissions":
        own = {"url": f"{permissions}/view_submissions/", "filters": [{"_submitted_by": name}]}
        body["partial_permissions"] = [own]
    return body
