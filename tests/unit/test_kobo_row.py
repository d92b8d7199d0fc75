"""What is read out of a row as a Kobo server sends it, of whatever year the server is."""

import json

import msgspec
import pytest

from pipelines.archive.archive import AttachedFile
from pipelines.archive.submission import files_text
from pipelines.sources.kobo_row import envelope, files_named_by, index_row, submission

CONTENT = json.dumps(
    {
        "content": {
            "survey": [
                {"type": "image", "$xpath": "site/photo", "name": "photo"},
                {"type": "audit", "$xpath": "audit", "name": "audit"},
                {"type": "file", "$xpath": "block/plan", "name": "plan"},
                {"type": "text", "$xpath": "site/camp", "name": "camp"},
            ]
        }
    }
)


def files_of(row: dict[str, object]) -> tuple[AttachedFile, ...]:
    raw = msgspec.Raw(json.dumps({"_id": 1, **row}, ensure_ascii=False).encode())
    return submission(raw, envelope(raw), files_named_by([CONTENT])).files


def test_every_file_that_an_answer_names_and_the_server_lacks_is_listed() -> None:
    row = {
        "site/photo": "my photo.jpg",
        "site/camp": 'says "site/photo":"x.jpg" and more',
        "meta/audit": "audit.csv",
        "block": [{"block/plan": 'مخطط \\ "A".pdf'}, {"block/plan": "b.pdf"}],
        "_attachments": [{"uid": "att1", "media_file_basename": "b.pdf", "question_xpath": "block/plan"}],
    }
    assert files_of(row) == (
        AttachedFile(file_name="b.pdf", uid="att1", question="block/plan"),
        AttachedFile(file_name='مخطط \\ "A".pdf', question="block/plan"),
        AttachedFile(file_name="audit.csv", question="meta/audit"),
        AttachedFile(file_name="my photo.jpg", question="site/photo"),
    )


def test_an_older_servers_files_have_a_number_and_their_name_in_a_path() -> None:
    old = {"id": 17, "filename": "user/attachments/1a5d/0e31/my_photo.jpg", "mimetype": "image/jpeg"}
    assert files_of({"site/photo": "my photo.jpg", "_attachments": [old]}) == (
        AttachedFile(file_name="my_photo.jpg", uid="17"),
    )


@pytest.mark.parametrize("attachments", [None, {}, "", 7, [None, 3, "x"]])
def test_what_is_no_list_of_files_lists_none(attachments: object) -> None:
    assert files_of({"_attachments": attachments}) == ()


def test_half_a_sign_in_a_name_holds_nothing_back() -> None:
    raw = msgspec.Raw(b'{"_id": 1, "site/photo": "\\ud83d.jpg", "_attachments": [{"uid": "a", "filename": "\\ud83d"}]}')
    files = submission(raw, envelope(raw), files_named_by([CONTENT])).files
    assert [file.file_name for file in files] == ["?", "?.jpg"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"content": {"survey": [7, {"type": "text"}]}}'])
def test_a_form_without_questions_for_files_names_none(content: str) -> None:
    assert files_named_by([content])('{"site/photo": "a.jpg"}') == []


def test_the_index_shows_the_same_files_though_it_hides_their_questions() -> None:
    files = [{"uid": "b", "is_deleted": True, "question_xpath": ""}, {"uid": "a", "filename": "x/a.jpg"}]
    raw = msgspec.Raw(json.dumps({"_id": 1, "_attachments": files}).encode())
    assert index_row(envelope(raw)).files == "a+,b-"
    assert files_text(files_of({"_attachments": files})) == "a+,b-"
