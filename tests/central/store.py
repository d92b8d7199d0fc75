"""What the stand-in server keeps, in memory: users, forms, submissions, files, datasets; and what happens to them."""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha1, sha256
from xml.etree.ElementTree import Element, fromstring

from tests.central.schema import Field, binaries, fields_of, local, merged, root_of, title_of


@dataclass(frozen=True)
class Actor:
    """Who sends or edits."""

    id: int
    name: str
    kind: str = "field_key"


PHONE = Actor(6, "Ninewa team 1")
EDITOR = Actor(5, "admin@example.org", "user")


@dataclass
class Def:
    """One version of a submission."""

    instance_id: str
    xml: str
    version: str
    created_at: str
    by: Actor
    device: str | None


@dataclass
class Submission:
    """A submission with all its versions, the newest last; `event` counts up with whatever happens to it."""

    id: str
    submitter: Actor
    device: str | None
    created_at: str
    defs: list[Def]
    files: dict[str, bytes | None]
    event: int
    updated_at: str | None = None
    review_state: str | None = None
    deleted_at: str | None = None

    @property
    def current(self) -> Def:
        return self.defs[-1]

    @property
    def edits(self) -> int:
        return len(self.defs) - 1

    @property
    def present(self) -> int:
        return sum(content is not None for content in self.files.values())

    @property
    def status(self) -> str | None:
        """Whether it is encrypted, and whether its data have come."""
        xml = self.current.xml
        if "encrypted" not in xml or fromstring(xml).get("encrypted") != "yes":
            return None
        return "notDecrypted" if self.present else "missingEncryptedFormData"


@dataclass
class Version:
    """A published version of a form; `workbook` is what it was uploaded as, where that was no XForm."""

    version: str
    xml: str
    published_at: str
    fields: dict[str, Field]
    workbook: bytes = b""
    kind: str = "xlsx"

    @property
    def hash(self) -> str:
        return md5(self.xml.encode(), usedforsecurity=False).hexdigest()

    @property
    def sha(self) -> str:
        return sha1(self.xml.encode(), usedforsecurity=False).hexdigest()

    @property
    def sha256(self) -> str:
        return sha256(self.xml.encode()).hexdigest()


@dataclass
class Form:
    """A form: its versions, the newest last, and its submissions by id."""

    id: str
    created_at: str
    versions: list[Version] = field(default_factory=list)
    submissions: dict[str, Submission] = field(default_factory=dict)
    key_id: int | None = None

    @property
    def title(self) -> str:
        return title_of(self.versions[-1].xml)

    def all_fields(self) -> dict[str, Field]:
        """The fields of all versions together."""
        found: dict[str, Field] = {}
        for version in reversed(self.versions):
            found = merged(found, version.fields)
        return found


class Store:
    """Everything on the server. Times are the real clock's, so that they fit the Date of its answers."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.users = {"viewer@example.org": ("viewer-password", "viewer")}
        self.sessions: dict[str, str] = {}
        self.forms: dict[str, Form] = {}
        self.datasets: dict[str, str] = {}
        self._events = 0
        self._last = datetime(2000, 1, 1, tzinfo=UTC)

    def now(self) -> str:
        """The time, never twice the same."""
        with self.lock:
            self._last = max(datetime.now(UTC), self._last + timedelta(milliseconds=1))
            return text_of(self._last)

    def publish(self, form_id: str, xform: str, workbook: bytes = b"", kind: str = "xlsx") -> None:
        """Publish `xform`, or the workbook that it was made of, as the newest version of a form."""
        form = self.forms.setdefault(form_id, Form(form_id, self.now()))
        said, fields = root_of(xform).get("version", ""), fields_of(xform)
        form.versions.append(Version(said, xform, self.now(), fields, workbook, kind))

    def send(self, form_id: str, xml: str, *, files: Mapping[str, bytes] | None = None, at: str = "") -> str:
        """Take in a submission; its id."""
        form, tree, now = self.forms[form_id], fromstring(xml), at or self.now()
        one = Def(instance_id_of(tree), xml, tree.get("version", ""), now, PHONE, "collect:rig1")
        expected = self._expected(form, tree)
        sent = {name: (files or {}).get(name) for name in expected}
        with self.lock:
            form.submissions[one.instance_id] = Submission(
                one.instance_id, PHONE, one.device, now, [one], sent, self._event()
            )
        return one.instance_id

    def edit(self, form_id: str, server_id: str, xml: str) -> None:
        """Replace a submission's content by `xml`."""
        form, tree, now = self.forms[form_id], fromstring(xml), self.now()
        with self.lock:
            one = form.submissions[server_id]
            one.defs.append(Def(instance_id_of(tree), xml, tree.get("version", ""), now, EDITOR, None))
            one.files = {name: one.files.get(name) for name in self._expected(form, tree)}
            one.updated_at, one.review_state, one.event = now, "edited", self._event()

    def review(self, form_id: str, server_id: str, state: str | None) -> None:
        one = self.forms[form_id].submissions[server_id]
        one.review_state, one.updated_at, one.event = state, self.now(), self._event()

    def delete(self, form_id: str, server_id: str) -> None:
        one = self.forms[form_id].submissions[server_id]
        one.deleted_at, one.event = self.now(), self._event()

    def restore(self, form_id: str, server_id: str) -> None:
        """Take a submission out of the trash; nothing but its event tells of it."""
        one = self.forms[form_id].submissions[server_id]
        one.deleted_at, one.event = None, self._event()

    def purge(self, form_id: str, server_id: str) -> None:
        del self.forms[form_id].submissions[server_id]

    def attach(self, form_id: str, server_id: str, name: str, content: bytes) -> None:
        """A file that arrives late: no event tells of it."""
        self.forms[form_id].submissions[server_id].files[name] = content

    def forget_sessions(self) -> None:
        """Let every session end."""
        self.sessions.clear()

    def _event(self) -> int:
        self._events += 1
        return self._events

    def _expected(self, form: Form, tree: Element) -> list[str]:
        if tree.get("encrypted") == "yes":
            return [node.text or "" for node in tree.iter() if local(node) in {"encryptedXmlFile", "file"}]
        return list(dict.fromkeys(binaries(form.all_fields(), tree)))


def instance_id_of(tree: Element) -> str:
    return next(node.text or "" for node in tree.iter() if local(node) == "instanceID")


def text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_instance_id() -> str:
    return f"uuid:{uuid.uuid4()}"
