"""What goes wrong between us and a Central server is noticed, and one more sync makes the archive what it should be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from pipelines.archive.archive import Counts
from pipelines.errors import AuthError, CccmError, ConfigError, ServerError, TransientError
from pipelines.sources import central_content
from pipelines.sources.limits import Limits
from tests.central.camp import AGAIN, Camp, camp_in
from tests.faults.hostile import Fault, always, answer, at, changed, cut, hostile, reset

ONCE = Limits(attempts=1)
FORM = "/v1/projects/1/forms/visit"
KHANKE = "<site><name>Khanke</name><families>12</families></site>"


@pytest.fixture
def camp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Camp]:
    """A camp of 45 submissions, three of them with a photo and one edited; three zips, some XML."""
    monkeypatch.setattr(central_content, "ROWS_OF_A_TABLE", 15)
    with camp_in(tmp_path) as camp:
        ids = camp.send_many(42)
        for number in range(3):
            camp.send(f"<site><photo>{number}.png</photo></site>", files={f"{number}.png": b"\x89PNG"})
        camp.edit(ids[20], KHANKE)
        yield camp


def stands(camp: Camp) -> list[tuple[Any, ...]]:
    """What the archive holds, without the numbers of runs."""
    columns = (
        "root_id, revision, instance_id, form_version, raw, raw_kind, n_answers, digest, validation_status, gone_why"
    )
    files = camp.rows("SELECT root_id, file_name, state, sha256 FROM attachment ORDER BY ALL")
    rows = camp.rows(f"SELECT {columns} FROM submission ORDER BY root_id, revision")
    return [*(tuple(row.values()) for row in rows), *(tuple(file.values()) for file in files)]


@pytest.fixture
def faultless(camp: Camp, tmp_path: Path) -> list[tuple[Any, ...]]:
    """What the archive of a sync without faults holds."""
    other = Camp(camp.server, camp.url, tmp_path / "faultless")
    other.sync()
    return stands(other)


ENDS = [
    "/sessions", "/forms/visit", "/versions", "/versions/1.xml", "/submissions", "/submissions.csv.zip", "/submitters",
    "/uuid:00000021.xml", "/uuid:00000043/attachments",
]  # fmt: skip
FAULTS: dict[str, Fault] = {
    "cut": cut(0.6),
    "cut without a length": cut(0.6, "close"),
    "cut in a chunk": cut(0.6, "chunked"),
    "reset": reset("body"),
    "unwell": answer(503, "{}"),
}


AT_ONCE = [("/versions/1.xml", "cut without a length"), ("/submissions", "cut"), ("/uuid:00000021.xml", "reset")]
"""What `make test` tries of all that `make test-slow` does."""


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        pytest.param(end, fault, marks=() if (end, fault) in AT_ONCE else pytest.mark.long)
        for end in ENDS
        for fault in FAULTS
    ],
)
def test_f06_f07_f08_f09_what_fails_once_is_asked_for_again(
    end: str, fault: str, camp: Camp, faultless: list[tuple[Any, ...]]
) -> None:
    with hostile(camp.url, at(1, FAULTS[fault], path=end.replace(":", "%3A"))) as server:
        report = camp.sync(url=server.url)
    assert (report.counts, report.warning) == (Counts(seen=45, new=45), "")
    assert stands(camp) == faultless


@pytest.mark.parametrize("nth", [1, pytest.param(2, marks=pytest.mark.long), 3])
def test_f07_tables_that_never_arrive_whole_end_the_run_and_the_next_one_heals_it(
    nth: int, camp: Camp, faultless: list[tuple[Any, ...]]
) -> None:
    def from_the_nth_on(_: str, path: str, __: object, number: int) -> Fault | None:
        return cut(0.9, "close") if path.endswith(".csv.zip") and number >= nth else None

    with hostile(camp.url, from_the_nth_on) as server, pytest.raises(TransientError, match=r"cut or damaged"):
        camp.sync(url=server.url)
    assert camp.rows("SELECT complete, error_class FROM sync_run") == [{"complete": False, "error_class": "transient"}]
    camp.sync()
    assert stands(camp) == faultless


def test_f02_the_next_run_takes_up_where_a_dead_server_left_it(camp: Camp, faultless: list[tuple[Any, ...]]) -> None:
    dead = always(answer(500, "{}"), path="/submissions")
    with hostile(camp.url, dead) as server, pytest.raises(ServerError, match=r"answered 500"):
        camp.sync(url=server.url, limits=ONCE)
    camp.sync()
    assert stands(camp) == faultless


@pytest.mark.parametrize(
    "nth", [pytest.param(1, marks=pytest.mark.long), 3, 6, pytest.param(9, marks=pytest.mark.long)]
)
def test_f03_a_session_that_ends_in_the_middle_is_opened_anew(
    nth: int, camp: Camp, faultless: list[tuple[Any, ...]]
) -> None:
    def forget(_: Request) -> None:
        if len(camp.server.asked) == nth:
            camp.server.store.forget_sessions()

    camp.server.before = forget
    report = camp.sync()
    assert (report.counts, stands(camp)) == (Counts(seen=45, new=45), faultless)


def test_f03_rights_that_are_taken_away_bury_nothing(camp: Camp) -> None:
    camp.sync()
    refused = answer(403, '{"message": "no", "code": 403.1}')
    with hostile(camp.url, always(refused, path="/submissions")) as server, pytest.raises(AuthError):
        camp.sync(url=server.url)
    assert len(camp.current()) == 45
    assert camp.rows("SELECT error_class FROM sync_run WHERE NOT complete") == [{"error_class": "auth"}]


def test_f04_a_form_that_is_gone_buries_nothing(camp: Camp) -> None:
    camp.sync()
    camp.server.store.forms.clear()
    with pytest.raises(ConfigError, match=r"404"):
        camp.sync()
    assert len(camp.current()) == 45


@pytest.mark.parametrize("body", ["{}", '[{"instanceId": 5, "createdAt": "x"}]'])
def test_f11_an_index_of_another_shape_is_refused(body: str, camp: Camp) -> None:
    strange = always(answer(200, body), path="/submissions")
    with hostile(camp.url, strange) as server, pytest.raises(ServerError, match=r"a shape that is not ODK Central's"):
        camp.sync(url=server.url)
    assert camp.current() == []


def test_f10_a_web_page_is_no_index(camp: Camp) -> None:
    page = answer(200, "<html><title>Sign in</title></html>", Content_Type="text/html")
    with hostile(camp.url, always(page, path="/submissions")) as server, pytest.raises(ServerError, match=r"web page"):
        camp.sync(url=server.url)


def test_f19_an_index_that_shows_fewer_than_the_server_counts_buries_nothing(camp: Camp) -> None:
    camp.sync()
    camp.send(KHANKE)
    with hostile(camp.url, always(changed(lambda rows: rows[:-4]), path="/submissions")) as server:
        report = camp.sync(url=server.url)
    assert report.counts == Counts(seen=42, new=1)
    assert "the server counts 46 submissions and lists 42; nothing was marked as deleted" in report.warning
    assert len(camp.current()) == 46
    assert camp.sync().warning == ""


def test_f25_a_server_that_suddenly_shows_nothing_is_not_believed(camp: Camp) -> None:
    camp.sync()
    for one in list(camp.server.store.forms["visit"].submissions):
        camp.server.store.purge("visit", one)
    report = camp.sync()
    assert "45 of 45 known submissions are gone" in report.warning
    assert (report.counts, len(camp.current())) == (Counts(), 45)


def test_f56_what_is_listed_and_not_given_is_said_and_asked_for_again(camp: Camp) -> None:
    camp.sync()
    one = camp.send(KHANKE)
    gone = answer(404, '{"message": "Could not find", "code": 404.1}')
    with hostile(camp.url, always(gone, path=f"{one.replace(':', '%3A')}.xml")) as server:
        report = camp.sync(url=server.url)
    assert "lists 1 submissions that it does not give" in report.warning
    assert camp.sync().counts == Counts(seen=46, new=1)


def test_f20_what_is_deleted_while_we_read_is_gone_in_the_next_run(camp: Camp) -> None:
    camp.sync()
    one = camp.send(KHANKE)

    def delete(request: Request) -> None:
        if request.url.path.endswith(".xml"):
            camp.server.before = lambda _: None
            camp.server.store.delete("visit", one)

    camp.server.before = delete
    first = camp.sync()
    assert (first.counts.new, first.warning) == (0, "")
    assert camp.sync().counts == Counts(seen=45)


def test_f22_what_is_edited_while_we_read_is_kept_as_it_then_is(camp: Camp) -> None:
    one = camp.send(KHANKE)
    camp.sync()

    def edit(request: Request) -> None:
        if request.url.path.endswith(f"{one}.xml"):
            camp.server.before = lambda _: None
            camp.edit(one, "<site><name>third</name></site>")

    camp.edit(one, "<site><name>second</name></site>")
    camp.server.before = edit
    assert camp.sync().counts.edited == 1
    assert camp.sync().counts == Counts(seen=46)
    sql = f"SELECT raw FROM submission WHERE gone_run IS NULL AND server_id = '{one}'"
    assert "third" in camp.rows(sql)[0]["raw"]


def test_f20_a_walk_that_ends_early_because_its_place_was_purged_is_begun_anew(camp: Camp) -> None:
    camp.sync()
    camp.server.default_top = 20

    def purge(request: Request) -> None:
        if "$skiptoken" in request.url.query or "skiptoken" in request.url.query:
            camp.server.before = lambda _: None
            oldest_read = sorted(camp.server.store.forms["visit"].submissions.values(), key=lambda one: one.created_at)
            camp.server.store.purge("visit", oldest_read[-20].id)

    camp.send(KHANKE)
    camp.server.before = purge
    report = camp.sync()
    assert report.counts == Counts(seen=46, new=1)
    assert camp.sync().counts == Counts(seen=45, deleted=1)


def test_k10_a_next_page_on_another_host_is_asked_on_ours(camp: Camp) -> None:
    camp.sync()
    camp.server.default_top = 20
    camp.send(KHANKE)

    def elsewhere(page: dict[str, Any]) -> dict[str, Any]:
        link = page.get("@odata.nextLink", "")
        return {**page, "@odata.nextLink": link.replace(camp.url, "http://evil.example")} if link else page

    with hostile(camp.url, always(changed(elsewhere), path=".svc/Submissions")) as server:
        assert camp.sync(url=server.url).counts == Counts(seen=46, new=1)
        assert server.paths().count(f"{FORM}.svc/Submissions") == 4


@pytest.mark.parametrize("link", ["?$top=5", "http://["])
def test_k10_a_next_page_without_a_place_is_refused(link: str, camp: Camp) -> None:
    camp.sync()
    camp.send(KHANKE)
    linked = changed(lambda page: {**page, "@odata.nextLink": link})
    with hostile(camp.url, always(linked, path=".svc/Submissions")) as server, pytest.raises(CccmError):
        camp.sync(url=server.url)


def test_f14_xml_that_is_no_utf8_is_refused(camp: Camp) -> None:
    broken = answer(200, b"<data>\xff</data>", Content_Type="application/xml")
    with hostile(camp.url, always(broken, path=".xml")) as server, pytest.raises(ServerError, match=r"no UTF-8"):
        camp.sync(url=server.url)


def test_xml_that_stays_broken_is_kept_as_it_came(camp: Camp) -> None:
    broken = answer(200, "<data><site>", Content_Type="application/xml")
    with hostile(camp.url, always(broken, path="uuid%3A00000021.xml")) as server:
        report = camp.sync(url=server.url, limits=AGAIN)
    assert report.counts.new == 45
    assert camp.rows("SELECT raw, n_answers FROM submission WHERE root_id = '00000021'") == [
        {"raw": "<data><site>", "n_answers": None}
    ]
