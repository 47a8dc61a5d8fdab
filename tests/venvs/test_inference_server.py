from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.azure_executor import image_has_server
from runner.errors import EnvironmentRefused
from runner.installing import installed_by
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.inference_server import check_own_server, with_server
from runner.venvs.needs import left_out, served_script_needs

SERVER = "azureml-inference-server-http"
OWNER = "deployment 'blue'"
ADDED = f"declares no {SERVER}, which is added here: Azure does not start such a deployment unless"
INFERENCE = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py310-cpu-inference:latest"


def declare(*requirements: str) -> DeclaredEnvironment:
    return DeclaredEnvironment("conda.yml", requirements=requirements)


def test_what_declares_the_server_stays_as_it_is() -> None:
    declared = declare("numpy", "azureml_inference_server_http[all]~=1.5")
    assert with_server(declared, OWNER) == declared


def test_where_it_is_missing_it_is_added_and_that_is_said() -> None:
    found = with_server(declare("numpy"), OWNER)
    assert found.requirements == ("numpy", SERVER)
    assert found.notices == (f"conda.yml {ADDED} its image has it",)


def test_where_nothing_is_declared_there_is_nothing_but_the_server() -> None:
    found = with_server(None, OWNER)
    assert (found.source, found.requirements) == (OWNER, (SERVER,))
    assert found.notices[0].startswith(f"{OWNER} {ADDED}")


@pytest.mark.parametrize(
    "declared",
    [
        declare("azureml-defaults==1.61"),  # which brings it along
        replace(declare("numpy"), image=INFERENCE),
        replace(declare(), elsewhere=True, known=False),
    ],
)
def test_nothing_is_said_where_azure_has_it(declared: DeclaredEnvironment) -> None:
    found = with_server(declared, OWNER)
    assert found.requirements == (*declared.requirements, SERVER)
    assert (found.known, found.notices) == (True, ())


@pytest.mark.parametrize(
    ("image", "has"),
    [
        (INFERENCE, True),
        ("mcr.microsoft.com/azureml/inference-base-2004", True),
        ("mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest", False),
        ("mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:inference", False),
        ("example.azurecr.io/azureml/inference", False),
    ],
)
def test_azures_own_images_for_inference_have_it(image: str, has: bool) -> None:
    assert image_has_server(image) is has


def test_the_server_counts_among_what_a_served_script_imports(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("from inference_schema.schema_decorators import x\n")
    needs = served_script_needs(tmp_path)
    assert needs.server
    declared = (SERVER, "azureml-defaults", "azureml-core")
    assert left_out(declared, needs.modules) == ("azureml-defaults", "azureml-core")


def test_the_runners_own_python_must_have_it_where_that_is_asked_for() -> None:
    with pytest.raises(EnvironmentRefused) as refused:
        check_own_server(OWNER)
    assert "add --env-manager uv, which makes one" in str(refused.value)
    assert str(refused.value).endswith(f" {installed_by(SERVER)}")
