"""Imports run down only, and never in a circle: from any file one can read downwards to the end."""

import graphlib

from tests.house.modules import Module, modules

LEVELS = (
    ("definitions", "cli"),
    ("status", "terminal"),
    ("drift",),
    ("defs",),
    ("demo", "products", "curate", "quality", "harmonize", "sources"),
    ("archive",),
    ("store", "forms"),
    ("project",),
    ("whole_file",),
    ("alive",),
    ("errors",),
)
LEVEL = {room: depth for depth, rooms in enumerate(LEVELS) for room in rooms}


def _imported(module: Module) -> set[str]:
    """The modules of ours that `module` imports."""
    known = {other.name for other in modules()}
    names = {name for name in module.imports() if name.split(".")[0] == "pipelines"}
    return {name if name in known else name.rpartition(".")[0] for name in names} - {"pipelines"}


def test_every_room_has_its_level() -> None:
    assert {module.room for module in modules()} - {""} <= set(LEVEL)


def test_imports_run_down_only() -> None:
    upwards = [
        f"{module} imports {name}, which is not below {module.room}"
        for module in modules()
        for name in sorted(_imported(module))
        if (room := name.split(".")[1]) != module.room and LEVEL.get(room, 0) <= LEVEL.get(module.room, 0)
    ]
    assert upwards == []


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module.name: _imported(module) - {module.name} for module in modules()}
    assert set(graphlib.TopologicalSorter(graph).static_order()) >= set(graph)


def test_there_is_no_room_for_what_has_no_place() -> None:
    places = [str(module) for module in modules() if module.path.stem in ("utils", "util", "helpers", "common", "misc")]
    assert places == []
