"""What Dagster is told and what it keeps: a source that is down holds nobody back, no answer rests in its storage."""

from pathlib import Path

import dagster as dg
import pytest

from pipelines.defs.assembly import REFRESH, definitions_of
from pipelines.defs.checks import NOTHING_YET, checks_of
from pipelines.defs.running import Request, refresh, steps_of
from pipelines.defs.slots import PROCESS, free_slots_of_the_dead
from pipelines.project import Project
from pipelines.sources.limits import Limits
from tests.flow.tiny import add_form, answer, tiny_project

FORM = [["integer", "tents", "Tents", "public"], ["text", "contact", "Contact", "restricted"]]
SOURCES = """
sources:
  down:
    kind: kobo
    url: http://127.0.0.1:9
    token_env: DOWN_TOKEN
    tools: {shelter: aShelter, fire: aFire}
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two tools with an answer each, and a server that does not answer."""
    project = tiny_project(tmp_path)
    for tool in ("shelter", "fire"):
        add_form(project, tool, "1", FORM)
        answer(project, tool, "1", {"tents": "12", "contact": "Name of a person 0770"})
        (project.xlsforms / tool / "tool.yml").write_text(f"title: {tool.capitalize()}\nfreshness_days: 30\n")
    (project.xlsforms / "sources.yml").write_text(SOURCES)
    monkeypatch.setenv("DOWN_TOKEN", "canary-of-a-token")
    monkeypatch.setattr("pipelines.sources.client.LIMITS", Limits(attempts=1))
    monkeypatch.setenv("DAGSTER_HOME", "")
    return project


def test_a_server_that_is_down_holds_nobody_back(cluster: Project) -> None:
    done = refresh(cluster, Request(), _silent)
    steps = {outcome.step: outcome for outcome in done.outcomes}
    assert "does not answer" in str(steps["archive/down/shelter"].error)
    assert steps["harmonized/shelter"].figures["submissions"] == 1
    assert cluster.published_file.exists()
    assert done.failures == ()
    assert "archive/down/shelter: complete" in done.failed_checks


def test_a_server_counts_as_fresh_only_when_all_of_it_was_seen(cluster: Project) -> None:
    refresh(cluster, Request(), _silent)
    with dg.DagsterInstance.get() as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey(["server", "down", "shelter"])) is None
        assert instance.get_latest_materialization_event(dg.AssetKey(["archive", "down", "shelter"])) is not None
    policies = {key.to_user_string() for key, spec in _specs(cluster).items() if spec.freshness_policy}
    assert policies == {"server/down/shelter", "server/down/fire"}


def test_only_what_was_asked_for_is_synced(cluster: Project) -> None:
    asked = {"resources": {"asked": {"config": {"tools": ["fire"]}}}}
    refresh(cluster, Request("build"), _silent)
    with dg.DagsterInstance.get() as instance:
        job = definitions_of(cluster).resolve_job_def(REFRESH)
        result = job.execute_in_process(instance=instance, run_config=asked)
    complete = {
        check.asset_key.to_user_string(): check.passed
        for check in result.get_asset_check_evaluations()
        if check.check_name == "complete"
    }
    assert complete == {"archive/down/fire": False, "archive/down/shelter": True}


def test_of_a_tool_that_was_not_named_nothing_is_done(cluster: Project) -> None:
    named = {key.to_user_string() for key in steps_of(cluster, Request(tools=("fire",)))}
    assert {"archive/down/fire", "harmonized/fire", "clean/fire", "published/warehouse"} <= named
    assert not {name for name in named if name.endswith("/shelter")}
    assert {key.path[0] for key in steps_of(cluster, Request("sync"))} == {"archive"}
    assert "archive" not in {key.path[0] for key in steps_of(cluster, Request("build"))}


def test_neither_answers_nor_tokens_rest_in_dagsters_storage(cluster: Project) -> None:
    (cluster.curated / "wrong.sql").write_text(
        "-- Wrong.\n-- key: n\nSELECT CAST(contact AS INTEGER) AS n FROM clean.shelter\n"
    )
    done = refresh(cluster, Request(), _silent)
    assert any("warehouse/curated/wrong.sql" in failure for failure in done.failures)
    kept = [path for path in cluster.dagster_home.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        content = path.read_bytes()
        assert b"Name of a person" not in content, path
        assert b"canary-of-a-token" not in content, path


def test_the_writers_slot_of_a_run_that_was_killed_is_given_back(cluster: Project) -> None:
    refresh(cluster, Request("build"), _silent)
    with dg.DagsterInstance.get() as instance:
        job = definitions_of(cluster).resolve_job_def(REFRESH)
        run = instance.create_run_for_job(job_def=job, tags={PROCESS: "999999999"})
        log = instance.event_log_storage
        log.claim_concurrency_slot("writer", run.run_id, "some_step")
        assert log.get_concurrency_info("writer").active_run_ids == {run.run_id}
        free_slots_of_the_dead(instance)
        assert log.get_concurrency_info("writer").active_run_ids == set()
        ended = instance.get_run_by_id(run.run_id)
        assert ended is not None
        assert ended.status == dg.DagsterRunStatus.FAILURE


EXPECTATION = (
    "- rule: few_tents\n  holds: tents < 10\n  columns: [tents]\n  why: a camp is small\n  severity: warning\n"
)


def test_where_the_first_build_failed_the_checks_say_that_there_is_nothing_to_check(cluster: Project) -> None:
    for layer in ("harmonized", "clean"):
        (cluster.expectations / layer).mkdir(parents=True, exist_ok=True)
        (cluster.expectations / layer / "fire.yml").write_text(EXPECTATION)
    (cluster.xlsforms / "fire" / "crosswalk.yml").write_text("versions: {nowhere: 1}\n")
    built = refresh(cluster, Request("build"), _silent)
    assert ["fire" in str(outcome.error) for outcome in built.outcomes if outcome.step == "harmonized/fire"] == [True]
    done = dg.materialize([*checks_of(cluster)], selection=dg.AssetSelection.all_asset_checks(), raise_on_error=True)
    said = {
        (check.asset_key.to_user_string(), check.check_name): (check.passed, check.metadata["why"].value)
        for check in done.get_asset_check_evaluations()
        if check.asset_key.path[-1] == "fire"
    }
    assert len(said) == 4
    assert set(said.values()) == {(False, NOTHING_YET)}


def _specs(project: Project) -> dict[dg.AssetKey, dg.AssetSpec]:
    return {spec.key: spec for spec in definitions_of(project).resolve_all_asset_specs()}


def _silent(_step: str, _done: int | None) -> None:
    """Say nothing."""
