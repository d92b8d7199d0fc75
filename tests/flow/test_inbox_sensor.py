"""A folder is watched: what is put there whole is asked for once, and what is still being copied is left alone."""

import json
import os
from pathlib import Path

import dagster as dg
import pytest

from pipelines.defs.assembly import REFRESH, definitions_of
from pipelines.defs.inbox import Looked
from tests.flow.exits import TOOL, Exits, assist_file, exits, families


def sensor(cluster: Exits) -> dg.SensorDefinition:
    definitions = definitions_of(cluster.cluster.project)
    (found,) = list(definitions.sensors or [])
    assert isinstance(found, dg.SensorDefinition)
    return found


def look(cluster: Exits, cursor: str | None) -> tuple[list[dg.RunRequest], str]:
    """What the sensor asks for, and the cursor after it."""
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        data = sensor(cluster).evaluate_tick(context)
    return list(data.run_requests or []), data.cursor or ""


def test_a_new_file_is_asked_for_once_it_stands_still(tmp_path: Path) -> None:
    content = assist_file([family.as_assist(1) for family in families(0, 5)], "utf-8")
    with exits(tmp_path, with_kobo=False) as cluster:
        file = cluster.inbox / "exit_1.csv"
        asked, cursor = look(cluster, None)
        assert asked == []
        file.write_bytes(content[:50])
        asked, cursor = look(cluster, cursor)
        assert asked == []
        file.write_bytes(content)
        asked, cursor = look(cluster, cursor)
        assert asked == []
        (asked_for,), cursor = look(cluster, cursor)
        config = {"tools": [TOOL], "sources": ["assist"]}
        assert asked_for.run_config == {"resources": {"asked": {"config": config}}}
        asked, cursor = look(cluster, cursor)
        assert asked == []
        file.unlink()
        assert look(cluster, cursor)[0] == []


def test_a_file_changed_and_changed_back_is_asked_for_each_time(tmp_path: Path) -> None:
    with exits(tmp_path, with_kobo=False) as cluster:
        file, cursor, keys = cluster.inbox / "exit_1.csv", "", []
        for moment in (100, 200, 100):
            file.write_text("a")
            os.utime(file, (moment, moment))
            _, cursor = look(cluster, cursor)
            (asked_for,), cursor = look(cluster, cursor)
            keys.append(asked_for.run_key)
        assert len(set(keys)) == 3


def test_what_is_not_meant_is_not_asked_for(tmp_path: Path) -> None:
    with exits(tmp_path, with_kobo=False) as cluster:
        for name in ("other.csv", ".exit_1.csv", "~$exit_1.csv"):
            (cluster.inbox / name).write_text("a")
        _, cursor = look(cluster, None)
        assert look(cluster, cursor)[0] == []


def test_a_folder_that_is_not_there_yet_is_no_error(tmp_path: Path) -> None:
    with exits(tmp_path, with_kobo=False) as cluster:
        cluster.inbox.rmdir()
        assert look(cluster, None)[0] == []


def test_the_run_that_is_asked_for_syncs_and_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    with exits(tmp_path, with_kobo=False) as cluster:
        rows = [family.as_assist(number) for number, family in enumerate(families(0, 5))]
        (cluster.inbox / "exit_1.csv").write_bytes(assist_file(rows))
        _, cursor = look(cluster, None)
        (asked_for,), _ = look(cluster, cursor)
        job = definitions_of(cluster.cluster.project).resolve_job_def(REFRESH)
        with dg.DagsterInstance.ephemeral() as instance:
            done = job.execute_in_process(instance=instance, run_config=asked_for.run_config)
        assert done.success
        assert cluster.rows(f"SELECT count(*) AS n FROM clean.{TOOL}") == [{"n": 5}]


def test_it_watches_from_the_start(tmp_path: Path) -> None:
    with exits(tmp_path, with_kobo=False) as cluster:
        assert sensor(cluster).default_status == dg.DefaultSensorStatus.RUNNING


def test_two_tools_of_one_folder_are_looked_at_each_by_itself() -> None:
    looked = Looked()
    assert looked.look({"a": {"x": [1, 1]}, "b": {}}) == []
    assert looked.look({"a": {"x": [1, 1]}, "b": {"y": [1, 1]}}) == ["a"]
    again = Looked.from_cursor(looked.cursor())
    assert again == looked
    assert again.look({"a": {"x": [1, 1]}, "b": {"y": [1, 1]}}) == ["b"]
    assert json.loads(again.cursor())["asked"] == 2
