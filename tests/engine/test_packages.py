"""The messages about the packages a model was saved with."""

from __future__ import annotations

import pickle
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sklearn
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LinearRegression

from runner.engine.drivers.mlflow_model import MlflowDriver
from runner.engine.drivers.packages import (
    doubts,
    missing_package,
    other_versions,
    why_not_loaded,
)
from runner.engine.mlmodel import MlModel, read_mlmodel
from runner.errors import JobFailed
from runner.installing import installed_by

from .job import score
from .models import inputs, lay_model

HERE = sys.executable  # another Python, for all that its workers know
INSTALLED = sklearn.__version__
SAVED = "1.2.2"
UV = "run it with `--env-manager uv`, in the environment that it declares"
WAY_OUT = (
    f"saved with scikit-learn {SAVED}, and {INSTALLED} is installed: {UV}, or save the model anew"
    " with the installed version"
)


def model_of(
    folder: Path, requirements: str = "", saved: str | None = SAVED, **more: Any
) -> MlModel:
    lay_model(folder, sklearn={"sklearn_version": saved} if saved else {}, **more)
    (folder / "requirements.txt").write_text(requirements)
    return read_mlmodel(folder)


@pytest.mark.parametrize(
    ("requirements", "saved", "found"),
    [
        ("", None, []),
        ("", INSTALLED, []),
        ("", INSTALLED + ".0+local", []),
        ("", SAVED, [("scikit-learn", SAVED)]),
        ("scikit-learn==1.1\n", SAVED, [("scikit-learn", SAVED)]),
        ("Scikit_Learn == 1.1 ; python_version > '3'\n", None, [("Scikit_Learn", "1.1")]),
        ("numpy[x]==1.26.4  # why\n", SAVED, [("scikit-learn", SAVED), ("numpy", "1.26.4")]),
        ("# numpy==1.26.4\n-r numpy==1.26.4\nnumpy>=1.26\nnumpy==1.*\nnot-here==1\n", None, []),
    ],
)
def test_the_packages_of_other_versions_are_those_saved_or_pinned_otherwise(
    tmp_path: Path, requirements: str, saved: str | None, found: list[tuple[str, str]]
) -> None:
    model = model_of(tmp_path / "m", requirements, saved)
    assert [(package.name, package.saved) for package in other_versions(model)] == found


@pytest.mark.parametrize(
    "content",
    [
        b"csklearn.ensemble.gradient_boosting\nGradientBoostingClassifier\n.",  # moved since
        b"csklearn.linear_model\nNoSuchModel\n.",
        b"c_loss\n__pyx_unpickle_CyHalfBinomialLoss\n.",  # what 1.6 writes of boosted trees
        pickle.dumps(LinearRegression)[:-1] + b"I3\n\x85R.",  # takes no such argument
    ],
)
def test_a_pickle_of_another_version_that_can_not_be_loaded_names_both(
    tmp_path: Path, content: bytes
) -> None:
    fast = model_of(tmp_path / "m", pickle=content)
    by_mlflow = model_of(tmp_path / "n", pickle=content, signature=[{"type": "long"}])
    for model in (fast, by_mlflow):
        with pytest.raises(JobFailed) as raised:
            MlflowDriver(model.folder)
        assert str(raised.value).endswith(f"; it was {WAY_OUT}")
        assert "register" not in str(raised.value)


def test_a_pickle_that_is_cut_short_is_a_matter_of_no_version(tmp_path: Path) -> None:
    model = model_of(tmp_path / "m", pickle=pickle.dumps(list(range(999)))[:500])
    with pytest.raises(JobFailed, match=r"truncated\); register the model again"):
        MlflowDriver(model.folder)


def test_versions_that_an_error_has_nothing_to_do_with_are_not_named(tmp_path: Path) -> None:
    model = model_of(
        tmp_path / "m", "mlflow==1.0\nnumpy==1.0\n", INSTALLED, pickle=b"cos\nnot_there\n."
    )
    with pytest.raises(JobFailed, match=r"\); register the model again$"):
        MlflowDriver(model.folder)
    model = model_of(tmp_path / "n", "numpy==1.0\n", INSTALLED, pickle=b"cnumpy\nnot_there\n.")
    with pytest.raises(JobFailed, match=rf"numpy 1\.0, and .* {re.escape(UV)}"):
        MlflowDriver(model.folder)


@pytest.mark.parametrize(
    ("module", "requirements", "said"),
    [
        (
            "no_such",
            "No.Such==4.3.0\n",
            f"no_such, which is not installed: {UV}, or {installed_by('No.Such==4.3.0')}",
        ),
        ("no_such.a", "no-such[gpu]>=4 # why\n", installed_by("no-such[gpu]>=4")),
        ("cv2", "opencv-python-headless==4.1\n", installed_by("opencv-python-headless==4.1")),
        ("no_such", "no-such-thing==1\n", "not in its requirements.txt: install it, or save"),
    ],
)
def test_a_missing_package_is_named_by_the_models_own_requirement(
    tmp_path: Path, module: str, requirements: str, said: str
) -> None:
    model = model_of(tmp_path / "m", requirements, INSTALLED)
    text = missing_package(model, ModuleNotFoundError("No module named", name=module))
    assert text is not None
    assert said in text


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        ("no-such==1.5\n", "which is not installed: add no-such==1.5 to {}"),
        ("", "not in its requirements.txt: add it to {}, or save the model anew with code_paths"),
    ],
)
def test_a_package_that_is_not_declared_is_to_be_added_to_what_is_declared(
    tmp_path: Path, requirements: str, said: str
) -> None:
    model = model_of(tmp_path / "m", requirements, INSTALLED, pickle=b"cno_such\nModel\n.")
    outcome = score(tmp_path / "job", {"a.csv": b"x\n1\n"}, model=model.folder, python=HERE)
    where = "the conda_file of the deployment's environment, or to the model's requirements.txt"
    assert said.format(where) in str(outcome.error)
    assert "--env-manager" not in str(outcome.error)


def test_a_models_own_package_that_has_the_runners_name_is_to_be_called_otherwise(
    tmp_path: Path,
) -> None:
    error = ModuleNotFoundError("No module named 'runner.features'", name="runner.features")
    assert why_not_loaded(model_of(tmp_path / "m"), error) == (
        "can't be loaded: ModuleNotFoundError: No module named 'runner.features';"
        " runner is the package that runs this code here: give yours another name"
    )


def test_a_package_that_a_script_lacks_is_to_be_added_to_what_is_declared(tmp_path: Path) -> None:
    outcome = score(tmp_path, {"a": b""}, script="\nimport no_such\n", python=HERE)
    assert str(outcome.error).endswith(
        "can't be imported: ModuleNotFoundError: No module named 'no_such' (line 2); add the"
        " package to what the deployment declares: the conda_file of its environment"
    )


def test_a_module_that_an_installed_package_lacks_is_not_a_missing_package(tmp_path: Path) -> None:
    model = model_of(tmp_path / "m")
    assert missing_package(model, ModuleNotFoundError("no", name="sklearn.no_such")) is None
    assert missing_package(model, ValueError("no")) is None


def test_a_librarys_warning_of_another_version_is_told_with_both(tmp_path: Path) -> None:
    warning = InconsistentVersionWarning(
        estimator_name="Pipeline", current_sklearn_version="1.9", original_sklearn_version="1.6.1"
    )
    for model in (None, model_of(tmp_path / "m", saved=None)):
        (told,) = doubts(model, [warning, warning])
        assert "saved with scikit-learn 1.6.1, and 1.9 is installed" in told
    (told,) = doubts(model_of(tmp_path / "n"), [UserWarning("pickled by an older Version")])
    assert told.endswith(WAY_OUT)
    assert doubts(model_of(tmp_path / "o"), [UserWarning("something else")]) == ()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_model_of_another_version_that_scores_is_doubted_once(
    tmp_path: Path, processes: int
) -> None:
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    state = model.__getstate__() | {"_sklearn_version": SAVED}
    model.__class__.__getstate__, kept = lambda _: state, model.__class__.__getstate__
    try:
        content = pickle.dumps(model)
    finally:
        model.__class__.__getstate__ = kept
    folder = model_of(tmp_path / "m", signature=inputs(x="double"), pickle=content).folder
    files = {f"{name}.csv": b"x\n1\n" for name in "abcd"}
    outcome = score(tmp_path / "job", files, model=folder, mini_batch_size=1, processes=processes)
    assert outcome.error is None
    warnings = [warning for attempt in outcome.attempts for warning in attempt.warnings]
    assert warnings == [f"predictions may be wrong: the model was {WAY_OUT}"]
    assert outcome.said == (f"warning: {warnings[0]}",)
    assert "InconsistentVersionWarning" in outcome.log


def test_importing_it_loads_nothing_heavy() -> None:
    import subprocess

    program = (
        "import sys, runner.engine.drivers.packages;"
        " sys.exit(bool({'sklearn', 'mlflow', 'numpy', 'packaging'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.parametrize(
    ("library", "way"),
    [
        ("scikit-learn", "name scikit-learn==1.2.2 under pip in the conda_file of the deployment"),
        ("pyspark", "give the cluster a spark_version whose runtime has pyspark==1.2.2"),
    ],
)
def test_on_a_cluster_of_databricks_the_way_out_is_what_is_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, way: str
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    model = replace(model_of(tmp_path / "m"), saved_versions={library: SAVED})
    (told,) = doubts(model, [UserWarning("another version")])
    assert f"is installed: {way}" in told
    assert "uv pip" not in told
