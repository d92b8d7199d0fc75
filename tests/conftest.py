"""What every room of the tests may ask for. What only one of them needs stands there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.project import Project
from tests import guard

REPOSITORY = Path(__file__).parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever goes through several rooms, or meets faults on its way, is slow; `make test-quick` leaves it out."""
    for item in items:
        if any(item.path.is_relative_to(REPOSITORY / "tests" / room) for room in ("flow", "faults")):
            item.add_marker(pytest.mark.slow)


guard.install()


@pytest.fixture(autouse=True)
def _speaks_to_this_machine_only() -> Iterator[None]:
    guard.strayed.clear()
    yield
    assert guard.strayed == []


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the repository that holds real forms, real rounds and recorded exchanges."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder shared/ with real data is not beside this repository")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The repository's own definitions, on a data folder that is empty and goes away."""
    return Project(REPOSITORY, tmp_path / "data")
