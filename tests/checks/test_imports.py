"""The imports of code are held against the code itself and the declared environment."""

from __future__ import annotations

import pytest

from .conftest import Checked

CONDA = "models/m/conda.yml"
SCRIPT = "models/m/code/score.py"
TRAIN = "models/m/src/train.py"


@pytest.mark.parametrize(
    ("statement", "package"),
    [
        ("import sklearn.linear_model", "scikit-learn"),
        ("from PIL import Image", "pillow"),
        ("import pandas as pd", "pandas"),
        ("from azure.identity import DefaultAzureCredential", "azure-identity"),
        ("from azure.ai.ml import MLClient", "azure-ai-ml"),
        ("from azureml.fsspec import AzureMachineLearningFileSystem", "azureml-fsspec"),
        ("import cv2", "opencv-python"),
        ("import neverheardof", "neverheardof"),
    ],
)
def test_a_package_that_the_environment_lacks(
    project: Checked, statement: str, package: str
) -> None:
    project.write(TRAIN, f"import joblib\n{statement}\n")
    assert project.found() == [f"package {TRAIN}:2"]
    assert f"no package {package}" in project.text()
    assert "models/m/conda.yml" in project.text()


@pytest.mark.parametrize(
    "statement",
    [
        "import json, os.path",
        "import joblib.memory",
        "import requests",  # azureml-core brings it along
        "import pkg_resources",
        "from azureml.core import Run",
        "from azureml.contrib.services import aml_request",
        "from azure.neverheardof import x",  # of a namespace nobody knows every package
        "from . import anything",
        "import helper, tools.deep",
        "from tools import deep",
    ],
)
def test_a_module_that_is_there(project: Checked, statement: str) -> None:
    project.write("models/m/src/helper.py", "")
    project.write("models/m/src/tools/deep.py", "")
    project.write(TRAIN, f"import joblib\n{statement}\n")
    assert project.found() == []


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import pandas\nexcept ImportError:\n    pandas = None\n",
        "if False:\n    import pandas\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n",
        "def never_called():\n    import pandas\n",
        "from contextlib import suppress\nwith suppress(ImportError):\n    import pandas\n",
    ],
)
def test_an_import_that_may_fail_or_never_happens(project: Checked, text: str) -> None:
    project.write(TRAIN, text)
    assert project.found() == []


def test_an_import_in_a_function_that_azure_calls(project: Checked) -> None:
    project.change(SCRIPT, "    global model\n", "    global model\n    import pandas\n")
    assert project.found() == [f"package {SCRIPT}:9"]


def test_an_import_of_a_file_that_the_script_imports(project: Checked) -> None:
    project.write(TRAIN, "import helper\n")
    project.write("models/m/src/helper.py", "from tools.deep import x\n")
    project.write("models/m/src/tools/__init__.py", "from . import other\n")
    project.write("models/m/src/tools/other.py", "\nimport pandas\n")
    project.write("models/m/src/tools/deep.py", "x = 1\n")
    project.write("models/m/src/unused.py", "import xgboost\n")
    assert project.found() == ["package models/m/src/tools/other.py:2"]


def test_files_that_import_each_other(project: Checked) -> None:
    project.write(TRAIN, "import helper\n")
    project.write("models/m/src/helper.py", "import train\n")
    assert project.found() == []


def test_a_package_that_is_known_by_its_modules_name_is_missed_in_any_environment(
    project: Checked,
) -> None:
    project.write(TRAIN, "import torch\n")
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - our-own==1.0")
    assert project.found() == [f"package {TRAIN}:1"]


def test_a_package_whose_modules_nobody_knows_may_have_the_module(project: Checked) -> None:
    project.write(TRAIN, "import neverheardof\n")
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - our-own==1.0")
    assert project.found() == []
    project.write(TRAIN, "import neverheardof, our_own\n")
    assert project.found() == [f"package {TRAIN}:1"]


def test_a_command_that_installs_something_may_install_anything(project: Checked) -> None:
    project.write(TRAIN, "import pandas\n")
    project.change("models/m/train.yml", "python train.py", "pip install pandas && python train.py")
    assert project.found() == []


def test_azures_spark_brings_packages_of_its_own(project: Checked) -> None:
    project.write(TRAIN, "import pyspark, pandas\n")
    text = (project.root / "models/m/train.yml").read_text()
    project.write(
        "models/m/train.yml",
        text.replace("type: command", "type: spark")
        .replace("command: python train.py --data ${{inputs.rows}}", "entry: {file: train.py}")
        .replace("compute: azureml:cpu-cluster", "args: --data ${{inputs.rows}}"),
    )
    assert project.found() == []


def test_a_module_of_the_codes_top_folder_beside_which_the_script_does_not_lie(
    project: Checked,
) -> None:
    project.write("models/m/src/scripts/train.py", "from shared.names import x\n")
    project.write("models/m/src/shared/names.py", "x = 1\n")
    project.change("models/m/train.yml", "python train.py", "python scripts/train.py")
    assert project.found() == ["module-folder models/m/src/scripts/train.py:1"]
    assert "start it as `python -m scripts.train`" in project.text()
    project.change("models/m/train.yml", "python scripts/train.py", "python -m scripts.train")
    assert project.found() == []


def test_a_script_that_says_itself_where_modules_lie(project: Checked) -> None:
    project.write(
        "models/m/src/scripts/train.py", "import sys\nsys.path.append('.')\nimport shared\n"
    )
    project.write("models/m/src/shared/names.py", "x = 1\n")
    project.change("models/m/train.yml", "python train.py", "python scripts/train.py")
    assert project.found() == []


def test_a_module_that_its_package_has_no_more(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - scikit-learn==1.9.1")
    project.write(TRAIN, "from sklearn.externals import joblib\n")
    assert project.found() == [f"module-gone {TRAIN}:1"]
    assert "import joblib instead" in project.text()
    project.change(CONDA, "scikit-learn==1.9.1", "scikit-learn==0.22")
    assert "module-gone" not in {finding.code for finding in project.findings()}
