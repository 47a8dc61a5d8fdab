"""The unmodified MLflow client against a workspace: tracking, and Unity Catalog's registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.seed import EXPERIMENTS, SeededLake, seed_lake

CLIENT = Path(__file__).with_name("mlflow_client.py")


def test_mlflow_tracks_registers_and_loads(lake: SeededLake, tmp_path: Path) -> None:
    name, experiment = "lake.scoring.penguin-predictor", f"{EXPERIMENTS}/penguins"
    done = subprocess.run(
        [sys.executable, "-P", str(CLIENT), experiment, name],
        cwd=tmp_path,
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": "databricks",
            "MLFLOW_REGISTRY_URI": "databricks-uc",
            "DATABRICKS_HOST": lake.host,
            "DATABRICKS_TOKEN": lake.token(),
            "DATABRICKS_AUTH_TYPE": "pat",  # the SDK does not choose between it and ARM_*
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["artifact_uri"].startswith("dbfs:/databricks/mlflow-tracking/")
    assert "/logged_models/m-" in seen["model_location"]
    del seen["artifact_uri"], seen["model_location"]
    assert seen == {
        "found": True,
        "artifacts": ["notes/hello.txt"],
        "text": "hello",
        "experiments": [experiment],
        "named": [experiment],
        "version": ["1", "READY", True],
        "tags": {"stage": "test"},
        "searched": ["1"],
        "predictions": [0, 1],
        "refused": True,
    }
    client = sign_in(lake)
    version = client.model_versions.get(name, 1, include_aliases=True)
    assert version.status is not None
    assert version.status.value == "READY"
    assert version.aliases is not None
    assert [alias.alias_name for alias in version.aliases] == ["champion"]
    assert client.model_versions.get_by_alias(name, "champion").version == 1
    found = client.experiments.get_by_name(experiment).experiment
    assert found is not None
    asked = {"experiment_ids": [found.experiment_id]}
    runs = lake.do("POST", "/api/2.0/mlflow/runs/search", asked)["runs"]
    listed = lake.do("GET", f"/api/2.0/mlflow/artifacts/list?run_id={runs[-1]['info']['run_id']}")
    assert [file["path"] for file in listed["files"]] == ["notes"]
    _refuses(lake)


def _refuses(lake: SeededLake) -> None:
    """Check what tracking and the registry refuse; here, because the server has been paid for."""
    create = "/api/2.0/mlflow/experiments/create"
    status, answered = lake.ask("POST", create, {"name": "penguins"})
    assert (status, answered["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    status, answered = lake.ask("POST", create, {"name": "/Shared/nowhere/penguins"})
    assert (status, answered["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    status, answered = lake.ask("POST", create, {"name": f"{EXPERIMENTS}/penguins"})
    assert (status, answered["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")
    assert lake.workspace_id not in answered["message"]
    other = seed_lake(lake.emulator, lake.databricks, lake.resource_group, "other")
    asked = f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={EXPERIMENTS}/penguins"
    assert (lake.ask("GET", asked)[0], other.ask("GET", asked)[0]) == (200, 404)
    status, answered = lake.ask("GET", "/api/2.0/mlflow/runs/get?run_id=nothing")
    assert (status, answered["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_version_without_a_signature_is_refused_by_the_service(lake: SeededLake) -> None:
    registry, name = "/api/2.0/mlflow/unity-catalog", "lake.scoring.bare"
    lake.do("POST", f"{registry}/registered-models/create", {"name": name})
    body = {"name": name, "source": "dbfs:/somewhere"}
    version = lake.do("POST", f"{registry}/model-versions/create", body)["model_version"]
    assert (version["version"], version["status"]) == ("1", "PENDING_REGISTRATION")
    files = "/api/2.0/fs/files/Models/lake/scoring/bare/1/MLmodel"
    finalize = f"{registry}/model-versions/finalize"
    lake.do("PUT", files, b"flavors: {}\n")
    status, answered = lake.ask("POST", finalize, {"name": name, "version": "1"})
    assert (status, "signature" in answered["message"]) == (400, True)
    lake.do("PUT", files, b"signature: {inputs: '[]', outputs: '[]'}\n")
    lake.do("POST", finalize, {"name": name, "version": "1"})
    assert lake.ask("PUT", files, b"")[0] == 400
    status, answered = lake.ask(
        "POST", f"{registry}/registered-models/create", {"name": "Penguin Predictor"}
    )
    assert (status, answered["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
