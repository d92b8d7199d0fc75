"""What goes into an archive and what comes out of it as values: submissions, their files, counts, what is known.

How they are written is record.py and attachments.py.
"""

from dataclasses import dataclass, fields
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file of a submission: `uid` is the server's own name of it, empty where an answer names a file that the server
    does not have; `deleted` where the server had it and took it out.
    """

    file_name: str
    uid: str = ""
    question: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One submission as a source hands it over; `raw` is the server's own text, `submitted_at` UTC without zone."""

    root_id: str
    raw: str
    raw_kind: str
    instance_id: str = ""
    server_id: str = ""
    form_version: str = ""
    submitted_at: datetime | None = None
    submitted_by: str = ""
    validation_status: str = ""
    files: tuple[AttachedFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many submissions a sync saw, and what had happened to them: to each that is not as it was, one thing.

    `edited` are answers or a form version that differ, `status_changed` a validation status and perhaps files,
    `attachments_changed` files alone.
    """

    seen: int = 0
    new: int = 0
    edited: int = 0
    deleted: int = 0
    returned: int = 0
    status_changed: int = 0
    attachments_changed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    @property
    def changed(self) -> int:
        """How many revisions or tombstones these counts stand for."""
        edits = self.edited + self.status_changed + self.attachments_changed
        return self.new + self.deleted + self.returned + edits


@dataclass(frozen=True, slots=True)
class Known:
    """What the archive holds of a current submission."""

    root_id: str
    server_id: str
    instance_id: str
    form_version: str
    validation_status: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server's index must show of a current submission, if it stands as archived.

    `status` and `modified` are texts out of the document, empty where it has none; `files` is what `files_text` makes
    of its files.
    """

    root_id: str
    server_id: str
    instance_id: str
    form_version: str
    status: str
    modified: str
    files: str


def files_text(files: tuple[AttachedFile, ...]) -> str:
    """What the server has of `files`, as one text: each uid with `-` where it is deleted, else `+`; in order."""
    return ",".join(sorted(f"{file.uid}{'-' if file.deleted else '+'}" for file in files if file.uid))
