"""The stand-in server's files: what goes in comes out, comes late, and is taken out as on a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.camps import Camps, camps_in

JPEG = b"\xff\xd8\xff" + bytes(range(256))


@pytest.fixture
def camps(tmp_path: Path) -> Iterator[Camps]:
    with camps_in(tmp_path) as camps:
        yield camps


def files(camps: Camps) -> list[dict[str, object]]:
    """What the submission lists."""
    found: list[dict[str, object]] = camps.ask("GET", f"data/{camps.id_of(1)}/")["_attachments"]
    return found


def test_a_file_comes_out_as_it_went_in(camps: Camps) -> None:
    camps.send(1, photo="صورة 1.jpg", files={"صورة 1.jpg": JPEG})
    (file,) = files(camps)
    assert (file["media_file_basename"], file["is_deleted"]) == ("صورة 1.jpg", False)
    below = f"data/{camps.id_of(1)}/attachments/"
    assert camps.bytes_of("GET", f"{below}{file['uid']}/") == JPEG
    assert camps.bytes_of("GET", f"{below}{file['uid']}/small/") == JPEG
    assert camps.bytes_of("GET", f"{below}?xpath=photo") == JPEG
    assert json.loads(camps.bytes_of("GET", below)) == {"detail": "`xpath` query parameter is required"}
    assert json.loads(camps.bytes_of("GET", f"{below}attNope/")) == {"detail": "Not found."}


def test_a_file_may_come_with_a_second_sending(camps: Camps) -> None:
    camps.send(1, photo="late.jpg")
    assert files(camps) == []
    camps.post(camps.xml(1, photo="late.jpg"), {"late.jpg": JPEG})
    assert [file["media_file_basename"] for file in files(camps)] == ["late.jpg"]


def test_a_file_that_was_taken_out_leaves_its_name(camps: Camps) -> None:
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})
    (file,) = files(camps)
    assert camps.bytes_of("DELETE", f"attachments/{file['uid']}/") == b""
    assert files(camps) == [file | {"is_deleted": True}]
    again = camps.bytes_of("GET", f"data/{camps.id_of(1)}/attachments/{file['uid']}/")
    assert json.loads(again) == {"detail": "Not found."}
    assert camps.ask("GET", f"data/{camps.id_of(1)}/")["photo"] == "a.jpg"


@pytest.mark.parametrize("more", [[], ["meta/deprecatedID"], ["families"]])
def test_an_index_shows_of_each_row_what_the_row_itself_shows(camps: Camps, more: list[str]) -> None:
    camps.send(1, photo="a.jpg", files={"a.jpg": JPEG})
    camps.send(2)
    camps.edit(2, 200)
    camps.judge(2, "approved")
    fields = ["_id", "_uuid", "__version__", "_validation_status", "_submission_time", *more]
    index = camps.ask("GET", f"data/?fields={json.dumps(fields, separators=(',', ':'))}")["results"]
    rows = camps.ask("GET", "data/")["results"]
    shown = [*fields, "meta/rootUuid"]
    assert index == [{key: value for key, value in row.items() if key in shown} for row in rows]
