"""Who asks, what they may see, and how they are refused; the ground every answer of the stand-in server stands on.

What is answered once somebody may ask is assets.py, data.py, changes.py and openrosa.py.
"""

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipelines.demo.instance import Shape, shape_of_text
from pipelines.demo.store import Asset, Store, Version

Sees = Literal["all", "own", "nothing"]


@dataclass(frozen=True, slots=True)
class User:
    """An account: it sees all submissions, only its own, or no project at all. Its password is its token."""

    name: str
    token: str
    sees: Sees = "all"

    def whose(self) -> str:
        """Whose submissions they see; "" for everybody's."""
        return self.name if self.sees == "own" else ""


@dataclass(slots=True)
class Ground:
    """What the answers are made from; `users` by token, `shapes` by number of asset (read once, until a deployment)."""

    store: Store
    owner: str
    users: dict[str, User] = field(default_factory=dict)
    shapes: dict[int, Shape] = field(default_factory=dict)

    def now(self) -> datetime:
        """The server's time: the one it was set to, else the real one."""
        kept = self.store.setting("clock")
        return datetime.fromisoformat(kept) if kept else datetime.now(UTC)

    def shape_of(self, asset: Asset) -> Shape | None:
        """The shape of the asset's latest deployed form; None where nothing is deployed."""
        if asset.number not in self.shapes:
            where = "asset = ? AND deployed <> '' ORDER BY ordinal DESC"
            version = self.store.first(Version, where, (asset.number,))
            if version is None:
                return None
            self.shapes[asset.number] = shape_of_text(version.shape)
        return self.shapes[asset.number]

    def user_of_name(self, name: str) -> User | None:
        """The account with this name."""
        return next((user for user in self.users.values() if user.name == name), None)


class RefusedError(Exception):
    """What the server will not do, with the answer that says so."""

    def __init__(self, status: int, detail: Any, media_type: str = "application/json") -> None:
        super().__init__(detail)
        body = {"detail": detail} if isinstance(detail, str) else detail
        text = detail if media_type.startswith("text/") else json.dumps(body, ensure_ascii=False)
        self.detail = detail
        self.answer = Response(text, status, media_type=media_type)


NOT_FOUND = "Not found."
NO_CREDENTIALS = "Authentication credentials were not provided."
NOT_ALLOWED = "You do not have permission to perform this action."


def ground_of(request: Request) -> Ground:
    """What this server stands on."""
    return cast("Ground", request.app.state.ground)


def base_url(request: Request) -> str:
    """The server's address as the client wrote it, without a slash at the end."""
    return str(request.base_url).rstrip("/")


def who_asks(request: Request) -> User | None:
    """The account behind the request; None for nobody; RefusedError where token or password is wrong."""
    ground = ground_of(request)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "token":
        user = ground.users.get(given.strip())
        if user is None:
            raise RefusedError(401, "Invalid token.")
        return user
    if scheme.lower() == "basic":
        name, password = _name_and_password(given)
        user = ground.user_of_name(name)
        if user is None or user.token != password:
            raise RefusedError(401, "Invalid username/password.")
        return user
    return None


def known_user(request: Request) -> User:
    """The account behind the request; RefusedError where there is none."""
    user = who_asks(request)
    if user is None:
        raise RefusedError(401, NO_CREDENTIALS)
    return user


def asset_asked_for(request: Request) -> tuple[Asset, User]:
    """The asset named in the path and who asks for it; unknown and forbidden look alike."""
    user = who_asks(request)
    asset = find_asset(request)
    if asset is None or user is None or user.sees == "nothing":
        raise RefusedError(404, NOT_FOUND)
    return asset, user


def asset_to_change(request: Request) -> tuple[Asset, User]:
    """The same, for one who may change submissions."""
    asset, user = asset_asked_for(request)
    if user.sees != "all":
        raise RefusedError(403, NOT_ALLOWED)
    return asset, user


def find_asset(request: Request) -> Asset | None:
    """The asset named in the path."""
    return ground_of(request).store.first(Asset, "uid = ?", (request.path_params["asset"],))


async def me(request: Request) -> Response:
    """The account, and the server's time."""
    user = known_user(request)
    base = base_url(request)
    return JSONResponse(
        {
            "username": user.name,
            "first_name": "",
            "last_name": "",
            "email": f"{user.name}@example.org",
            "is_superuser": False,
            "server_time": f"{ground_of(request).now():%Y-%m-%dT%H:%M:%SZ}",
            "date_joined": "2026-01-01T00:00:00Z",
            "projects_url": f"{base}/{user.name}",
            "gravatar": f"{base}/static/nobody.png",
            "last_login": None,
            "extra_details": {"name": "", "organization": "", "require_auth": True},
            "git_rev": False,
            "social_accounts": [],
            "validated_password": True,
            "accepted_tos": False,
            "organization": {
                "url": f"{base}/api/v2/organizations/{user.name}/",
                "name": f"{user.name}'s organization",
                "uid": user.name,
            },
            "extra_details__uid": user.name,
        }
    )


async def token(request: Request) -> Response:
    """The account's token, for one who knows the password."""
    return JSONResponse({"token": known_user(request).token})


async def clock(request: Request) -> Response:
    """The server's clock, shown or set: the stand-in's own door, which no real server has."""
    known_user(request)
    ground = ground_of(request)
    if request.method == "PUT":
        try:
            moment = datetime.fromisoformat((await json_body(request))["now"])
        except (KeyError, TypeError, ValueError) as error:
            raise RefusedError(400, {"now": "A time such as 2026-11-30T08:00:00Z is required."}) from error
        ground.store.set_setting("clock", in_utc(moment).isoformat())
    return JSONResponse({"now": ground.now().isoformat()})


def in_utc(moment: datetime) -> datetime:
    """`moment` in UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


async def json_body(request: Request) -> Any:
    """The body, which must be a JSON object."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise RefusedError(400, f"JSON parse error - {error}") from error
    if not isinstance(body, dict):
        raise RefusedError(400, "A JSON object is required.")
    return body


def _name_and_password(given: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RefusedError(401, "Invalid basic header. Credentials not correctly base64 encoded.") from error
    return name, password
