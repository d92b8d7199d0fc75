"""What may go wrong with the files of submissions: each is stored whole under its hash, or is awaited and counted."""

import subprocess
from collections.abc import Iterator
from hashlib import md5, sha256
from pathlib import Path

import pytest

from pipelines.archive.archive import AttachedFile, Counts, Submission, open_archive
from pipelines.errors import DiskError
from pipelines.project import Project
from pipelines.sources.sync import Manner
from pipelines.status import tools
from tests.faults.hostile import Exchange, Fault, always, answer, cut, hostile, reset
from tests.faults.kobo_faults import Row, rows_with
from tests.flow.camps import NOW, Camps, camps_in
from tests.flow.tiny import add_form

JPEG = b"\xff\xd8\xff\xe1\x00\x18Exif\x00\x00GPS 36.98 42.61" + bytes(range(256)) * 20
FILE = "/attachments/"


@pytest.fixture
def camps(tmp_path: Path) -> Iterator[Camps]:
    with camps_in(tmp_path, page=10) as camps:
        camps.manner = Manner(attachments=camps.attachments)
        yield camps


def stored(camps: Camps) -> dict[str, bytes]:
    """What lies in the store, by name."""
    return {file.name: file.read_bytes() for file in sorted(camps.attachments.iterdir())}


def states(camps: Camps) -> list[tuple[str, str, int]]:
    """(name, state, tries) of each file of a current submission."""
    rows = camps.rows(
        """SELECT file_name, state, tries FROM attachment JOIN submission USING (source, asset, root_id, revision)
           WHERE gone_run IS NULL ORDER BY root_id, file_name"""
    )
    return [tuple(row.values()) for row in rows]


WRONG = {
    "404": (answer(404, "{}"), "config"),
    "403": (answer(403, "{}"), "auth"),
    "empty": (answer(200, b"", Content_Type="image/jpeg"), "data"),
    "a page": (answer(200, "<!DOCTYPE html><p>Log in", Content_Type="text/html"), "data"),
    "a page that says it is a picture": (answer(200, "\n <HTML>Log in", Content_Type="image/jpeg"), "data"),
    "JSON": (answer(200, '{"detail": "gone"}', Content_Type="application/json"), "data"),
    "cut": (cut(0.5), "transient"),
    "cut in a chunk": (cut(0.5, "chunked"), "transient"),
    "reset": (reset("body"), "transient"),
    "500": (answer(500), "server"),
}


@pytest.mark.parametrize("how", WRONG)
def test_f32_f33_a_file_that_does_not_come_as_it_should_is_awaited_and_comes_later(camps: Camps, how: str) -> None:
    fault, error_class = WRONG[how]
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})
    with hostile(camps.url, lambda _m, path, _p, _n: fault if FILE in path else None) as server:
        report = camps.sync(url=server.url)
    assert report.counts == Counts(seen=1, new=1)
    assert (report.attachments_stored, report.attachments_awaited) == (0, 1)
    assert report.attachments_failed == {error_class: 1}
    assert stored(camps) == {}
    assert states(camps) == [("a.jpg", "awaited", 1)]
    again = camps.sync()
    assert (again.attachments_stored, again.attachments_awaited, again.attachments_failed) == (1, 0, {})
    assert stored(camps) == {sha256(JPEG).hexdigest(): JPEG}
    assert camps.rows("SELECT attachments_stored, attachments_awaited FROM sync_run ORDER BY run") == [
        {"attachments_stored": 0, "attachments_awaited": 1},
        {"attachments_stored": 1, "attachments_awaited": 0},
    ]


def unframed(*parts: float, etag: str = "") -> Fault:
    """A proxy that drops the length of files: of the nth answer so great a part comes, of any after them all."""
    left = list(parts)

    def fault(exchange: Exchange) -> None:
        reply = exchange.upstream()
        sent = reply.body[: int(len(reply.body) * (left.pop(0) if left else 1))]
        exchange.send(reply.head(**({"etag": etag} if etag else {})) + sent)

    return fault


@pytest.mark.parametrize(
    ("fault", "downloads", "stands"),
    [
        (unframed(), 2, True),
        (unframed(0.5), 2, False),
        (unframed(1, 0.5), 2, False),
        (unframed(0.5, 0.6), 2, False),
        (unframed(etag=f'"{md5(JPEG).hexdigest()}"'), 1, True),
        (unframed(0.5, etag=f'W/"{md5(JPEG).hexdigest()}"'), 2, False),
    ],
    ids=["whole", "first cut", "second cut", "each cut elsewhere", "whole by its ETag", "cut by its ETag"],
)
def test_f08_a_file_without_a_length_is_stored_when_it_is_proven_whole(
    camps: Camps, fault: Fault, downloads: int, stands: bool
) -> None:
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})
    with hostile(camps.url, lambda _m, path, _p, _n: fault if FILE in path else None) as server:
        report = camps.sync(url=server.url)
        assert sum(FILE in one.path for one in server.requests) == downloads
    assert (report.attachments_stored, report.attachments_awaited) == ((1, 0) if stands else (0, 1))
    assert stored(camps) == ({sha256(JPEG).hexdigest(): JPEG} if stands else {})
    camps.sync()
    assert stored(camps) == {sha256(JPEG).hexdigest(): JPEG}


def test_f33_a_disk_that_fills_in_the_middle_of_a_file_leaves_no_part_of_it(camps: Camps, small_volume: Path) -> None:
    photo = bytes(range(256)) * 20_000  # 5 MB, on a volume of 3
    camps.send(1, photo="a.jpg", files={"a.jpg": photo})
    camps.manner = Manner(attachments=small_volume / "store")
    with pytest.raises(DiskError, match="No space left on device"):
        camps.sync()
    assert list((small_volume / "store").iterdir()) == []
    subprocess.run(["mount", "-o", "remount,size=20m", small_volume], check=True)
    healed = camps.sync()
    assert (healed.counts.changed, healed.attachments_stored, healed.attachments_awaited) == (0, 1, 0)
    assert [file.read_bytes() for file in (small_volume / "store").iterdir()] == [photo]


def test_f32_a_file_that_never_comes_is_asked_for_ten_times_at_growing_distance(tmp_path: Path) -> None:
    photo = AttachedFile(file_name="a.jpg", uid="att1", question="photo")
    sent = Submission(root_id="1", raw="{}", raw_kind="kobo_json", server_id="1", files=(photo,))
    asked = []
    with open_archive(tmp_path / "camps.duckdb") as archive:
        for number in range(1, 60):
            run = archive.begin_run("kobo", "aCamps", NOW)
            archive.begin_run("kobo", "aAnotherAsset", NOW)
            run.record([sent])
            wanted = run.wanted_files()
            run.note_files([], wanted)
            asked += [number] * len(wanted)
        assert asked == [1, 2, 4, 8, 16, 24, 32, 40, 48, 56]
        assert run.wanted_files() == []
        assert [file.uid for file in run.wanted_files(all_of_them=True)] == ["att1"]
        assert run.note_effort(requests=0, stored=0) == 1


def test_f32_one_file_that_fails_holds_back_no_other(camps: Camps) -> None:
    for number in range(1, 8):
        camps.send(number, photo=f"{number}.jpg", files={f"{number}.jpg": JPEG + bytes([number])})
    wanted = f"/data/{camps.id_of(3)}/attachments/"
    with hostile(camps.url, lambda _m, path, _p, _n: answer(404, "{}") if wanted in path else None) as server:
        report = camps.sync(url=server.url)
    assert (report.attachments_stored, report.attachments_failed) == (6, {"config": 1})
    assert [state for _, state, _ in states(camps)] == ["stored"] * 2 + ["awaited"] + ["stored"] * 4


def test_f32_a_server_that_gives_no_file_at_all_is_soon_left_alone(camps: Camps) -> None:
    for number in range(1, 61):
        camps.send(number, photo="a.jpg", files={"a.jpg": JPEG})
    with hostile(camps.url, lambda _m, path, _p, _n: answer(404, "{}") if FILE in path else None) as server:
        report = camps.sync(url=server.url)
        assert 20 <= sum(FILE in one.path for one in server.requests) <= 28
    assert report.attachments_awaited == 60
    assert camps.sync().attachments_stored == 60


HOSTILE_NAMES = [
    "../../../x.jpg",
    "/etc/passwd",
    "C:\\Windows\\system.ini",
    "nul\x00byte.jpg",
    "a" * 300 + ".jpg",
    "CON",
    "..",
    "صورة من المخيم.jpg",
    "\u202egpj.exe",
    "a\nb\r.jpg",
    "'; DROP TABLE attachment;--.jpg",
    "%2e%2e%2fx.jpg",
]


def test_f34_a_name_is_data_and_never_a_path(camps: Camps) -> None:
    for number in range(1, len(HOSTILE_NAMES) + 1):
        camps.send(number, photo=f"{number}.jpg", files={f"{number}.jpg": JPEG + bytes([number])})

    def renamed(row: Row, _: str) -> Row:
        name = HOSTILE_NAMES[row["_id"] - 1]
        files = [
            file | {"media_file_basename": name, "filename": f"cccm_im/attachments/{name}"}
            for file in row.get("_attachments", [])
        ]
        return row | {"_attachments": files, "photo": name} if "photo" in row else row | {"_attachments": files}

    with hostile(camps.url, always(rows_with(renamed), path="/data/")) as server:
        report = camps.sync(url=server.url)
    assert (report.attachments_stored, report.attachments_awaited) == (12, 0)
    assert stored(camps) == {
        sha256(content).hexdigest(): content for content in (JPEG + bytes([number]) for number in range(1, 13))
    }
    assert sorted(name for name, _, _ in states(camps)) == sorted(HOSTILE_NAMES)
    kept = {path.relative_to(camps.folder).parts[0] for path in camps.folder.rglob("*") if path.is_file()}
    assert kept == {"archive", "heads", "attachments", *(name for name in kept if name.startswith("server.sqlite"))}


@pytest.mark.parametrize("uid", ["../../../../me", "a/b", "a?b", "%2e%2e", "", None, "a" * 500, 7])
def test_f34_what_the_server_calls_a_file_is_no_path_either(camps: Camps, uid: object) -> None:
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})

    def named(row: Row, _: str) -> Row:
        return row | {"_attachments": [file | {"uid": uid} for file in row.get("_attachments", [])]}

    with hostile(camps.url, always(rows_with(named), path="/data/")) as server:
        report = camps.sync(url=server.url)
        asked = [one.path for one in server.requests if "me" in one.path.split("/") or FILE in one.path]
    assert report.counts == Counts(seen=1, new=1)
    assert report.attachments_awaited == 1
    assert asked == ["/me/"] + (["/api/v2/assets/aCamps/data/1/attachments/7/"] if uid == 7 else [])


def test_a_photo_that_the_answer_names_and_the_server_lacks_is_awaited(camps: Camps) -> None:
    camps.send(1, photo="late.jpg")
    report = camps.sync()
    assert (report.attachments_awaited, report.attachments_failed) == (1, {})
    assert camps.sync().attachments_awaited == 1
    camps.post(camps.xml(1, photo="late.jpg"), {"late.jpg": JPEG})
    report = camps.sync()
    assert report.counts == Counts(seen=1, attachments_changed=1)
    assert (report.attachments_stored, report.attachments_awaited) == (1, 0)
    assert states(camps) == [("late.jpg", "stored", 0)]
    camps.holds()


def test_cccm_status_counts_the_files_that_are_awaited(camps: Camps) -> None:
    project = Project(camps.folder / "cluster", camps.folder)
    add_form(project, "camps", "1", [["integer", "families", "Families"], ["image", "photo", "Photo"]])

    def awaited() -> list[object]:
        return [line["files awaited"] for line in tools(project)]

    assert awaited() == [0]
    camps.send(1, photo="late.jpg")
    camps.send(2, photo="later.jpg")
    camps.send(3)
    camps.sync()
    assert awaited() == [2]
    camps.post(camps.xml(1, photo="late.jpg"), {"late.jpg": JPEG})
    camps.sync()
    assert awaited() == [1]
    camps.delete(2)
    camps.sync()
    assert awaited() == [0]


def test_a_file_is_fetched_once_though_its_submission_changes(camps: Camps) -> None:
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})
    camps.sync()
    camps.judge(1, "approved")
    camps.edit(1, 100, photo="a.jpg")
    with hostile(camps.url) as server:
        assert camps.sync(url=server.url).attachments_awaited == 0
        assert not [one for one in server.requests if FILE in one.path]
    assert states(camps) == [("a.jpg", "stored", 0)]


def test_an_edit_that_takes_the_photo_out_leaves_it_in_the_store_and_gone(camps: Camps) -> None:
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})
    camps.sync()
    camps.edit(1, 100)
    report = camps.sync()
    assert (report.counts.edited, report.attachments_awaited) == (1, 0)
    assert camps.rows("SELECT revision, state, sha256 FROM attachment") == [
        {"revision": 1, "state": "gone", "sha256": sha256(JPEG).hexdigest()}
    ]
    assert list(stored(camps)) == [sha256(JPEG).hexdigest()]
    camps.holds()


def test_the_same_picture_twice_rests_once(camps: Camps) -> None:
    camps.send(1, 2, photo="a.jpg", files={"a.jpg": JPEG})
    assert camps.sync().attachments_stored == 2
    assert stored(camps) == {sha256(JPEG).hexdigest(): JPEG}


def test_what_a_killed_run_left_half_written_is_taken_away(camps: Camps) -> None:
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})
    camps.attachments.mkdir()
    (camps.attachments / ".0123.part").write_bytes(JPEG[:100])
    camps.sync()
    assert list(stored(camps)) == [sha256(JPEG).hexdigest()]


def test_an_archive_without_a_list_of_files_lists_them_at_the_next_sync(camps: Camps) -> None:
    """As archives of the first format are: nothing of their submissions has changed, yet there are files to have."""
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})
    camps.manner = Manner()
    camps.sync()
    camps.forget_files()
    camps.manner = Manner(attachments=camps.attachments)
    report = camps.sync()
    assert (report.counts, report.attachments_stored) == (Counts(seen=1), 1)
    assert camps.rows("SELECT revision FROM submission") == [{"revision": 1}]
