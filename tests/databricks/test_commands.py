"""The commands over a Databricks workspace, as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runner.assets.content import hash_path
from tests.azureml.scored import Run
from tests.emulator.databricks.seed import SeededLake
from tests.projects import ROOT, ScratchProject, add_diabetes


@pytest.fixture
def project(lake: SeededLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScratchProject:
    """Return a project with a stack `lake`, in which this process is."""
    project = ScratchProject(tmp_path / "project")
    add_diabetes(project)
    (project.root / "Pulumi.yaml").write_text("name: scoring\nruntime: python\n")
    (project.root / "Pulumi.lake.yaml").write_text(
        "config:\n  azure-native:location: koreacentral\n  scoring:platform: databricks\n"
        "  scoring:catalog: lake\n"
    )
    outputs = project.root / "outputs.json"
    outputs.write_text(json.dumps({"runner": lake.outputs()}))
    monkeypatch.setenv("RUNNER_OUTPUTS", str(outputs))
    monkeypatch.chdir(project.root)
    return project


@pytest.mark.usefixtures("project")
def test_the_environment_is_described(lake: SeededLake, run: Run) -> None:
    listed = json.loads(run("env", "list", "-o", "json").out)
    kinds = {entry["environment"]: entry["kind"] for entry in listed}
    assert kinds == {"local": "local", "lake": "databricks"}
    shown = json.loads(run("env", "show", "lake", "-o", "json").out)
    assert (shown["host"], shown["volume"]) == (lake.host, lake.volume)
    assert shown["models"] == "lake.scoring.NAME"


@pytest.mark.usefixtures("project")
def test_the_doctor_looks_at_each_link(lake: SeededLake, run: Run) -> None:
    found = json.loads(run("env", "doctor", "lake", "-o", "json").out)
    states = {link["name"]: link["state"] for link in found}
    assert states == {
        "pulumi": "skipped",
        "outputs": "ok",
        "sign-in": "ok",
        "workspace": "ok",
        "catalog": "ok",
        "volume": "ok",
        "cluster training": "ok",
        "endpoints": "failed",
    }
    lake.lose_rights()
    broken = run("env", "doctor", "lake")
    assert broken.status == 3
    assert "failed   volume: " in broken.out
    assert "`GRANT READ VOLUME ON VOLUME lake.scoring.files TO NAME`" in broken.out


def test_a_model_is_registered_pinned_and_promoted_there_and_back(
    project: ScratchProject, run: Run
) -> None:
    pinned = run("models", "register", "-f", "models/diabetes/model.yml", "--pin")
    assert pinned.status == 0, pinned.err
    stack = yaml.safe_load((project.root / "Pulumi.lake.yaml").read_text())
    endpoints = stack["config"]["scoring:endpoints"]
    deployment = endpoints["diabetes-batch"]["deployments"]["mlflow"]
    assert deployment["model"] == "azureml:diabetes-mlflow:1"
    back = run("models", "promote", "diabetes-mlflow:1", "--from", "lake", "--to", "local")
    assert back.status == 0, back.err
    shown = json.loads(run("models", "show", "diabetes-mlflow", "--env", "local", "-o", "json").out)
    assert shown["tags"]["promoted_from"] == "lake"
    there = run("models", "promote", "diabetes-mlflow:1", "--from", "local", "--to", "lake")
    assert "diabetes-mlflow:1" in there.out
    listed = json.loads(run("models", "list", "-o", "json").out)
    assert [(asset["name"], asset["version"]) for asset in listed] == [("diabetes-mlflow", "1")]


@pytest.mark.usefixtures("project")
def test_data_is_registered_listed_and_fetched(run: Run, tmp_path: Path) -> None:
    source = ROOT / "data" / "diabetes" / "unlabeled"
    register = ("data", "register", "--name", "patients", "--path", str(source))
    assert run(*register).status == 0
    assert json.loads(run(*register, "-o", "json").out)["version"] == "1"
    assert "patients" in run("data", "list").out
    target = tmp_path / "copy"
    assert run("data", "download", "patients", "--download-path", str(target)).status == 0
    assert hash_path(target) == hash_path(source)


@pytest.mark.usefixtures("project")
def test_an_error_is_one_line_with_status_3(lake: SeededLake, run: Run) -> None:
    lake.lose_rights()
    refused = run("data", "list")
    assert (refused.status, refused.out) == (3, "")
    assert len(refused.err.strip().splitlines()) == 1
    assert "GRANT READ VOLUME" in refused.err


@pytest.mark.usefixtures("project")
def test_nothing_heavy_is_imported_to_look_at_assets() -> None:
    script = (
        "import sys\n"
        "from runner.cli import main\n"
        "try: main(['data', 'list', '-e', 'lake'])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'mlflow', 'databricks', 'pandas', 'numpy', 'pulumi', 'azure.ai'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
