"""Previews name the deployments that wait for a pin, and the commands that pin them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.mocks import copy_project, run_program

LEAST = "config:\n  azure-native:location: koreacentral\n"
CLUSTER = "  scoring:clusters: {cpu-cluster: {size: Standard_DS3_v2}}\n"
MODEL = '{model: "azureml:diabetes-mlflow:1"}'
REGISTER = "runner models register --file models/diabetes/model.yml --env test --pin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


def commands(project: Path, text: str = "") -> list[str]:
    """Return the commands of a run's log that register and pin, without those of penguins."""
    ran = run_program(project, "test", LEAST + CLUSTER + text)
    assert ran.error is None
    ((_, said),) = (line for line in ran.logs if "waiting for a pin" in line[1])
    end = "` registers and pins."
    lines = [line for line in said.splitlines() if end in line and "penguins" not in line]
    return [line.removeprefix("`").removesuffix(end) for line in lines]


def test_online_deployments_are_named_as_no_other_way_pins_them(project: Path) -> None:
    assert commands(project) == [
        REGISTER,
        f"{REGISTER} --deployment diabetes-online/blue --deployment diabetes-online/green",
    ]


def test_what_is_pinned_already_needs_no_command(project: Path) -> None:
    batch = f'{{mlflow: {MODEL}, script: {{model: "azureml:diabetes-mlflow:1", '
    batch += 'code_configuration: {code: "azureml:code:1"}}}'
    online = f"{{traffic: {{blue: 100}}, deployments: {{blue: {MODEL}}}}}"
    assert commands(
        project,
        f"  scoring:endpoints: {{diabetes-batch: {{deployments: {batch}}},"
        f" diabetes-online: {online}}}\n",
    ) == [f"{REGISTER} --deployment diabetes-online/green"]


def test_batch_deployments_beside_pinned_ones_are_named(project: Path) -> None:
    found = commands(
        project, f"  scoring:endpoints: {{diabetes-batch: {{deployments: {{mlflow: {MODEL}}}}}}}\n"
    )
    assert found == [
        f"{REGISTER} --deployment diabetes-batch/script"
        " --deployment diabetes-online/blue --deployment diabetes-online/green"
    ]


def test_of_several_models_each_is_registered_from_its_own_file(project: Path) -> None:
    other = project / "models" / "churn"
    other.mkdir()
    (other / "model.yml").write_text("name: churn\ntype: mlflow_model\npath: ./model\n")
    (other / "model").mkdir()
    (other / "online-endpoint.yml").write_text("name: churn-online\n")
    (other / "online-deployment.yml").write_text(
        "name: blue\nendpoint_name: churn-online\nmodel: azureml:churn@latest\n"
        "instance_type: Standard_DS3_v2\ninstance_count: 1\n"
    )
    found = commands(project)
    assert (
        "runner models register --file models/churn/model.yml --env test --pin"
        " --deployment churn-online/blue"
    ) in found
    assert REGISTER in found


def test_a_model_that_is_declared_nowhere_is_registered_from_a_path(project: Path) -> None:
    file = project / "models" / "diabetes" / "online-deployment-green.yml"
    file.write_text(file.read_text().replace("diabetes-mlflow@latest", "elsewhere@latest"))
    assert (
        "runner models register PATH --name elsewhere --env test --pin"
        " --deployment diabetes-online/green"
    ) in commands(project)
