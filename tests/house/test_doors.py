"""Each library has one door: only one room imports it, so that only one room must change with it."""

import pytest

from tests.house.modules import modules

DOORS = {
    "requests": "sources",
    "urllib3": "sources",
    "duckdb": "store",
    "pyxform": "forms",
    "great_expectations": "quality",
    "dagster": "defs",
}


@pytest.mark.parametrize(("library", "room"), DOORS.items(), ids=DOORS.keys())
def test_each_library_has_one_door(library: str, room: str) -> None:
    elsewhere = [
        f"{module} imports {library}; only pipelines/{room}/ may"
        for module in modules()
        if module.room != room and library in {name.split(".")[0] for name in module.imports()}
    ]
    assert elsewhere == []


def test_definitions_in_defs_are_read_by_dagster_with_their_annotations() -> None:
    refused = [
        str(module)
        for module in modules()
        if module.room in ("defs", "definitions") and "__future__.annotations" in set(module.imports())
    ]
    assert refused == []
