"""A stack on Databricks over a few YAML documents, for the program to declare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.infra.mocks import Declared, Program, run_program

JOB, SERVING, PERMISSIONS = "lake:Job", "lake:ModelServing", "lake:Permissions"
PIN = "azureml:penguin-predictor:2"
CLUSTER = {
    "spark_version": "17.3.x-cpu-ml-scala2.13",
    "node_type_id": "Standard_D4ds_v5",
    "is_single_node": True,
}
PINNED: Mapping[str, Any] = {
    "nightly": {"deployments": {"spark": {"model": PIN}}},
    "live": {"traffic": {"blue": 100}, "deployments": {"blue": {"model": PIN}}},
}


def document(schema: str, **keys: Any) -> str:
    """Return a declaration of a kind."""
    return yaml.safe_dump({"$schema": f"https://x/{schema}.schema.json", **keys}, sort_keys=False)


def batch_deployment(**keys: Any) -> str:
    """Return the declaration of the deployment `spark` of the batch endpoint `nightly`."""
    least = {"name": "spark", "endpoint_name": "nightly", "type": "model"}
    model = {"model": "azureml:penguin-predictor@latest", "compute": "azureml:cpu-cluster"}
    return document("modelBatchDeployment", **{**least, **model, **keys})


def online_deployment(**keys: Any) -> str:
    """Return the declaration of the deployment `blue` of the online endpoint `live`."""
    least = {"name": "blue", "endpoint_name": "live", "instance_type": "Standard_DS2_v2"}
    model = {"model": "azureml:penguin-predictor@latest"}
    return document("managedOnlineDeployment", **{**least, **model, **keys})


def write_declarations(root: Path, *more: str, batch: str = "", online: str = "") -> Path:
    """Write both endpoints with a deployment each, and more; give the project's folder."""
    folder = root / "models" / "penguins"
    folder.mkdir(parents=True, exist_ok=True)
    documents = (
        document("batchEndpoint", name="nightly", defaults={"deployment_name": "spark"}),
        batch or batch_deployment(),
        document("managedOnlineEndpoint", name="live"),
        online or online_deployment(),
        *more,
    )
    for number, text in enumerate(documents):
        (folder / f"{number}.yml").write_text(text)
    return root


def config(**more: Any) -> dict[str, Any]:
    """Return the least of a stack on Databricks with both deployments pinned, and `more`."""
    least = {
        "azure-native:location": "koreacentral",
        "scoring:platform": "databricks",
        "scoring:catalog": "lake",
        "scoring:clusters": {"ml-cluster": CLUSTER},
        "scoring:endpoints": dict(PINNED),
    }
    return least | {f"scoring:{key}": value for key, value in more.items()}


def declare(root: Path, *, preview: bool = False, **more: Any) -> Program:
    """Run the program for a stack on Databricks, with more of `scoring:`."""
    text = yaml.safe_dump({"config": config(**more)}, sort_keys=False)
    return run_program(root, "lake", text, preview=preview)


def declared(root: Path, **more: Any) -> Program:
    """Run the program, which has nothing to refuse."""
    program = declare(root, **more)
    assert program.error is None, program.error
    return program


def problems(root: Path, **more: Any) -> list[str]:
    """Return the lines that say what is wrong; nothing is declared then."""
    program = declare(root, **more)
    assert program.resources == ()
    assert program.error is not None
    return program.error.splitlines()[1:]


def levels(program: Program, name: str) -> dict[str, str]:
    """Return who has which permission, by the name of the permissions' resource."""
    controls = program.one(PERMISSIONS, name).inputs["accessControls"]
    return {control["groupName"]: control["permissionLevel"] for control in controls}


def job_cluster(job: Declared) -> Mapping[str, Any]:
    """Return the cluster that a job makes for itself."""
    (cluster,) = job.inputs["jobClusters"]
    found: Mapping[str, Any] = cluster["newCluster"]
    return found
