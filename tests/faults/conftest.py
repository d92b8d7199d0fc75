"""What the tests of kills, disks and backups start once and share: a disk that refuses, children, a synced world."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.nursery import Nursery, World, world

SOURCE = Path(__file__).with_name("refuse.c")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The library that makes a disk refuse; None where nothing can compile it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    made = tmp_path_factory.mktemp("disk") / "refuse.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl"], check=True)
    return made


@pytest.fixture
def refusing(library: Path | None) -> None:
    """For tests whose disk must refuse."""
    if library is None:
        pytest.skip("no C compiler here: a disk cannot be made to refuse at a chosen call")


@pytest.fixture(scope="session")
def nursery(library: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Where children come from."""
    made = Nursery(tmp_path_factory.mktemp("nursery") / "said.txt", library)
    yield made
    made.close()


@pytest.fixture
def here(tmp_path: Path, nursery: Nursery) -> Iterator[World]:
    """A world of which we have no copy yet."""
    with world(tmp_path, nursery) as made:
        yield made


@pytest.fixture(scope="session")
def prototype(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world that is synced, built and published once."""
    folder = tmp_path_factory.mktemp("prototype")
    with world(folder, nursery) as made:
        assert made.run().code == 0
    return folder


@pytest.fixture
def synced(prototype: Path, tmp_path: Path, nursery: Nursery) -> Iterator[World]:
    """A world that is synced, built and published once."""
    with world(tmp_path, nursery, like=prototype) as made:
        yield made


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A volume of 3 MB of its own."""
    folder = tmp_path / "volume"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, check=False).returncode:
        pytest.skip("no volume may be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)
