"""The stand-in answers as a real Central server did: the same keys, types and error codes, the same cells of tables."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from pipelines.forms.read import xform_of
from tests.central.server import Central

pytestmark = pytest.mark.slow

ID = "uuid:2f45e678-309d-4b79-965e-da32dae44550"
FORM = "/v1/projects/1/forms/fsmt"
LIST = f"{FORM}/submissions"
ODATA = f"{FORM}.svc/Submissions"


class Server:
    """The stand-in, filled with the recorded form and submission, and its answers."""

    def __init__(self, central: Central, url: str) -> None:
        self.central = central
        self._host = urlsplit(url).netloc
        self.token = ""

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = HTTPConnection(self._host)
        let_in = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent = json.dumps(body) if body is not None else None
        connection.request(method, path, sent, {**let_in, **{k.replace("_", "-"): v for k, v in headers.items()}})
        answer = connection.getresponse()
        found = answer.status, answer.read(), dict(answer.getheaders())
        connection.close()
        return found

    def json(self, path: str, **more: Any) -> tuple[int, Any]:
        status, body, _ = self.ask(path, **more)
        return status, json.loads(body)


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Path:
    return shared / "reference" / "odk-central-fixtures"


@pytest.fixture(scope="module")
def server(recorded: Path) -> Iterator[Server]:
    central = Central()
    for number in (1, 2, 3):
        central.store.publish("fsmt", xform_of(recorded / "xlsforms" / f"fsmt_v{number}.xlsx"))
    first = (recorded / "submissions" / "xml_first_version.xml").read_text(encoding="utf-8")
    central.store.send("fsmt", first, at="2026-11-22T02:31:21.011Z")
    central.store.edit("fsmt", ID, (recorded / "submissions" / "xml_current.xml").read_text(encoding="utf-8"))
    photo = first.replace(ID, "uuid:photo").replace("<site_photo/>", "<site_photo>site_1.png</site_photo>")
    central.store.send(
        "fsmt", photo.replace("<evidence/>", "<evidence>ev_1.png</evidence>"), files={"site_1.png": b"p"}
    )
    for number in range(3):
        central.store.send("fsmt", first.replace(ID, f"uuid:more-{number}"))
    central.store.datasets["sites"] = (recorded / "entities" / "entities.csv.csv").read_text(encoding="utf-8")
    with central.serve() as url:
        server = Server(central, url)
        said = {"email": "viewer@example.org", "password": "viewer-password"}
        server.token = server.json("/v1/sessions", method="POST", body=said)[1]["token"]
        yield server


def kind(value: Any) -> Any:
    """The keys and types of an answer; of a list, those of its members together."""
    if isinstance(value, dict):
        return {key: kind(part) for key, part in value.items()}
    if isinstance(value, list):
        return [kind(part) for part in value[:1]]
    return type(value).__name__


def like(ours: Any, theirs: Any) -> bool:
    """Whether `ours` has the keys and types of `theirs`, where null may stand for any."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return set(ours) == set(theirs) and all(like(ours[key], theirs[key]) for key in theirs)
    if isinstance(ours, list) and isinstance(theirs, list):
        return all(like(part, theirs[0]) for part in ours) if theirs else not ours
    return ours == theirs or "NoneType" in (ours, theirs)


SAME_KEYS = [
    (FORM, "encryption/form_after.json"),
    (LIST, "submissions/list_plain.json"),
    (f"{LIST}/submitters", "submissions/submitters.json"),
    (f"{LIST}/uuid%3Aphoto/attachments", "attachments/list.json"),
    (f"{ODATA}?$top=0&$count=true", "odata/count_only.json"),
    (
        f"{ODATA}?$top=3&$skiptoken={quote('01eyJpbnN0YW5jZUlkIjoidXVpZDpnb25lIn0=')}&$count=true",
        "odata/skiptoken_unknown_instance.json",
    ),
]
SAME_ERRORS = [
    ("/v1/audits", "auth/viewer_audits.json", 403),
    ("/v1/projects/1/forms/nope", "forms/404.json", 404),
    (f"{LIST}/uuid%3Anope", "submissions/404.json", 404),
    (f"{LIST}/uuid%3Anope.xml", "submissions/deleted_xml.json", 404),
    (f"{LIST}/uuid%3Aphoto/attachments/ev_1.png", "attachments/missing_get.json", 404),
    (f"{ODATA}?$top=3&$skiptoken=01abc", "odata/err_skiptoken.json", 400),
    (f"{ODATA}?$filter=population/households%20gt%203", "odata/err_filter_form_field.json", 501),
    ("/v1/projects/1/datasets/nope/entities.csv", "entities/404_dataset.json", 404),
]


@pytest.mark.parametrize(("path", "file"), SAME_KEYS, ids=[file for _, file in SAME_KEYS])
def test_an_answer_has_the_recorded_keys_and_types(path: str, file: str, server: Server, recorded: Path) -> None:
    status, ours = server.json(path)
    theirs = json.loads((recorded / file).read_text(encoding="utf-8"))
    assert status == 200
    assert like(kind(ours), kind(theirs)), (kind(ours), kind(theirs))


@pytest.mark.parametrize(("path", "file", "status"), SAME_ERRORS, ids=[file for _, file, _ in SAME_ERRORS])
def test_a_refusal_has_the_recorded_code(path: str, file: str, status: int, server: Server, recorded: Path) -> None:
    answered, ours = server.json(path)
    theirs = json.loads((recorded / file).read_text(encoding="utf-8"))
    assert (answered, ours["code"], set(ours)) == (status, theirs["code"], {"message", "code"})


def test_a_session_is_opened_and_refused_as_recorded(server: Server, recorded: Path) -> None:
    for said, file, wanted in (
        ({"email": "viewer@example.org", "password": "viewer-password"}, "session_create.json", 200),
        ({"email": "viewer@example.org", "password": "no"}, "bad_password.json", 401),
    ):
        status, ours = server.json("/v1/sessions", method="POST", body=said)
        theirs = json.loads((recorded / "auth" / file).read_text(encoding="utf-8"))
        assert (status, kind(ours), ours.get("code")) == (wanted, kind(theirs), theirs.get("code"))
    status, ours = server.json(FORM, Authorization="Bearer ended")
    assert (status, ours["code"]) == (401, 401.2)


def test_versions_are_listed_newest_first_with_the_recorded_keys(server: Server, recorded: Path) -> None:
    _, ours = server.json(f"{FORM}/versions")
    theirs = json.loads((recorded / "forms" / "versions.json").read_text(encoding="utf-8"))
    extended = {"excelContentType", "publishedBy", "publishNotes"}
    assert [one["version"] for one in ours] == ["2026.3", "2026.2", "2026.1"]
    assert set(ours[0]) == set(theirs[0]) - extended
    _, ours = server.json(f"{LIST}/{quote(ID)}/versions")
    theirs = json.loads((recorded / "submissions" / "versions_list.json").read_text(encoding="utf-8"))
    assert [(one["instanceId"], one["formVersion"], one["current"]) for one in ours] == [
        (one["instanceId"], one["formVersion"], one["current"]) for one in theirs
    ]
    assert set(ours[0]) == set(theirs[0]) - {"submitter"}


def test_the_form_and_the_submission_come_as_they_were_sent(server: Server, recorded: Path) -> None:
    assert server.ask(f"{FORM}/versions/2026.1.xml")[1].decode() == xform_of(recorded / "xlsforms" / "fsmt_v1.xlsx")
    assert server.ask(f"{LIST}/{quote(ID)}.xml")[1] == (recorded / "submissions" / "xml_current.xml").read_bytes()


def test_a_row_of_the_second_index_has_the_recorded_keys(server: Server, recorded: Path) -> None:
    _, ours = server.json(f"{ODATA}?$select=__id,__system&$top=1&$count=true")
    theirs = json.loads((recorded / "odata" / "page1_top50.json").read_text(encoding="utf-8"))
    assert like(kind(ours["value"][0]["__system"]), kind(theirs["value"][0]["__system"]))
    assert (
        set(ours) - {"@odata.count"} == set(theirs) - {"@odata.count"} == {"value", "@odata.context", "@odata.nextLink"}
    )
    assert "%24skiptoken=01" in ours["@odata.nextLink"]
    assert "%24skiptoken=01" in theirs["@odata.nextLink"]


def test_the_tag_is_the_same_on_every_list_and_blind_to_versions(server: Server, recorded: Path) -> None:
    paths = (LIST, ODATA, f"{LIST}.csv.zip?attachments=false")
    tags = {server.ask(path)[2]["ETag" if "ETag" in server.ask(path)[2] else "etag"] for path in paths}
    assert len(tags) == 1
    [tag] = tags
    assert tag.startswith('W/"eventhash:')
    server.central.store.publish("fsmt", xform_of(recorded / "xlsforms" / "fsmt_v3.xlsx").replace("2026.3", "2026.4"))
    assert [server.ask(path, If_None_Match=tag)[0] for path in paths] == [304, 304, 304]
    server.central.store.forms["fsmt"].versions.pop()


def test_the_tables_hold_the_recorded_cells(server: Server, recorded: Path) -> None:
    zipped = server.ask(f"{LIST}.csv.zip?attachments=false")[1]
    ours = _tables(io.BytesIO(zipped))
    theirs = _tables(recorded / "csv" / "submissions.csv.zip_no_media.zip")
    assert list(ours) == list(theirs) == ["fsmt.csv", "fsmt-service_provider.csv", "fsmt-focal_point.csv"]
    for name in theirs:
        assert list(ours[name][0]) == list(theirs[name][0]), name
        assert _answers(ours[name]) == _answers(theirs[name]), name


def test_deleted_fields_come_back_on_demand(server: Server, recorded: Path) -> None:
    ours = _tables(io.BytesIO(server.ask(f"{LIST}.csv.zip?attachments=false&deletedFields=true")[1]))
    theirs = _tables(recorded / "csv" / "split_and_deletedFields.zip")
    for name in theirs:
        assert set(ours[name][0]) == {head for head in theirs[name][0] if "/" not in head}, name


def _tables(file: Any) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(file) as archive:
        return {
            name: list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8", newline="")))
            for name in archive.namelist()
        }


def _answers(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The cells of the recorded submission, but for what depends on who sent it when."""
    moving = {"SubmissionDate", "SubmitterID", "SubmitterName", "DeviceID", "ReviewState"}
    own = (row for row in rows if row["KEY"].startswith(ID))
    return [{head: cell for head, cell in row.items() if head not in moving} for row in own]
