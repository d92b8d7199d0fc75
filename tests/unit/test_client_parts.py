"""A document taken apart by its brackets gives the very slices that were sent, whatever stands in them."""

import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.sources.parts import decoded, depth, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Page(msgspec.Struct):
    """A page as far as it is of use."""

    count: int
    results: list[msgspec.Raw]


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), VALUES), st.booleans(), st.sampled_from([None, 1]))
def test_an_object_comes_apart_into_what_it_was_made_of(
    said: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(said, ensure_ascii=ascii_only, indent=indent).encode()
    assert {key: json.loads(value) for key, value in members(text)} == said
    assert list(dict(members(text))) == list(said)


@settings(max_examples=40, deadline=None)
@given(st.lists(VALUES), st.booleans())
def test_a_list_comes_apart_into_its_rows(said: list[object], ascii_only: bool) -> None:
    text = json.dumps(said, ensure_ascii=ascii_only).encode()
    assert [json.loads(value) for _, value in members(text)] == said


@settings(max_examples=40, deadline=None)
@given(said=st.dictionaries(st.text(), VALUES, min_size=1), ascii_only=st.booleans())
@example(said={"": [], "}": None}, ascii_only=True)
@example(said={'"}': {"a": "\\"}, "]": "}"}, ascii_only=False)
def test_a_document_cut_anywhere_is_never_taken_for_a_whole_one(said: dict[str, object], ascii_only: bool) -> None:
    text = json.dumps(said, ensure_ascii=ascii_only).encode()
    for end in range(len(text)):
        with pytest.raises(msgspec.DecodeError):
            members(text[:end])


def test_what_stands_behind_a_document_is_no_part_of_it() -> None:
    with pytest.raises(msgspec.DecodeError):
        members(b'{"a": 1} {"b": 2}')


@pytest.mark.parametrize(
    "odd", [b'{"a": "\\ud800"}', b'{"a": NaN}', b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"]
)
def test_a_row_that_no_reader_takes_is_handed_on_as_it_was_sent(odd: bytes) -> None:
    page = decoded(b'{"count": 2, "next": null, "results": [{"a": 1} , ' + odd + b"]}", Page)
    assert (page.count, [bytes(row) for row in page.results]) == (2, [b'{"a": 1}', odd])


def test_the_depth_of_a_document_does_not_count_brackets_in_texts() -> None:
    assert depth(b'{"a": [1, "]]]{{{\\"[", [2]]}') == 3
