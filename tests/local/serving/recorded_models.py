"""The models whose answers on Azure are recorded; each is made anew, and always the same.

Most of them tell what they were given, so that an answer shows how a request was read.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import yaml
from mlflow.models import ModelSignature
from mlflow.types.schema import (
    ColSpec,
    ParamSchema,
    ParamSpec,
    Schema,
    TensorSpec,
)

SAMPLE = Path(__file__).parents[3] / "models" / "diabetes" / "model"
NUMBERS = {"a": "double", "b": "float", "c": "long", "d": "integer"}
TYPES = {
    "real": "double",
    "small": "float",
    "long": "long",
    "int": "integer",
    "yes": "boolean",
    "text": "string",
    "raw": "binary",
    "when": "datetime",
}


def columns(types: dict[str, str], required: bool = True) -> Schema:
    return Schema([ColSpec(kind, name, required=required) for name, kind in types.items()])


def save_sklearn(folder: Path, model: Any, **more: Any) -> None:
    # Without requirements given, MLflow starts a process to find them out.
    mlflow.sklearn.save_model(
        model, str(folder), serialization_format="cloudpickle", pip_requirements=[], **more
    )


def save_python(folder: Path, predict: Callable[..., Any], **more: Any) -> None:
    """Save a model of a function of what it is given and its params."""

    # A class within a function is pickled as it is, not by its name.
    class Model(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
        # MLflow would take types written here for the model's signature.
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return predict(model_input, params)

    mlflow.pyfunc.save_model(str(folder), python_model=Model(), pip_requirements=[], **more)


def telling() -> Callable[..., Any]:
    """Return a function that returns what it is given, described in words."""

    def describe(value: Any) -> str:
        import numpy as np
        import pandas as pd

        if isinstance(value, pd.DataFrame):
            parts = [f"{name!r} {describe(value[name])}" for name in value.columns]
            return "; ".join([f"rows {value.index.tolist()}", *parts])
        if isinstance(value, pd.Series):
            return f"{value.dtype} {value.tolist()}"
        if isinstance(value, np.ndarray):
            return f"{value.dtype} {value.shape} {value.tolist()}"
        if isinstance(value, dict):
            return ", ".join(f"{key!r}: {describe(inner)}" for key, inner in value.items())
        return repr(value)

    def predict(value: Any, params: Any) -> Any:
        return {"given": describe(value), "params": describe(params)}

    return predict


def passing_on() -> Any:
    """Return a scikit-learn model that returns the numbers it is given, and -1 for a missing
    one."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    names = list(NUMBERS)
    linear = LinearRegression().fit(np.eye(4), np.eye(4))
    linear.coef_, linear.intercept_ = np.eye(4), np.zeros(4)
    imputer = SimpleImputer(strategy="constant", fill_value=-1).fit(
        pd.DataFrame(np.eye(4), columns=names)
    )
    return make_pipeline(imputer, linear)


def _sample(folder: Path) -> None:
    shutil.copytree(SAMPLE, folder)


def _numbers(folder: Path) -> None:
    save_sklearn(folder, passing_on(), signature=ModelSignature(columns(NUMBERS)))


def _numbers_by_example(folder: Path) -> None:
    save_sklearn(
        folder,
        passing_on(),
        signature=ModelSignature(columns(NUMBERS), columns({"p": "double"})),
        input_example=pd.DataFrame({"a": [1.5], "b": [2.5], "c": [3], "d": [4]}),
    )


def _labels(folder: Path) -> None:
    """Numbers to words, over a DataFrame: its one column is picked by name."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    frame = pd.DataFrame({"x": [0, 1, 2, 3], "more": [0.5, 0.5, 0.5, 0.5]})
    chosen = make_column_transformer(("passthrough", ["x"]))
    model = make_pipeline(chosen, DecisionTreeClassifier(random_state=0))
    model.fit(frame, ["few", "few", "many", "mänÿ"])
    types = {"x": "long", "more": "double"}
    outputs = Schema([ColSpec("string")])
    save_sklearn(folder, model, signature=ModelSignature(columns(types), outputs))


def _no_signature(folder: Path) -> None:
    save_python(folder, telling())


def _frame_example(folder: Path) -> None:
    example = pd.DataFrame({"a": [1.5, 2.5], "n": [1, 2], "t": ["x", "y"]})
    save_python(folder, telling(), signature=False, input_example=example)


def _array_example(folder: Path) -> None:
    example = np.array([[1.5, 2.5]])
    save_python(folder, telling(), signature=False, input_example=example)


def _arrays_example(folder: Path) -> None:
    example = {"a": np.array([1.5, 2.5]), "n": np.array([[1], [2]])}
    save_python(folder, telling(), signature=False, input_example=example)


def _list_example(folder: Path) -> None:
    save_python(folder, telling(), signature=False, input_example=["x", "y"])


def _types(folder: Path) -> None:
    signature = ModelSignature(columns(TYPES), columns({"p": "double", "t": "string"}))
    save_python(folder, telling(), signature=signature)


def _optional(folder: Path) -> None:
    inputs = Schema([ColSpec("long", "id"), *columns(TYPES, required=False).inputs])
    save_python(folder, telling(), signature=ModelSignature(inputs))


def _unnamed(folder: Path) -> None:
    inputs = Schema([ColSpec("double"), ColSpec("long")])
    save_python(folder, telling(), signature=ModelSignature(inputs))


def _counted(folder: Path) -> None:
    """Columns whose names are whole numbers, as of a model that was fitted on an array."""
    inputs = Schema([ColSpec("double", 0), ColSpec("double", 1)])  # type: ignore[arg-type]
    save_python(folder, telling(), signature=ModelSignature(inputs))


def _tensor(folder: Path) -> None:
    spec = TensorSpec(np.dtype("float64"), (-1, 2))
    save_python(folder, telling(), signature=ModelSignature(Schema([spec]), Schema([spec])))


def _tensors(folder: Path) -> None:
    specs: list[ColSpec | TensorSpec] = [
        TensorSpec(np.dtype("float32"), (-1, 2), "a"),
        TensorSpec(np.dtype("int64"), (-1,), "n"),
    ]
    save_python(folder, telling(), signature=ModelSignature(Schema(specs)))


def _params(folder: Path) -> None:
    params = ParamSchema(
        [
            ParamSpec("share", "double", 0.5),
            ParamSpec("count", "long", 3),
            ParamSpec("word", "string", "so"),
            ParamSpec("sure", "boolean", False),
            ParamSpec("stops", "string", ["a", "b"], (-1,)),
            ParamSpec("left", "integer", None),
        ]
    )
    signature = ModelSignature(columns({"x": "double"}), params=params)
    save_python(folder, telling(), signature=signature)


def _outputs(folder: Path) -> None:
    """It returns the thing that the first cell names."""

    def predict(frame: Any, params: Any) -> Any:
        import datetime
        import decimal

        import numpy as np
        import pandas as pd

        wish = str(frame["wish"].iloc[0])
        day = datetime.date(2024, 2, 29)
        if wish == "raise":
            raise ValueError("a secret")
        things = {
            "number": 1.5,
            "text": "mänÿ",
            "none": None,
            "nan": float("nan"),
            "list": [1, "two", None],
            "dict": {"a": [1], "b": {"c": True}},
            "arrays in a dict": {"a": np.array([1, 2])},
            "array": np.array([[1, 2], [3, 4]]),
            "array of text": np.array(["a", "ü"]),
            "array of bytes": np.array([b"a"]),
            "array of things": np.array([1, "two", None], dtype=object),
            "array of dates": np.array(["2024-02-29"], dtype="datetime64[D]"),
            "array of instants": np.array(["2024-02-29T01"], dtype="datetime64[ns]"),
            "single number": np.float64(1.5),
            "single whole number": np.int64(2),
            "single yes": np.bool_(True),
            "list of single numbers": [np.float32(0.5)],
            "series": pd.Series([1, 2], name="s"),
            "series without a name": pd.Series([0.5, None]),
            "frame": pd.DataFrame({"a": [1, 2], "t": ["x", None], "r": [0.5, float("nan")]}),
            "frame of instants": pd.DataFrame({"w": pd.to_datetime(["2024-02-29"])}),
            "frame of dates": pd.DataFrame({"w": [day]}),
            "frame of bytes": pd.DataFrame({"b": [b"x"]}),
            "frame of lists": pd.DataFrame({"l": [[1, 2]]}),
            "frame of arrays": pd.DataFrame({"l": [np.array([1, 2])]}),
            "frame of numbered columns": pd.DataFrame([[1, 2]]),
            "frame of doubled columns": pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "empty frame": pd.DataFrame({"a": []}),
            "bytes": b"x",
            "date": day,
            "decimal": decimal.Decimal("1.5"),
            "set": {1},
            "tuple": (1, 2),
            "infinite": np.array([np.inf, -np.inf, np.nan]),
        }
        return things[wish]

    save_python(folder, predict, signature=ModelSignature(columns({"wish": "string"})))


def _of_flavor(flavor: str, **more: Any) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        save_python(folder, telling(), **more)
        path = folder / "MLmodel"
        document = yaml.safe_load(path.read_text())
        document["flavors"][flavor] = {}
        path.write_text(yaml.safe_dump(document))

    return save


_WORDS = ModelSignature(Schema([ColSpec("string")]))
_QUESTION = ModelSignature(columns({"question": "string", "times": "long"}))

MODELS: dict[str, Callable[[Path], None]] = {
    "sample": _sample,
    "numbers": _numbers,
    "numbers-by-example": _numbers_by_example,
    "labels": _labels,
    "no-signature": _no_signature,
    "frame-example": _frame_example,
    "array-example": _array_example,
    "arrays-example": _arrays_example,
    "list-example": _list_example,
    "types": _types,
    "optional": _optional,
    "unnamed": _unnamed,
    "counted": _counted,
    "tensor": _tensor,
    "tensors": _tensors,
    "params": _params,
    "outputs": _outputs,
    "langchain": _of_flavor("langchain"),
    "transformers-words": _of_flavor("transformers", signature=_WORDS),
    "transformers-question": _of_flavor("transformers", signature=_QUESTION),
}
