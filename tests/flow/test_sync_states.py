"""A server on which anything may happen at any time, also while it is read, against the archive: after every sync that
says it went well, the archive holds what the server has, each thing once, and the past is whole.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from pipelines.archive.archive import Archive
from pipelines.archive.counting import Counting
from pipelines.archive.formats import make_archive
from pipelines.demo.phone import multipart, submission_xml
from pipelines.demo.server import StandIn
from pipelines.demo.store import Submission
from pipelines.forms.read import read_markdown
from pipelines.project.guard import Guard
from pipelines.sources.client import Client
from pipelines.sources.kobo import Kobo
from pipelines.sources.sync import Manner, SyncReport, Wish, sync_kobo
from pipelines.store.duck import connect, read_rows
from tests.flow.camps import ASSET, AT_ONCE, FORM, NOW, PAST, broken_pasts, instance, rows_of
from tests.flow.in_process import InProcess

LATER = read_markdown(
    """
| survey |         |          |                     |
|        | type    | name     | label::English (en) |
|        | integer | families | Families            |
|        | image   | photo    | Photo               |
|        | text    | comments | Comments            |
"""
)
OWNER, PARTNER, ADMIN = "cccm_im", "site_partner", "administrator"
STATUSES = ("approved", "not_approved", "on_hold", "")
DOINGS = ("create", "create", "edit", "edit", "judge", "delete", "restore", "resend", "attach", "take out", "redeploy")
NUMBER = st.integers(0, 10_000)
DOING = st.tuples(st.sampled_from(DOINGS), NUMBER)
"""Something that happens on the server: what, and a number that says to which row."""

DURING = st.lists(st.tuples(st.integers(3, 14), DOING), max_size=6)
"""What happens while a sync goes on, each before one of its requests."""


class World(RuleBasedStateMachine):
    """A server and an archive; asked without a network between."""

    page = 4

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stand_in = StandIn(Path(":memory:"), token=OWNER, user=OWNER)
        self.stack.callback(self.stand_in.close)
        self.stand_in.set_clock(datetime(2026, 11, 20, tzinfo=UTC))
        self.stand_in.admit(PARTNER, PARTNER, sees="own")
        self.stand_in.admit(ADMIN, ADMIN, sees="all")
        self.version = self.stand_in.deploy(ASSET, FORM, "<h/>")
        app = self.stand_in.app()
        self.doors = {user: InProcess(app, user) for user in (OWNER, PARTNER, ADMIN)}
        self.client: Any = InProcess(app, OWNER)
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        make_archive(folder / "camps.duckdb")
        con = self.stack.enter_context(connect(folder / "camps.duckdb"))
        con.execute("SET threads = 1")
        self.con, self.archive = con, Archive(con, Counting())
        self.store = self.stand_in._ground.store
        self.sent = self.edits = self.versions = 0
        self.deleted: list[Submission] = []
        self.narrow = False
        self.taking_turns = Lock()

    @initialize(rows=st.integers(0, 12), owner=st.booleans())
    def begin(self, rows: int, owner: bool) -> None:
        for number in range(rows):
            self.do("create", number * 2 + owner)

    @rule(doing=DOING)
    def something_happens(self, doing: tuple[str, int]) -> None:
        self.do(*doing)

    @rule(numbers=st.lists(NUMBER, max_size=4))
    def phones_send(self, numbers: list[int]) -> None:
        for number in numbers:
            self.do("create", number)

    @rule(number=NUMBER)
    def somebody_edits(self, number: int) -> None:
        self.do("edit", number)

    @rule(number=NUMBER)
    def somebody_judges(self, number: int) -> None:
        self.do("judge", number)

    @rule(number=NUMBER, again=st.sampled_from(["", "restore", "resend"]))
    def something_goes_and_perhaps_comes_back(self, number: int, again: str) -> None:
        self.do("delete", number)
        self.do(again, number)

    @rule(number=NUMBER, what=st.sampled_from(["attach", "take out"]))
    def files_come_and_go(self, number: int, what: str) -> None:
        self.do(what, number)

    @rule()
    def the_form_is_deployed_anew(self) -> None:
        self.do("redeploy", 0)

    @rule(doings=st.lists(DOING, min_size=3, max_size=10))
    def much_happens(self, doings: list[tuple[str, int]]) -> None:
        for doing in doings:
            self.do(*doing)

    @precondition(lambda self: not self.narrow)
    @rule()
    def our_permission_is_narrowed(self) -> None:
        self.stand_in.admit(OWNER, OWNER, sees="own")
        self.narrow = True

    @precondition(lambda self: self.narrow)
    @rule()
    def our_permission_is_given_back(self) -> None:
        self.stand_in.admit(OWNER, OWNER, sees="all")
        self.narrow = False

    @rule(parallel=st.sampled_from([1, 3]), full=st.booleans())
    def sync_in_quiet(self, parallel: int, full: bool) -> None:
        before = self.roots()
        report = self.sync(parallel=parallel, full=full)
        if self.narrow:
            assert report.counts.deleted == 0
            assert before <= self.roots()
            return
        if "permissions were changed" in report.warning:
            assert report.counts.deleted == 0
            report = self.sync(parallel=parallel)
        if "are gone from the server" in report.warning:
            assert report.counts.deleted == 0
            assert before <= self.roots()
            self.sync(parallel=parallel, accept=True)
        self.holds()

    @rule(parallel=st.sampled_from([1, 3]), during=DURING)
    def sync_while_things_happen(self, parallel: int, during: list[tuple[int, tuple[str, int]]]) -> None:
        there = self.alive()
        lost: set[int] = set()

        def happens(number: int) -> None:
            with self.taking_turns:
                for _, doing in (one for one in during if one[0] == number):
                    self.do(*doing)
                    lost.update(set(there) - set(self.alive()))

        before = self.held()
        first = self.client.requests
        self.client.before = lambda number: happens(number - first)
        self.sync(parallel=parallel)
        self.client.before = lambda _: None
        held = self.held()
        visible = {number for number in there if not self.narrow or there[number] == OWNER}
        assert visible - lost <= set(held)  # what stood on the server all the time is here
        assert (set(before) & set(self.alive())) - lost <= set(held)  # and nothing that stands was buried
        assert broken_pasts(read_rows(self.con, PAST)) == []

    def teardown(self) -> None:
        self.stack.close()

    def sync(self, *, parallel: int, full: bool = False, accept: bool = False) -> SyncReport:
        kobo = Kobo(self.client, page=self.page)
        manner = Manner(parallel=parallel, guard=Guard(rows=10_000, few=10_000))
        return sync_kobo(
            self.archive, kobo, "kobo", ASSET, wish=Wish(full=full, accept_deletions=accept), now=NOW, manner=manner
        )

    def held(self) -> dict[int, str]:
        """`_id` and hash of what stands in the archive."""
        rows = read_rows(self.con, "SELECT server_id, raw_sha256 FROM submission WHERE gone_run IS NULL")
        return {int(row["server_id"]): row["raw_sha256"] for row in rows}

    def roots(self) -> set[str]:
        """The root ids of what stands in the archive: they stay, whatever number the server gives."""
        return {row["root_id"] for row in read_rows(self.con, "SELECT root_id FROM submission WHERE gone_run IS NULL")}

    def alive(self) -> dict[int, str]:
        """`_id` of every submission on the server, and who sent it."""
        return {one.id: one.submitted_by for one in self.store.find(Submission)}

    def holds(self) -> None:
        """The invariant."""
        page = self.doors[ADMIN].ask("GET", f"/api/v2/assets/{ASSET}/data/", {"limit": "1000"})[1].decode()
        there = {json.loads(raw)["_id"]: sha256(raw.encode()).hexdigest() for raw in rows_of(page)}
        assert self.held() == there
        roots = read_rows(self.con, "SELECT count(DISTINCT root_id) AS n FROM submission WHERE gone_run IS NULL")
        assert roots == [{"n": len(there)}]
        assert broken_pasts(read_rows(self.con, PAST)) == []
        versions = {one["form_version"] for one in read_rows(self.con, "SELECT form_version FROM submission")}
        kept = {one["version"] for one in read_rows(self.con, "SELECT version FROM form_version")}
        assert versions <= kept

    def do(self, what: str, number: int) -> None:
        """Let something happen on the server, to a row that `number` picks."""
        rows = self.store.find(Submission, "true ORDER BY id")
        row = rows[number % len(rows)] if rows else None
        if what == "create":
            self.sent += 1
            self.post(self.sent, OWNER if number % 2 else PARTNER, photo=f"{self.sent}.jpg" if number % 3 == 0 else "")
        elif what == "redeploy":
            self.versions += 1
            self.version = self.stand_in.deploy(ASSET, LATER if self.versions % 2 else FORM, "<h/>")
        elif what in ("restore", "resend") and self.deleted:
            gone = self.deleted.pop(number % len(self.deleted))
            if not self.store.find(Submission, "root_uuid = ?", (gone.root_uuid,)):
                self.store.keep(gone if what == "restore" else replace(gone, id=0))
        elif row is not None and what in CHANGES:
            CHANGES[what](self, number, row)

    def post(self, number: int, user: str, *, photo: str) -> None:
        """A phone sends a submission."""
        answers = {"families": str(number)} | ({"photo": photo} if photo else {})
        xml = submission_xml(FORM, ASSET, self.version, answers, instance_id=instance(number))
        kind, body = multipart(xml)
        assert self.doors[user].ask("POST", "/submission", body=body, kind=kind)[0] == 201

    def edit(self, _: int, row: Submission) -> None:
        self.edits += 1
        self.stand_in.edit(ASSET, [row.id], "families", str(100_000 + self.edits))

    def judge(self, number: int, row: Submission) -> None:
        self.stand_in.set_clock(datetime.fromtimestamp(1_790_000_000 + number, UTC))
        status = STATUSES[number % len(STATUSES)]
        body = json.dumps({"validation_status.uid": f"validation_status_{status}"}).encode()
        method = "PATCH" if status else "DELETE"
        self.doors[ADMIN].ask(method, f"/api/v2/assets/{ASSET}/data/{row.id}/validation_status/", body=body)

    def delete(self, _: int, row: Submission) -> None:
        self.deleted.append(row)
        self.store.forget([row.id])

    def attach(self, _: int, row: Submission) -> None:
        """The phone sends the same once more, with the photo that it names."""
        photo = json.loads(f"{{{row.answers}}}").get("photo")
        if photo:
            kind, body = multipart(row.xml.encode(), {photo: b"a picture"})
            self.doors[row.submitted_by].ask("POST", "/submission", body=body, kind=kind)

    def take_out(self, _: int, row: Submission) -> None:
        shown = self.doors[ADMIN].ask("GET", f"/api/v2/assets/{ASSET}/data/{row.id}/")[1]
        for file in json.loads(shown)["_attachments"]:
            self.doors[ADMIN].ask("DELETE", f"/api/v2/assets/{ASSET}/attachments/{file['uid']}/")


CHANGES: Mapping[str, Callable[[World, int, Submission], None]] = {
    "edit": World.edit,
    "judge": World.judge,
    "delete": World.delete,
    "attach": World.attach,
    "take out": World.take_out,
}


class OverHttp(World):
    """The same, over a real connection."""

    def __init__(self) -> None:
        super().__init__()
        url = self.stack.enter_context(self.stand_in.serve())
        self.client = Overheard(Client(url, OWNER, named="kobo", limits=AT_ONCE))

    def holds(self) -> None:
        """The invariant; addresses of files hold the server's own, which is another one here."""
        assert set(self.held()) == set(self.alive())


class Overheard:
    """A client whose requests we hear of before they are made."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.before: Callable[[int], None] = lambda _: None

    @property
    def requests(self) -> int:
        return self.client.requests

    def get_bytes(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        self.before(self.client.requests + 1)
        return self.client.get_bytes(path, params)


def run(world: type[World], *, examples: int, steps: int) -> None:
    """Let the worlds run for so many examples of so many steps."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    rules = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=checks,
        database=None,
        phases=[Phase.generate],
    )
    run_state_machine_as_test(world, settings=rules)


def test_whatever_happens_on_the_server_the_archive_holds_what_it_has() -> None:
    run(World, examples=21, steps=50)


def test_whatever_happens_over_http_the_archive_holds_what_it_has() -> None:
    run(OverHttp, examples=2, steps=25)


@pytest.mark.long
def test_whatever_happens_for_long_the_archive_holds_what_the_server_has() -> None:
    run(World, examples=210, steps=50)
