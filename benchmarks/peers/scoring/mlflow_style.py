"""An MLflow model behind azmlinfsrv, as Azure's own script has it: typed by inference-schema."""

from __future__ import annotations

import os
from typing import Any

import mlflow.pyfunc
import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.schema_decorators import input_schema
from mlflow.models import Model

FOLDER = os.environ["AZUREML_MODEL_DIR"]
SIGNATURE = Model.load(FOLDER).signature
TYPES = zip(SIGNATURE.inputs.input_names(), SIGNATURE.inputs.pandas_types(), strict=True)
EXAMPLE = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in TYPES})

model: Any


def init() -> None:
    """Load the model, once in each process."""
    global model
    model = mlflow.pyfunc.load_model(FOLDER)


@input_schema(  # type: ignore[untyped-decorator]
    "input_data", PandasParameterType(EXAMPLE, enforce_shape=False, orient="split")
)
def run(input_data: pd.DataFrame) -> list[Any]:
    """Return a prediction for each row."""
    predictions: list[Any] = model.predict(input_data).tolist()
    return predictions
