"""The stand-in server beside a real KoboToolbox: the recorded exchanges are made again, in their order, and compared.

The same forms are deployed and the same submissions sent, at the recorded times; what the real server chose by itself
(uids, uuids of its own edits) is translated. Then status, content type, keys, JSON types and, where it is fixed by the
story, every value must be the same.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import NAMESPACE_URL, uuid5

import pytest

from pipelines.demo.phone import Phone, multipart, submission_xml
from pipelines.demo.server import StandIn
from pipelines.demo.uids import form_uuid
from pipelines.forms.form import Form, Group, Question, Repeat
from pipelines.forms.read import read_form, xform_of

RECORDED = (Path(__file__).parents[2] / "../shared/reference/kobo-fixtures").resolve()
FSMT, MOVES, ZOO = "akZ4DrNiYcWuqiRbjmocMx", "aV72zrdXgTpsHszX9poNPY", "at9nVY3WHykicahFgKuXUN"
FIRST_ZOO = "aTFYBo822L9RThRewoKLAv"
TOKENS = {"cccm_im": "token-of-the-owner", "site_partner": "token-of-a-partner", "nobody": "token-of-nobody"}

OUT_OF_SCOPE = {
    "imports and deployment over HTTP: forms get in through `deploy`": (
        "import_", "deploy_", "redeploy_", "clone", "content_patch", "archive", "asset_archived", "asset_delete",
        "data_of_archived",
    ),
    "hooks": ("hook",),
    "history": ("history", "sync_t1_history", "sync_t2_history"),
    "exports and reports": ("export", "reports", "asset_xls", "asset_xform"),
    "attachments' bytes and deletion": ("attachment",),
    "GeoJSON": ("format_geojson",),
    "the web application's own calls": (
        "enketo_edit_link", "permission_assignments", "counts", "asset_content", "asset_hash", "asset_usage",
        "service_usage", "environment",
    ),
    "the form builder's types, which pyxform does not know": ("zoo_asset_detail", "zoo_form", "zoo_version"),
}  # fmt: skip
"""Why some exchanges are not made again, and how their names begin."""
VOLATILE = frozenset({
    "$kuid", "content_hash", "version__content_hash", "date_created", "date_modified", "date_deployed",
    "markedAsCompleteDate", "email", "gravatar", "date_joined", "organization", "extra_details__uid",
    "deployment__links", "is_deleted", "export_settings",
})  # fmt: skip
"""Keys whose values the server chooses by itself, or that belong to what is out of scope. Their types are compared."""
KNOWN = {
    r"/content/survey/\d+/appearance: not there": "a Form keeps no appearance of a group",
    r"/content/settings/id_string: not there": "Kobo remembers under what name the workbook was uploaded",
    r"/export_settings: 0 items": "exports are out of scope",
    r"_asset_list/results/[03]/summary/": "this test makes the zoo's form by hand",
    r"asset_list/results/[013]/(permissions|status)": "the stand-in shares all its projects with an account, or none",
    r"/mimetype: 'audio/mp4' instead of 'audio/m4a'": "the type is what the phone says, and ours says otherwise",
}
"""Differences that stay, and why."""


SENT = {
    "submit_v1_full": ("data_list_v1", 1, 1),
    "submit_v1_norepeat": ("data_list_v1", 2, 1),
    "submit_v1_campother": ("data_list_v1", 3, 1),
    "submit_v1_debaga": ("data_list_v1", 4, 1),
    "submit_duplicate_identical": ("data_list_v1", 1, 1),
    "submit_duplicate_conflict": ("data_list_v1", 1, 1),
    "submit_unknown_form": ("data_list_v1", 1, 1),
    "submit_without_instanceid": ("data_list_v1", 2, 1),
    "submit_v2_full": ("data_list_mixed_versions", 7, 2),
    "submit_v1_after_v2": ("data_list_mixed_versions", 8, 1),
    "submit_v2_partner": ("data_list_mixed_versions", 9, 2),
    "submit_edit_1": ("submission_1_after_edit_1", 1, 2),
    "submit_edit_2": ("submission_1_after_edit_2", 1, 2),
    "submit_edit_stale": ("submission_1_after_edit_1", 1, 2),
    "submit_edit_drop_photo": ("submission_4_after_photo_dropped", 4, 1),
    "sync_new_v3": ("sync_t2_data", 1266, 3),
    "late_attachment_post_1": ("late_attachment_before", 1267, 3),
    "late_attachment_post_2": ("late_attachment_after", 1267, 3),
}
"""The submissions, whose bodies were not recorded: in which exchange their row is found, and the form's revision."""
WITHOUT_FILES = ("submit_duplicate_conflict", "submit_edit_1", "submit_edit_2", "submit_edit_stale")
SENT_OTHERWISE = {
    "submit_duplicate_conflict": {"wash/water_lpd": "46"},
    "submit_unknown_form": {"wash/water_lpd": "47"},
    "submit_without_instanceid": {"meta/instanceID": ""},
    "submit_edit_stale": {"meta/instanceID": "uuid:0a0a0a0a-0000-4000-8000-000000000000"},
}
"""In what they differed from that row."""


def entries() -> list[dict[str, Any]]:
    """The recorded requests, in order."""
    index = RECORDED / "index.json"
    return json.loads(index.read_text()) if index.exists() else []


def in_scope(name: str) -> bool:
    """Whether the stand-in means to answer this one."""
    return not any(name.startswith(beginnings) for beginnings in OUT_OF_SCOPE.values())


COMPARED = [entry["name"] for entry in entries() if in_scope(entry["name"])]
pytestmark = pytest.mark.skipif(not COMPARED, reason=f"the recorded exchanges are not here ({RECORDED})")


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def recorded(name: str) -> Any:
    """The recorded JSON of that name."""
    return json.loads((RECORDED / f"{name}.json").read_text())


def rows_of(name: str) -> dict[int, dict[str, Any]]:
    """The recorded page of that name, by `_id`."""
    return {row["_id"]: row for row in recorded(name)["results"]}


def moment_of(name: str) -> str:
    """When the server had done with that submission."""
    text = (RECORDED / f"{name}.xml").read_text()
    attribute = "markedAsCompleteDate" if "edit" in name else "submissionDate"
    found = re.search(rf'{attribute}="([^"]+)"', text)
    return found.group(1) if found else "2026-11-22T02:36:00+00:00"


def form_like(rows: list[dict[str, Any]], *, repeated: bool) -> Form:
    """A form that asks what these rows answer, in which `visit` is a repeat or a plain group."""
    files = {file["question_xpath"] for row in rows for file in row["_attachments"]}
    keys = dict.fromkeys(key for row in rows for key in row)
    asked = [key for key in keys if key == "meta/audit" or not key.startswith(("_", "formhub", "meta/", "visit"))]
    questions = [Question(path=key, name=key, type="file" if key in files else "text") for key in asked]
    visit = Question(path="visit/n", name="n", type="integer", repeats=("visit",) if repeated else ())
    return Form(
        tool="zoo",
        version="1",
        title="Type zoo",
        questions=(*questions, visit),
        groups=() if repeated else (Group(path="visit", name="visit"),),
        repeats=(Repeat(path="visit", name="visit"),) if repeated else (),
    )


class Story:
    """The world as it was when the exchanges were recorded, told again to the stand-in."""

    def __init__(self, stand_in: StandIn, url: str, connection: HTTPConnection) -> None:
        self.stand_in, self.url, self.connection = stand_in, url, connection
        self.answers: dict[str, Answer] = {}
        self.ours = {asset_uuid: form_uuid(uid) for uid, asset_uuid in self._form_uuids()}
        self.forms = {n: read_form(RECORDED / f"forms/fsmt_v{n}.xlsx", "fsmt", str(n)) for n in (1, 2, 3)}
        self.scenes = self._scenes()

    def tell(self) -> None:
        """Make every exchange in scope, and what happened between them."""
        for entry in entries():
            name = entry["name"]
            if scene := self.scenes.get(name):
                self.answers |= {name: answer} if isinstance(answer := scene(), Answer) else {}
            if in_scope(name) and name not in self.answers:
                self.answers[name] = self.ask(entry)
                self._learn(name)

    def ask(self, entry: Mapping[str, Any]) -> Answer:
        """The stand-in's answer to a recorded request."""
        path = self._translated(quote(entry["path"], safe="/"))
        if entry["query"]:
            path += "?" + urlencode(json.loads(self._translated(json.dumps(entry["query"]))))
        headers = {"Authorization": self._authorization(entry), "Content-Type": "application/json"}
        body = None if entry["request_body"] is None else self._translated(json.dumps(entry["request_body"])).encode()
        return self._exchange(entry["method"], path, body, headers)

    def send(self, xml: bytes, files: list[str], user: str | None = "cccm_im") -> Answer:
        """The stand-in's answer to a submission with these files."""
        content_type, body = multipart(xml, dict.fromkeys(files, b"a picture"))
        authorization = f"Token {TOKENS[user]}" if user else ""
        headers = {"Authorization": authorization, "Content-Type": content_type}
        return self._exchange("POST", "/submission", body, headers)

    def xml(self, row: Mapping[str, Any], form: Form, asset: str = FSMT) -> bytes:
        """The XML that led to the recorded row."""
        asked = {question.path for question in form.questions} | {repeat.path for repeat in form.repeats}
        instance, before, root = (
            row.get(f"meta/{key}", "").removeprefix("uuid:") for key in ("instanceID", "deprecatedID", "rootUuid")
        )
        return submission_xml(
            form,
            asset,
            self.ours.get(row["__version__"], row["__version__"]),
            {key: value for key, value in row.items() if key in asked},
            instance_id=instance,
            deprecated_id=before,
            root_id=root if before else "",
        )

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        self.connection.request(method, path, body, {name: value for name, value in headers.items() if value})
        answer = self.connection.getresponse()
        content = answer.read()
        return Answer(answer.status, answer.getheader("Content-Type", ""), content, dict(answer.getheaders()))

    def _authorization(self, entry: Mapping[str, Any]) -> str:
        special = {"err_bad_auth_scheme": "Bearer x", "err_basic_bad": "Basic Y2NjbV9pbTp3cm9uZw=="}
        if entry["name"] in special:
            return special[entry["name"]]
        found = re.fullmatch(r"Token <(\w+)>", entry["auth"])
        return f"Token {TOKENS.get(found.group(1), 'wrong')}" if found else ""

    def _translated(self, text: str) -> str:
        for theirs, ours in self.ours.items():
            text = text.replace(theirs, ours)
        return text

    def _learn(self, name: str) -> None:
        """Note the uuids that both servers gave to the same edits."""
        if name in ("bulk_update", "bulk_update_approved", "sync_edit_8"):
            ours = json.loads(self.answers[name].body)["results"]
            pairs = zip(recorded(name)["results"], ours, strict=True)
            self.ours |= {theirs["uuid"]: mine["uuid"] for theirs, mine in pairs}

    def _form_uuids(self) -> Iterator[tuple[str, str]]:
        yield FSMT, "1a5d9ad904004da0aa9eb00da6a10c5d"
        yield MOVES, "fed67ba3b41c4fa5987a91362d19b0e9"
        yield ZOO, recorded("zoo_data_v1")["results"][0]["formhub/uuid"]

    def _at(self, moment: str) -> None:
        self.stand_in.set_clock(datetime.fromisoformat(moment))

    def _deploy(self, revision: int, moment: str, theirs: str) -> None:
        self._at(moment)
        xform = xform_of(RECORDED / f"forms/fsmt_v{revision}.xlsx")
        self.ours[theirs] = self.stand_in.deploy(FSMT, self.forms[revision], xform)

    def _draft(self, revision: int, moment: str) -> None:
        self._at(moment)
        self.stand_in.draft(FSMT, self.forms[revision])

    def _sent(self, name: str) -> Answer:
        """The submission of that name, sent again when it was sent."""
        source, number, revision = SENT[name]
        page = recorded(source)
        row = {**(rows_of(source)[number] if "results" in page else page), **SENT_OTHERWISE.get(name, {})}
        files = [] if name in WITHOUT_FILES else [file["media_file_basename"] for file in row["_attachments"]]
        self._at(moment_of(name))
        return self.send(self.xml(row, self.forms[revision]), files, row["_submitted_by"])

    def _scenes(self) -> dict[str, Callable[[], Any]]:
        """What happens when each of these exchanges comes; where that makes an answer, it is the exchange's."""
        return {
            "auth_me": lambda: self._at("2026-11-22T02:34:03+00:00"),
            "asset_detail_draft": lambda: self._draft(1, "2026-11-22T02:34:05.010987+00:00"),
            "deploy_v1": lambda: self._deploy(1, "2026-11-22T02:34:24.879676+00:00", "vKXokk5PuYXiBF7NzncQoz"),
            "submit_no_auth": self._nobody_sends,
            "asset_detail_v2_draft": self._partner_joins,
            "redeploy_v2": lambda: self._deploy(2, "2026-11-22T02:36:43.340408+00:00", "vpBfnkfunAjMfTZqkVgJax"),
            "submit_json": lambda: self._at("2026-11-22T02:37:25.646540+00:00"),
            "validation_status_set": lambda: self._at("2026-11-22T02:39:08+00:00"),
            "validation_status_not_approved": lambda: self._at("2026-11-22T02:39:10+00:00"),
            "duplicate_submission": self._duplicate,
            "asset_detail_v3_draft": lambda: self._draft(3, "2026-11-22T02:42:59+00:00"),
            "redeploy_v3": lambda: self._deploy(3, "2026-11-22T02:43:00.288027+00:00", "vQvCQBTfhaUcKddbBxBcxb"),
            "bulk_delete_query": self._camp_movements,
            "zoo_submit": self._zoo_opens,
            "zoo_late_v1_one": lambda: self._zoo_sends("zoo_late_v1_one", 1263, late=True),
            "zoo_late_v1_two": lambda: self._zoo_sends("zoo_late_v1_two", 1264, late=True),
            "zoo_v2_group": lambda: self._zoo_sends("zoo_v2_group", 1265, late=False),
            "sync_status_9": lambda: self._at("2026-11-22T02:51:13+00:00"),
            **{name: partial(self._sent, name) for name in SENT},
        }

    def _partner_joins(self) -> None:
        self.stand_in.admit("site_partner", TOKENS["site_partner"], sees="own")
        self._draft(2, "2026-11-22T02:36:41.448783+00:00")

    def _nobody_sends(self) -> Answer:
        return self.send(b"<x/>", [], None)

    def _duplicate(self) -> Answer:
        """The web application's duplicate is a new submission; here a phone sends the one that the real server made."""
        self._at("2026-11-22T02:39:11.553627+00:00")
        assert self.send(self.xml(recorded("duplicate_submission"), self.forms[1]), []).status == 201
        return replace(self._get(FSMT, "11/"), status=201)

    def _get(self, asset: str, below: str = "", query: Mapping[str, Any] | None = None) -> Answer:
        path = f"/api/v2/assets/{asset}/data/{below}"
        entry = {"name": "", "method": "GET", "path": path, "query": query, "request_body": None}
        return self.ask({**entry, "auth": "Token <cccm_im>"})

    def _camp_movements(self) -> None:
        """1,250 rows of another project: paging, and what deleting does to it."""
        self._at("2026-11-22T02:44:42.023228+00:00")
        form = read_form(RECORDED / "forms/moves.xlsx", "moves", "1")
        version = self.stand_in.deploy(MOVES, form, xform_of(RECORDED / "forms/moves.xlsx"))
        self.ours["vV9kpVeQrm4mghAmQVquSA"] = version
        self._at("2026-11-22T02:46:27.636525+00:00")
        with Phone(self.url, TOKENS["cccm_im"]) as phone:
            for n in range(1250):
                answers = {"move_date": "2026-11-20", "camp": f"camp {n}", "departures_hh": str(n)}
                xml = submission_xml(form, MOVES, version, answers, instance_id=str(uuid5(NAMESPACE_URL, str(n))))
                assert phone.send(xml) == 201
        for step in recorded("bulk_paging_summary"):
            if step["name"] == "drift_page_2":
                self._delete_moves(range(12, 22))
            if "query" in step:
                self.answers[f"bulk/{step['name']}"] = self._get(MOVES, query=step["query"])

    def _delete_moves(self, numbers: range) -> None:
        body = json.dumps({"payload": {"submission_ids": list(numbers)}}).encode()
        headers = {"Authorization": f"Token {TOKENS['cccm_im']}"}
        assert self._exchange("DELETE", f"/api/v2/assets/{MOVES}/data/bulk/", body, headers).status == 200

    def _zoo_opens(self) -> Answer:
        self._at("2026-11-22T02:48:59.660794+00:00")
        rows = [row for _, row in sorted(rows_of("zoo_data_v2").items())]
        self.zoo = {repeated: form_like(rows, repeated=repeated) for repeated in (True, False)}
        self.ours["vKT89Fa2Wqt5sroN9TPm28"] = self.stand_in.draft(FIRST_ZOO, self.zoo[True])
        self.ours[rows[0]["__version__"]] = self.stand_in.deploy(ZOO, self.zoo[True], "")
        answer = self._zoo_sends("zoo_submit", 1262, late=True)
        self._at("2026-11-22T02:49:52.735203+00:00")
        self.ours[rows[-1]["__version__"]] = self.stand_in.deploy(ZOO, self.zoo[False], "")
        return answer

    def _zoo_sends(self, name: str, number: int, *, late: bool) -> Answer:
        row = dict(rows_of("zoo_data_v2")[number])
        if late and "visit/n" in row:
            row["visit"] = [{"visit/n": row.pop("visit/n")}]
        self._at(moment_of(name))
        files = [file["media_file_basename"] for file in row["_attachments"]]
        return self.send(self.xml(row, self.zoo[late], ZOO), files)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    stand_in = StandIn(tmp_path_factory.mktemp("kobo") / "kobo.sqlite", token=TOKENS["cccm_im"], user="cccm_im")
    stand_in.admit("nobody", TOKENS["nobody"], sees="nothing")
    with stand_in.serve() as url:
        with closing(HTTPConnection(urlsplit(url).netloc)) as connection:
            story = Story(stand_in, url, connection)
            story.tell()
        yield story
    stand_in.close()


def test_every_recorded_exchange_is_either_compared_or_out_of_scope_for_a_reason() -> None:
    assert len(entries()) == 244
    assert len(COMPARED) == 170


@pytest.mark.parametrize("name", COMPARED)
def test_answers_as_the_real_server_did(story: Story, name: str) -> None:
    entry = next(entry for entry in entries() if entry["name"] == name)
    ours, theirs = story.answers[name], entry["headers"]
    assert (ours.status, ours.content_type) == (entry["status"], theirs.get("Content-Type", ""))
    if entry["status"] == 301:
        assert ours.headers["location"] == theirs["Location"]
    body = translated_back(story, ours.body)
    if entry["file"] is None:
        assert body in ("", " ") or entry["status"] == 301
    elif entry["file"].endswith(".json"):
        differences = (f"{name}{found}" for found in compared(json.loads(body), recorded(name), ""))
        assert [found for found in differences if not any(re.search(known, found) for known in KNOWN)] == []
    else:
        text = (RECORDED / entry["file"]).read_text()
        assert plain(body) == plain(text)


@pytest.mark.parametrize("name", ["no_limit", "limit_1000", "limit_5000", "limit_30000_start_1000", "ids_only_1",
                                  "ids_only_2", "keyset", "drift_page_1", "drift_page_2", "drift_page_3"])  # fmt: skip
def test_pages_of_many_rows_as_the_real_server_did(story: Story, name: str) -> None:
    step = next(step for step in recorded("bulk_paging_summary") if step["name"] == name)
    page = json.loads(translated_back(story, story.answers[f"bulk/{name}"].body))
    numbers = [row["_id"] for row in page["results"]]
    found = {"n_results": len(numbers), "first_id": numbers[0], "last_id": numbers[-1]}
    found |= {key: page[key] for key in ("count", "next", "previous")}
    assert found == {key: step[key] for key in found}


def translated_back(story: Story, body: bytes) -> str:
    """Our body in the real server's names."""
    text = body.decode().replace(story.url, "http://127.0.0.1:8765")
    for theirs, ours in story.ours.items():
        text = text.replace(ours, theirs)
    return text


def plain(text: str) -> str:
    """`text` without moments and digests, and without what one XML writer does unlike another."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?", "<moment>", text)
    text = re.sub(r'md5:[0-9a-f]{32}|(?<=") (version|xmlns:\w+)="[^"]*"| (?=/>)', "", text)
    return re.sub(r">\s+<", "><", text).strip()


def compared(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """Where the two differ: in keys, in types, and in the values that mean something."""
    if type(ours) is not type(theirs):
        yield f"{path}: {ours!r} instead of {theirs!r}"
    elif isinstance(ours, dict):
        if not path.endswith(("/specified", "/kuid_names")):
            yield from compared_keys(ours, theirs, path)
    elif isinstance(ours, list):
        yield from compared_items(ours, theirs, path)
    elif value_of(ours, path) != value_of(theirs, path):
        yield f"{path}: {ours!r} instead of {theirs!r}"


def compared_keys(ours: dict[str, Any], theirs: dict[str, Any], path: str) -> Iterator[str]:
    """The same, of two objects."""
    for key in sorted(ours.keys() ^ theirs.keys()):
        yield f"{path}/{key}: {'not there' if key in theirs else 'too much'}"
    for key in ours.keys() & theirs.keys():
        yield from compared(ours[key], theirs[key], f"{path}/{key}")


def compared_items(ours: list[Any], theirs: list[Any], path: str) -> Iterator[str]:
    """The same, of two lists; those whose order means nothing are sorted first."""
    if path.endswith(("/columns", "/effective_permissions")):
        ours, theirs = sorted(ours, key=str), sorted(theirs, key=str)
    if len(ours) != len(theirs):
        yield f"{path}: {len(ours)} items instead of {len(theirs)}"
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        yield from compared(mine, other, f"{path}/{number}")


def value_of(value: Any, path: str) -> Any:
    """`value`, or nothing where it tells nothing."""
    if set(path.split("/")) & VOLATILE:
        return None
    return re.sub(r"\b(att|permission-assignments/p)\w{21}\b", "<uid>", value) if isinstance(value, str) else value
