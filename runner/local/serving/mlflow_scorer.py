"""Scoring requests with an MLflow model and no script."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.engine.drivers import sklearn_model
from runner.engine.drivers.packages import way_to_have, why_not_loaded
from runner.engine.mlmodel import MlModel, read_mlmodel
from runner.engine.text import one_line
from runner.errors import JobFailed
from runner.local.serving.answer import Answer
from runner.local.serving.bodies import (
    BadRequest,
    ScoringRequest,
    read_request,
    take_columns,
)
from runner.local.serving.numbers import are_numbers, typed_table
from runner.local.serving.request import Request
from runner.spark import leave_remote

_BAD_REQUESTS = ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")  # MLflow's error codes
_LONGEST_REASON = 500  # characters


def load(folder: Path) -> SklearnScorer | PyfuncScorer:
    """Load the model in `folder`, which runs its code. JobFailed when it can't be loaded."""
    model = read_mlmodel(folder)
    if model.is_plain_sklearn and are_numbers(model.signature.columns):
        return SklearnScorer(model)
    return PyfuncScorer(model)


class SklearnScorer:
    """A scikit-learn model over numbers, without MLflow, whose import alone takes seconds."""

    def __init__(self, model: MlModel) -> None:
        self._columns = model.signature.columns
        self._predict = sklearn_model.load(model)

    def score(self, request: Request) -> Answer:
        asked = read_request(request.body)
        table = typed_table(take_columns(asked, self._columns), self._columns)
        predictions = self._predict(table)
        if hasattr(predictions, "tolist"):
            predictions = predictions.tolist()
        return Answer(200, json.dumps(_shape(asked, predictions)).encode(), by_model=True)


class PyfuncScorer:
    """Any other flavour or signature: what MLflow's own server makes of the request."""

    def __init__(self, model: MlModel) -> None:
        try:
            import mlflow.pyfunc
        except ModuleNotFoundError:
            raise JobFailed(
                f"model {model.folder} is loaded by {model.loader_module}, which needs mlflow:"
                f" {way_to_have(['mlflow'], '-r requirements/mlflow.txt')}"
            ) from None
        try:
            if model.pipeline is not None:
                _begin_spark()
            self._model = mlflow.pyfunc.load_model(str(model.folder))
        except Exception as error:
            raise JobFailed(f"model {model.folder} {why_not_loaded(model, error)}") from error
        if model.pipeline is not None:
            self._warm_up(model.folder)
        self._schema = self._model.metadata.get_input_schema()
        self._columns = model.signature.columns

    def _warm_up(self, folder: Path) -> None:
        """Score the model's example, if it has one: what Spark compiles first takes seconds."""
        with suppress(Exception):
            example = self._model.metadata.load_input_example(str(folder))
            if example is not None:
                self._model.predict(example)

    def score(self, request: Request) -> Answer:
        from mlflow.exceptions import MlflowException
        from mlflow.pyfunc import scoring_server as mlflow_server

        asked = read_request(request.body)
        try:
            predictions = self._model.predict(self._data(asked), params=asked.params)
        except MlflowException as error:
            if error.error_code not in _BAD_REQUESTS:
                raise
            raise BadRequest(_reason(error.message)) from error
        text = io.StringIO()
        write: Callable[[Any, io.StringIO], object] = (
            mlflow_server.unwrapped_predictions_to_json
            if asked.form == "input_data"
            else mlflow_server.predictions_to_json
        )
        write(predictions, text)
        return Answer(200, text.getvalue().encode(), by_model=True)

    def _data(self, request: ScoringRequest) -> Any:
        """What the model is given: typed as its signature says, by MLflow's own reading."""
        from mlflow.pyfunc.scoring_server import infer_and_parse_data

        form, content = str(request.form), request.content
        if self._columns:
            cells = take_columns(request, self._columns)
            rows = [list(row) for row in zip(*cells.values())]
            form, content = "dataframe_split", {"columns": list(cells), "data": rows}
        elif form == "input_data":
            form = "dataframe_split" if request.is_split else "inputs"
        return infer_and_parse_data({form: content}, self._schema)


def _begin_spark() -> None:
    """Start Spark by the settings of this process; MLflow would by settings of its own."""
    from pyspark.sql import SparkSession

    leave_remote()
    SparkSession.builder.getOrCreate()


def _reason(message: str) -> str:
    """What MLflow has to say, without the whole request that it repeats before."""
    if message.startswith("Failed to enforce schema"):
        message = message.rpartition("Error: ")[2]
    return one_line(message)[:_LONGEST_REASON]


def _shape(request: ScoringRequest, predictions: Any) -> Any:
    """Azure answers `input_data` with the bare predictions, MLflow its own forms with an object."""
    return predictions if request.form == "input_data" else {"predictions": predictions}
