"""A product that cannot be written harms no sync, is written later, and is never half the old one and half the new."""

import random
import shutil
import signal
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from pipelines.curate import build_table, read_tables
from pipelines.demo.server import StandIn
from pipelines.errors import DiskError
from pipelines.products import write_product
from pipelines.project import Project
from pipelines.store.duck import connect
from pipelines.store.publish import publish
from tests.faults.nursery import Nursery
from tests.faults.test_disk import FULL
from tests.flow.cluster import new_cluster
from tests.flow.tiny import tiny_project
from tests.golden.curated.case import GOLDEN, SQL, fill_case

SEED = 20261129


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a published file."""
    made = tiny_project(tmp_path)
    made.data.mkdir()
    with connect(made.work_file) as con:
        fill_case(con, GOLDEN / "population_late_missing_changed")
        for table in read_tables(SQL):
            build_table(con, table)
    publish(made.work_file, made.published_file, restricted=False)
    return made


def written(project: Project, day: int) -> str:
    """The sum of the product as it is written as of a day of the month."""
    with connect(project.published_file, read_only=True) as con:
        return sum_of(write_product(con, project, "population_sheet", "2026-11", date(2026, 11, day), {}))


def sum_of(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def kills(project: Project, nursery: Nursery, count: int) -> None:
    whole = {written(project, 19), written(project, 20)}
    chance = random.Random(SEED)
    path = project.products / "2026-11" / "population_sheet.xlsx"
    for _ in range(count):
        ended = nursery.run(project, ["products"], sent=signal.SIGKILL, after=chance.uniform(0.05, 0.5))
        assert ended.code == -signal.SIGKILL
        assert sum_of(path) in whole
    assert len(whole) == 2
    assert written(project, 19) in whole


def test_f58_a_product_that_is_killed_is_the_old_one_or_the_new(project: Project, nursery: Nursery) -> None:
    kills(project, nursery, 6)


@pytest.mark.long
def test_f58_forty_kills_of_a_product_leave_the_old_one_or_the_new(project: Project, nursery: Nursery) -> None:
    kills(project, nursery, 40)


@pytest.mark.usefixtures("refusing")
def test_f58_a_product_for_which_there_is_no_room_stays_the_old_one(project: Project, nursery: Nursery) -> None:
    before = written(project, 18)
    path = project.products / "2026-11" / "population_sheet.xlsx"
    for at in (1, 2):
        ended = nursery.run(project, ["products"], fault={**FULL, "at": at})
        assert (ended.code, ended.failed["class"]) == (3, "disk")
        assert sum_of(path) == before
        assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert written(project, 19) != before


def test_f58_where_a_product_may_not_lie_is_named(project: Project) -> None:
    project.products.write_text("a file where a folder should be")
    with pytest.raises(DiskError, match=r"population_sheet\.xlsx cannot be written"):
        written(project, 19)


@pytest.mark.long
def test_f58_a_run_whose_products_fail_has_synced_and_published_all_the_same(tmp_path: Path) -> None:
    cluster = new_cluster(tmp_path)
    cluster.project.data.mkdir()
    cluster.project.products.write_text("a file where a folder should be")
    assert cluster.command("demo", "run").code == 2
    assert cluster.project.published_file.is_file()
    assert cluster.archived("fsmt", "SELECT DISTINCT complete FROM sync_run") == [{"complete": True}]
    cluster.project.products.unlink()
    stand_in = StandIn(cluster.project.data / "demo-server.sqlite")
    with stand_in.serve(cluster.port):
        done = cluster.command("run")
    stand_in.close()
    assert done.code == 0, done.err
    assert sorted(file.stem for file in cluster.project.products.rglob("*.xlsx")) == ["population_sheet", "service_3w"]
    shutil.rmtree(cluster.project.data)
