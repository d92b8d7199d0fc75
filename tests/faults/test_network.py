"""Every fault of a network or a server, at the first, a middle and the last page, in a first sync and in a later one.

After each: what the archive holds is what a run without the fault would have left, success was said only where that was
so at once, and one more ordinary sync heals whatever is missing.
"""

import random
import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pipelines.archive.head import head_file
from pipelines.errors import CccmError
from tests.faults.hostile import (
    Fault,
    Hostile,
    Script,
    always,
    answer,
    changed,
    cut,
    dripping,
    gzip_bomb,
    never,
    onwards,
    redirect,
    reset,
    rewritten,
    stalled,
    wrong_chunk,
)
from tests.faults.world import Content, World, content, given_away, last_run, sync, world

DATA = "/data/"
POSITIONS = ("first", "middle", "last")
MOMENTS = ("first sync", "later sync")
HTML = b"<!DOCTYPE html><html><head><title>Scheduled maintenance</title></head><body>Back soon</body></html>"


@dataclass(frozen=True)
class Case:
    """A moment in the life of an archive: where it stands before, what it must hold after, how many pages it takes."""

    before: Path | None
    after: Content
    pages: int


@dataclass(frozen=True)
class Grounds:
    """The server, and what a sync without fault makes of it."""

    camps: World
    moments: Mapping[str, Case]


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    folder = tmp_path_factory.mktemp("world")
    with world(folder) as camps, Hostile(camps.url) as plain:
        yesterday = folder / "yesterday.duckdb"
        sync(plain.url, yesterday)
        camps.edit(3)
        camps.edit(9)
        camps.delete(5)
        camps.approve(7)
        camps.send(101, 102, 103)
        moments = {"first sync": _fault_free(plain, None, folder), "later sync": _fault_free(plain, yesterday, folder)}
        yield Grounds(camps, moments)


def _fault_free(plain: Hostile, before: Path | None, folder: Path) -> Case:
    archive = folder / "fault-free.duckdb"
    archive.unlink(missing_ok=True)
    if before:
        shutil.copy(before, archive)
        head_file(archive).unlink(missing_ok=True)  # it is meant to stand there
    plain.requests.clear()
    sync(plain.url, archive)
    pages = sum(path.endswith(DATA) for path in plain.paths())
    return Case(before, content(archive), pages)


def begun(case: Case, folder: Path) -> Path:
    """An archive that stands before the moment of `case`, in a folder of its own."""
    archive = folder / "archive" / "camps.duckdb"
    archive.parent.mkdir()
    if case.before:
        shutil.copy(case.before, archive)
        head_file(archive).unlink(missing_ok=True)
    return archive


def judged(grounds: Grounds, moment: str, archive: Path, script: Script) -> str:
    """The error class of a sync through `script`, raised or noted ("" where all went well), once all that must hold was
    found to hold.
    """
    case = grounds.moments[moment]
    said, sentence = "", ""
    with Hostile(grounds.camps.url, script) as hostile:
        try:
            sync(hostile.url, archive)
        except CccmError as error:
            said, sentence = error.error_class, str(error)
        complete, noted = last_run(archive)
        assert complete == (not said)
        assert noted == (said or noted)
        if said or noted:
            hostile.script = never
            sync(hostile.url, archive)
            assert last_run(archive) == (True, None)
    assert content(archive) == case.after
    assert given_away(archive.parent, sentence, str(case.after)) == []
    return said or noted or ""


def on_page(number: int, fault: Fault) -> Script:
    """The script of a fault at one page of data, once."""
    asked = 0

    def script(_method: str, path: str, _params: Mapping[str, str], _nth: int) -> Fault | None:
        nonlocal asked
        asked += path.endswith(DATA)
        return fault if path.endswith(DATA) and asked == number else None

    return script


def page_at(position: str, case: Case) -> int:
    return {"first": 1, "middle": case.pages // 2 + 1, "last": case.pages}[position]


PASSING = {
    "f01_429": answer(429),
    "f01_429_in_seconds": answer(429, Retry_After="1"),
    "f01_429_by_date": answer(429, Retry_After="Wed, 18 Nov 2026 12:00:30 GMT", Date="Wed, 18 Nov 2026 12:00:00 GMT"),
    "f01_429_absurd": answer(429, Retry_After="86400"),
    "f01_429_negative": answer(429, Retry_After="-1"),
    "f02_500": answer(500, HTML),
    "f02_502": answer(502, HTML),
    "f02_503": answer(503, HTML),
    "f02_504": answer(504, HTML),
    "f02_mongo_out_of_time": answer(400, '["Unsupported query"]'),
    "f06_reset_before_the_head": reset("before"),
    "f06_reset_within_the_head": reset("head"),
    "f06_reset_within_the_body": reset("body"),
    "f07_cut_with_a_length": cut(0.5),
    "f07_cut_by_one_byte": cut(0.999),
    "f08_cut_without_a_length": cut(0.5, "close"),
    "f08_cut_without_a_length_by_one_byte": rewritten(lambda body: body[:-1]),
    "f08_cut_within_a_letter": rewritten(
        lambda body: body[: body.find("خ".encode()) + 1] if "خ".encode() in body else b""
    ),
    "f09_chunked_and_cut": cut(0.5, "chunked"),
    "f09_chunk_of_no_size": wrong_chunk,
    "f10_nothing": answer(200, b""),
    "f16_dripping_body": dripping(0.1),
    "f16_dripping_head": dripping(0.1, head=True),
    "f17_stalled_before_the_head": stalled("before"),
    "f17_stalled_after_the_head": stalled("head"),
    "f17_stalled_within_the_body": stalled("body"),
    "f31_redirect_to_where_one_was": onwards,
}
"""Faults that are over when the page is asked again: the sync succeeds."""


def twice_the_results(body: bytes) -> bytes:
    return body.rstrip()[:-1] + b', "results": []}'


def not_utf8(body: bytes) -> bytes:
    return body.replace(b'"count"', b'"\xff\xfe", "count"', 1).replace(b'"\xff\xfe",', b'"odd": "\xff\xfe",', 1)


def without(key: str) -> Fault:
    return changed(lambda page: {name: value for name, value in page.items() if name != key})


def with_results(value: Any) -> Fault:
    return changed(lambda page: {**page, "results": value})


STANDING = {
    "f03_401": (answer(401, '{"detail": "Invalid token."}'), "auth"),
    "f03_403": (answer(403), "auth"),
    "f04_404": (answer(404, "Resource not found (404)", Content_Type="text/html"), "config"),
    "f10_html": (answer(200, HTML, Content_Type="text/html; charset=utf-8"), "server"),
    "f10_html_said_to_be_json": (answer(200, HTML), "server"),
    "f10_detail": (answer(200, '{"detail": "Not now"}'), "server"),
    "f10_a_text": (answer(200, "all is well", Content_Type="text/plain"), "server"),
    "f11_results_null": (with_results(None), "server"),
    "f11_results_a_mapping": (with_results({"1": {}}), "server"),
    "f11_results_of_numbers": (with_results([1, 2]), "server"),
    "f11_no_results": (without("results"), "server"),
    "f11_no_count": (without("count"), "server"),
    "f11_a_list": (changed(lambda page: page["results"]), "server"),
    "f12_a_key_twice_in_the_envelope": (rewritten(twice_the_results), "server"),
    "f13_nan": (rewritten(lambda body: body.replace(b'"count"', b'"odd": NaN, "count"', 1)), "server"),
    "f13_infinity": (rewritten(lambda body: body.replace(b'"count"', b'"odd": -Infinity, "count"', 1)), "server"),
    "f13_too_deep": (
        rewritten(
            lambda body: body.replace(b'"count"', b'"odd": ' + b"[" * 100_000 + b"]" * 100_000 + b', "count"', 1)
        ),
        "server",
    ),
    "f13_rather_deep": (
        rewritten(lambda body: body.replace(b'"count"', b'"odd": ' + b"[" * 300 + b"]" * 300 + b', "count"', 1)),
        "server",
    ),
    "f14_no_utf8": (rewritten(not_utf8), "server"),
    "f14_utf16": (rewritten(lambda body: body.decode().encode("utf-16")), "server"),
    "f31_redirect_elsewhere": (redirect("http://camps.example.org/api/v2/", 301), "config"),
}
"""Faults that asking again does not mend: the class of the error, and nothing lost."""


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 60))])
def test_faults_at_random_leave_what_a_run_without_any_leaves(grounds: Grounds, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    moment = dice.choice(MOMENTS)
    of_pages = [*PASSING.values(), *(fault for fault, _ in STANDING.values())]

    def script(_method: str, path: str, _params: Mapping[str, str], _nth: int) -> Fault | None:
        faults = of_pages if path.endswith(DATA) else [*PASSING.values()]
        return dice.choice(faults) if dice.random() < 0.3 else None

    judged(grounds, moment, begun(grounds.moments[moment], tmp_path), script)


LIKE_ANOTHER = frozenset(
    {
        "f01_429_in_seconds",
        "f01_429_by_date",
        "f01_429_negative",
        "f02_500",
        "f02_502",
        "f02_504",
        "f07_cut_by_one_byte",
        "f08_cut_without_a_length_by_one_byte",
        "f10_html_said_to_be_json",
        "f11_results_of_numbers",
        "f11_results_a_mapping",
        "f11_no_results",
        "f13_infinity",
        "f13_rather_deep",
        "f14_utf16",
        "f17_stalled_after_the_head",
    }
)
"""Faults that go the same way through our code as another one: they wait for `make test-slow`."""


def everywhere(faults: Collection[str], *choices: Sequence[str]) -> list[Any]:
    """Every fault with every one of the `choices`; by turns one of them is quick, the others are long."""
    places = list(product(*choices))
    quick = {fault: turn % len(places) for turn, fault in enumerate(f for f in faults if f not in LIKE_ANOTHER)}
    return [
        pytest.param(fault, *place, marks=[] if quick.get(fault) == number else [pytest.mark.long])
        for fault in faults
        for number, place in enumerate(places)
    ]


@pytest.mark.parametrize(("fault", "position", "moment"), everywhere(PASSING, POSITIONS, MOMENTS))
def test_what_passes_is_asked_again(grounds: Grounds, tmp_path: Path, fault: str, position: str, moment: str) -> None:
    case = grounds.moments[moment]
    script = on_page(page_at(position, case), PASSING[fault])
    assert judged(grounds, moment, begun(case, tmp_path), script) == ""


@pytest.mark.parametrize(("fault", "position", "moment"), everywhere(STANDING, POSITIONS, MOMENTS))
def test_what_stands_is_said_and_costs_nothing(
    grounds: Grounds, tmp_path: Path, fault: str, position: str, moment: str
) -> None:
    case = grounds.moments[moment]
    script = on_page(page_at(position, case), STANDING[fault][0])
    said = judged(grounds, moment, begun(case, tmp_path), script)
    assert said == STANDING[fault][1] or (fault.startswith("f11_") and not said)  # an odd shape may be asked again


BEFORE_THE_DATA = {"/me/": r"/me/$", "the asset": r"/assets/aCamps/$", "its form": r"/versions/"}


@pytest.mark.parametrize(("path", "fault"), everywhere(BEFORE_THE_DATA, ["f02_503", "f08_cut_without_a_length"]))
def test_what_passes_is_asked_again_before_the_data_too(
    grounds: Grounds, tmp_path: Path, fault: str, path: str
) -> None:
    archive = begun(grounds.moments["first sync"], tmp_path)
    assert judged(grounds, "first sync", archive, first_time(BEFORE_THE_DATA[path], PASSING[fault])) == ""


@pytest.mark.parametrize(("path", "fault"), everywhere(BEFORE_THE_DATA, ["f03_401", "f10_html"]))
def test_what_stands_is_said_before_the_data_too(grounds: Grounds, tmp_path: Path, fault: str, path: str) -> None:
    archive = begun(grounds.moments["first sync"], tmp_path)
    what, error_class = STANDING[fault]
    expected = {error_class, "data"} if path == "its form" else {error_class}  # a form may also follow later
    assert judged(grounds, "first sync", archive, first_time(BEFORE_THE_DATA[path], what)) in expected


def first_time(pattern: str, fault: Fault) -> Script:
    return lambda _method, path, _params, nth: fault if nth == 1 and re.search(pattern, path) else None


ENDLESS = {
    "f01_429": (answer(429, Retry_After="1"), "transient"),
    "f02_500": (answer(500), "server"),
    "f02_502": (answer(502), "server"),
    "f02_503": (answer(503), "server"),
    "f02_504": (answer(504), "server"),
    "f03_401": (answer(401), "auth"),
    "f04_404": (answer(404), "config"),
    "f06_reset": (reset("head"), "transient"),
    "f08_cut": (cut(0.5, "close"), "transient"),
    "f11_no_count": (without("count"), "server"),
    "f11_results_null": (with_results(None), "server"),
    "f15_gzip_bomb": (gzip_bomb(5), "server"),
    "f16_dripping": (dripping(0.1, head=True), "transient"),
    "f31_redirects": (onwards, "config"),
}
"""Faults that happen at every request, and the class of the error in the end."""


@pytest.mark.parametrize(("fault", "moment"), everywhere(ENDLESS, MOMENTS))
def test_what_never_ends_is_given_up_and_costs_nothing(
    grounds: Grounds, tmp_path: Path, fault: str, moment: str
) -> None:
    what, error_class = ENDLESS[fault]
    archive = begun(grounds.moments[moment], tmp_path)
    assert judged(grounds, moment, archive, always(what, path=DATA)) == error_class
