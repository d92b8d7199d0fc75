"""How an asset is cut and read: every `_id` is in one range, a range is proven read, a URL stays short."""

import json
from collections.abc import Iterable
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.kobo import PAGE, lists_of
from pipelines.sources.kobo_row import INDEX_FIELDS
from pipelines.sources.ranges import Range, cut_at_known, read_parts

IDS = st.sets(st.integers(1, 10**15), max_size=400)


@given(server_ids=IDS)
def test_lists_of_ids_hold_each_once_and_keep_a_url_below_4_kb(server_ids: set[int]) -> None:
    lists = list(lists_of(sorted(server_ids)))
    assert [one for some in lists for one in some] == sorted(server_ids)
    for some in lists:
        params = {"format": "json", "limit": "1000", "sort": '{"_id":1}', "fields": json.dumps(INDEX_FIELDS)}
        query = json.dumps({"_id": {"$in": list(some)}}, separators=(",", ":"))
        path = f"https://kobo.a-long-name.example.org/api/v2/assets/{'a' * 22}/data/"
        assert len(f"{path}?{urlencode({**params, 'query': query})}") < 4096
        assert len(some) <= PAGE


def test_at_least_two_hundred_ids_of_ten_digits_go_into_one_list() -> None:
    assert len(next(lists_of(range(10**9, 10**9 + 1000)))) >= 200


@given(known=IDS, page=st.integers(1, 50))
def test_ranges_end_at_known_rows_and_cover_them_all(known: set[int], page: int) -> None:
    ordered = sorted(known)
    ranges = cut_at_known(ordered, page, full=False)
    assert [one.above for one in ranges] == [0, *(one.up_to for one in ranges[:-1])][: len(ranges)]
    assert [one.up_to for one in ranges] == [*ordered[page - 1 :: page], *([ordered[-1]] if len(known) % page else [])]


@pytest.mark.parametrize(
    ("shown", "rest"),
    [
        ([], None),  # nothing is left
        ([3, 9], None),  # the last one is at the end of the page
        ([3, 8], Range(8, 9)),  # 9 may be gone, or not shown yet
    ],
)
def test_a_range_is_read_when_its_end_was_shown_or_a_page_was_empty(shown: list[int], rest: Range | None) -> None:
    assert Range(0, 9).rest(shown) == rest
    assert Range(0, None).rest([9]) == Range(9, None)


@given(rows=IDS, page=st.integers(1, 60), known=IDS, parallel=st.sampled_from([1, 3]))
def test_every_row_is_shown_once_however_the_asset_is_cut(
    rows: set[int], page: int, known: set[int], parallel: int
) -> None:
    def ask(part: Range) -> list[int]:
        inside = (one for one in sorted(rows) if part.above < one and (part.up_to is None or one <= part.up_to))
        return list(inside)[:page]

    def after(part: Range, shown: list[int]) -> Iterable[Range]:
        rest = part.rest(shown)
        return [rest] if rest else []

    ordered = sorted(known)
    ranges = [*cut_at_known(ordered, page, full=False), Range(ordered[-1] if ordered else 0)]
    shown = [one for _, some in read_parts(ranges, ask, after, parallel=parallel) for one in some]
    assert sorted(shown) == sorted(rows)


@pytest.mark.parametrize("parallel", [1, 4])
def test_what_goes_wrong_in_a_thread_is_raised_here(parallel: int) -> None:
    def ask(part: int) -> int:
        if part == 7:
            raise ValueError(part)
        return part

    with pytest.raises(ValueError, match="7"):
        list(read_parts(range(10), ask, lambda *_: (), parallel=parallel))
