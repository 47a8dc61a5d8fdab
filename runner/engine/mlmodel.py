"""Reading the description of a saved MLflow model, without loading it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.bounded_yaml import Unreadable, read_yaml
from runner.engine.text import one_line
from runner.errors import JobFailed

# MLflow's scalar column types; anything else (arrays, objects, maps) can't stand in a CSV cell.
SCALARS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")

# The functions of a scikit-learn model that MLflow calls; it refuses a model that names another.
_PREDICT_FUNCTIONS = ("predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba")
# By flavor: the package a model is saved with, and the key that holds its version.
_LIBRARIES = {
    "catboost": ("catboost", "catboost_version"),
    "lightgbm": ("lightgbm", "lgb_version"),
    "onnx": ("onnx", "onnx_version"),
    "prophet": ("prophet", "prophet_version"),
    "pytorch": ("torch", "pytorch_version"),
    "sklearn": ("scikit-learn", "sklearn_version"),
    "spark": ("pyspark", "pyspark_version"),
    "statsmodels": ("statsmodels", "statsmodels_version"),
    "xgboost": ("xgboost", "xgb_version"),
}


@dataclass(frozen=True)
class Column:
    """One input column of a model's signature."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True)
class LooseColumn:
    """One input column that only MLflow can match with a table's: see `Signature`."""

    name: str | int | None  # a whole number where the model was fitted on columns without names
    type: str


@dataclass(frozen=True)
class Tensor:
    """One input tensor of a model's signature."""

    shape: tuple[int, ...]  # -1 is any size
    type: str  # NumPy's name of it


@dataclass(frozen=True)
class Signature:
    """The input that a model wants: columns or tensors. One saved without a signature has none.

    Columns are loose, all of them, when one of them has no name, a whole number for a name, or
    a type that is no scalar (an array, an object, a map, `any`).
    """

    columns: tuple[Column, ...] = ()
    loose_columns: tuple[LooseColumn, ...] = ()
    tensors: tuple[Tensor, ...] = ()

    @property
    def only_mlflow_can_check(self) -> bool:
        """Tell whether only MLflow's own rules, which aren't repeated here, say what fits."""
        return bool(self.loose_columns or self.tensors)


@dataclass(frozen=True)
class MlModel:
    """The parts of an `MLmodel` file that decide how the model is loaded and fed."""

    folder: Path
    loader_module: str  # mlflow.sklearn, mlflow.lightgbm, …
    predict_fn: str
    pickle: Path | None  # a pickled scikit-learn model, None for every other model
    code: bool  # the model brings modules of its own
    signature: Signature
    whole_files: bool = False  # its metadata ask that no file be dealt out in slices
    # The versions of the libraries it was saved with, by the name that is installed.
    saved_versions: Mapping[str, str] = field(default_factory=dict)
    pipeline: Path | None = None  # the folder of a Spark ML model's pipeline
    saved_python: str | None = None  # the version of the Python that it was saved with
    outputs: tuple[Mapping[str, Any], ...] = ()  # the signature's, as MLflow writes them
    takes_params: bool = False  # its signature has some
    example: str | None = None  # the kind of its input example, in MLflow's words
    example_file: Path | None = None

    @property
    def is_plain_sklearn(self) -> bool:
        """Tell whether this is a pickled scikit-learn model that predicts without MLflow."""
        return (
            self.pickle is not None
            and not self.code
            and self.predict_fn in _PREDICT_FUNCTIONS
            and not self.signature.only_mlflow_can_check
        )


def read_mlmodel(folder: Path) -> MlModel:
    """Read `MLmodel`. JobFailed when it is missing, broken or has no `python_function`."""
    path = folder / "MLmodel"
    try:
        read = read_yaml(path)
    except FileNotFoundError:
        raise JobFailed(
            f"model {folder} has no MLmodel file; save it with mlflow, or declare a scoring script"
        ) from None
    except (Unreadable, OSError) as error:
        raise JobFailed(f"model file {path} can't be read: {_first_line(error)}") from None
    document = read if isinstance(read, dict) else {}
    flavors = document.get("flavors")
    if not isinstance(flavors, dict):
        raise JobFailed(f"model file {path} names no flavors; it is empty or not an MLflow model")
    python_function = flavors.get("python_function")
    if not isinstance(python_function, dict) or "loader_module" not in python_function:
        raise JobFailed(
            f"model {folder} has no python_function flavor (it has {', '.join(map(str, flavors))});"
            " declare a scoring script that loads it"
        )
    example = document.get("saved_input_example_info")
    return MlModel(
        folder=folder,
        loader_module=str(python_function["loader_module"]),
        predict_fn=str(python_function.get("predict_fn", "predict")),
        pickle=_pickle(folder, python_function, flavors.get("sklearn")),
        code=bool(python_function.get("code")),
        signature=_signature(document.get("signature"), path),
        whole_files=_asks_for_whole_files(document.get("metadata")),
        saved_versions=_saved_versions(flavors),
        pipeline=_pipeline(folder, flavors.get("spark")),
        saved_python=_text(python_function.get("python_version")),
        outputs=_listed(document, "outputs", path),
        takes_params=bool(_listed(document, "params", path)),
        example=_example(example),
        example_file=_example_file(folder, example),
    )


def _listed(document: Mapping[str, Any], part: str, path: Path) -> tuple[Mapping[str, Any], ...]:
    """Return the outputs or the parameters of a signature."""
    signature = document.get("signature")
    if not isinstance(signature, dict) or not signature.get(part):
        return ()
    try:
        entries = json.loads(signature[part])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f"its {part} are no list of mappings")
        return tuple(entries)
    except (TypeError, ValueError, RecursionError) as error:
        raise JobFailed(f"model file {path} has a broken signature: {_first_line(error)}") from None


def _example(info: Any) -> str | None:
    return str(info.get("type")) if isinstance(info, dict) else None


def _example_file(folder: Path, info: Any) -> Path | None:
    name = info.get("artifact_path") if isinstance(info, dict) else None
    return folder / name if isinstance(name, str) else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _asks_for_whole_files(metadata: Any) -> bool:
    return isinstance(metadata, dict) and metadata.get("whole_files") not in (None, False, "", "0")


def _pickle(folder: Path, python_function: dict[str, Any], sklearn: Any) -> Path | None:
    if python_function["loader_module"] != "mlflow.sklearn" or not isinstance(sklearn, dict):
        return None
    if sklearn.get("serialization_format") not in ("pickle", "cloudpickle"):
        return None
    file = folder / str(
        sklearn.get("pickled_model", python_function.get("model_path", "model.pkl"))
    )
    try:
        inside = file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # links that lead round in a circle, a NUL
        inside = False
    if not inside:
        raise JobFailed(f"model {folder} keeps its pickle outside its own folder: {file}")
    return file


def _pipeline(folder: Path, spark: Any) -> Path | None:
    if not isinstance(spark, dict) or not isinstance(spark.get("model_data"), str):
        return None
    # One of `pyspark.ml.connect` scores DataFrames of pandas and is no pipeline of Spark's.
    if str(spark.get("model_class", "")).startswith("pyspark.ml.connect."):
        return None
    return folder / str(spark["model_data"])


def _saved_versions(flavors: dict[str, Any]) -> dict[str, str]:
    found = {}
    for flavor, (package, key) in _LIBRARIES.items():
        said = flavors.get(flavor)
        if isinstance(said, dict) and said.get(key):
            found[package] = str(said[key])
    return found


def _signature(signature: Any, path: Path) -> Signature:
    if not isinstance(signature, dict) or not signature.get("inputs"):
        return Signature()
    try:
        inputs = json.loads(signature["inputs"])
        if any(column["type"] == "tensor" for column in inputs):
            specs = [column["tensor-spec"] for column in inputs]
            return Signature(
                tensors=tuple(Tensor(tuple(spec["shape"]), str(spec["dtype"])) for spec in specs)
            )
        if any(
            not isinstance(column.get("name"), str) or column["type"] not in SCALARS
            for column in inputs
        ):
            return Signature(
                loose_columns=tuple(
                    LooseColumn(column.get("name"), column["type"]) for column in inputs
                )
            )
        # A column named twice counts once: MLflow goes by its last type, in its first place.
        columns = {
            column["name"]: Column(column["name"], column["type"], column.get("required", True))
            for column in inputs
        }
        return Signature(tuple(columns.values()))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise JobFailed(f"model file {path} has a broken signature: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return one_line(error) or type(error).__name__
