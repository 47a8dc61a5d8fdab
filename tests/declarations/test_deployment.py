from pathlib import Path

import pytest

from runner.declarations import BatchDeployment, DeclarationError, Resources, read_as

from .conftest import Write

HEAD = "name: script\nendpoint_name: diabetes-batch\nmodel: azureml:m:1\n"


def deployment(write: Write, text: str) -> BatchDeployment:
    return read_as(write("batch-deployment.yml", HEAD + text), BatchDeployment)


@pytest.mark.parametrize(("code", "found"), [(".", "."), ("azureml:code:1", None)])
def test_code_is_a_folder_here_or_lies_elsewhere(
    write: Write, tmp_path: Path, code: str, found: str | None
) -> None:
    text = f"code_configuration: {{code: '{code}', scoring_script: sub/score.py}}\n"
    configuration = deployment(write, text).code_configuration
    assert configuration is not None
    assert configuration.code == (code if found is None else tmp_path / found)
    assert configuration.scoring_script == "sub/score.py"


@pytest.mark.parametrize("script", ["../x.py", "a/../../x.py", "/x.py", "..\\x.py", "''"])
def test_a_script_must_not_climb_out_of_its_code_folder(write: Write, script: str) -> None:
    with pytest.raises(DeclarationError, match="allowed: a path inside the code folder"):
        deployment(write, f"code_configuration: {{code: ., scoring_script: {script}}}\n")


def test_code_and_script_belong_together(write: Write) -> None:
    with pytest.raises(DeclarationError, match="scoring_script: missing, and required"):
        deployment(write, "code_configuration: {code: .}\n")


def test_resources_are_read(write: Write) -> None:
    text = """resources:
  instance_count: 3
  instance_type: Standard_D2
  shm_size: 2g
  max_instance_count: 4
  docker_args: [--ipc, host]
  locations: [westeurope]
  properties: {a: {b: 1}}
"""
    assert deployment(write, text).resources == Resources(
        instance_count=3,
        instance_type="Standard_D2",
        shm_size="2g",
        max_instance_count=4,
        docker_args=("--ipc", "host"),
        locations=("westeurope",),
        properties={"a": {"b": 1}},
    )


@pytest.mark.parametrize("compute", ["azureml:cpu-cluster", "cpu-cluster"])
def test_a_cluster_is_known_by_its_name(write: Write, compute: str) -> None:
    assert deployment(write, f"compute: {compute}\n").compute == "cpu-cluster"


def test_a_cluster_is_not_nothing(write: Write) -> None:
    with pytest.raises(DeclarationError, match="compute: found the text 'azureml:', allowed"):
        deployment(write, "compute: 'azureml:'\n")


def test_variables_have_names_a_process_can_be_given(write: Write) -> None:
    read = deployment(write, "environment_variables: {A: 1, B: yes, C: , D: 'x=y'}\n")
    assert read.settings.environment_variables == {"A": "1", "B": "yes", "C": "", "D": "x=y"}
    with pytest.raises(DeclarationError, match="allowed: variables whose names have no '='"):
        deployment(write, "environment_variables: {'A=B': 1}\n")
