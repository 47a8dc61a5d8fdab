"""The sample's training in the environment that it declares: real packages, and another MLflow."""

from __future__ import annotations

import json
from pathlib import Path

from tests.projects import ScratchProject, add_diabetes

# As where nobody says anything. MLflow guesses a model's packages for seconds; nothing here reads
# them.
AUTO = {"RUNNER_ENV_MANAGER": "", "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "0"}


def test_a_job_trains_by_an_older_mlflow_and_its_model_is_registered_and_scores(
    tmp_path: Path,
) -> None:
    sample = ScratchProject(tmp_path)
    sample.write("Pulumi.yaml", "name: sample\nruntime: python\n")
    add_diabetes(sample)
    trained = sample.run("train", "diabetes", "written-signature", "-o", "json", env=AUTO)
    assert trained.returncode == 0, trained.stderr
    job = json.loads(trained.stdout)
    assert (job["status"], job["run"]["status"]) == ("Completed", "FINISHED")
    assert job["run"]["metrics"]["test_accuracy"]["value"] > 0.7
    venv = sample.json("venvs", "show", job["interpreter"]["venv"])
    assert {"mlflow==2.16.2", "pandas==2.3.3", "scikit-learn==1.9.1"} <= set(venv["resolved"])
    assert venv["uses"][0]["owner"] == "train diabetes"
    model = sample.json(
        "models", "register", "--from-job", job["name"], "--name", "diabetes-mlflow"
    )
    assert "mlflow_version: 2.16.2" in (Path(model["path"]) / "MLmodel").read_text()
    scored = sample.json("score", "diabetes-batch", "--deployment", "mlflow")
    assert (scored["rows"], scored["failed_files"]) == (400, 0)
