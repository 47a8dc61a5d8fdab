"""Containers that would not start, and secrets in clear, are told in the preview."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.serving_record import record_slowest, record_starts
from tests.infra.declaring import PIN, declare, online_deployment, online_endpoint

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
INFERENCE = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py311-cpu-inference:latest"
CODE = {"code_configuration": {"code": "./code", "scoring_script": "score.py"}}
ROUTE = {"port": 80, "path": "/"}
OWN_SERVER = {"liveness_route": ROUTE, "readiness_route": ROUTE, "scoring_route": ROUTE}
SERVER, MONITORING = "azureml-inference-server-http", "azureml-ai-monitoring"
IN_CLEAR = "hunter2hunter2"


def environment(*packages: str, image: str = IMAGE, **keys: Any) -> dict[str, Any]:
    conda = {"dependencies": ["python=3.11", {"pip": ["joblib", *packages]}]}
    return {"environment": {"image": image, "conda_file": conda, **keys}}


def warnings(root: Path, **keys: Any) -> list[str]:
    """Return the warnings of a stack that pins one online deployment with these keys."""
    pins: dict[str, Any] = {"model": PIN}
    if "code_configuration" in keys:
        pins["code_configuration"] = {"code": "azureml:code:1", "scoring_script": "score.py"}
    program = declare(
        root,
        online_endpoint(),
        online_deployment(**keys),
        endpoints={"live": {"deployments": {"blue": pins}}},
    )
    assert program.error is None
    return [text for level, text in program.logs if level == "warning"]


def test_times_that_end_before_what_was_taken_here_are_named(tmp_path: Path) -> None:
    folder = tmp_path / ".runner" / "endpoints" / "live"
    folder.mkdir(parents=True)
    record_starts(folder, {"blue": 400.0})
    record_slowest(folder, {"blue": 6.0})
    liveness, readiness, timeout = warnings(tmp_path, **CODE, **environment(SERVER))
    assert liveness.startswith("live/blue: liveness_probe: Azure starts the container anew after 3")
    assert readiness.startswith("live/blue: readiness_probe: Azure takes it for one that is never")
    assert timeout.startswith("live/blue: request_settings.request_timeout_ms: Azure answers 408")


def test_a_script_without_the_server_is_named(tmp_path: Path) -> None:
    (line,) = warnings(tmp_path, **CODE, **environment())
    assert line.startswith(f"live/blue: its environment does not name {SERVER}")


@pytest.mark.parametrize(
    "keys",
    [
        environment(f"{SERVER}==1.5.1"),
        environment("azureml-defaults"),
        environment(image=INFERENCE),
        environment(inference_config=OWN_SERVER),
        {"environment": {"image": IMAGE}},
        {"environment": "azureml://registries/azureml/environments/sklearn-1.5/versions/7"},
    ],
)
def test_nothing_is_said_of_a_script_that_has_it_or_may(
    tmp_path: Path, keys: dict[str, Any]
) -> None:
    assert warnings(tmp_path, **CODE, **keys) == []


def with_model(root: Path, *packages: str) -> None:
    """Declare the model that the deployment names, with what it asks for."""
    folder = root / "models" / "m"
    (folder / "model").mkdir(parents=True)
    (folder / "model.yml").write_text("name: m\ntype: mlflow_model\npath: ./model\n")
    lines = "".join(f"  - {name}\n" for name in ("mlflow", *packages))
    (folder / "model" / "conda.yaml").write_text(f"dependencies:\n- pip:\n{lines}")


def test_a_model_without_what_azures_script_imports_is_named(tmp_path: Path) -> None:
    with_model(tmp_path)
    (line,) = warnings(tmp_path)
    assert line.startswith("live/blue: its model's conda.yaml, as it lies here, does not name")
    assert MONITORING in line


def test_nothing_is_said_of_a_model_that_has_it_or_lies_elsewhere(tmp_path: Path) -> None:
    with_model(tmp_path / "has", f"{MONITORING}==1.0.0")
    assert warnings(tmp_path / "has") == []
    assert warnings(tmp_path / "elsewhere") == []


def test_an_environment_of_its_own_needs_both(tmp_path: Path) -> None:
    with_model(tmp_path, MONITORING)
    lines = warnings(tmp_path, **environment())
    assert [line.split(" name ")[1].split(",")[0] for line in lines] == [SERVER, MONITORING]


def test_a_secret_is_named_without_its_value(tmp_path: Path) -> None:
    (line,) = warnings(tmp_path, environment_variables={"API_KEY": IN_CLEAR, "TABLE": "patients"})
    assert line.startswith("live/blue: API_KEY looks like a secret")
    assert "${{azureml://connections/" in line
    assert IN_CLEAR not in line
