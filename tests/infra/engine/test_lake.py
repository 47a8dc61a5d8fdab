"""A stack on Databricks that is changed, by its file and by hand, by the real Pulumi command line.

How it begins, what it leaves and that it keeps no secret is in `tests/walks/test_lab.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.databricks.outputs import outputs_of
from runner.stacks.output import StackOutput
from tests.emulator import Emulator
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.databricks.service import Databricks
from tests.infra.engine.deploying import ENDPOINTS
from tests.infra.engine.stack import POLICIES, Pulumi, make_project, make_stack

JOB = "databricks:index/job:Job"
SERVING = "databricks:index/modelServing:ModelServing"
CLUSTER = "databricks:index/cluster:Cluster"


@pytest.fixture
def service(emulator: Emulator, databricks_service: Databricks) -> Iterator[Databricks]:
    yield databricks_service
    emulator.arm("DELETE", "/resourceGroups/scoring-lake")


def deployed(emulator: Emulator, service: Databricks, runner: Mapping[str, Any]) -> SeededLake:
    """Return the workspace that a stack's output names, to ask it."""
    names = ("resource_group", "workspace", "resource_id", "host", "workspace_id")
    return SeededLake(emulator, service, *(runner[name] for name in names))


def test_a_stack_on_databricks_follows_its_declaration_and_sees_drift(
    pulumi: Pulumi, emulator: Emulator, service: Databricks, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", refreshing=True)
    declared = project / "models" / "penguins" / "online-deployment.yml"
    text = declared.read_text().replace("name: spark\n", "name: spark-next\n")
    declared.with_stem("online-deployment-next").write_text(text)
    stack = make_stack(pulumi, emulator, project, "lake")
    config = stack.config()
    endpoints = config.pop(ENDPOINTS)

    # The platform first, by a preview in which no host is known yet.
    stack.write(config)
    assert "penguins-batch/spark (model)" in stack.shown().text
    stack.up()
    runner = stack.outputs()["runner"]
    lake = deployed(emulator, service, runner)
    for number in (1, 2):
        folder = tmp_path / f"model-{number}"
        folder.mkdir()
        (folder / "MLmodel").write_text("signature: {inputs: '[]', outputs: '[]'}\n")
        lake.register_model("penguin-predictor", folder)

    # Then what is pinned.
    stack.write(config | {ENDPOINTS: endpoints})
    stack.up(*POLICIES)
    runner = stack.outputs()["runner"]
    spark = runner["endpoints"]["penguins-batch"]["jobs"]["spark"]
    job = lake.do("GET", f"/api/2.2/jobs/get?job_id={spark['job_id']}")["settings"]
    defaults = {parameter["name"]: parameter["default"] for parameter in job["parameters"]}
    assert defaults == {"request": "", "model": spark["model"]}
    assert job["tasks"][0]["libraries"] == [{"whl": runner["wheel"]}]
    read = outputs_of(StackOutput(runner, "the stack"))  # as the runner does
    assert read.endpoints["penguins-batch"].jobs["spark"].job_id == spark["job_id"]
    assert read.endpoints["predict-penguin"].traffic == {"spark": 100}
    assert read.model_name("penguin-predictor") in spark["model"]
    assert (read.experiments, read.volume) == ("/Shared/scoring-lake", lake.volume)
    (entity,) = served(lake)["served_entities"]
    assert (entity["entity_version"], entity["scale_to_zero_enabled"]) == ("1", True)

    # Somebody changes a cluster and a job by hand. Another pin and other traffic change one job and
    # one endpoint, each where it stands.
    cluster_id = runner["clusters"]["ml-cluster"]["cluster_id"]
    cluster = lake.do("GET", f"/api/2.1/clusters/get?cluster_id={cluster_id}")["spec"]
    longer = {**cluster, "cluster_id": cluster_id, "autotermination_minutes": 25}
    lake.do("POST", "/api/2.1/clusters/edit", longer)
    limit = {"job_id": spark["job_id"], "new_settings": {"max_concurrent_runs": 9}}
    lake.do("POST", "/api/2.2/jobs/update", limit)
    pin = {"model": "azureml:penguin-predictor:2"}
    endpoints["penguins-batch"]["deployments"]["spark"] = pin
    endpoints["predict-penguin"]["deployments"]["spark-next"] = pin
    endpoints["predict-penguin"]["traffic"] = {"spark": 90, "spark-next": 10}
    stack.write(config | {ENDPOINTS: endpoints})
    changed = {(step.op, step.type): dict(step.changes) for step in stack.preview().changed}
    assert changed == {
        ("update", CLUSTER): {"autoterminationMinutes": "update"},
        ("update", JOB): {"maxConcurrentRuns": "update", "parameters[1].default": "update"},
        ("update", SERVING): {
            "config.servedEntities[1]": "add",
            "config.trafficConfig.routes[0].trafficPercentage": "update",
            "config.trafficConfig.routes[1]": "add",
        },
    }
    stack.up()
    routes = served(lake)["traffic_config"]["routes"]
    assert [route["traffic_percentage"] for route in routes] == [90, 10]
    cluster = lake.do("GET", f"/api/2.1/clusters/get?cluster_id={cluster_id}")["spec"]
    assert cluster["autotermination_minutes"] == 20


def served(lake: SeededLake) -> dict[str, Any]:
    """Return what the sample's endpoint serves, and how its traffic is divided."""
    return dict(lake.do("GET", "/api/2.0/serving-endpoints/predict-penguin")["config"])
