"""What an ODK Central server answers: its forms, its two indexes, its submissions one by one and by the thousand.

Content comes from the XML of a submission or from the CSV tables, never from OData, which turns 12.7 into 12 and knows
only the questions of the latest version. What is done with the answers is central_sync.py; what the tables hold is
central_export.py. A Project Viewer may ask all of this.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, quote
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipelines.archive.attachments import Wanted
from pipelines.errors import ServerError
from pipelines.sources.central_answers import (
    Counted,
    FormState,
    Index,
    Named,
    Page,
    ServedFile,
    ServedForm,
    ServedRow,
    Standing,
    decoded,
    index_row,
    standing,
    window,
)
from pipelines.sources.client import Client, Downloaded, NotThere
from pipelines.sources.retry import Unreached

NO_VERSION = "___"
"""How Central writes the version of a form that has none, in a path."""

XML = "application/xml"

WORKBOOKS = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
}
"""The workbooks that Central keeps, by the end of their name."""

TRIES = 3
"""How often XML is asked for that does not arrive whole: a server may break off without a word."""

WALKS = 3
"""How often a walk is begun anew that ended before all was read."""


class Central:
    """One project of an ODK Central server."""

    def __init__(self, client: Client, project: int) -> None:
        self.client = client
        self._project = f"/v1/projects/{project}"

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return self.client.requests

    def form(self, form: str) -> FormState:
        """What the server says of `form`."""
        answer = self.client.ask(self._form(form))
        said = decoded(answer.body, ServedForm, f"Form {form}")
        if answer.date is None:
            raise ServerError("The server sends no Date with its answers; have its web server mended (nginx does).")
        return FormState(said.hash, answer.date)

    def versions(self, form: str) -> dict[str, str]:
        """Version -> the day it was published, of all that ever were, the oldest first."""
        body = self.client.get_bytes(f"{self._form(form)}/versions")
        published = decoded(body, list[ServedForm], f"The versions of {form}")
        return {said.version or "": (said.published_at or "")[:10] for said in reversed(published)}

    def workbook(self, form: str, version: str) -> tuple[bytes, str]:
        """The workbook that was uploaded as this version, and how its name ends; nothing where it came as an XForm."""
        place = f"{self._form(form)}/versions/{quote(version or NO_VERSION, safe='')}"
        for kind, accept in WORKBOOKS.items():
            try:
                return self.client.get_text(f"{place}{kind}", accept=accept), kind
            except NotThere:
                continue
        return b"", ""

    def version_xml(self, form: str, version: str) -> str:
        """The XForm of one version, as sent."""
        path = f"{self._form(form)}/versions/{quote(version or NO_VERSION, safe='')}.xml"
        what = f"Version {version} of form {form}"
        xform, tree = persistently_whole(lambda: _text(self.client.get_text(path, accept=XML), what))
        if tree is None:
            raise ServerError(f"{what} came as something that is no XML; ask the server's administrator.")
        return xform

    def index(self, form: str, etag: str = "") -> Index | None:
        """The full index of `form`; None where it is the one that `etag` stands for."""
        answer = self.client.ask(f"{self._form(form)}/submissions", etag=etag)
        if answer.status == 304:
            return None
        rows = decoded(answer.body, list[ServedRow], f"The submissions of form {form}")
        return Index(tuple(map(index_row, rows)), answer.etag)

    def count(self, form: str) -> int:
        """How many submissions `form` has that are not deleted, by the other index."""
        params = {"$top": "0", "$count": "true"}
        return self._page(form, params).count

    def shown(self, form: str, since: datetime | None = None) -> dict[str, Standing]:
        """By server id, what the second index says of every submission; or of those that came, were edited, reviewed or
        deleted `since` then (UTC), in which a restored one does not show.

        ServerError where the server breaks off its pages again and again, as it does in silence when the submission
        that a page ends with is purged.
        """
        found: dict[str, Standing] = {}
        count = 0
        for _ in range(WALKS):
            found = {}
            for page in self._pages(form, window(since)):
                count = page.count
                found |= {row.server_id: standing(row.system) for row in page.value}
            if len(found) >= count:
                return found
        message = f"The server counts {count} submissions of form {form} and shows {len(found)}; sync again."
        raise ServerError(message)

    def submission(self, form: str, server_id: str) -> tuple[str, Element | None] | None:
        """The XML of a submission as it stands now, as sent and as a tree (None where it is none); None where it is
        deleted.
        """
        path, what = f"{self._submission(form, server_id)}.xml", f"A submission of form {form}"
        try:
            return persistently_whole(lambda: _text(self.client.get_text(path, accept=XML), what))
        except NotThere:
            return None

    def export(self, form: str, into: Path, first: str, last: str) -> Downloaded:
        """Write the tables of all submissions sent from `first` to `last` (the server's texts) into `into`, zipped."""
        path = f"{self._form(form)}/submissions.csv.zip"
        between = f"__system/submissionDate ge {first} and __system/submissionDate le {last}"
        return self.client.download(path, into, {"attachments": "false", "deletedFields": "true", "$filter": between})

    def submitters(self, form: str) -> Mapping[int, str]:
        """The names of those who sent submissions, by number."""
        body = self.client.get_bytes(f"{self._form(form)}/submissions/submitters")
        return {one.id: one.display_name for one in decoded(body, list[Named], f"The submitters of form {form}")}

    def files(self, form: str, server_id: str) -> dict[str, bool] | None:
        """The files that a submission names, and whether the server has them; None where it is deleted."""
        try:
            body = self.client.get_bytes(f"{self._submission(form, server_id)}/attachments")
        except NotThere:
            return None
        return {file.name: file.exists for file in decoded(body, list[ServedFile], f"The files of form {form}")}

    def place_of_file(self, form: str, file: Wanted) -> str:
        """The path at which a file of a submission lies."""
        return f"{self._submission(form, file.server_id)}/attachments/{quote(file.file_name, safe='')}"

    def entities(self, dataset: str) -> str:
        """The entities of a dataset as CSV, as sent."""
        path = f"{self._project}/datasets/{quote(dataset, safe='')}/entities.csv"
        return _text(self.client.get_text(path, accept="text/csv"), f"Dataset {dataset}")

    def entity_count(self, dataset: str) -> int:
        """How many entities a dataset has."""
        path = f"{self._project}/datasets/{quote(dataset, safe='')}.svc/Entities"
        body = self.client.get_bytes(path, {"$top": "0", "$count": "true"})
        return decoded(body, Counted, f"Dataset {dataset}").count

    def _form(self, form: str) -> str:
        return f"{self._project}/forms/{quote(form, safe='')}"

    def _submission(self, form: str, server_id: str) -> str:
        return f"{self._form(form)}/submissions/{quote(server_id, safe='')}"

    def _pages(self, form: str, params: Mapping[str, str]) -> Iterator[Page]:
        """The pages of a query, as many as the server makes of it; of a link that it gives only the place is taken."""
        page = self._page(form, params)
        yield page
        while page.next_link:
            token = parse_qs(page.next_link.partition("?")[2]).get("$skiptoken", [""])[0]
            if not token:
                raise ServerError(f"The server gave a next page of form {form} without its place; sync again.")
            page = self._page(form, {**params, "$skiptoken": token})
            yield page

    def _page(self, form: str, params: Mapping[str, str]) -> Page:
        body = self.client.get_bytes(f"{self._form(form)}.svc/Submissions", params)
        return decoded(body, Page, f"The index of form {form}")


def persistently_whole(fetch: Callable[[], str]) -> tuple[str, Element | None]:
    """The XML that `fetch` gives, as text and as a tree; None for the tree where it stays the same and is none.

    Unreached where it arrives cut, each time elsewhere.
    """
    before = None
    for _ in range(TRIES):
        text = fetch()
        try:
            return text, fromstring(text)
        except (ParseError, DefusedXmlException, ValueError):
            if text == before:
                return text, None
            before = text
    raise Unreached("The server sends XML cut, each time elsewhere; run the sync again.")


def _text(body: bytes, what: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ServerError(f"{what} came with bytes that are no UTF-8; ask the server's administrator.") from error
