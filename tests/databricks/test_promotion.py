"""A model from Azure Machine Learning to Databricks and back, with where it came from."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from runner.assets.content import hash_path
from runner.cli.promote import promote
from runner.local.workspace import LocalWorkspace
from runner.project import Project
from runner.workspace import Registration
from tests.azureml.stage import Stage, make_workspace
from tests.databricks.conftest import workspace_of
from tests.emulator import Emulator
from tests.emulator.databricks.plugged import databricks
from tests.emulator.databricks.seed import seed_lake

MODEL = Path(__file__).parents[2] / "models" / "diabetes" / "model"


def test_a_model_goes_from_azure_to_databricks_and_back(
    scoring_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in scoring_emulator.environment.items():
        monkeypatch.setenv(name, value)
    local = LocalWorkspace(Project(tmp_path, tmp_path / "models", tmp_path / ".runner"))
    registered = local.register("model", Registration("diabetes-mlflow", MODEL, "mlflow_model"))
    dev = Stage(scoring_emulator, make_workspace(scoring_emulator)).workspace(tmp_path)
    promoted = promote(local, dev, registered.reference, "c0ffee")
    with databricks(scoring_emulator) as service:
        lake = workspace_of(
            seed_lake(scoring_emulator, service, f"rg-{uuid.uuid4().hex[:8]}"), tmp_path / "there"
        )
        there = promote(dev, lake, promoted.reference, "c0ffee")
        assert there.content_hash == hash_path(MODEL)
        assert there.tags == {
            "promoted_from": dev.environment,
            "promoted_version": promoted.version,
            "promoted_commit": "c0ffee",
        }
        assert promote(dev, lake, promoted.reference, "c0ffee") == there
        back = promote(lake, dev, there.reference, None)
        assert (back.version, back.content_hash) == (promoted.version, there.content_hash)
        here = lake.download_asset("model", there.reference, tmp_path / "copy")
        assert hash_path(here) == hash_path(MODEL)
