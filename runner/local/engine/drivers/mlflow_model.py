"""The generated driver: what scores files with an MLflow model when there is no script."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner.errors import JobFailed
from runner.local.engine.attempt import FileResult
from runner.local.engine.disk import DiskFull
from runner.local.engine.drivers import sklearn_model
from runner.local.engine.drivers.images import SUFFIXES as IMAGES
from runner.local.engine.drivers.images import read_image
from runner.local.engine.drivers.packages import why_not_loaded
from runner.local.engine.drivers.predictions import BadPredictions, write_lines
from runner.local.engine.drivers.result import Result, brief
from runner.local.engine.drivers.schema_check import is_refusal
from runner.local.engine.drivers.tables import BadFile, read_frame, read_table
from runner.local.engine.mlmodel import MlModel, read_mlmodel
from runner.local.engine.plan import InputFile
from runner.local.engine.tally import merge

TABLES = frozenset({".csv", ".parquet"})  # Azure reads .csv; .parquet is our extension
_MOST_NAMED = 10  # files that are not supported, columns that are ignored


class MlflowDriver:
    """Scores each file of a mini-batch with one call of the model."""

    def __init__(self, folder: Path) -> None:
        """Load the model in `folder`, which runs its code. JobFailed when it can't be loaded."""
        self._model = read_mlmodel(folder)
        if self._model.is_plain_sklearn:
            self._predict_rows = sklearn_model.load(self._model)
            self._predict: Callable[[Any], Any] | None = None
        else:
            predict = _load_pyfunc(self._model)
            self._predict = predict
            self._predict_rows = predict
            if self._model.signature.columns:
                self._predict_rows = lambda table: predict(table.to_pandas(date_as_object=False))

    def run(self, files: Sequence[Path], write: Callable[[Any], object]) -> Result:
        """Score files one by one. A file that fails keeps nothing of the others from counting.

        A file that can't be read will not read better next time; a model that raises may do
        better, so only that asks for another attempt.
        """
        results: list[FileResult] = []
        tallies = []
        warnings: list[str] = []
        retry: str | None = None
        for file in files:
            try:
                rows, predictions = self._score(file, warnings)
                tallies.append(write_lines(predictions, rows, file.name, write))
            except BadFile as error:
                results.append(FileResult(file.name, 0, f"{file.name}: {error}"))
            except (DiskFull, JobFailed):
                raise
            except Exception as error:
                if not isinstance(error, BadPredictions):
                    _print_traceback()
                reason = f"{file.name}: {brief(error)}"
                results.append(FileResult(file.name, 0, reason))
                if not is_refusal(error):
                    retry = retry or reason
            else:
                results.append(FileResult(file.name, rows))
        return Result(tuple(results), merge(tallies).as_dict(), tuple(warnings), retry)

    def _score(self, file: Path, warnings: list[str]) -> tuple[int, Any]:
        if file.suffix.lower() in IMAGES:
            array = read_image(file, self._model.signature)
            predict = self._predict
            if predict is None:
                raise JobFailed(
                    f"model {self._model.folder} takes tables, and {file.name} is an image"
                )
            rows = array.shape[0] if self._model.signature.tensor_shape else None
            predictions = predict(array)
            return (rows if rows is not None else _length(predictions)), predictions
        columns = self._model.signature.columns
        if not columns:
            frame = read_frame(file)
            return len(frame), self._predict_rows(frame)
        table, extra = read_table(file, columns)
        if extra:
            warnings.append(
                f"{file.name}: columns the model doesn't know are ignored: {_quoted(extra)}"
            )
        return table.num_rows, self._predict_rows(table)


def refuse_unsupported(files: Sequence[InputFile], folder: str) -> None:
    """Raise JobFailed for files that no MLflow deployment reads, before anything is scored.

    All of them are named: Azure's own driver raises at the first, and who takes out that one only
    to be told of the next learns of them one by one.
    """
    others = [file.name for file in files if not _is_supported(file.name)]
    if not others:
        return
    raise JobFailed(
        f"{_listed(others)} not supported by a deployment without a script; it reads"
        f" {', '.join(sorted(TABLES | IMAGES))}{_way_around(files, folder)}"
    )


def _quoted(names: Sequence[str]) -> str:
    """Names in quotes, so that an empty one and a blank at the end of one show."""
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more


def _is_supported(name: str) -> bool:
    return Path(name).suffix.lower() in TABLES | IMAGES


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"input file {_quoted(names)} is"
    return f"input files {_quoted(names)} are"


def _way_around(files: Sequence[InputFile], folder: str) -> str:
    """The command's option that leaves the others out: it takes the most frequent ending."""
    endings = Counter(Path(file.name).suffix for file in files if _is_supported(file.name))
    if not endings:
        return ""
    ((ending, count),) = endings.most_common(1)
    pattern = shlex.quote(str(Path(folder) / f"*{ending}"))
    them = "the one file" if count == 1 else f"the {count:,} files"
    return f"; take them out, or score {them} it reads with `--data {pattern}`"


def modules(folder: Path) -> list[str]:
    """The modules worth importing before workers are forked; none of them is the model's own."""
    model = read_mlmodel(folder)
    if model.is_plain_sklearn:
        return ["pyarrow.csv", "pyarrow.compute", *sklearn_model.modules(model)]
    return ["pyarrow.csv", "pyarrow.compute", "mlflow.pyfunc"]


def _load_pyfunc(model: MlModel) -> Callable[[Any], Any]:
    try:
        import mlflow.pyfunc
    except ModuleNotFoundError:
        raise JobFailed(
            f"model {model.folder} is loaded by {model.loader_module}, which needs mlflow:"
            " `uv pip install -r requirements/mlflow.txt`"
        ) from None
    try:
        predict: Callable[[Any], Any] = mlflow.pyfunc.load_model(str(model.folder)).predict
    except Exception as error:
        raise JobFailed(f"model {model.folder} {why_not_loaded(model, error)}") from error
    return predict


def _length(predictions: Any) -> int:
    return len(predictions) if hasattr(predictions, "__len__") else 1


def _print_traceback() -> None:
    """Into the worker's log; the job's failures carry the one line."""
    import traceback

    traceback.print_exc()
