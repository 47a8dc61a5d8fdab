from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.azureml import jobs
from runner.azureml.connection import Connection
from runner.azureml.jobs import job_record
from runner.errors import EnvironmentRefused, NotFound
from runner.jobs.kinds import JOB_KINDS, JobType
from runner.workspace import Job, JobStatus
from tests.azureml.stage import Stage, make_workspace
from tests.emulator.faults import Answer, forbidden

TRAINING: dict[str, Any] = {"jobType": "Command", "tags": {}}


@pytest.fixture
def own_stage(stage: Stage) -> Stage:
    """Return a workspace in which no other test trains."""
    return Stage(stage.emulator, make_workspace(stage.emulator))


def test_a_job_is_shown_as_people_know_it(stage: Stage, tmp_path: Path) -> None:
    endpoint = stage.batch("diabetes-batch")
    output = "azureml://datastores/workspaceblobstore/paths/azureml/x/score/"
    name = stage.job(
        endpoint,
        "Running",
        inputs={"data": {"jobInputType": "uri_folder", "uri": "azureml://datastores/d/paths/p/"}},
        outputs={"score": {"jobOutputType": "uri_folder", "uri": output}},
    )
    job = stage.workspace(tmp_path).job(name)
    assert (job.name, job.type, job.status) == (name, "batch", JobStatus.RUNNING)
    assert (job.endpoint, job.deployment) == ("diabetes-batch", "mlflow")
    assert (job.input, job.output) == ("azureml://datastores/d/paths/p/", output)
    assert job.created_at.endswith("+00:00")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("NotStarted", JobStatus.QUEUED),
        ("Preparing", JobStatus.QUEUED),
        ("CancelRequested", JobStatus.FINALIZING),
        ("Completed", JobStatus.COMPLETED),
        ("SomethingNew", JobStatus.RUNNING),
    ],
)
def test_azures_states_become_ours(
    stage: Stage, tmp_path: Path, theirs: str, ours: JobStatus
) -> None:
    assert stage.workspace(tmp_path).job(stage.job("any", theirs)).status is ours


def test_a_job_that_does_not_respond_may_come_back_and_can_be_cancelled(
    stage: Stage, tmp_path: Path
) -> None:
    endpoint = stage.batch("diabetes-batch")
    name = stage.job(endpoint, "NotResponding")
    workspace = stage.workspace(tmp_path)
    assert workspace.job(name).status is JobStatus.NOT_RESPONDING
    stage.job(endpoint, "Running", name)
    assert workspace.job(name).status is JobStatus.RUNNING
    stage.job(endpoint, "NotResponding", name)
    assert workspace.cancel(name).status in (JobStatus.CANCELED, JobStatus.FINALIZING)


@pytest.mark.parametrize(
    ("outputs", "shown"),
    [
        ({"default": {"uri": "azureml://datastores/workspaceartifactstore/paths/logs"}}, None),
        ({"model": {"uri": "azureml://datastores/d/paths/model"}}, None),
        ({"score": {"uri": None}, "other": {"uri": "azureml://datastores/d/paths/other"}}, None),
        (
            {
                "score": {
                    "jobOutputType": "UriFile",
                    "uri": "/subscriptions/s/resourceGroups/rg/providers"
                    "/Microsoft.MachineLearningServices/workspaces/ws/datastores/store"
                    "/paths/azureml/x/score/predictions.csv",
                }
            },
            "azureml://datastores/store/paths/azureml/x/score/predictions.csv",
        ),
    ],
)
def test_a_batch_jobs_output_is_its_predictions_or_none(
    stage: Stage, outputs: dict[str, object], shown: str | None
) -> None:
    resource = {"name": "j", "properties": {"status": "Completed", "outputData": outputs}}
    assert job_record(Connection(stage.outputs()), resource, "an-endpoint").output == shown


def test_a_training_job_of_an_experiment_is_no_job_of_the_endpoint_of_that_name(
    own_stage: Stage, tmp_path: Path
) -> None:
    endpoint = own_stage.batch("listed-batch", (), default=None)
    scoring = own_stage.job(endpoint, "Completed")
    training = own_stage.job(endpoint, "Completed", **TRAINING)
    failure = Answer(400, "ServiceError", "Listing failed.")
    own_stage.emulator.faults.inject(failure, path="/mferp/*", times=None)
    found = own_stage.workspace(tmp_path).jobs()
    assert [(job.name, job.type) for job in found] == [(training, "command"), (scoring, "batch")]


def test_without_a_limit_only_the_latest_training_jobs_are_listed(
    own_stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_DECLARED_JOBS", 2)
    names = [own_stage.job("Default", "Completed", **TRAINING) for _ in range(3)]
    workspace = own_stage.workspace(tmp_path)
    assert [job.name for job in workspace.jobs()] == names[:0:-1]
    assert [job.name for job in workspace.jobs(limit=3)] == names[::-1]


def test_jobs_of_every_kind_are_listed_and_not_what_they_began(
    own_stage: Stage, tmp_path: Path
) -> None:
    endpoint = own_stage.batch("diabetes-batch")
    named: dict[JobType, str] = {
        kind: own_stage.job("Default", "Completed", jobType=facts.azure_name, tags={})
        for kind, facts in JOB_KINDS.items()
    }
    named["batch"] = own_stage.job(endpoint, "Completed")
    own_stage.job("Default", "Completed", **TRAINING, parentJobName=named["sweep"])
    workspace = own_stage.workspace(tmp_path)
    assert {job.type: job.name for job in workspace.jobs()} == named
    assert len(workspace.jobs()) == len(named)
    for kind, name in named.items():
        assert [job.name for job in workspace.jobs(type=kind)] == [name]
        assert workspace.job(name).type == kind


def test_the_jobs_of_the_stacks_endpoints_are_listed_latest_first(
    stage: Stage, tmp_path: Path
) -> None:
    first, second = stage.batch("first-batch"), stage.batch("second-batch")
    names = [stage.job(endpoint, "Completed") for endpoint in (first, second, first)]
    stage.job("another-endpoint", "Completed")
    workspace = stage.workspace(tmp_path)
    assert [job.name for job in workspace.jobs()] == names[::-1]
    assert [job.name for job in workspace.jobs(limit=2)] == names[:0:-1]
    assert [job.endpoint for job in workspace.jobs(limit=1)] == ["first-batch"]
    assert workspace.job().name == names[2]


def test_without_jobs_the_way_to_one_is_named(stage: Stage, tmp_path: Path) -> None:
    stage.batch("idle-batch")
    assert stage.workspace(tmp_path).jobs() == []
    with pytest.raises(NotFound, match="runner score"):
        stage.workspace(tmp_path).job()


def test_an_unknown_job_names_the_nearest(stage: Stage, tmp_path: Path) -> None:
    stage.job(stage.batch("diabetes-batch"), "Completed", "diabetes-batch-abc123")
    with pytest.raises(NotFound, match=r"no job 'diabetes-batch-abc124'; did you mean"):
        stage.workspace(tmp_path).job("diabetes-batch-abc124")


def test_a_running_job_is_cancelled(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Running")
    assert stage.workspace(tmp_path).cancel(name).status in (
        JobStatus.CANCELED,
        JobStatus.FINALIZING,
    )


def test_a_final_job_is_not_cancelled_again(stage: Stage, tmp_path: Path) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Completed")
    with pytest.raises(EnvironmentRefused, match="is Completed already"):
        stage.workspace(tmp_path).cancel(name)


@pytest.mark.parametrize(
    ("status", "way_on"),
    [("Running", "runner jobs stream"), ("Failed", "runner score diabetes-batch --env dev")],
)
def test_no_job_is_resumed_and_the_way_on_is_named(
    stage: Stage, tmp_path: Path, status: str, way_on: str
) -> None:
    name = stage.job(stage.batch("diabetes-batch"), status)
    with pytest.raises(EnvironmentRefused, match=way_on):
        stage.workspace(tmp_path).resume(name)


@pytest.mark.parametrize("key", ["azureml.pipelines.stages", "stages"])
def test_times_come_from_the_pipelines_stages(stage: Stage, key: str) -> None:
    stages = (
        '{"Initialization": null, "Execution": {"StartTime": "2026-05-04T13:51:04.3564364+00:00",'
        ' "EndTime": "2026-05-04T13:55:32.6682006+00:00"}}'
    )
    resource = {
        "name": "j",
        "properties": {"status": "Completed", "properties": {key: stages}},
    }
    job = job_record(Connection(stage.outputs()), resource)
    assert job.started_at == "2026-05-04T13:51:04.356+00:00"
    assert job.ended_at == "2026-05-04T13:55:32.668+00:00"


def names_of(jobs: Sequence[Job], endpoint: str) -> list[str]:
    """Return the jobs of an endpoint, as others train and score in this workspace, too."""
    return [job.name for job in jobs if job.endpoint == endpoint]


def test_the_service_itself_lists_an_endpoints_jobs(stored: Stage, tmp_path: Path) -> None:
    endpoint = stored.batch("listed-batch", (), default=None)
    names = [stored.job(endpoint, "Completed") for _ in range(2)]
    stored.emulator.requests.clear()
    jobs = stored.workspace(tmp_path).jobs()
    assert names_of(jobs, "listed-batch") == names[::-1]
    assert {job.type for job in jobs if job.endpoint} == {"batch"}
    # Resource Manager is asked for declared jobs, and for no others.
    listings = [
        request
        for request in stored.emulator.requests
        if request.path.endswith("/scoring/jobs") and "$skip" not in request.query
    ]
    assert len(listings) == 1


def test_where_the_service_fails_to_list_them_the_experiment_tells(
    stored: Stage, tmp_path: Path
) -> None:
    name = stored.job(stored.batch("listed-batch", (), default=None), "Completed")
    failure = Answer(400, "ServiceError", "Listing failed.")
    stored.emulator.faults.inject(failure, path="/mferp/*", times=None)
    assert names_of(stored.workspace(tmp_path).jobs(), "listed-batch") == [name]


def test_who_may_not_list_jobs_learns_the_role(stored: Stage, tmp_path: Path) -> None:
    stored.batch("listed-batch", (), default=None)
    stored.emulator.faults.inject(forbidden(), path="/mferp/*", times=None)
    with pytest.raises(EnvironmentRefused, match="AzureML Data Scientist"):
        stored.workspace(tmp_path).jobs()


def test_azure_keeps_its_jobs_and_names_what_hides_one(stage: Stage, tmp_path: Path) -> None:
    for names in ((), ("job-1", "job-2")):
        with pytest.raises(EnvironmentRefused) as refused:
            stage.workspace(tmp_path).remove_jobs(names, pretend=True)
        said = f"`az ml job archive --name {names[0] if names else 'NAME'} --subscription "
        assert said in str(refused.value)
        assert f"--workspace-name {stage.outputs().workspace}`" in str(refused.value)
