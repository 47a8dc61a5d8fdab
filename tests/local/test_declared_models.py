"""Models of several ages and libraries in one project, each scored with what it declares."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from runner.comparison.report import from_json
from runner.venvs.cache import entries
from tests.projects import ScratchProject, add_diabetes
from tests.pythons import python_with

AUTO = {"RUNNER_ENV_MANAGER": ""}  # as where nobody says anything
OLDER = ("numpy==1.26.4", "pandas==1.5.3", "scikit-learn==1.5.2", "mlflow-skinny==2.22.5")
LIGHTGBM = "lightgbm==4.6.0"
# Trained in one environment that has all of it. Each model declares what it needs of it alone, and
# MLflow says there what its predictions are.
TRAIN = """
import json, sys, warnings
import lightgbm, mlflow.lightgbm, mlflow.pyfunc, mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.ensemble import HistGradientBoostingClassifier

warnings.simplefilter("ignore")
frame = pd.DataFrame({"x": [n / 7 for n in range(300)], "y": [float(n % 5) for n in range(300)]})
label = (frame["x"] > 20).astype(int) + (frame["y"] > 3)
frame.to_csv("rows.csv", index=False)
models = {
    "older": (mlflow.sklearn, HistGradientBoostingClassifier(max_iter=10)),
    "lightgbm": (mlflow.lightgbm, lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)),
}
predictions = {}
for name, (flavor, model) in models.items():
    model.fit(frame, label)
    needed = json.loads(sys.argv[1])[name]
    signature = infer_signature(frame, model.predict(frame))
    flavor.save_model(model, name, signature=signature, pip_requirements=needed)
    predictions[name] = mlflow.pyfunc.load_model(name).predict(frame).tolist()
print(json.dumps(predictions))
"""


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, list[int]]]:
    """Return a folder with the models and their rows, and the predictions of each by MLflow."""
    python = python_with(tmp_path_factory, "3.10", *OLDER, LIGHTGBM, "pyarrow>=15")
    needed = {"older": OLDER, "lightgbm": (LIGHTGBM, *OLDER)}
    folder = tmp_path_factory.mktemp("trained")
    command = [python, "-I", "-c", TRAIN, json.dumps(needed)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def add_model(project: ScratchProject, name: str, model: Path) -> None:
    """Declare a model, and a batch endpoint that has it."""
    project.write(
        f"models/{name}/batch-endpoint.yml",
        f"name: {name}-batch\ndefaults: {{deployment_name: main}}\n",
    )
    project.write(
        f"models/{name}/batch-deployment.yml",
        f"name: main\nendpoint_name: {name}-batch\ntype: model\ncompute: azureml:cpu\n"
        f"model: {{path: {model}, type: mlflow_model}}\n",
    )


def test_models_of_several_ages_and_libraries_score_in_one_project_as_mlflow_predicts(
    project: ScratchProject, trained: tuple[Path, dict[str, list[int]]]
) -> None:
    folder, predictions = trained
    add_diabetes(project)
    for name in predictions:
        add_model(project, name, folder / name)
    for name, expected in predictions.items():
        done = project.run(
            *("score", f"{name}-batch", "--data", str(folder / "rows.csv"), "-o", "json"), env=AUTO
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        lines = Path(found["output"]).read_text().splitlines()
        assert [int(line.split(",")[1]) for line in lines] == expected
        assert found["interpreter"]["version"].startswith("3.10.")
    # A model of today is scored beside them, in the runner's own environment.
    done = project.run("score", "diabetes-batch", "-o", "json", env=AUTO)
    assert json.loads(done.stdout)["interpreter"]["venv"] is None
    assert len(entries(project.home)) == len(predictions)
    # Compared, each is scored in its own.
    places = [os.path.relpath(folder / name, project.root) for name in ("older", "lightgbm")]
    words = ("models", "compare", *places, "--endpoint", "older-batch", "-o", "json")
    done = project.run(*words, "--data", str(folder / "rows.csv"), env=AUTO)
    compared = from_json(done.stdout)
    before, after = predictions["older"], predictions["lightgbm"]
    differing = sum(a != b for a, b in zip(before, after, strict=True))
    assert (compared.rows, compared.changed) == (len(before), differing)
    assert compared.old.python != compared.new.python
    assert [
        (package.old, package.new) for package in compared.packages if package.name == "lightgbm"
    ] == [(None, "4.6.0")]
    # MLflow 2 makes a store as soon as it loads a model: not where the command was typed.
    assert not (project.root / "mlruns").exists()
