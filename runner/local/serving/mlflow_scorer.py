"""Scores requests with an MLflow model and no script."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from runner.engine.drivers import sklearn_model
from runner.engine.drivers.packages import way_to_have, why_not_loaded
from runner.engine.java_cause import java_cause
from runner.engine.mlmodel import SCALARS, MlModel, read_mlmodel
from runner.engine.text import one_line
from runner.errors import JobFailed
from runner.local.serving import mlflow_samples, mlflow_swagger
from runner.local.serving.answer import Answer
from runner.local.serving.mlflow_http import Outcome, Refused, respond
from runner.local.serving.numbers import are_numbers, typed_table
from runner.local.serving.request import Request
from runner.local.serving.tables import (
    MLFLOW_FORMS,
    WRITTEN_OTHERWISE,
    BadRequest,
    any_columns,
    as_split,
    is_split,
    shown,
    split_columns,
)
from runner.spark import leave_remote

_BAD_REQUESTS = ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")  # MLflow's error codes
_LONGEST_REASON = 500  # characters
_TYPES = (*SCALARS, "tensor")  # of outputs of which Azure's script makes a sample
_REFUSED = "Azure answers 424 to this: "


class LoadedModel(Protocol):
    """A model that predicts. It raises BadRequest for what the client is told."""

    @property
    def unstarted(self) -> str | None:
        """Why Azure does not start it, None where it does."""
        ...

    def predict(self, content: Any, params: Any) -> Outcome:
        """Predict from `input_data`, which Azure may refuse: then there is a notice."""
        ...

    def predict_from(self, form: str, content: Any, params: Any) -> Any:
        """Predict from one of the forms that only MLflow's own server takes."""
        ...

    def describe(self, version: str) -> Any:
        """Return the service's description in that version of Swagger, if there is one."""
        ...


def load(folder: Path) -> MlflowScorer:
    """Load the model in `folder`, which runs its code. JobFailed when it can't be loaded."""
    model = read_mlmodel(folder)
    return MlflowScorer(SklearnModel(model) if _is_fast(model) else PyfuncModel(model))


class MlflowScorer:
    """A scorer that answers as Azure does, and takes more forms of a table."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.notice = model.unstarted

    def score(self, request: Request) -> Answer:
        return respond(request, self._run, self.model.describe)

    def _run(self, given: Mapping[str, Any]) -> Outcome:
        if "input_data" not in given:
            return self._run_otherwise(given)
        try:
            return self.model.predict(given["input_data"], given.get("params"))
        except BaseException as error:
            raise Refused(500, failure_message(error), by_run=True) from error

    def _run_otherwise(self, given: Mapping[str, Any]) -> Outcome:
        found = [key for key in given if key in MLFLOW_FORMS]
        unknown = [key for key in given if key not in (*MLFLOW_FORMS, "params")]
        if len(found) != 1 or unknown:
            instead = f", but {', '.join(map(shown, given))}" if given else ""
            raise Refused(400, f"there is no input_data{instead}")
        params = given.get("params")
        if params is not None and not isinstance(params, dict):
            raise Refused(400, "params must be an object")
        try:
            returned = self.model.predict_from(found[0], given[found[0]], params)
        except BaseException as error:
            raise Refused(400, failure_message(error)) from error
        notice = f"{_REFUSED}it holds {found[0]} and no input_data"
        return Outcome({"predictions": returned}, notice)


class SklearnModel:
    """A scikit-learn model over numbers, without MLflow, whose import alone takes seconds."""

    unstarted = None

    def __init__(self, model: MlModel) -> None:
        self._model = model
        self._columns = model.signature.columns
        self._predict = sklearn_model.load(model)

    def predict(self, content: Any, params: Any) -> Outcome:
        if is_split(content):
            return Outcome(self._predicted(split_columns(content, self._columns)))
        cells = any_columns("input_data", content, self._columns)
        return Outcome(self._predicted(cells), _REFUSED + WRITTEN_OTHERWISE)

    def predict_from(self, form: str, content: Any, params: Any) -> Any:
        return self._predicted(any_columns(form, content, self._columns))

    def describe(self, version: str) -> Any:
        columns = {"columns": [column.name for column in self._columns], "index": [], "data": []}
        table = mlflow_swagger.described_frame(columns, "split")
        inputs = {"input_data": table, "params": mlflow_swagger.ANYTHING}
        return mlflow_swagger.document(version, inputs, _output_of(self._model))

    def _predicted(self, cells: Mapping[str, list[Any]]) -> Any:
        if not next(iter(cells.values())):
            raise BadRequest("there are no rows")
        predictions = self._predict(typed_table(cells, self._columns))
        return predictions.tolist() if hasattr(predictions, "tolist") else predictions


class PyfuncModel:
    """A model of any other flavor or signature, by MLflow's own loading."""

    def __init__(self, model: MlModel) -> None:
        try:
            import mlflow.pyfunc
        except ModuleNotFoundError:
            raise JobFailed(
                f"model {model.folder} is loaded by {model.loader_module}, which needs mlflow:"
                f" {way_to_have(['mlflow'], 'mlflow')}"
            ) from None
        try:
            if model.pipeline is not None:
                _begin_spark()
            self.loaded = mlflow.pyfunc.load_model(str(model.folder))
        except Exception as error:
            raise JobFailed(f"model {model.folder} {why_not_loaded(model, error)}") from error
        if model.pipeline is not None:
            self._warm_up(model.folder)
        self._columns = model.signature.columns
        self._flavors = self.loaded.metadata.flavors
        self.unstarted: str | None = None
        self._samples = mlflow_samples.Samples()
        try:
            self._samples = mlflow_samples.samples_of(self.loaded.metadata, model.folder)
            self._read = mlflow_samples.reader(self._samples.input, self._flavors)
        except Exception as error:
            self.unstarted = f"Azure does not start this model, for its signature: {_brief(error)}"

    def _warm_up(self, folder: Path) -> None:
        """Score the model's example, if it has one: what Spark compiles first takes seconds."""
        with suppress(Exception):
            example = self.loaded.metadata.load_input_example(str(folder))
            if example is not None:
                self.loaded.predict(example)

    def predict(self, content: Any, params: Any) -> Outcome:
        refused = self._why_refused(content)
        if refused is None:
            return Outcome(self._predicted(content, params))
        form = "dataframe_split" if is_split(content) else "inputs"
        return Outcome(self.predict_from(form, content, params), refused)

    def predict_from(self, form: str, content: Any, params: Any) -> Any:
        from mlflow.pyfunc.scoring_server import infer_and_parse_data

        if self._columns and mlflow_samples.is_table(self._samples.input):
            return self._predicted(as_split(any_columns(form, content, self._columns)), params)
        schema = self.loaded.metadata.get_input_schema()
        return self._returned(infer_and_parse_data({form: content}, schema), params)

    def describe(self, version: str) -> Any:
        inputs = mlflow_samples.input_schemas(self._samples)
        return mlflow_swagger.document(version, inputs, mlflow_samples.output_schema(self._samples))

    def _predicted(self, content: Any, params: Any) -> Any:
        try:
            read = self._read(content)
        except Exception as error:
            raise BadRequest(self._why_unread(content, error)) from error
        return self._returned(*mlflow_samples.model_input(read, params, self._flavors))

    def _why_refused(self, content: Any) -> str | None:
        """Return why Azure takes no such `input_data`, where it can be read here anyway."""
        if self.unstarted is not None:
            return self.unstarted
        if mlflow_samples.is_table(self._samples.input):
            readable = isinstance(content, (list, dict)) and content and not is_split(content)
            return _REFUSED + WRITTEN_OTHERWISE if readable else None
        whole = is_split(content) and {"index", "data"} <= content.keys()
        if self._samples.input is None and whole:
            # The generated script hands text to pandas' `read_json`.
            return f"{_REFUSED}the model has no signature" if _pandas_reads_no_text() else None
        return None

    def _returned(self, data: Any, params: Any) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return mlflow_samples.jsonable(self.loaded.predict(data, params=params))
        except MlflowException as error:
            if error.error_code not in _BAD_REQUESTS:
                raise
            raise BadRequest(_reason(error.message)) from error

    def _why_unread(self, content: Any, error: Exception) -> str:
        """Name the cell that is not the number it should be, or else give pandas' own words."""
        if is_split(content):
            for column in self._columns:
                if are_numbers([column]):
                    typed_table(split_columns(content, [column]), [column])
        return _brief(error)


def _is_fast(model: MlModel) -> bool:
    """Return whether a model needs nothing of MLflow and pandas to be given what Azure gives it."""
    if not (model.is_plain_sklearn and are_numbers(model.signature.columns)):
        return False
    if model.takes_params or any(output["type"] not in _TYPES for output in model.outputs):
        return False  # MLflow checks params; with such outputs Azure doesn't start the model
    # Azure follows an example, unless it is a table that its pandas can't read.
    return model.example is None or (model.example == "dataframe" and _pandas_reads_no_text())


@cache
def _pandas_reads_no_text() -> bool:
    """Return whether pandas is of a version from which on the generated script finds no example."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return int(version("pandas").partition(".")[0]) >= 3
    except (PackageNotFoundError, ValueError):
        return True


def _output_of(model: MlModel) -> dict[str, Any]:
    """Return the schema of a model's output by its signature, without MLflow and pandas."""
    if not model.outputs:
        return mlflow_swagger.ANYTHING
    if model.outputs[0]["type"] != "tensor":
        return mlflow_swagger.described_frame([], "records")
    parts = {}
    for output in model.outputs:
        spec = output["tensor-spec"]
        part = mlflow_swagger.described_zeros(spec["dtype"], spec["shape"])
        if output.get("name") is None:
            return part
        parts[str(output["name"])] = part
    return mlflow_swagger.described_parts(parts)


def _begin_spark() -> None:
    """Start Spark by the settings of this process; MLflow would by settings of its own."""
    from pyspark.sql import SparkSession

    leave_remote()
    SparkSession.builder.getOrCreate()


def failure_message(error: BaseException) -> str:
    """Return the message of an error for the client; the traceback is printed, for the log."""
    if isinstance(error, BadRequest):
        return str(error)
    # Also for SystemExit: a model that calls exit() fails a request, not the deployment.
    traceback.print_exception(type(error), error, error.__traceback__)
    if cause := java_cause(error):  # which Spark's errors have in the middle of pages
        print(cause, file=sys.stderr)
    return f"scoring raised {type(error).__name__}; the deployment's log says more"


def _reason(message: str) -> str:
    """Return MLflow's own message, without the whole request that it repeats before."""
    if message.startswith("Failed to enforce schema"):
        message = message.rpartition("Error: ")[2]
    return one_line(message)[:_LONGEST_REASON]


def _brief(error: Exception) -> str:
    return (one_line(error) or type(error).__name__)[:_LONGEST_REASON]
