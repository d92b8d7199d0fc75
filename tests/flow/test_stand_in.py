"""How the stand-in server behaves: its doors, its pages, what an edit and a deletion leave, what survives a restart."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from pipelines.demo.content import content_of
from pipelines.demo.phone import Phone, send, submission_xml
from pipelines.demo.server import StandIn
from pipelines.demo.uids import form_uuid
from pipelines.errors import AuthError, ConfigError, DataError, SchemaError, TransientError
from pipelines.forms.form import Form
from pipelines.forms.read import form_of_kobo, read_markdown

FORM = """
| survey   |                 |           |                     |                    |          |               |             |
|          | type            | name      | label::English (en) | label::Arabic (ar) | required | relevant      | sensitivity |
|          | begin_group     | site      | Site                | الموقع             |          |               |             |
|          | select_one camp | camp      | Camp                | المخيم             | yes      |               | public      |
|          | geopoint        | gps       | GPS                 | إحداثيات           |          |               | restricted  |
|          | end_group       |           |                     |                    |          |               |             |
|          | integer         | families  | Families            | عائلات             |          |               | public      |
|          | begin_repeat    | block     | Block               | بلوك               |          |               |             |
|          | text            | name      | Name                | الاسم              |          |               | partners    |
|          | begin_group     | counts    | Counts              | أعداد              |          |               |             |
|          | integer         | tents     | Tents               | خيم                |          |               | public      |
|          | end_group       |           |                     |                    |          |               |             |
|          | begin_repeat    | repair    | Repair              | إصلاح              |          |               |             |
|          | text            | what      | What                | ماذا               |          |               | public      |
|          | end_repeat      |           |                     |                    |          |               |             |
|          | end_repeat      |           |                     |                    |          |               |             |
|          | image           | photo     | Photo               | صورة               |          | ${camp} = 'a' | restricted  |
|          | text            | comments  | Comments            | ملاحظات            |          |               |             |
| choices  |                 |           |                     |                    |
|          | list_name       | name      | label::English (en) | label::Arabic (ar) |
|          | camp            | a         | Camp A              | مخيم أ             |
|          | camp            | b         | Camp B              | مخيم ب             |
| settings |                 |           |
|          | form_title      | form_id   |
|          | Camps           | camps     |
"""  # noqa: E501 - a table
XFORM = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"><h:head><model><instance>
<data id="camps"><site><camp/></site><meta><instanceID/></meta></data></instance></model></h:head></h:html>"""
ASSET = "aCamps"
NOON = datetime(2026, 9, 3, 12, 0, 0, 250000, tzinfo=UTC)
ANSWERS = {
    "site/camp": "a",
    "site/gps": "36.98 42.61 480 9.1",
    "families": "600",
    "block": [
        {"block/name": "بلوك ب", "block/counts/tents": "12", "block/repair": [{"block/repair/what": "roof"}]},
        {"block/name": "B", "block/repair": []},
        {},
    ],
    "comments": "first line\nsecond & <third>",
}


@dataclass(frozen=True)
class Client:
    """One who asks the server with a token."""

    url: str
    token: str = "demo-token"

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str, str]:
        """Status, content type and text of the answer."""
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {"Authorization": f"Token {self.token}"} if self.token else {}
        with closing(HTTPConnection(urlsplit(self.url).netloc)) as connection:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of an answer that must be good."""
        status, _, text = self.ask("GET", path, **query)
        assert status == 200, text
        return json.loads(text)

    def data(self, **query: Any) -> Any:
        """One page of the submissions."""
        asked = {key: value if isinstance(value, int) else json.dumps(value) for key, value in query.items()}
        return self.get(f"/api/v2/assets/{ASSET}/data/", **asked)

    def numbers(self, query: Any) -> list[int]:
        """The `_id` of the submissions that match."""
        return [row["_id"] for row in self.data(query=query)["results"]]


@pytest.fixture(scope="module")
def form() -> Form:
    return read_markdown(FORM, tool="camps")


@pytest.fixture
def stand_in(tmp_path: Path, form: Form) -> Iterator[StandIn]:
    stand_in = StandIn(tmp_path / "kobo.sqlite")
    stand_in.set_clock(NOON)
    stand_in.deploy(ASSET, form, XFORM)
    yield stand_in
    stand_in.close()


@pytest.fixture
def client(stand_in: StandIn) -> Iterator[Client]:
    with stand_in.serve() as url:
        yield Client(url)


def filled(form: Form, number: int, answers: Mapping[str, Any] = ANSWERS, *, edits: int = 0) -> bytes:
    """The XML of submission `number`, or of its edit number `edits`."""
    before, now = (f"{number:08d}-0000-4000-8000-{edit:012d}" for edit in (max(edits - 1, 0), edits))
    deprecated = before if edits else ""
    return submission_xml(form, ASSET, f"v{form.version}", answers, instance_id=now, deprecated_id=deprecated)


def sent(client: Client, form: Form, count: int) -> None:
    """Send submissions 1 to `count`."""
    with Phone(client.url, client.token) as phone:
        for number in range(1, count + 1):
            assert phone.send(filled(form, number, {"families": str(number * 100)})) == 201


def test_a_submission_comes_out_as_kobo_would_send_it(client: Client, form: Form) -> None:
    with Phone(client.url, client.token) as phone:
        assert phone.send(filled(form, 1, {**ANSWERS, "photo": "صورة ١.jpg"}), {"صورة ١.jpg": b"jpeg"}) == 201
    row = client.get(f"/api/v2/assets/{ASSET}/data/1/")
    attachment = row["_attachments"].pop()
    assert row == {
        "_id": 1,
        "formhub/uuid": form_uuid(ASSET),
        "site/camp": "a",
        "site/gps": "36.98 42.61 480 9.1",
        "families": "600",
        "block": [
            {"block/name": "بلوك ب", "block/counts/tents": "12", "block/repair": [{"block/repair/what": "roof"}]},
            {"block/name": "B"},
        ],
        "photo": "صورة ١.jpg",
        "comments": "first line\nsecond & <third>",
        "__version__": "v1",
        "meta/instanceID": "uuid:00000001-0000-4000-8000-000000000000",
        "_xform_id_string": "aCamps",
        "_uuid": "00000001-0000-4000-8000-000000000000",
        "meta/rootUuid": "uuid:00000001-0000-4000-8000-000000000000",
        "_attachments": [],
        "_status": "submitted_via_web",
        "_geolocation": [36.98, 42.61],
        "_submission_time": "2026-09-03T12:00:00",
        "_validation_status": {},
        "_submitted_by": "cccm_im",
    }
    assert (attachment["media_file_basename"], attachment["question_xpath"]) == ("صورة ١.jpg", "photo")
    assert attachment["filename"].endswith("/00000001-0000-4000-8000-000000000000/صورة_١.jpg")


def test_the_door_says_201_202_409_410_400_and_404(client: Client, form: Form) -> None:
    with Phone(client.url, client.token) as phone:
        statuses = {
            "new": phone.send(filled(form, 1)),
            "the same again": phone.send(filled(form, 1)),
            "the same id, other answers": phone.send(filled(form, 1, {"families": "1"})),
            "an edit": phone.send(filled(form, 1, {"families": "2"}, edits=1)),
            "an edit of what was edited": phone.send(
                filled(form, 1, {"families": "3"}, edits=1).replace(b"001<", b"009<")
            ),
            "no instance id": phone.send(filled(form, 2).replace(b"instanceID", b"nothing")),
            "no such form": phone.send(filled(form, 3).replace(b"aCamps", b"aOther").replace(b"<uuid>", b"<uuid>x")),
            "no XML": phone.send(b"<a>"),
            "an XML bomb": phone.send(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        }
    assert statuses == {
        "new": 201,
        "the same again": 202,
        "the same id, other answers": 409,
        "an edit": 201,
        "an edit of what was edited": 410,
        "no instance id": 400,
        "no such form": 404,
        "no XML": 400,
        "an XML bomb": 400,
    }


def test_an_edit_keeps_number_root_time_and_status(client: Client, stand_in: StandIn, form: Form) -> None:
    sent(client, form, 1)
    status = {"validation_status.uid": "validation_status_approved"}
    client.ask("PATCH", f"/api/v2/assets/{ASSET}/data/1/validation_status/", status)
    before = client.data()["results"][0]
    stand_in.set_clock(NOON.replace(day=9))
    assert send(client.url, client.token, filled(form, 1, {"families": "7"}, edits=1)) == 201
    second = "00000001-0000-4000-8000-000000000001"
    assert client.data()["results"] == [
        before
        | {
            "families": "7",
            "_uuid": second,
            "meta/instanceID": f"uuid:{second}",
            "meta/deprecatedID": before["meta/instanceID"],
        }
    ]
    assert client.ask("GET", f"/api/v2/assets/{ASSET}/data/{before['_uuid']}/")[0] == 200  # it is the root's uuid too


def test_a_bulk_edit_writes_into_the_xml_and_gives_new_uuids(client: Client, form: Form) -> None:
    sent(client, form, 2)
    data = {"site/camp": "b", "families": "9"}
    status, _, text = client.ask(
        "PATCH", f"/api/v2/assets/{ASSET}/data/bulk/", {"payload": {"submission_ids": ["1", 2], "data": data}}
    )
    results = json.loads(text)["results"]
    rows = client.data()["results"]
    assert status == 200
    assert [(row["site/camp"], row["families"], row["_uuid"]) for row in rows] == [
        ("b", "9", result["uuid"]) for result in results
    ]
    assert client.numbers({"meta/deprecatedID": {"$exists": True}}) == [1, 2]


def test_keyset_pages_see_every_row_once_though_rows_go_between_pages(client: Client, form: Form) -> None:
    sent(client, form, 7)
    seen: list[int] = []
    above = 0
    while page := client.data(query={"_id": {"$gt": above}}, sort={"_id": 1}, limit=2)["results"]:
        seen += [row["_id"] for row in page]
        above = seen[-1]
        client.ask("DELETE", f"/api/v2/assets/{ASSET}/data/{seen[0]}/")
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_a_page_holds_100_rows_unless_asked_and_never_more_than_1000(client: Client, form: Form) -> None:
    sent(client, form, 1001)
    pages = [client.data(**query) for query in ({}, {"limit": 30000}, {"limit": 30000, "start": 1000})]
    base = f"{client.url}/api/v2/assets/{ASSET}/data/"
    assert [(page["count"], len(page["results"]), page["next"], page["previous"]) for page in pages] == [
        (1001, 100, f"{base}?limit=100&start=100", None),
        (1001, 1000, f"{base}?limit=1000&start=1000", None),
        (1001, 1, None, f"{base}?limit=1000"),
    ]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"families": "200"}, [2]),
        ({"families": 200}, []),
        ({"families": {"$gt": "200"}}, [3]),
        ({"families": {"$gt": 0}}, []),
        ({"_id": {"$gte": 2, "$lt": 3}}, [2]),
        ({"_id": {"$gt": 1}, "families": {"$ne": "300"}}, [2]),
        ({"_id": {"$where": "true"}}, []),
        ({"$nor": [{"_id": 1}]}, []),
        ({"$or": [{"_id": 1}, {"families": {"$regex": "^3"}}]}, [1, 3]),
        ({"_id": {"$not": {"$in": [1, 2]}}}, [3]),
        ({"_submission_time": {"$gte": "2026-09-03T12:00:00"}}, [1, 2, 3]),
        ({"_submission_time": {"$gte": "2026-09-03T12:00:00Z"}}, []),
        ({"_validation_status.uid": None}, [1, 3]),
        ({"_validation_status.timestamp": {"$gt": 0}}, [2]),
        ({"site/camp": {"$exists": True}}, []),
    ],
    ids=str,
)
def test_a_query_compares_texts_and_knows_only_its_operators(
    queried: Client, query: dict[str, Any], numbers: list[int]
) -> None:
    assert queried.numbers(query) == numbers


@pytest.fixture(scope="module")
def queried(tmp_path_factory: pytest.TempPathFactory, form: Form) -> Iterator[Client]:
    """A server with three submissions, the second one approved."""
    stand_in = StandIn(tmp_path_factory.mktemp("queried") / "kobo.sqlite")
    stand_in.set_clock(NOON)
    stand_in.deploy(ASSET, form, XFORM)
    with stand_in.serve() as url:
        client = Client(url)
        sent(client, form, 3)
        status = {"validation_status.uid": "validation_status_approved"}
        client.ask("PATCH", f"/api/v2/assets/{ASSET}/data/2/validation_status/", status)
        yield client
    stand_in.close()


def test_fields_hide_a_status_that_was_not_asked_for(queried: Client) -> None:
    row = {"_id": 2, "_uuid": "00000002-0000-4000-8000-000000000000"}
    row |= {"meta/rootUuid": f"uuid:{row['_uuid']}", "_validation_status": {}}
    assert queried.data(query={"_id": 2}, fields=["_id"])["results"] == [row]
    asked = queried.data(query={"_id": 2}, fields=["_validation_status", "families"])["results"]
    status = {
        "timestamp": int(NOON.timestamp()),
        "uid": "validation_status_approved",
        "by_whom": "cccm_im",
        "label": "Approved",
    }
    assert asked == [row | {"families": "200", "_validation_status": status}]


@pytest.mark.parametrize(
    ("path", "token", "status", "text"),
    [
        (f"/api/v2/assets/{ASSET}/data/", "wrong", 401, '{"detail": "Invalid token."}'),
        (f"/api/v2/assets/{ASSET}/data/", "", 404, '{"detail": "Not found."}'),
        ("/api/v2/assets/aNone/", "demo-token", 404, '{"detail": "Not found."}'),
        ("/api/v2/assets/aNone/data/", "demo-token", 404, "Resource not found (404)"),
        (f"/api/v2/assets/{ASSET}/data/?query={{", "demo-token", 400, '{"query": "Value must be valid JSON."}'),
        (f"/api/v2/assets/{ASSET}/data/?limit=0", "demo-token", 400, '{"limit": "A positive integer is required"}'),
        ("/api/v1/data", "demo-token", 410, None),
        (f"/api/v2/assets/{ASSET}/data", "demo-token", 301, ""),
    ],
)
def test_refusals_are_worded_as_kobo_words_them(
    queried: Client, path: str, token: str, status: int, text: str | None
) -> None:
    answer = replace(queried, token=token).ask("GET", path)
    kind = "application/json" if text is None or text.startswith("{") else "text/html; charset=utf-8"
    assert answer == (status, kind, answer[2] if text is None else text)


def test_nobody_sees_no_project_and_a_draft_has_no_data(client: Client, stand_in: StandIn, form: Form) -> None:
    assert replace(client, token="").get("/api/v2/assets/")["count"] == 0
    stand_in.draft("aDraft", form)
    status, _, text = client.ask("GET", "/api/v2/assets/aDraft/data/")
    assert (status, json.loads(text)) == (400, {"detail": "The specified asset has not been deployed"})


def test_a_narrowed_account_sees_its_own_rows_only_and_no_count(client: Client, stand_in: StandIn, form: Form) -> None:
    stand_in.admit("partner", "partner-token", sees="own")
    partner = replace(client, token="partner-token")
    sent(client, form, 2)
    assert send(client.url, "partner-token", filled(form, 3)) == 201
    assert (partner.data()["count"], partner.numbers({})) == (1, [3])
    asset = partner.get(f"/api/v2/assets/{ASSET}/")
    assert asset["deployment__submission_count"] is None
    assert {"codename": "view_submissions"} not in asset["effective_permissions"]
    assert partner.ask("DELETE", f"/api/v2/assets/{ASSET}/data/3/")[0] == 403


def test_a_deleted_row_leaves_nothing_and_its_number_is_not_given_again(
    client: Client, stand_in: StandIn, form: Form
) -> None:
    sent(client, form, 3)
    assert client.ask("DELETE", f"/api/v2/assets/{ASSET}/data/3/")[0] == 204
    assert client.ask("GET", f"/api/v2/assets/{ASSET}/data/3/")[0] == 404
    ids = {"payload": {"submission_ids": [1]}}
    assert json.loads(client.ask("DELETE", f"/api/v2/assets/{ASSET}/data/bulk/", ids)[2]) == {
        "detail": "1 submissions have been deleted"
    }
    assert send(client.url, client.token, filled(form, 9)) == 201
    assert (client.numbers({}), stand_in.count(ASSET)) == ([2, 4], 2)


def test_a_status_taken_back_leaves_no_trace(client: Client, form: Form) -> None:
    sent(client, form, 1)
    before = client.data()
    path = f"/api/v2/assets/{ASSET}/data/validation_statuses/"
    payload = {"submission_ids": [1], "validation_status.uid": "validation_status_on_hold"}
    client.ask("PATCH", path, {"payload": payload})
    assert client.data()["results"][0]["_validation_status"]["label"] == "On Hold"
    client.ask("DELETE", f"/api/v2/assets/{ASSET}/data/1/validation_status/")
    assert client.data() == before


def test_rows_of_an_old_version_are_read_by_the_latest_form(client: Client, stand_in: StandIn, form: Form) -> None:
    grouped = replace(form, version="2", repeats=())
    stand_in.deploy(ASSET, grouped, XFORM)
    one, two = ({"block": [{"block/name": str(n)} for n in range(count)]} for count in (1, 2))
    for number, answers in enumerate((one, two), start=1):
        assert send(client.url, client.token, filled(form, number, answers)) == 201
    rows = client.data()["results"]
    assert rows[0]["block/name"] == "0"
    assert rows[1]["block"] == [{"block/name": "0"}, {"block/name": "1"}]


def test_versions_are_listed_newest_first_and_keep_their_content(client: Client, stand_in: StandIn, form: Form) -> None:
    stand_in.set_clock(NOON.replace(day=5))
    newer = replace(form, title="Camps again", questions=form.questions[:-1])
    second = stand_in.deploy(ASSET, newer, XFORM)
    draft = stand_in.draft(ASSET, form)
    first, _ = stand_in.deployed_versions(ASSET)
    listed = client.get(f"/api/v2/assets/{ASSET}/versions/")["results"]
    assert [(version["uid"], version["version_number"], version["date_deployed"]) for version in listed] == [
        (draft, "2.1", False),
        (second, "2", "2026-09-05T12:00:00.250000Z"),
        (first, "1", "2026-09-03T12:00:00.250000Z"),
    ]
    asset = client.get(f"/api/v2/assets/{ASSET}/")
    assert (asset["version_id"], asset["deployed_version_id"], asset["name"]) == (draft, second, "Camps")
    content = client.get(f"/api/v2/assets/{ASSET}/versions/{first}/")["content"]
    assert content == content_of(form, first)


def test_the_content_of_a_version_reads_back_as_the_same_form(form: Form) -> None:
    again = form_of_kobo(content_of(form), "camps", "1")
    asked = [replace(question, row=0, kuid="", required=question.required.lower()) for question in again.questions]
    meant = [replace(question, row=0, required="true" * bool(question.required)) for question in form.questions]
    assert asked == meant
    assert (again.groups, again.repeats) == (form.groups, form.repeats)
    assert [choice.labels for choice in again.choices["camp"]] == [choice.labels for choice in form.choices["camp"]]
    assert (again.languages, again.form_id) == (form.languages, form.form_id)


def test_a_phone_finds_the_form_with_the_nodes_the_server_adds(client: Client, stand_in: StandIn) -> None:
    _, _, listed = client.ask("GET", "/cccm_im/formList")
    assert f"<formID>{ASSET}</formID><name>Camps</name>" in listed
    assert f"<downloadUrl>{client.url}/cccm_im/forms/1/form.xml</downloadUrl>" in listed
    _, _, xform = client.ask("GET", "/forms/1/form.xml")
    (version,) = stand_in.deployed_versions(ASSET)
    assert '<data id="aCamps" version="1 (2026-09-03 12:00:00)"><formhub><uuid/></formhub>' in xform
    assert f"""nodeset="/data/__version__" type="string" calculate="'{version}'\"""" in xform
    assert f"""nodeset="/data/formhub/uuid" type="string" calculate="'{form_uuid(ASSET)}'\"""" in xform
    assert client.ask("HEAD", "/submission")[0] == 204


def test_all_survives_a_restart(tmp_path: Path, form: Form) -> None:
    texts = []
    for start in (1, 2):
        stand_in = StandIn(tmp_path / "kobo.sqlite")
        with stand_in.serve() as url:
            if start == 1:
                stand_in.set_clock(NOON)
                stand_in.deploy(ASSET, form, XFORM)
                sent(Client(url), form, 2)
            assert stand_in.clock == NOON
            paths = (f"/api/v2/assets/{ASSET}/data/", f"/api/v2/assets/{ASSET}/", "/me/")
            texts.append([Client(url).ask("GET", path)[2].replace(url, "") for path in paths])
        stand_in.close()
    assert texts[0] == texts[1]
    assert [path.name for path in tmp_path.iterdir()] == ["kobo.sqlite"]


def test_the_clock_is_set_over_http_too(client: Client) -> None:
    assert client.ask("PUT", "/demo/clock", {"now": "2026-11-30T08:00:00+03:00"})[0] == 200
    assert client.get("/me/")["server_time"] == "2026-11-30T05:00:00Z"
    assert client.ask("PUT", "/demo/clock", {"now": "tomorrow"})[0] == 400


def test_what_goes_wrong_is_said_in_a_sentence(tmp_path: Path, client: Client, form: Form) -> None:
    with pytest.raises(SchemaError, match=r"camps 1 has no question 'nothing'; answer only what this version asks\."):
        filled(form, 1, {"nothing": "1"})
    with pytest.raises(SchemaError, match=r"no question 'families' in block;"):
        filled(form, 1, {"block": [{"families": "1"}]})
    with pytest.raises(AuthError, match="refused the phone's token"):
        send(client.url, "wrong", filled(form, 1))
    with pytest.raises(TransientError, match="took no submission"):
        send("http://127.0.0.1:9", "demo-token", filled(form, 1))
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(DataError, match="is not a file of the stand-in server"):
        StandIn(tmp_path / "text")


def test_a_taken_port_is_said_in_a_sentence(stand_in: StandIn, client: Client) -> None:
    port = urlsplit(client.url).port
    assert port
    with pytest.raises(ConfigError, match=rf"Port {port} of 127\.0\.0\.1 is taken"), stand_in.serve(port):
        pass
