from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import ScratchProject, add_diabetes

from .conftest import Run
from .memory import MemoryWorkspace

REGISTER = ("models", "register", "-f", "models/diabetes/model.yml", "--env", "dev", "--pin")


@pytest.fixture
def project(tmp_path: Path) -> ScratchProject:
    """Return the sample, the current folder, with an environment dev that pins nothing."""
    project = ScratchProject(tmp_path)
    project.write("Pulumi.yaml", "name: sample\nruntime: python\n")
    project.write("Pulumi.dev.yaml", "config:\n  azure-native:location: koreacentral\n")
    add_diabetes(project)
    return project


def stack(project: ScratchProject) -> str:
    return (project.root / "Pulumi.dev.yaml").read_text()


def test_every_batch_deployment_of_the_model_is_pinned_where_none_is(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject
) -> None:
    result = run(*REGISTER)
    assert result.status == 0, result.err
    assert stack(project) == (
        "config:\n  azure-native:location: koreacentral\n"
        "  scoring:endpoints:\n    diabetes-batch:\n      deployments:\n"
        '        mlflow:\n          model: "azureml:diabetes-mlflow:1"\n'
        '        script:\n          model: "azureml:diabetes-mlflow:1"\n'
        '          code_configuration:\n            code: "azureml:diabetes-batch-script:2"\n'
    )
    assert result.err.splitlines() == [
        "Pulumi.dev.yaml: diabetes-batch/mlflow runs azureml:diabetes-mlflow:1",
        "Pulumi.dev.yaml: diabetes-batch/script runs azureml:diabetes-mlflow:1 and"
        " azureml:diabetes-batch-script:2",
    ]
    code = project.root / "models" / "diabetes" / "script"
    assert workspace.codes == [("diabetes-batch-script", code)]


def test_what_is_pinned_already_gets_the_version_and_nothing_else_does(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject
) -> None:
    text = (
        "config:\n  scoring:endpoints:\n    diabetes-batch:\n      deployments:\n"
        "        mlflow: {model: 'azureml:diabetes-mlflow:7'}  # slow\n"
        "    diabetes-online: {deployments: {blue: {model: 'azureml:diabetes-mlflow:7'}}}\n"
    )
    project.write("Pulumi.dev.yaml", text)
    result = run(*REGISTER)
    assert stack(project) == text.replace("diabetes-mlflow:7'}  #", "diabetes-mlflow:1'}  #")
    assert workspace.codes == []
    assert run(*REGISTER).err == "Pulumi.dev.yaml has these pins already\n"
    assert result.err.count("\n") == 1


def test_a_named_deployment_is_pinned_and_no_other(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject
) -> None:
    run(*REGISTER, "--deployment", "diabetes-online/green")
    assert "green" in stack(project)
    assert "diabetes-batch" not in stack(project)


def test_without_anything_named_the_only_declared_model_is_registered(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject
) -> None:
    assert run("models", "register").status == 0
    assert workspace.registrations[0][1].name == "diabetes-mlflow"


def test_a_deployment_that_declares_the_address_is_pinned_to_what_is_registered_from_it(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject
) -> None:
    address = "azureml://jobs/train-1/outputs/artifacts/paths/model"
    workspace.files[address + "/"] = project.root / "models" / "diabetes" / "model"
    project.write(
        "models/other/batch-deployment.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json\n"
        f"name: trained\nendpoint_name: diabetes-batch\nmodel: {{path: '{address}'}}\n",
    )
    words = ("--name", "new", "--path", address + "/", "--env", "dev", "--pin")
    result = run("models", "register", *words)
    assert result.status == 0, result.err
    assert result.err == "Pulumi.dev.yaml: diabetes-batch/trained runs azureml:new:1\n"


def test_of_several_declared_models_one_must_be_named(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject
) -> None:
    project.write("models/other/model.yml", "name: other\npath: .\n")
    result = run("models", "register")
    assert result.status == 2
    assert "the project declares diabetes-mlflow, other: name one with -f" in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--env", "local"), "environment local has no Pulumi.local.yaml to pin a version in"),
        (("--env", "prod"), "environment prod has no Pulumi.prod.yaml"),
        (("--deployment", "diabetes-batch/mlfow"), "did you mean 'diabetes-batch/mlflow'?"),
        (("--name", "churn", "--path", "data"), "no batch deployment is declared with the model"),
    ],
)
def test_what_cant_be_pinned_is_refused_before_anything_is_registered(
    run: Run,
    workspace: MemoryWorkspace,
    project: ScratchProject,
    words: tuple[str, ...],
    message: str,
) -> None:
    before = stack(project)
    result = run(*REGISTER, *words)
    assert result.status == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert workspace.registrations == []
    assert stack(project) == before


@pytest.mark.parametrize("words", [(), ("--deployment", "diabetes-online/green")])
def test_a_deployment_that_the_stack_leaves_out_is_not_pinned_in_it(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject, words: tuple[str, ...]
) -> None:
    project.write("models/churn/batch-endpoint.yml", "name: churn-batch\n")
    text = project.write("Pulumi.dev.yaml", "config:\n  scoring:models: [churn]\n").read_text()
    result = run(*REGISTER, *words)
    assert result.status == 2
    assert "out: add 'diabetes' to scoring:models there" in result.err
    assert workspace.registrations == []
    assert stack(project) == text


def test_a_stack_that_does_not_fit_is_refused_before_anything_is_registered(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject
) -> None:
    project.write("Pulumi.dev.yaml", "config:\n  scoring:endpoints: {diabetes-bach: {}}\n")
    result = run(*REGISTER)
    assert result.status == 2
    assert "did you mean 'diabetes-batch'?" in result.err
    assert workspace.registrations == []


def test_a_deployment_to_pin_needs_pin(run: Run, project: ScratchProject) -> None:
    result = run("models", "register", "--deployment", "diabetes-batch/mlflow")
    assert result.status == 2
    assert "add --pin" in result.err


def test_where_code_runs_from_where_it_lies_only_the_model_is_pinned(
    run: Run, workspace: MemoryWorkspace, project: ScratchProject
) -> None:
    project.write("Pulumi.local.yaml", "config:\n")
    result = run(*REGISTER, "--env", "local")
    assert result.status == 0, result.err
    text = (project.root / "Pulumi.local.yaml").read_text()
    assert text.count("azureml:diabetes-mlflow:1") == 2
    assert "code" not in text
