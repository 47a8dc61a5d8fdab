"""A project that is clean, which each test breaks in one place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from runner.checks.check import Report, check
from runner.checks.finding import Finding
from runner.project import Project

from .wheels import write_wheels

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
SIGNATURE = [{"type": "double", "name": name, "required": True} for name in ("a", "b")]
MLMODEL = f"""
flavors:
  python_function:
    env: {{conda: conda.yaml, virtualenv: python_env.yaml}}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
    python_version: 3.11.7
  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.9.1
mlflow_version: 3.17.2
signature:
  inputs: '{json.dumps(SIGNATURE)}'
"""
MODEL_CONDA = """
dependencies:
- python=3.11
- pip
- pip:
  - --no-index
  - --find-links {wheels}
  - mlflow-skinny==3.15.0
  - scikit-learn==1.9.1
  - azureml-ai-monitoring==1.0.0
"""
CONDA = """
dependencies:
- python=3.11
- pip
- pip:
  - --no-index
  - --find-links {wheels}
  - joblib==1.5.2
  - azureml-core==1.62.0
  - azureml-inference-server-http==1.5.1
"""
SCRIPT = """
import os

import joblib


def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "model.pkl"))


def run(given):
    return [str(item) for item in given]
"""
FILES = {
    "Pulumi.yaml": "name: checked\nruntime: python\n",
    "models/m/model.yml": "name: m\ntype: mlflow_model\npath: ./model\n",
    "models/m/model/MLmodel": MLMODEL,
    "models/m/model/conda.yaml": MODEL_CONDA,
    "models/m/model/model.pkl": "pickled",
    "models/m/conda.yml": CONDA,
    "models/m/code/score.py": SCRIPT,
    "models/m/data.yml": "name: rows\ntype: uri_folder\npath: ../../data\n",
    "data/rows.csv": "a,b\n1,2\n",
    "models/m/batch-endpoint.yml": "name: batch\ndefaults: {deployment_name: plain}\n",
    "models/m/batch-deployment.yml": f"""
        name: script
        endpoint_name: batch
        model: azureml:m@latest
        code_configuration:
          code: ./code
          scoring_script: score.py
        environment:
          image: {IMAGE}
          conda_file: ./conda.yml
        settings: {{mini_batch_size: 5}}
    """,
    "models/m/batch-deployment-plain.yml": """
        name: plain
        endpoint_name: batch
        model: azureml:m@latest
        settings: {mini_batch_size: 5}
    """,
    "models/m/online-endpoint.yml": "name: online\ntraffic: {plain: 100}\n",
    "models/m/online-deployment.yml": f"""
        name: script
        endpoint_name: online
        model: azureml:m@latest
        code_configuration:
          code: ./code
          scoring_script: score.py
        environment:
          image: {IMAGE}
          conda_file: ./conda.yml
        instance_type: Standard_D2as_v5
    """,
    "models/m/online-deployment-plain.yml": """
        name: plain
        endpoint_name: online
        model: azureml:m@latest
        instance_type: Standard_D2as_v5
    """,
    "models/m/train.yml": f"""
        type: command
        code: ./src
        command: python train.py --data ${{{{inputs.rows}}}}
        inputs:
          rows: {{type: uri_file, path: ../../data/rows.csv}}
        environment:
          image: {IMAGE}
          conda_file: ./conda.yml
        compute: azureml:cpu-cluster
    """,
    "models/m/src/train.py": "import joblib\n\nprint(joblib.__version__)\n",
}


@dataclass(frozen=True)
class Checked:
    """A project on disk, and what is found in it."""

    root: Path
    home: Path
    wheels: Path

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).replace("{wheels}", str(self.wheels)))
        return path

    def change(self, name: str, old: str, new: str) -> None:
        """Replace a part of a file that is there."""
        path = self.root / name
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new))

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def report(self, name: str | None = None) -> Report:
        return check(Project(self.root, self.root / "models", self.home), "local", name)

    def findings(self) -> tuple[Finding, ...]:
        return self.report().findings

    def found(self) -> list[str]:
        """Return the findings as `code file:line`, files from the project's root."""
        return [
            f"{finding.code} {str(finding.place).removeprefix(f'{self.root}/')}"
            for finding in self.findings()
        ]

    def text(self) -> str:
        """Return the text of the only finding."""
        (only,) = self.findings()
        return only.text


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for uv's answers, so that each environment is asked about once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the packages that there are."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheels(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, home: Path, wheels: Path) -> Checked:
    """Return a model, deployed as it is and with a script, in batches and online, and its training
    job."""
    project = Checked(tmp_path, home, wheels)
    for name, text in FILES.items():
        project.write(name, text)
    return project
