from pathlib import Path

import pytest

from runner.declarations import BatchDeployment, DeclarationError, Resources, read_as

from .conftest import Write

HEAD = "name: script\nendpoint_name: diabetes-batch\nmodel: azureml:m:1\n"


def deployment(write: Write, text: str) -> BatchDeployment:
    return read_as(write("batch-deployment.yml", HEAD + text), BatchDeployment)


def test_the_script_lies_in_the_code_folder(write: Write, tmp_path: Path) -> None:
    code = deployment(write, "code_configuration: {code: ., scoring_script: sub/score.py}\n")
    assert code.code_configuration is not None
    assert code.code_configuration.code == tmp_path
    assert code.code_configuration.script == tmp_path / "sub/score.py"


def test_code_elsewhere_has_no_script_here(write: Write) -> None:
    text = "code_configuration: {code: 'azureml:code:1', scoring_script: score.py}\n"
    code = deployment(write, text).code_configuration
    assert code is not None
    assert (code.code, code.script) == ("azureml:code:1", None)


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
