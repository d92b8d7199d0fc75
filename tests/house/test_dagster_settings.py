"""What dagster.yaml says is what Dagster does: it ignores the file in silence wherever that is not in DAGSTER_HOME."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from pipelines.project import Project, prepare_dagster_home
from tests.house.modules import REPOSITORY


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def instance(data: Path) -> Iterator[DagsterInstance]:
    home = prepare_dagster_home(Project(REPOSITORY, data))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(home))
        with DagsterInstance.get() as instance:
            yield instance


def test_one_step_at_a_time_writes(instance: DagsterInstance) -> None:
    pools = instance.get_concurrency_config().pool_config
    assert (pools.default_pool_limit, pools.pool_granularity and pools.pool_granularity.value) == (1, "op")


def test_a_killed_step_gives_its_slot_back(instance: DagsterInstance) -> None:
    assert instance.run_monitoring_enabled
    assert instance.get_settings("run_monitoring")["free_slots_after_run_end_seconds"] == 60


def test_nothing_is_reported_to_anybody(instance: DagsterInstance) -> None:
    assert (instance.telemetry_enabled, instance.nux_enabled) == (False, False)


def test_dagster_keeps_its_storage_in_the_data_folder(instance: DagsterInstance, data: Path) -> None:
    assert instance.root_directory == str(data / "dagster")
    assert [path.name for path in data.iterdir()] == ["dagster"]
