"""What a sync makes of what happens on a Central server: every event found once, with no request too many."""

import re
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from pipelines.archive.archive import Counts
from pipelines.errors import AuthError
from pipelines.project.secret import Secret
from pipelines.sources import central_content, central_media
from pipelines.sources.central_session import CentralSession
from tests.central.camp import VISIT, Camp, camp_in
from tests.central.forms import Node

pytestmark = pytest.mark.slow

KHANKE = "<site><name>Khanke</name><families>12</families></site>"
SHARIYA = "<site><name>Shariya</name><families>7</families></site>"


@pytest.fixture
def camp(tmp_path: Path) -> Iterator[Camp]:
    with camp_in(tmp_path) as camp:
        yield camp


def test_the_first_sync_brings_all_and_the_second_asks_two_questions(camp: Camp) -> None:
    camp.send(KHANKE)
    camp.send(SHARIYA)
    first = camp.sync()
    assert (first.counts, first.server_count, first.warning) == (Counts(seen=2, new=2), 2, "")
    assert camp.current("root_id, instance_id, server_id, form_version, submitted_by") == [
        ("00000001", "00000001", "uuid:00000001", "1", "Ninewa team 1"),
        ("00000002", "00000002", "uuid:00000002", "1", "Ninewa team 1"),
    ]
    second = camp.sync()
    assert second.counts == Counts(seen=2)
    assert camp.server.asked == ["/v1/projects/1/forms/visit", "/v1/projects/1/forms/visit/submissions"]
    assert (second.requests, camp.rows("SELECT count(*) AS n FROM submission")) == (2, [{"n": 2}])


def test_a_server_without_tags_is_compared_in_full(tmp_path: Path) -> None:
    with camp_in(tmp_path, tags=False) as camp:
        camp.send_many(3)
        camp.sync()
        assert camp.sync().counts == Counts(seen=3)
        camp.send(KHANKE)
        assert camp.sync().counts == Counts(seen=4, new=1)


def test_many_come_in_tables_and_an_edited_one_as_xml(camp: Camp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(central_content, "ROWS_OF_A_TABLE", 20)
    ids = camp.send_many(60)
    camp.edit(ids[30], KHANKE)
    assert camp.sync().counts == Counts(seen=60, new=60)
    assert len(camp.asked(".csv.zip")) == 3
    assert camp.asked(".xml")[1:] == [f"/v1/projects/1/forms/visit/submissions/{ids[30]}.xml"]
    kinds = dict(camp.current("raw_kind, 1 AS n"))
    assert kinds == {"odk_csv": 1, "odk_xml": 1}
    assert camp.rows("SELECT count(*) AS n FROM submission WHERE raw_kind = 'odk_csv' AND n_answers = 2") == [{"n": 59}]


def test_an_edit_in_a_newer_version_is_kept_with_that_version_and_the_one_before(camp: Camp) -> None:
    one = camp.send(KHANKE)
    camp.sync()
    camp.publish((*VISIT, Node("remark", "text")), "2")
    camp.edit(one, f"{KHANKE}<remark>full</remark>", version="2")
    assert camp.sync().counts == Counts(seen=1, edited=1)
    found = camp.rows("SELECT revision, form_version, n_answers, gone_why, changed FROM submission ORDER BY revision")
    assert [tuple(row.values()) for row in found] == [
        (1, "1", 2, "replaced", None),
        (2, "2", 3, None, "answers,version,status"),
    ]
    assert camp.current("validation_status") == [("edited",)]
    versions = [row["version"] for row in camp.rows("SELECT version FROM form_version ORDER BY version")]
    assert versions == ["1", "2"]


def test_a_new_version_alone_is_found_though_nothing_else_moves(camp: Camp) -> None:
    camp.send(KHANKE)
    camp.sync()
    camp.publish((*VISIT, Node("remark", "text")), "2")
    assert camp.sync().counts == Counts(seen=1)
    assert camp.asked("/versions/2.xml") != []
    camp.sync()
    assert camp.asked("/versions") == []


@pytest.mark.parametrize(
    ("state", "status"),
    [("approved", "approved"), ("rejected", "rejected"), ("hasIssues", "has_issues"), (None, "")],
)
def test_a_review_is_a_change_of_status(camp: Camp, state: str | None, status: str) -> None:
    one = camp.send(KHANKE)
    camp.server.store.review("visit", one, "approved" if state is None else None)
    camp.sync()
    camp.server.store.review("visit", one, state)
    assert camp.sync().counts == Counts(seen=1, status_changed=1)
    assert camp.current("validation_status") == [(status,)]
    assert camp.rows("SELECT DISTINCT digest FROM submission") == camp.rows(
        "SELECT max(digest) AS digest FROM submission"
    )


def test_the_trash_is_a_tombstone_and_a_restore_a_return(camp: Camp) -> None:
    one, *_ = camp.send_many(3)
    camp.sync()
    camp.server.store.delete("visit", one)
    assert camp.sync().counts == Counts(seen=2, deleted=1)
    camp.server.store.restore("visit", one)
    assert camp.sync().counts == Counts(seen=3, returned=1)
    found = camp.rows("SELECT revision, gone_why, changed FROM submission WHERE root_id = '00000001' ORDER BY revision")
    assert [tuple(row.values()) for row in found] == [(1, "deleted", None), (2, None, "returned")]


def test_what_was_purged_before_we_saw_it_deleted_is_found_gone(camp: Camp) -> None:
    one, *_ = camp.send_many(3)
    camp.sync()
    camp.server.store.delete("visit", one)
    camp.server.store.purge("visit", one)
    assert camp.sync().counts == Counts(seen=2, deleted=1)
    assert [row[0] for row in camp.current()] == ["00000002", "00000003"]


def test_too_many_deletions_are_not_believed_until_somebody_says_so(camp: Camp) -> None:
    ids = camp.send_many(10)
    camp.sync()
    for one in ids[:6]:
        camp.server.store.delete("visit", one)
    report = camp.sync()
    assert report.counts == Counts(seen=4)
    assert re.search(r"6 of 10 .* --accept-deletions .* \(6 of them lie in the server's trash\)", report.warning)
    assert camp.sync().warning == report.warning
    assert len(camp.current()) == 10
    assert camp.sync(accept=True).counts == Counts(seen=4, deleted=6)
    assert camp.sync().warning == ""


def test_repeats_are_replaced_as_a_set(camp: Camp) -> None:
    one = camp.send("<tap><name>Alpha</name></tap><tap><name>Beta</name></tap><tap><name>Gamma</name></tap>")
    camp.sync()
    camp.edit(one, "<tap><name>Beta</name></tap><tap><name>Gamma</name><fault><of>leak</of></fault></tap>")
    camp.sync()
    assert camp.current("n_answers") == [(3,)]


def test_a_full_sync_of_unchanged_rows_writes_no_revision(camp: Camp) -> None:
    ids = camp.send_many(15)
    camp.edit(ids[0], KHANKE)
    camp.sync()
    camp.publish((*VISIT, Node("remark", "text")), "2")
    assert camp.sync(full=True).counts == Counts(seen=15)
    assert camp.rows("SELECT count(*) AS n FROM submission") == [{"n": 15}]


def test_a_photo_that_comes_late_is_awaited_and_then_stored(camp: Camp) -> None:
    photo = b"\x89PNG late"
    one = camp.send("<site><name>Khanke</name><photo>a b.png</photo></site>")
    camp.send(KHANKE)
    first = camp.sync()
    assert (first.attachments_stored, first.attachments_awaited) == (0, 1)
    for _ in range(11):  # as often as a file that fails is asked for in all, and once more
        assert camp.sync().attachments_awaited == 1
    camp.server.store.attach("visit", one, "a b.png", photo)
    late = camp.sync()
    assert (late.counts, late.attachments_stored, late.attachments_awaited) == (Counts(seen=2), 1, 0)
    assert (camp.store / sha256(photo).hexdigest()).read_bytes() == photo
    found = camp.rows("SELECT root_id, question, file_name, state, sha256 FROM attachment")
    assert [tuple(row.values()) for row in found] == [
        ("00000001", "site/photo", "a b.png", "stored", sha256(photo).hexdigest())
    ]
    assert camp.sync().requests == 2


def test_of_many_that_lack_a_file_only_those_that_gained_one_are_asked(
    camp: Camp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(central_media, "LISTED_SINGLY", 2)
    ids = [camp.send(f"<site><photo>{number}.png</photo></site>") for number in range(5)]
    camp.sync()
    camp.server.store.attach("visit", ids[3], "3.png", b"\x89PNG")
    report = camp.sync()
    assert (report.attachments_stored, report.attachments_awaited) == (1, 4)
    assert camp.asked("/attachments") == [f"/v1/projects/1/forms/visit/submissions/{ids[3]}/attachments"]


def test_an_edit_without_the_photo_takes_it_out(camp: Camp) -> None:
    one = camp.send("<site><photo>a.png</photo></site>", files={"a.png": b"\x89PNG"})
    assert camp.sync().attachments_stored == 1
    camp.edit(one, KHANKE)
    report = camp.sync()
    assert (report.counts.edited, report.attachments_awaited) == (1, 0)
    assert camp.rows("SELECT state FROM attachment") == [{"state": "gone"}]


def test_encrypted_rows_are_archived_as_sent_and_reported(camp: Camp) -> None:
    sealed = (
        '<data xmlns="http://opendatakit.org/submissions" id="visit" encrypted="yes" version="1">'
        "<base64EncryptedKey>k</base64EncryptedKey><encryptedXmlFile>submission.xml.enc</encryptedXmlFile>"
        '<meta xmlns="http://openrosa.org/xforms"><instanceID>uuid:sealed</instanceID></meta></data>'
    )
    camp.server.store.send("visit", sealed, files={"submission.xml.enc": b"\x01\x02"})
    camp.send_many(12)
    report = camp.sync()
    assert report.counts == Counts(seen=13, new=13)
    assert report.warning.startswith("1 submissions came encrypted; the server cannot show their answers")
    assert camp.rows("SELECT raw, n_answers FROM submission WHERE root_id = 'sealed'") == [
        {"raw": sealed, "n_answers": 0}
    ]
    assert camp.rows("SELECT complete, error_class FROM sync_run") == [{"complete": True, "error_class": None}]
    assert report.attachments_stored == 1


def test_columns_that_could_mean_two_questions_are_left_for_the_xml(camp: Camp) -> None:
    camp.publish((Node("a-b", "group", (Node("c", "text"),)), Node("a", "group", (Node("b-c", "text"),))), "2")
    for number in range(12):
        camp.send(f"<a-b><c>{number}</c></a-b><a><b-c>other</b-c></a>", version="2")
    assert camp.sync().counts == Counts(seen=12, new=12)
    assert camp.rows("SELECT DISTINCT raw_kind, n_answers FROM submission") == [{"raw_kind": "odk_xml", "n_answers": 2}]


def test_a_question_that_was_retired_is_in_the_tables_all_the_same(camp: Camp) -> None:
    for number in range(12):
        camp.send(f"<site><name>{number}</name><families>3</families></site>")
    camp.publish((Node("site", "group", (Node("name", "text"),)),), "2")
    camp.sync()
    assert camp.rows("SELECT DISTINCT raw_kind, n_answers FROM submission") == [{"raw_kind": "odk_csv", "n_answers": 2}]


def test_pages_are_followed_on_our_own_origin_only(camp: Camp) -> None:
    camp.send_many(3)
    camp.sync()
    camp.server.default_top = 2
    camp.send_many(5)
    assert camp.sync().counts == Counts(seen=8, new=5)
    pages = camp.asked(".svc/Submissions")
    assert len(pages) == 5
    assert all("skiptoken" in page for page in pages[2:])


def test_a_wrong_password_is_said_plainly_and_shown_nowhere(camp: Camp) -> None:
    with pytest.raises(AuthError, match=r"source 'central' refused the e-mail address or the password") as caught:
        camp.central(password="wrong-password").form("visit")
    assert "wrong-password" not in f"{caught.value!r} {caught.value}"


def test_only_what_a_viewer_may_ask_is_asked(camp: Camp) -> None:
    one = camp.send("<site><photo>a.png</photo></site>", files={"a.png": b"\x89PNG"})
    camp.sync()
    camp.edit(one, KHANKE)
    camp.sync(full=True)
    assert [said for said in camp.server.asked if "audits" in said or "/users" in said] == []


def test_a_session_lasts_as_long_as_the_servers_own_clock_says(tmp_path: Path) -> None:
    with camp_in(tmp_path) as camp:
        door = CentralSession(camp.url, Secret("viewer@example.org"), Secret("viewer-password"), named="central")
        assert door().seconds == 86_400
        camp.server.session_lasts = timedelta(seconds=-1)
        assert door().seconds is None
