"""What a Kobo server may do while it is synced, by the ids of the fault matrix: nothing is lost, doubled or believed
too easily, and after each fault the archive holds what the server has.
"""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from pipelines.archive.archive import Counts
from pipelines.errors import ConfigError, ServerError
from pipelines.forms.read import read_markdown
from pipelines.project.guard import Guard
from pipelines.sources.sync import Manner, Wish
from tests.faults.hostile import Exchange, always, answer, hostile
from tests.faults.kobo_faults import Page, Row, fields_of, pages_with, rows_with
from tests.flow.camps import ASSET, Camps, camps_in, instance

PAGE = 10
ALL = Manner(guard=Guard(rows=1000, few=1000))
"""A guard that believes any deletion, where what is tested is not the guard."""


@pytest.fixture
def camps(tmp_path: Path) -> Iterator[Camps]:
    with camps_in(tmp_path, page=PAGE, manner=ALL) as camps:
        yield camps


def during(camps: Camps, what: Callable[[int], None], *, parallel: int = 4) -> Counts:
    """Sync, while `what` happens on the server before each request for data; it is told the number of the request."""
    asked = 0
    taking_turns = Lock()

    def script(_method: str, path: str, _params: object, _nth: int) -> None:
        nonlocal asked
        if path.endswith("/data/"):
            with taking_turns:
                asked += 1
                what(asked)

    camps.manner = Manner(parallel=parallel, guard=ALL.guard)
    with hostile(camps.url, script) as server:
        return camps.sync(url=server.url).counts


@pytest.mark.parametrize("most", [1, 3, 7])
def test_f18_a_server_that_gives_less_than_asked_loses_nothing(camps: Camps, most: int) -> None:
    camps.send(*range(1, 41))
    few = pages_with(lambda page, _: {**page, "results": page["results"][:most]})
    with hostile(camps.url, always(few, path="/data/")) as server:
        assert camps.sync(url=server.url).counts == Counts(seen=40, new=40)
        camps.edit(17, 1700)
        camps.delete(40)
        assert camps.sync(url=server.url).counts == Counts(seen=39, edited=1, deleted=1)
    camps.holds()


@pytest.mark.parametrize("count", [0, 1, 39, 41, 10_000])
def test_f19_a_wrong_count_stops_nothing_and_is_reported(camps: Camps, count: int) -> None:
    camps.send(*range(1, 41))
    wrong = pages_with(lambda page, _: {**page, "count": count})
    with hostile(camps.url, always(wrong, path="/data/")) as server:
        report = camps.sync(url=server.url)
    assert report.counts == Counts(seen=40, new=40)
    assert ("counts" in report.warning) is (count > 0)  # it counts rows above the last one, and shows none
    camps.holds()


def test_f19_a_count_that_jumps_about_stops_nothing(camps: Camps) -> None:
    camps.send(*range(1, 41))
    chance = random.Random(19)
    jumps = pages_with(lambda page, _: {**page, "count": chance.randrange(100)})
    with hostile(camps.url, always(jumps, path="/data/")) as server:
        camps.sync(url=server.url)
        camps.send(*range(41, 60))
        camps.sync(url=server.url)
    camps.holds()


def test_f19_that_the_server_counts_more_than_it_shows_is_said(camps: Camps) -> None:
    camps.send(1, 2, 3)
    more = fields_of("deployment__submission_count", lambda count: count + 2)
    with hostile(camps.url, always(more, path=f"/{ASSET}/")) as server:
        report = camps.sync(url=server.url)
    assert (report.warning, report.server_count) == ("the server counts 5 submissions and shows 3", 5)
    assert camps.rows("SELECT server_count, seen FROM sync_run") == [{"server_count": 5, "seen": 3}]


def deletes_while_paging(camps: Camps, seed: int, rows: int) -> None:
    """Delete rows at random places before every request of a first and of a later sync; no survivor may be lost. One
    always survives, for a server that shows nothing at all any more is not believed.
    """
    chance = random.Random(seed)
    alive = list(range(1, rows + 1))
    camps.send(*alive)

    def deletes(_: int) -> None:
        for number in chance.sample(alive, min(2, len(alive) - 1)):
            camps.delete(number)
            alive.remove(number)

    for _ in range(2):
        during(camps, deletes, parallel=chance.choice([1, 4]))
        assert {str(number) for number in alive} <= set(camps.current())
    camps.sync()
    camps.holds()


@pytest.mark.parametrize("seed", range(3))
def test_f20_what_survives_deletions_while_we_page_is_never_lost(camps: Camps, seed: int) -> None:
    deletes_while_paging(camps, seed, 60)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200))
def test_f20_what_survives_deletions_while_we_page_is_never_lost_in_200_ways(camps: Camps, seed: int) -> None:
    deletes_while_paging(camps, seed, 50)


@pytest.mark.parametrize("nth", [1, 3, 6])
def test_f21_what_arrives_while_we_page_comes_once_now_or_next_time(camps: Camps, nth: int) -> None:
    camps.send(*range(1, 31))
    first = during(camps, lambda asked: camps.send(100, 101) if asked == nth else None)
    second = camps.sync().counts
    assert (first.new + second.new, second.edited) == (32, 0)
    camps.holds()


@pytest.mark.parametrize(("nth", "number"), [(1, 1), (3, 30), (6, 15), (8, 1), (8, 30)])
def test_f22_what_is_edited_while_we_page_is_had_in_its_newest_form(camps: Camps, nth: int, number: int) -> None:
    camps.send(*range(1, 31))
    during(camps, lambda asked: camps.edit(number, 999) if asked == nth else None)
    camps.sync()
    camps.holds()
    camps.edit(number, 1000, edits=2 if "999" in camps.current() else 1)
    assert camps.sync().counts == Counts(seen=30, edited=1)
    past = camps.rows(f"SELECT raw FROM submission WHERE root_id = '{instance(number)}' ORDER BY revision")
    assert [json.loads(row["raw"])["families"] for row in past][-2:] == ["999", "1000"]
    camps.holds()


def test_f23_a_status_and_files_that_change_later_are_found(camps: Camps) -> None:
    camps.send(1, 2, 3, photo="a.jpg")
    camps.sync()
    camps.judge(1, "approved")
    camps.post(camps.xml(2, photo="a.jpg"), {"a.jpg": b"a picture"})
    assert camps.sync().counts == Counts(seen=3, status_changed=1, attachments_changed=1)
    uid = camps.ask("GET", f"data/{camps.id_of(2)}/")["_attachments"][0]["uid"]
    camps.ask("DELETE", f"attachments/{uid}/")
    assert camps.sync().counts == Counts(seen=3, attachments_changed=1)
    states = camps.rows("SELECT revision, state FROM attachment WHERE uid IS NOT NULL ORDER BY revision")
    assert states[-1] == {"revision": 3, "state": "gone"}
    camps.holds()


def test_f24_what_is_deleted_leaves_within_one_run_and_its_past_stays(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    camps.edit(2, 200)
    camps.sync()
    camps.delete(2)
    assert camps.sync().counts == Counts(seen=2, deleted=1)
    assert camps.current() == ["1", "3"]
    past = camps.rows(f"SELECT revision, gone_run, gone_why FROM submission WHERE root_id = '{instance(2)}' ORDER BY 1")
    assert [tuple(row.values()) for row in past] == [(1, 2, "replaced"), (2, 3, "deleted")]


def empty(page: Page, _: str) -> Page:
    return {**page, "count": 0, "results": []}


@pytest.mark.parametrize("known", [2, 6, 60])
def test_f25_a_server_that_suddenly_shows_nothing_buries_nothing(camps: Camps, known: int) -> None:
    camps.manner = Manner()
    camps.send(*range(1, known + 1))
    camps.sync()
    with hostile(camps.url, always(pages_with(empty), path="/data/")) as server:
        report = camps.sync(url=server.url)
        assert f"{known} of {known} known submissions are gone from the server" in report.warning
        assert camps.runs()[-1] == (True, "data")
        assert len(camps.current()) == known
        accepted = camps.sync(Wish(accept_deletions=True), url=server.url)
    assert accepted.counts == Counts(deleted=known)
    assert camps.sync().counts == Counts(seen=known, returned=known)
    camps.holds()


def same_uuid(row: Row, _: str) -> Row:
    """Rows 1 and 2 under one uuid, as old servers kept them."""
    shared = {"_uuid": instance(1), "meta/instanceID": f"uuid:{instance(1)}", "meta/rootUuid": f"uuid:{instance(1)}"}
    return row | {key: value for key, value in shared.items() if key in row} if row["_id"] <= 2 else row


@pytest.mark.parametrize("page", [1, 10])
def test_f26_two_submissions_under_one_uuid_are_both_kept(tmp_path: Path, page: int) -> None:
    with camps_in(tmp_path, page=page) as camps:
        camps.send(1, 2, 3)
        with hostile(camps.url, always(rows_with(same_uuid), path="/data/")) as server:
            report = camps.sync(url=server.url)
            assert report.counts == Counts(seen=3, new=3)
            assert "1 submissions came with the uuid of another one; both are kept" in report.warning
            assert camps.current() == ["1", "2", "3"]
            again = camps.sync(url=server.url)
            assert (again.counts, again.warning) == (Counts(seen=3), "")
            camps.delete(1)
            assert camps.sync(url=server.url).counts == Counts(seen=2, deleted=1)
            assert camps.current() == ["2", "3"]


def test_f26_a_submission_without_any_uuid_is_kept_and_its_edits_are_found(camps: Camps) -> None:
    camps.send(1, 2)
    bare = rows_with(lambda row, _: {key: value for key, value in row.items() if "uuid" not in key.lower()})
    with hostile(camps.url, always(bare, path="/data/")) as server:
        assert camps.sync(url=server.url).counts == Counts(seen=2, new=2)
        camps.edit(2, 200)
        assert camps.sync(url=server.url).counts == Counts(seen=2, edited=1)
    assert camps.current() == ["1", "200"]
    assert {row["root_id"] for row in camps.rows("SELECT root_id FROM submission")} == {"1", "2"}


@pytest.mark.parametrize("how", ["twice", "turned", "overlapping"])
@pytest.mark.parametrize("nth", [3, 5])
def test_f27_a_page_that_does_not_fit_is_asked_for_once_more(camps: Camps, how: str, nth: int) -> None:
    camps.send(*range(1, 41))
    before: list[list[Row]] = [[]]

    def wrong(page: Page, _: str) -> Page:
        rows, earlier = page["results"], before[-1]
        found = {"twice": earlier, "turned": rows[::-1], "overlapping": earlier[-1:] + rows}[how]
        return {**page, "results": found}

    def noted(page: Page, _: str) -> Page:
        before.append(page["results"])
        return page

    pages = 0

    def script(_method: str, path: str, params: Any, _nth: int) -> Any:
        nonlocal pages
        if not path.endswith("/data/") or "start" in params or params["limit"] == "1":
            return None
        pages += 1
        return pages_with(wrong if pages == nth else noted)

    camps.manner = Manner(parallel=1)
    with hostile(camps.url, script) as server:
        assert camps.sync(url=server.url).counts == Counts(seen=40, new=40)
    camps.holds()


def test_f27_a_server_that_pages_in_no_order_is_not_believed(camps: Camps) -> None:
    camps.send(*range(1, 21))
    turned = pages_with(lambda page, _: {**page, "results": page["results"][::-1]})
    with hostile(camps.url, always(turned, path="/data/")) as server, pytest.raises(ServerError, match="order of _id"):
        camps.sync(url=server.url)
    assert camps.sync().counts == Counts(seen=20, new=20)
    camps.holds()


def test_f28_a_partial_view_is_recorded_and_buries_nothing(camps: Camps) -> None:
    camps.stand_in.admit("partner", "partner-token", sees="own")
    camps.send(1, 2, 3)
    camps.send(4, token="partner-token")
    camps.sync()
    report = camps.sync(Wish(accept_deletions=True), token="partner-token")
    assert report.counts == Counts(seen=1)
    assert "3 known submissions are not shown to our account" in report.warning
    permission = camps.rows("SELECT permission FROM sync_run ORDER BY run")[-1]["permission"]
    assert permission == "add_submissions,partial_submissions,view_asset"
    camps.holds()


@pytest.mark.parametrize(
    "skew", [timedelta(days=-2), timedelta(days=2), timedelta(days=4500), timedelta(hours=-1)], ids=str
)
def test_f29_the_servers_clock_may_be_any(camps: Camps, skew: timedelta) -> None:
    """Two days off, past 2038, an hour back as when summer time ends: nothing rests on a clock."""
    camps.send(1, 2, 3)
    camps.sync()
    camps.stand_in.set_clock(datetime(2026, 11, 20, tzinfo=UTC) + skew)
    camps.send(4)
    camps.edit(2, 200)
    camps.delete(1)
    assert camps.sync().counts == Counts(seen=3, new=1, edited=1, deleted=1)
    camps.holds()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2016-12-31T23:59:60", datetime(2016, 12, 31, 23, 59, 59)),  # noqa: DTZ001
        ("2040-03-01T02:30:00+03:00", datetime(2040, 2, 29, 23, 30)),  # noqa: DTZ001
        ("yesterday", None),
        (None, None),
    ],
)
def test_f29_a_time_of_arrival_may_be_any_and_holds_back_no_row(
    camps: Camps, said: str | None, kept: datetime | None
) -> None:
    camps.send(1)
    odd = rows_with(lambda row, _: row | {"_submission_time": said} if "_submission_time" in row else row)
    with hostile(camps.url, always(odd, path="/data/")) as server:
        assert camps.sync(url=server.url).counts == Counts(seen=1, new=1)
    assert camps.rows("SELECT submitted_at FROM submission") == [{"submitted_at": kept}]


def test_f35_many_rows_leave_no_more_in_memory_than_some_pages(tmp_path: Path) -> None:
    """At most as many pages are under way as may be asked for at a time, and as many wait."""
    with camps_in(tmp_path, page=200, manner=Manner(parallel=3)) as camps:
        many = ({"families": str(number), "photo": "x" * 500} for number in range(4000))
        camps.stand_in.load(ASSET, camps.version, many)
        under_way = most = 0

        def counts(exchange: Exchange) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            reply = exchange.upstream()
            under_way -= 1
            exchange.send(reply.whole())

        with hostile(camps.url, always(counts, path="/data/")) as server:
            assert camps.sync(url=server.url).counts == Counts(seen=4000, new=4000)
        assert most <= 3


def test_f35_a_form_of_a_thousand_questions_is_kept(camps: Camps) -> None:
    wide = {f"question_{number}": f"answer {number}" for number in range(1200)}
    camps.stand_in.load(ASSET, camps.version, [wide] * 30)
    assert camps.sync().counts == Counts(seen=30, new=30)
    assert camps.rows("SELECT DISTINCT n_answers FROM submission") == [{"n_answers": 1200}]
    camps.holds()


NEWER = read_markdown(
    """
| survey |         |           |                     |
|        | type    | name      | label::English (en) |
|        | text    | families  | Families            |
|        | image   | photo     | Photo               |
|        | integer | shelters  | Shelters            |
"""
)


@pytest.mark.parametrize("nth", [1, 4, 8])
def test_f48_a_form_that_is_deployed_while_we_page_comes_with_its_rows(camps: Camps, nth: int) -> None:
    camps.send(*range(1, 31))
    old = camps.version

    def deploys(asked: int) -> None:
        if asked == nth:
            camps.version = camps.stand_in.deploy(ASSET, NEWER, "<h/>")
            camps.send(31, 32)
            camps.edit(30, 3000)

    during(camps, deploys)
    camps.sync()
    camps.holds()
    versions = camps.rows("SELECT version FROM form_version")
    assert {row["version"] for row in versions} == {old, camps.version}
    rows = camps.rows("SELECT DISTINCT form_version FROM submission WHERE gone_run IS NULL")
    assert {row["form_version"] for row in rows} == {old, camps.version}


@pytest.mark.parametrize("version", ["vUnknown", "", None])
def test_f49_a_row_of_a_version_nobody_knows_is_kept(camps: Camps, version: str | None) -> None:
    camps.send(1, 2)
    strange = rows_with(lambda row, _: row | {"__version__": version} if row["_id"] == 2 else row)
    with hostile(camps.url, always(strange, path="/data/")) as server:
        report = camps.sync(url=server.url)
        assert report.counts == Counts(seen=2, new=2)
        assert ("vUnknown" in report.warning) is (version == "vUnknown")
        assert camps.sync(url=server.url).counts == Counts(seen=2)


def test_f49_a_version_that_cannot_be_read_today_holds_back_no_row(camps: Camps) -> None:
    camps.send(1, 2)
    with hostile(camps.url, always(answer(500), path=f"/versions/{camps.version}/")) as server:
        report = camps.sync(url=server.url)
    assert report.counts == Counts(seen=2, new=2)
    assert f"did not give form version {camps.version}" in report.warning
    assert camps.rows("SELECT version FROM form_version") == []
    assert camps.sync().warning == ""
    assert camps.rows("SELECT version FROM form_version") == [{"version": camps.version}]


def test_f52_an_archive_from_the_future_or_of_another_server_is_reconciled_in_full(tmp_path: Path) -> None:
    """Every `_id` that we know is above what the server has: as after a server's restore, or a move to another one."""
    with camps_in(tmp_path / "old", page=PAGE, manner=ALL) as old, camps_in(tmp_path / "new", page=PAGE) as new:
        old.send(*range(1000, 1100))
        old.delete(*range(1000, 1090))
        old.sync()
        (tmp_path / "new" / "archive").mkdir()
        old.archive.rename(new.archive)
        new.version = old.version
        new.manner = ALL
        new.send(*range(1085, 1096))
        report = new.sync()
        assert (report.counts.seen, report.counts.new) == (11, 5)
        assert new.current() == [str(number) for number in range(1085, 1096)]
        new.holds()


def test_f53_a_second_sync_right_after_the_first_writes_nothing(camps: Camps) -> None:
    camps.send(*range(1, 31), photo="a.jpg", files={"a.jpg": b"a picture"})
    camps.manner = Manner(attachments=camps.attachments)
    camps.sync()
    kept = {table: camps.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in ("submission", "attachment")}
    report = camps.sync()
    assert report.counts == Counts(seen=30)
    assert {table: camps.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in kept} == kept


def test_f55_the_answer_for_another_asset_is_refused(camps: Camps) -> None:
    camps.send(1)
    camps.sync()
    another = fields_of("uid", lambda _: "aSomebodyElses")
    with (
        hostile(camps.url, always(another, path=f"/{ASSET}/")) as server,
        pytest.raises(ServerError, match="with another one"),
    ):
        camps.sync(url=server.url)
    assert camps.current() == ["1"]


def test_f55_an_asset_that_is_gone_buries_nothing(camps: Camps) -> None:
    camps.send(1)
    camps.sync()
    with (
        hostile(camps.url, always(answer(404, "{}"), path=f"/{ASSET}/")) as server,
        pytest.raises(ConfigError, match="is not there"),
    ):
        camps.sync(url=server.url)
    assert camps.current() == ["1"]


@pytest.mark.parametrize("late", [1, 15, 30])
def test_f56_a_row_that_is_counted_before_it_is_shown_is_found_later(camps: Camps, late: int) -> None:
    """Its `_id` is below those that we know by then; nothing is buried, and its absence is no deletion."""
    camps.send(*range(1, 31))
    hidden = pages_with(lambda page, _: {**page, "results": [row for row in page["results"] if row["_id"] != late]})
    with hostile(camps.url, always(hidden, path="/data/")) as server:
        report = camps.sync(url=server.url)
    assert report.counts == Counts(seen=29, new=29)
    assert "the server counts 30 submissions and shows 29" in report.warning
    assert camps.sync().counts == Counts(seen=30, new=1)
    camps.holds()
