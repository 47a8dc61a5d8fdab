from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.engine.needs import MLFLOW_MODEL
from runner.venvs.needs import model_needs, script_needs

SAMPLE = Path(__file__).parents[2] / "models" / "diabetes" / "model"


def test_a_plain_scikit_learn_model_needs_of_what_it_was_saved_with_what_its_pickle_names() -> None:
    needs = model_needs(SAMPLE)
    assert needs.adds == MLFLOW_MODEL
    assert {"mlflow", "cloudpickle", "pandas"} <= needs.spared
    assert not needs.spared & {"scikit-learn", "numpy", "scipy"}


def test_a_package_that_the_pickle_names_is_needed(tmp_path: Path) -> None:
    model = shutil.copytree(SAMPLE, tmp_path / "model")
    with (model / "model.pkl").open("ab") as file:
        file.write(b"pandas.core.frame cloudpickle.cloudpickle")
    assert not model_needs(model).spared & {"pandas", "cloudpickle"}


@pytest.mark.parametrize("change", ["loader_module: mlflow.sklearn", "predict_fn: predict"])
def test_a_model_that_mlflow_loads_needs_all_it_declares(tmp_path: Path, change: str) -> None:
    model = shutil.copytree(SAMPLE, tmp_path / "model")
    file = model / "MLmodel"
    file.write_text(file.read_text().replace(change, change + "x"))
    assert model_needs(model).spared == frozenset()


def test_a_model_that_can_not_be_read_needs_all_it_declares(tmp_path: Path) -> None:
    assert model_needs(tmp_path).spared == frozenset()


def test_what_scripts_import_is_found_without_running_them(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text(
        "import json, azureml.core\nfrom . import helper\nraise SystemExit\n"
        "def init():\n    from azureml.ai import monitoring\n"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "helper.py").write_text("import numpy as np\n")
    (tmp_path / "broken.py").write_text("import os\nimport (\n")
    found = {"json", "azureml.core", "azureml.ai", "azureml.ai.monitoring", "numpy"}
    assert script_needs(tmp_path).modules == found
    assert script_needs(tmp_path / "sub" / "helper.py").modules == {"numpy"}
    assert script_needs(None).modules == frozenset()
    assert script_needs(tmp_path).adds == ()
