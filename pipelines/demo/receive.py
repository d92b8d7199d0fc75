"""Take in a submission, new or edited, as the server does: what is kept, and what is refused.

How it came (multipart, JSON, a bulk edit) and how the answer is worded is openrosa.py and changes.py.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from pipelines.demo.access import Ground, User
from pipelines.demo.instance import Answers, Instance, Shape, answers_of, geolocation_of, leaves
from pipelines.demo.store import Asset, Attachment, Content, Store, Submission
from pipelines.demo.uids import uid


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came: its type, as the phone says, and its bytes."""

    mimetype: str
    content: bytes


Files = Mapping[str, Upload]
"""The name of a file -> what came under it."""
NO_FILES: Files = MappingProxyType({})


class Verdict(Enum):
    """What became of a submission: the HTTP status and its words."""

    TAKEN = (201, "Successful submission.")
    SAME_AGAIN = (202, "Duplicate Instance")
    NO_INSTANCE_ID = (400, "Instance ID is required")
    NOT_ALLOWED = (403, "You do not have permission to perform this action.")
    NO_SUCH_FORM = (404, "Form does not exist on this account")
    NOT_THE_SAME = (409, "Submission with this instance ID already exists")
    OUTDATED_EDIT = (410, "Invalid submission - deprecatedID refers to an old version")


@dataclass(frozen=True, slots=True)
class Receipt:
    """The verdict on a submission, and what the answer quotes."""

    verdict: Verdict
    asset: Asset | None = None
    submission: Submission | None = None


def receive(ground: Ground, user: User, instance: Instance, files: Files = NO_FILES) -> Receipt:
    """Keep the submission where it can be kept, with its files; the verdict says whether."""
    store = ground.store
    asset = _asset_of(store, instance)
    shape = ground.shape_of(asset) if asset else None
    if asset is None or shape is None:
        return Receipt(Verdict.NO_SUCH_FORM)
    if user.sees == "nothing":
        return Receipt(Verdict.NOT_ALLOWED)
    if not instance.uuid:
        return Receipt(Verdict.NO_INSTANCE_ID)
    with store.transaction():
        where = "asset = ? AND (uuid = ? OR root_uuid = ?)"
        known = store.first(Submission, where, (asset.number, instance.uuid, instance.uuid))
        if known is not None:
            return _once_more(store, asset, shape, known, instance, files)
        before = _submission_of_edit(store, asset, instance)
        if before is None and store.was_superseded(asset.number, instance.deprecated):
            return Receipt(Verdict.OUTDATED_EDIT)
        return _write(ground, asset, shape, _draft(ground, user, asset, before, instance), instance, files)


def _asset_of(store: Store, instance: Instance) -> Asset | None:
    """The form's uuid decides, as on the server; its id only where there is no such uuid."""
    by_uuid = store.first(Asset, "form_uuid = ?", (instance.form_uuid,))
    return by_uuid or store.first(Asset, "uid = ?", (instance.form_id,))


def _once_more(
    store: Store, asset: Asset, shape: Shape, known: Submission, instance: Instance, files: Files
) -> Receipt:
    if known.xml != instance.xml:
        store.burn_number()
        return Receipt(Verdict.NOT_THE_SAME)
    late = _unknown_files(store, known, files)
    if not late:
        return Receipt(Verdict.SAME_AGAIN)
    _attach(store, asset, known, late)
    _point_at_questions(store, known, shape, answers_of(instance.tree, shape.repeats))
    return Receipt(Verdict.TAKEN, asset, known)


def _submission_of_edit(store: Store, asset: Asset, instance: Instance) -> Submission | None:
    if not instance.deprecated:
        return None
    return store.first(Submission, "asset = ? AND uuid = ?", (asset.number, instance.deprecated))


def _draft(ground: Ground, user: User, asset: Asset, before: Submission | None, instance: Instance) -> Submission:
    """The submission without its answers: a new one, or the edited one, which keeps its number, root and arrival."""
    now = ground.now().isoformat()
    if before is not None:
        ground.store.supersede(asset.number, before.uuid)
        return replace(before, uuid=instance.uuid, xml=instance.xml, written=now)
    return Submission(
        id=0,
        asset=asset.number,
        uuid=instance.uuid,
        root_uuid=instance.uuid,
        xml=instance.xml,
        answers="",
        geolocation="",
        received=now,
        written=now,
        submitted_by=user.name,
        validation="{}",
    )


def _write(ground: Ground, asset: Asset, shape: Shape, draft: Submission, instance: Instance, files: Files) -> Receipt:
    store = ground.store
    answers = answers_of(instance.tree, shape.repeats)
    row = answers | {
        "_xform_id_string": asset.uid,
        "_uuid": draft.uuid,
        "meta/rootUuid": f"uuid:{draft.root_uuid}",
    }
    geolocation = json.dumps(geolocation_of(answers, shape), separators=(",", ":"))
    submission = replace(draft, answers=_inside(row), geolocation=geolocation)
    submission = replace(submission, id=store.keep(submission))
    store.keep(replace(asset, last_submission=max(asset.last_submission, submission.received)))
    _attach(store, asset, submission, _unknown_files(store, submission, files))
    _point_at_questions(store, submission, shape, answers)
    return Receipt(Verdict.TAKEN, asset, submission)


def _inside(row: Answers) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))[1:-1]


def _unknown_files(store: Store, submission: Submission, files: Files) -> Files:
    if not files:
        return files
    known = {file.basename for file in store.find(Attachment, "submission = ?", (submission.id,))}
    return {name: upload for name, upload in files.items() if name not in known}


def _attach(store: Store, asset: Asset, submission: Submission, files: Files) -> None:
    owner_path = f"attachments/{asset.form_uuid}/{submission.root_uuid}"
    for name, upload in files.items():
        named = uid("att", asset.uid, submission.root_uuid, name)
        store.keep(Content(0, named, upload.content, deleted=False))
        store.keep(
            Attachment(
                number=0,
                submission=submission.id,
                uid=named,
                basename=name,
                file_name=f"{owner_path}/{_sanitised(name)}",
                mimetype=upload.mimetype,
                question="",
                present=True,
            )
        )


def _sanitised(name: str) -> str:
    return re.sub(r"[^-.\w]", "", name.replace(" ", "_"))


def _point_at_questions(store: Store, submission: Submission, shape: Shape, answers: Answers) -> None:
    """A file belongs to the question whose answer is its name; one that no answer names any more is not shown."""
    files = store.find(Attachment, "submission = ?", (submission.id,))
    named = {value: key for key, value in leaves(answers)} if files else {}
    for file in files:
        question = named.get(file.basename, "")
        store.keep(replace(file, present=bool(question), question=question if question in shape.files else ""))
