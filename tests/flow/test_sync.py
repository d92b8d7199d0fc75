"""What a sync makes of what happens on a server: every event found once, nothing believed too easily."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.archive.archive import Counts
from pipelines.errors import AuthError, ConfigError, ServerError
from pipelines.project.guard import Guard
from pipelines.sources.sync import Manner, Wish
from tests.faults.hostile import always, answer, hostile
from tests.faults.kobo_faults import Row, fields_of, pages_with, rows_with
from tests.flow.camps import Camps, camps_in


@pytest.fixture
def camps(tmp_path: Path) -> Iterator[Camps]:
    with camps_in(tmp_path) as camps:
        yield camps


def test_new_edited_and_deleted_are_found_and_nothing_twice(camps: Camps) -> None:
    camps.send(*range(1, 11))
    assert camps.sync().counts == Counts(seen=10, new=10)
    assert camps.sync().counts == Counts(seen=10)
    camps.send(11)
    camps.edit(3, 300)
    camps.delete(5)
    assert camps.sync().counts == Counts(seen=10, new=1, edited=1, deleted=1)
    assert camps.current() == ["1", "2", "4", "6", "7", "8", "9", "10", "11", "300"]
    assert camps.sync(Wish(full=True)).counts == Counts(seen=10)


def test_a_submission_that_comes_back_under_another_number_stands(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    camps.delete(2)
    camps.send(2)
    camps.sync()
    assert camps.current() == ["1", "2", "3"]


def test_mass_deletion_is_believed_only_when_accepted(camps: Camps) -> None:
    camps.send(*range(1, 21))
    camps.sync()
    camps.delete(*range(1, 7))
    report = camps.sync()
    assert report.counts.deleted == 0
    assert "6 of 20 known submissions are gone" in report.warning
    assert len(camps.current()) == 20
    assert camps.runs()[-1] == (True, "data")
    assert camps.sync(Wish(accept_deletions=True)).counts.deleted == 6
    assert len(camps.current()) == 14


def test_an_account_that_sees_only_its_own_rows_deletes_nothing(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    camps.stand_in.admit("partner", "partner-token", sees="own")
    with pytest.raises(AuthError, match="refused the token"):
        camps.sync(token="nobody-token")
    report = camps.sync(Wish(accept_deletions=True), token="partner-token")
    assert report.counts.deleted == 0
    assert "not shown to our account" in report.warning
    assert camps.current() == ["1", "2", "3"]


def test_each_revision_says_what_it_changed(camps: Camps) -> None:
    camps.send(1, 2, 3, 4, 5)
    camps.send(6, photo="a.jpg")
    camps.sync()
    camps.edit(1, 100)
    camps.judge(2, "approved")
    camps.edit(3, 300)
    camps.judge(3, "on_hold")
    camps.delete(4)
    with_photo = camps.xml(6, photo="a.jpg")
    camps.post(with_photo, {"a.jpg": b"a picture"})
    report = camps.sync()
    assert report.counts == Counts(seen=5, edited=2, status_changed=1, attachments_changed=1, deleted=1)
    changed = camps.rows("SELECT server_id, changed FROM submission WHERE revision = 2 ORDER BY server_id")
    assert [tuple(row.values()) for row in changed] == [
        ("1", "answers"),
        ("2", "status"),
        ("3", "answers,status"),
        ("6", "attachments"),
    ]
    camps.holds()


def test_a_status_taken_back_or_given_by_another_person_is_a_change(camps: Camps) -> None:
    camps.send(1, 2)
    camps.judge(1, "approved")
    camps.judge(2, "approved")
    camps.sync()
    camps.judge(1, "")
    camps.stand_in.set_clock(camps.stand_in.clock.replace(hour=9))
    camps.judge(2, "approved")
    assert camps.sync().counts == Counts(seen=2, status_changed=2)
    camps.holds()
    assert camps.sync().counts == Counts(seen=2)


def test_a_row_that_comes_back_is_the_row_that_went(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    camps.delete(2)
    camps.sync()
    assert camps.current() == ["1", "3"]
    camps.send(2)
    assert camps.sync().counts == Counts(seen=3, returned=1)
    past = camps.rows("SELECT revision, gone_why, changed FROM submission WHERE root_id LIKE '%2' ORDER BY revision")
    assert [tuple(row.values()) for row in past] == [(1, "deleted", None), (2, None, "returned")]
    camps.holds()


def test_how_much_may_vanish_is_a_setting(camps: Camps) -> None:
    camps.send(*range(1, 21))
    camps.manner = Manner(guard=Guard(rows=2, share=0.1, few=5, large_share=0.5))
    camps.sync()
    camps.delete(1, 2, 3)
    assert "3 of 20 known submissions are gone" in camps.sync().warning
    camps.manner = Manner(guard=Guard(rows=3))
    assert camps.sync().counts == Counts(seen=17, deleted=3)
    camps.holds()


def test_nothing_is_buried_where_our_permissions_have_just_changed(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    camps.delete(2)
    fewer = fields_of("effective_permissions", lambda given: given[1:])
    with hostile(camps.url, always(fewer, path="/aCamps/")) as server:
        report = camps.sync(url=server.url)
        assert "permissions were changed" in report.warning
        assert camps.current() == ["1", "2", "3"]
        assert camps.sync(url=server.url).counts == Counts(seen=2, deleted=1)


def test_a_submission_that_the_sweep_misses_and_the_server_still_has_is_not_buried(camps: Camps) -> None:
    """As an index that is being rebuilt does; each row is asked for by its number before it is marked as deleted."""
    camps.send(1, 2, 3)
    camps.sync()

    def hides(row: Row, asked: str) -> Row | None:
        return None if row["_id"] == 2 and "$in" not in asked else row

    with hostile(camps.url, always(rows_with(hides), path="/data/")) as server:
        assert camps.sync(url=server.url).counts.deleted == 0
    assert camps.current() == ["1", "2", "3"]
    camps.holds()


def test_what_is_new_is_read_in_ranges_and_in_pages_of_any_size(tmp_path: Path) -> None:
    with camps_in(tmp_path, page=7) as camps:
        camps.send(*range(1, 101))
        camps.delete(*range(20, 60))
        assert camps.sync().counts == Counts(seen=60, new=60)
        camps.holds()
        camps.send(*range(101, 120))
        camps.delete(7, 14, 61, 100)
        camps.edit(70, 700)
        assert camps.sync().counts == Counts(seen=75, new=19, edited=1, deleted=4)
        camps.holds()


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_sync_where_nothing_changed_asks_for_each_page_once(tmp_path: Path, parallel: int) -> None:
    with camps_in(tmp_path, page=10, manner=Manner(parallel=parallel)) as camps:
        camps.send(*range(1, 101))
        camps.sync()
        report = camps.sync()
        assert report.counts == Counts(seen=100)
        assert report.requests == 2 + 10 + 1  # whose token and which asset; the pages; what is above them
        assert report.server_count == 100


@pytest.mark.parametrize("broken_at", [1, 2, 5, 9])
def test_a_first_sync_that_broke_off_goes_on_where_it_stood(tmp_path: Path, broken_at: int) -> None:
    with camps_in(tmp_path, page=10) as camps:
        camps.send(*range(1, 121))
        seen = 0

        def breaks(_method: str, path: str, params: object, _nth: int) -> object:
            nonlocal seen
            seen += path.endswith("/data/") and "fields" not in str(params)
            return answer(418) if seen > broken_at else None

        with hostile(camps.url, breaks) as server, pytest.raises(ServerError):
            camps.sync(url=server.url)
        before = len(camps.current())
        assert camps.runs() == [(False, "server")]
        with hostile(camps.url) as server:
            report = camps.sync(url=server.url)
            full = [one for one in server.requests if one.path.endswith("/data/") and "fields" not in one.params]
        assert report.counts == Counts(seen=120, new=120 - before)
        assert len(full) <= (120 - before) / 10 + 5  # what was there is only looked at
        assert camps.runs()[-1] == (True, None)
        camps.holds()


def test_a_hint_that_a_row_was_modified_is_followed_and_its_absence_proves_nothing(camps: Camps) -> None:
    camps.send(1, 2, 3)
    moment = "2026-11-20T08:00:00"

    def modified(row: Row, asked: str) -> Row:
        shown = "fields" not in asked or "_date_modified" in asked
        return {**row, "_date_modified": moment} if shown and row["_id"] == 2 else row

    with hostile(camps.url, always(rows_with(modified), path="/data/")) as server:
        camps.sync(url=server.url)
        moment = "2026-11-20T09:00:00"
        assert camps.sync(url=server.url).counts == Counts(seen=3, edited=1)
        camps.edit(3, 300)
        assert camps.sync(url=server.url).counts == Counts(seen=3, edited=1)


def test_an_asset_that_is_not_shared_any_more_buries_nothing(camps: Camps) -> None:
    camps.send(1, 2)
    camps.sync()
    camps.stand_in.admit("cccm_im", "demo-token", sees="nothing")
    with pytest.raises(ConfigError, match="not shared with our account"):
        camps.sync()
    assert camps.current() == ["1", "2"]
    assert camps.runs()[-1] == (False, "config")


def test_rows_that_changed_by_the_hundred_are_read_as_ranges(tmp_path: Path) -> None:
    with camps_in(tmp_path, page=200) as camps:
        camps.send(*range(1, 401))
        camps.sync()
        camps.ask(
            "PATCH",
            "data/validation_statuses/",
            {"payload": {"query": {}, "confirm": True, "validation_status.uid": "validation_status_approved"}},
        )
        with hostile(camps.url) as server:
            assert camps.sync(url=server.url).counts == Counts(seen=400, status_changed=400)
            assert not [one for one in server.requests if "$in" in one.params.get("query", "")]
        camps.holds()


def test_a_server_that_gives_fewer_rows_than_asked_is_asked_again(camps: Camps) -> None:
    camps.send(1)
    camps.sync()
    camps.send(*range(2, 31))
    few = pages_with(lambda page, asked: page if "fields" in asked else {**page, "results": page["results"][:7]})
    with hostile(camps.url, always(few, path="/data/")) as server:
        report = camps.sync(url=server.url)
    assert report.counts == Counts(seen=30, new=29)
    assert camps.current() == [str(number) for number in range(1, 31)]


def test_a_server_that_counts_rows_and_shows_none_is_not_believed(camps: Camps) -> None:
    camps.send(1, 2, 3)
    camps.sync()
    none = pages_with(lambda page, _: {**page, "results": []})
    with (
        hostile(camps.url, always(none, path="/data/")) as server,
        pytest.raises(ServerError, match="counts 3 more submissions"),
    ):
        camps.sync(url=server.url)
    assert camps.current() == ["1", "2", "3"]
    assert camps.runs() == [(True, None), (False, "server")]


def test_a_key_does_not_move_when_a_server_begins_to_send_root_ids(camps: Camps) -> None:
    camps.send(1, 2, 3)

    older = rows_with(lambda row, _: {key: value for key, value in row.items() if key != "meta/rootUuid"})
    with hostile(camps.url, always(older, path="/data/")) as server:
        camps.sync(url=server.url)
    report = camps.sync(Wish(full=True))
    assert (report.counts.new, report.counts.edited) == (0, 3)
    assert camps.current() == ["1", "2", "3"]
    camps.holds()
