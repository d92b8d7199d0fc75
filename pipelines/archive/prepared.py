"""A submission with all that can be said of it without the archive: its hash, and what counting its answers gives.

The process that counts beside a sync loads this and no database, which would cost it 70 MB.
"""

from dataclasses import dataclass
from hashlib import sha256

from pipelines.archive.leaves import count_and_digest
from pipelines.archive.outline import NO_OUTLINE, Outline
from pipelines.archive.submission import Submission


@dataclass(frozen=True, slots=True)
class Prepared:
    """A submission with its hash, its number of answers and their digest, both null where it cannot be read."""

    submission: Submission
    sha256: str
    n_answers: int | None
    digest: int | None


def prepared(submission: Submission, outline: Outline = NO_OUTLINE) -> Prepared:
    """`submission` with all that can be said of it without the archive; any thread may do it."""
    return Prepared(submission, *counted(submission.root_id, submission.raw, submission.raw_kind, outline))


def counted(root_id: str, raw: str, raw_kind: str, outline: Outline) -> tuple[str, int | None, int | None]:
    """The SHA-256 of a document, its number of answers and their digest, both null where it cannot be read."""
    digest = sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
    try:
        return digest, *count_and_digest(root_id, raw, raw_kind, outline)
    except (ValueError, RecursionError):
        return digest, None, None
