"""Whether a server lets us in, and what our account may do there beyond reading.

A Kobo token opens a whole account: whoever finds it may do whatever the account may. So the account should only see
submissions; where it may do more, that is said, and nothing is refused for it. What is read there is kobo.py.
"""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from pipelines.errors import CccmError, ServerError
from pipelines.project import Source, SourceAsset
from pipelines.sources.client import Client

ENOUGH = frozenset({"view_asset", "view_submissions", "partial_submissions"})
"""What reading takes; whatever else an account may do could be done by whoever finds its token."""


class _Permission(msgspec.Struct):
    codename: str = ""


class _Asset(msgspec.Struct):
    effective_permissions: list[_Permission] = []


@dataclass(frozen=True, slots=True)
class Rights:
    """How one asset of a server answers: `beyond` is what the account may do with it that reading does not take."""

    asset: SourceAsset
    beyond: tuple[str, ...] = ()
    error: CccmError | None = None


def look(source: Source) -> list[Rights]:
    """Ask for each asset of a Kobo `source`; an error of one is part of what is told of it."""
    return [_rights(source, asset) for asset in source.assets]


def beyond_reading(codenames: Collection[str]) -> tuple[str, ...]:
    """Which of these permissions of Kobo reading does not take, by name."""
    return tuple(sorted(set(codenames) - ENOUGH - {""}))


def _rights(source: Source, asset: SourceAsset) -> Rights:
    try:
        client = Client(source.url, source.token(), named=source.name, ca_file=source.ca_file)
        client.get_bytes("/me/")
        body = client.get_bytes(f"/api/v2/assets/{asset.asset}/", {"format": "json"})
        said = msgspec.json.decode(body, type=_Asset)
    except CccmError as error:
        return Rights(asset, error=error)
    except msgspec.DecodeError:
        message = f"{source.url} describes asset {asset.asset} in a shape that is not Kobo's; check the address."
        return Rights(asset, error=ServerError(message))
    return Rights(asset, beyond_reading([permission.codename for permission in said.effective_permissions]))
