from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.engine.needs import MLFLOW_MODEL
from runner.venvs.needs import left_out, model_needs, script_needs

SAMPLE = Path(__file__).parents[2] / "models" / "diabetes" / "model"


def test_a_plain_scikit_learn_model_needs_of_what_it_was_saved_with_what_its_pickle_names() -> None:
    needs = model_needs(SAMPLE)
    assert needs.adds == MLFLOW_MODEL
    assert {"mlflow", "cloudpickle", "pandas"} <= needs.spared
    assert not needs.spared & {"scikit-learn", "numpy", "scipy"}
    assert needs.any_python


def test_a_package_that_the_pickle_names_is_needed(tmp_path: Path) -> None:
    model = shutil.copytree(SAMPLE, tmp_path / "model")
    with (model / "model.pkl").open("ab") as file:
        file.write(b"pandas.core.frame cloudpickle.cloudpickle")
    needs = model_needs(model)
    assert not needs.spared & {"pandas", "cloudpickle"}
    assert not needs.any_python


@pytest.mark.parametrize("change", ["loader_module: mlflow.sklearn", "predict_fn: predict"])
def test_a_model_that_mlflow_loads_needs_all_it_declares(tmp_path: Path, change: str) -> None:
    model = shutil.copytree(SAMPLE, tmp_path / "model")
    file = model / "MLmodel"
    file.write_text(file.read_text().replace(change, change + "x"))
    assert model_needs(model).spared == frozenset()


def test_a_model_that_can_not_be_read_needs_all_it_declares(tmp_path: Path) -> None:
    assert model_needs(tmp_path).spared == frozenset()


def test_what_scripts_import_of_azures_executors_is_found_without_running_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "score.py").write_text(
        "import azureml.core\nfrom . import helper\nraise SystemExit\n"
        "def init():\n    from azureml.ai import monitoring\n"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "helper.py").write_text("import inference_schema.schema_decorators\n")
    (tmp_path / "broken.py").write_text("import azureml.data\nimport (\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "other.py").write_text("import azureml.telemetry\n")
    helpers = {"inference_schema.schema_decorators"}
    found = {"azureml.core", "azureml.ai", "azureml.ai.monitoring"} | helpers
    assert script_needs(tmp_path).modules == found
    assert script_needs(tmp_path / "sub" / "helper.py").modules == helpers
    assert script_needs(None).modules == frozenset()
    assert script_needs(tmp_path).adds == ()


DECLARED = ("azureml-core>=1.61,<2", "azureml_defaults", "scikit-learn==1.5.2")


@pytest.mark.parametrize(
    ("imported", "left"),
    [
        (set(), ("azureml-core>=1.61,<2", "azureml_defaults")),
        ({"sklearn", "azureml.corelike"}, ("azureml-core>=1.61,<2", "azureml_defaults")),
        ({"azureml.core.model"}, ()),
        ({"inference_schema.schema_decorators"}, ("azureml-core>=1.61,<2",)),
        ({"azureml.mlflow"}, ("azureml-core>=1.61,<2", "azureml_defaults")),
    ],
)
def test_packages_of_azures_executor_count_where_the_script_imports_them(
    imported: set[str], left: tuple[str, ...]
) -> None:
    assert left_out(DECLARED, frozenset(imported)) == left


def test_a_package_counts_where_anything_of_its_namespace_is_imported() -> None:
    assert left_out(["azureml-sdk"], frozenset({"azureml.train"})) == ()
    assert left_out(["azureml-sdk"], frozenset({"sklearn"})) == ("azureml-sdk",)
