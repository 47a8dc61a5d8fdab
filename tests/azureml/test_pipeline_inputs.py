"""Calls of batch deployments that run a pipeline, on the stand-in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.azureml.sdk import ml_client
from runner.azureml.storage import storage_of
from runner.azureml.workspace import AzureWorkspace
from runner.errors import JobFailed, WrongUsage
from runner.workspace import Invocation, JobStatus
from tests.azureml.scored import Scored
from tests.azureml.stage import LOCATION, put

# What importing the SDK warns of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")

PLACE = "azureml://datastores/workspaceblobstore/paths/here/"
INPUTS = {
    "input_data": {"type": "uri_folder"},
    "score_mode": {"type": "string", "default": "append"},
    "limit": {"type": "integer", "optional": True},
}
DEPLOYMENT = (
    "type: pipeline\ncomponent: azureml:steps:1\nsettings: {default_compute: cpu-cluster}\n"
)


@pytest.fixture
def workspace(scored: Scored, tmp_path: Path) -> Iterator[AzureWorkspace]:
    """Yield a workspace with an endpoint, `nightly`, whose deployments run pipelines."""
    stage = scored.stage
    actual = stage.batch("nightly", (), default=None)
    for name, inputs, outputs in (
        ("steps", INPUTS, {"scores": {"type": "uri_folder"}}),
        ("hello", {}, {}),
        ("two", {"a": INPUTS["input_data"], "b": INPUTS["input_data"]}, {}),
    ):
        component = f"{stage.workspace_id}/components/{name}/versions/1"
        spec = {"name": name, "version": "1", "type": "pipeline", "jobs": {}}
        spec |= {"inputs": inputs, "outputs": outputs}
        put(stage.emulator, component, {"properties": {"componentSpec": spec}})
        put(
            stage.emulator,
            f"{stage.workspace_id}/batchEndpoints/{actual}/deployments/{name}",
            {
                "location": LOCATION,
                "properties": {
                    "deploymentConfiguration": {
                        "deploymentConfigurationType": "PipelineComponent",
                        "componentId": {"referenceType": "Id", "assetId": component},
                    }
                },
            },
        )
        stage.endpoints["nightly"]["deployments"].append(name)
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    (folder / "batch-endpoint.yml").write_text("name: nightly\n")
    for name in ("steps", "hello", "two"):
        head = f"name: {name}\nendpoint_name: nightly\n"
        text = DEPLOYMENT.replace("steps:1", f"{name}:1")
        (folder / f"{name}-batch-deployment.yml").write_text(head + text)
    yield stage.workspace(tmp_path)
    del stage.endpoints["nightly"]


def sent(scored: Scored, job: str) -> dict[str, Any]:
    found = scored.emulator.cloud.state.get(f"{scored.stage.workspace_id}/jobs/{job}")
    assert found is not None
    inputs: dict[str, Any] = found.secrets["invocation"]["inputData"]
    return inputs


def test_a_pipeline_is_given_several_inputs_data_and_literals(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    given = {"input_data": PLACE, "score_mode": "overwrite", "limit": "3"}
    job = workspace.invoke(Invocation("nightly", deployment="steps", inputs=given))
    assert sent(scored, job.name) == {
        "input_data": {"jobInputType": "UriFolder", "uri": PLACE},
        "score_mode": {"jobInputType": "Literal", "value": "overwrite"},
        "limit": {"jobInputType": "Literal", "value": 3},
    }
    assert (job.type, job.endpoint, job.input) == ("pipeline", "nightly", PLACE)
    assert workspace.job(job.name).status is JobStatus.COMPLETED
    assert workspace.job(job.name).type == "pipeline"


def test_azure_s_own_package_sends_the_same(scored: Scored, workspace: AzureWorkspace) -> None:
    from azure.ai.ml import Input

    given = {"input_data": PLACE, "score_mode": "overwrite", "limit": "3"}
    ours = workspace.invoke(Invocation("nightly", deployment="steps", inputs=given))
    connection = scored.connect()
    theirs = ml_client(connection).batch_endpoints.invoke(
        endpoint_name=scored.stage.endpoints["nightly"]["name"],
        deployment_name="steps",
        inputs={
            "input_data": Input(path=PLACE, type="uri_folder"),
            "score_mode": Input(type="string", default="overwrite"),
            "limit": Input(type="integer", default=3),
        },
    )
    told = sent(scored, str(theirs.name))
    assert {
        name: {key: value for key, value in item.items() if value is not None}
        for name, item in told.items()
    } == sent(scored, ours.name)


def test_files_of_this_machine_are_sent_as_for_a_model(
    scored: Scored, workspace: AzureWorkspace, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.csv").write_text(uuid.uuid4().hex)
    job = workspace.invoke(Invocation("nightly", deployment="steps", data=str(data)))
    (given,) = sent(scored, job.name).values()
    assert "/data/input-" in given["uri"]


def test_a_pipeline_that_takes_nothing_is_given_nothing(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    job = workspace.invoke(Invocation("nightly", deployment="hello"))
    assert sent(scored, job.name) == {}


@pytest.mark.parametrize(
    ("deployment", "call", "words"),
    [
        ("steps", {}, "steps:1 needs input_data: give --inputs input_data=VALUE"),
        ("steps", {"inputs": {"inputdata": PLACE}}, "no input 'inputdata' of steps:1; did you"),
        (
            "steps",
            {"data": PLACE, "inputs": {"limit": "few"}},
            "input 'limit' is 'few', allowed: integer",
        ),
        ("two", {"data": PLACE}, "--data means the only input of two:1 that is data, and there a"),
        ("hello", {"data": PLACE}, "that is data, and there are none"),
        ("steps", {"data": PLACE, "settings": {"error_threshold": "1"}}, "leave out --set"),
        (
            "hello",
            {"output_path": "azureml://datastores/workspaceblobstore/paths/x"},
            "hello:1 has none: leave it out",
        ),
    ],
)
def test_what_a_pipeline_does_not_take_is_named_before_anything_is_asked_for(
    scored: Scored, workspace: AzureWorkspace, deployment: str, call: dict[str, Any], words: str
) -> None:
    before = scored.jobs("nightly")
    with pytest.raises(WrongUsage) as refused:
        workspace.invoke(Invocation("nightly", deployment=deployment, **call))
    assert words in str(refused.value)
    assert scored.jobs("nightly") == before


def test_the_only_output_goes_where_it_is_asked_for_which_must_be_new(
    scored: Scored, workspace: AzureWorkspace
) -> None:
    path = f"scores/{uuid.uuid4().hex}"
    place = f"azureml://datastores/workspaceblobstore/paths/{path}"
    call = Invocation("nightly", deployment="steps", data=PLACE, output_path=place)
    assert workspace.invoke(call).name
    storage_of(scored.connect()).container("workspaceblobstore").upload_blob(f"{path}/a.csv", b"")
    with pytest.raises(JobFailed, match="exists already"):
        workspace.invoke(call)


def test_a_model_takes_no_named_inputs(scored: Scored) -> None:
    workspace = scored.stage.workspace(scored.project.root)
    with pytest.raises(WrongUsage, match="runs a model, which takes one input: give --data"):
        workspace.invoke(Invocation("echo", data=PLACE, inputs={"a": "1"}))


def test_the_endpoint_shows_what_its_deployments_run(workspace: AzureWorkspace) -> None:
    drivers = {
        deployment.name: deployment.driver
        for deployment in workspace.endpoint("nightly").deployments
    }
    assert drivers["steps"] == "pipeline azureml:steps:1"
