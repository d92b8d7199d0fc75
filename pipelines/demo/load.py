"""Put many submissions on the stand-in server at once, as if phones had sent them long ago; and change many.

They come past the door for phones (openrosa.py), so there is no XML of them: they cannot be edited in bulk over HTTP.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pipelines.demo.access import Ground
from pipelines.demo.store import Asset, Submission
from pipelines.errors import ConfigError

AT_ONCE = 1000


def load(ground: Ground, asset_uid: str, version: str, many: Iterable[Mapping[str, Any]]) -> None:
    """Keep each of `many` answers as a submission of that form version; where it is "", each says its own, or none."""
    asset = _asset(ground, asset_uid)
    answers = enumerate(many)
    while some := list(islice(answers, AT_ONCE)):
        ground.store.keep_many([_submission(ground, asset, version, number, said) for number, said in some])


def edit(ground: Ground, asset_uid: str, submissions: Sequence[int], path: str, text: str) -> None:
    """Answer the question `path`, which each of these submissions has answered, anew: what an edit leaves behind."""
    asset = _asset(ground, asset_uid)
    changed = []
    for number in submissions:
        before = ground.store.first(Submission, "asset = ? AND id = ?", (asset.number, number))
        if before is not None:
            changed.append(_edited(before, path, text))
    ground.store.keep_many(changed)


def _asset(ground: Ground, asset_uid: str) -> Asset:
    asset = ground.store.first(Asset, "uid = ?", (asset_uid,))
    if asset is None:
        raise ConfigError(f"The stand-in server has no asset {asset_uid}; deploy its form first.")
    return asset


def _submission(ground: Ground, asset: Asset, version: str, number: int, said: Mapping[str, Any]) -> Submission:
    uuid = str(uuid5(NAMESPACE_URL, f"{asset.uid}/{number}"))
    now = ground.now().isoformat()
    row = {
        "formhub/uuid": asset.form_uuid,
        **said,
        **({"__version__": version} if version else {}),
        "meta/instanceID": f"uuid:{uuid}",
        "_xform_id_string": asset.uid,
        "_uuid": uuid,
        "meta/rootUuid": f"uuid:{uuid}",
    }
    return Submission(
        id=0,
        asset=asset.number,
        uuid=uuid,
        root_uuid=uuid,
        xml="",
        answers=_inside(row),
        geolocation="[null,null]",
        received=now,
        written=now,
        submitted_by=ground.owner,
        validation="{}",
    )


def _edited(before: Submission, path: str, text: str) -> Submission:
    uuid = str(uuid5(NAMESPACE_URL, f"{before.uuid}/edited"))
    row = json.loads(f"{{{before.answers}}}")
    sent = {"_uuid": uuid, "meta/instanceID": f"uuid:{uuid}", "meta/deprecatedID": f"uuid:{before.uuid}"}
    return replace(before, uuid=uuid, answers=_inside(row | {path: text} | sent))


def _inside(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))[1:-1]
