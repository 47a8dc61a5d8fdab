"""A schedule on Azure makes the job that `runner score --scheduled` makes by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.endpoints.schedule_calls import call_of, schedules_of
from runner.declarations import lay_over, read_catalog, read_stack
from runner.invocation.scheduled import scheduled_call
from tests.azureml.scored import Scored
from tests.emulator.batch.firing import fire
from tests.emulator.batch.invocation import JOBS
from tests.emulator.seed import put
from tests.emulator.state import Resource

STACK = """\
config:
  scoring:endpoints:
    diabetes-batch:
      input: azureml:patients-unlabeled:1
      deployments:
        mlflow: {model: "azureml:diabetes-mlflow:1"}
      schedules:
        of-the-endpoint: {cron: "0 2 * * *"}
        of-its-own:
          frequency: day
          schedule: {hours: 2, minutes: 30}
          time_zone: Asia/Seoul
          input: azureml://datastores/workspaceblobstore/paths/march/patients.csv
          deployment: mlflow
          settings:
            mini_batch_size: 7
            instance_count: 3
            retry_settings: {max_retries: 5}
            output_file_name: march.csv
        of-a-folder:
          cron: "*/10 * * * *"
          input: https://somewhere.blob.core.azure.test/in/patients
          settings: {error_threshold: 4}
"""


def asked(job: Resource) -> Any:
    """Return a job's request without its names and the place of its output."""
    text = json.dumps([job.secrets, job.properties["tags"]], sort_keys=True)
    return json.loads(
        text.replace(job.body["name"], "JOB").replace(job.secrets["task"]["child"], "")
    )


@pytest.mark.parametrize("name", ["of-the-endpoint", "of-its-own", "of-a-folder"])
def test_a_schedule_makes_the_job_that_its_call_by_hand_makes(
    scored: Scored, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    cloud = scored.emulator.cloud
    monkeypatch.setattr(cloud, "jobs", None)  # they are kept, and not run
    file = scored.project.root / "Pulumi.nightly.yaml"
    file.write_text(STACK)
    catalog = lay_over(read_catalog(scored.project.root / "models"), read_stack(file))
    file.unlink()

    workspace = scored.stage.workspace_id
    (found,) = (
        item for item in schedules_of(catalog, "diabetes-batch") if item.schedule.name == name
    )
    actual = scored.stage.endpoints["diabetes-batch"]["name"]
    definition = {
        "endpointId": f"{workspace}/batchEndpoints/{actual}",
        **call_of(found, catalog, workspace),
    }
    action = {"actionType": "InvokeBatchEndpoint", "endpointInvocationDefinition": definition}
    trigger = {"triggerType": "Cron", "expression": "0 2 * * *"}
    path = f"{workspace}/schedules/{found.name}"
    put(scored.emulator, path, {"properties": {"action": action, "trigger": trigger}})
    schedule = cloud.state.get(path)
    assert schedule is not None
    by_schedule = fire(cloud, schedule)

    call = scheduled_call(catalog, "nightly", None, name)
    job = scored.stage.workspace(scored.project.root).invoke(call)
    (by_hand,) = (
        item for item in cloud.state.children(workspace, JOBS) if item.body["name"] == job.name
    )
    assert asked(by_schedule) == asked(by_hand)
