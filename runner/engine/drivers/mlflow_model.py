"""The driver that scores files with an MLflow model where there is no script."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner.counting import many
from runner.engine.attempt import FileResult
from runner.engine.disk import DiskFull
from runner.engine.drivers import sklearn_model
from runner.engine.drivers.answers import Answers, BadPredictions, as_answers
from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.cutting import BLOCK
from runner.engine.drivers.feed import Feed
from runner.engine.drivers.formats import FORMATS, is_read, read_feed
from runner.engine.drivers.packages import way_to_have, why_not_loaded
from runner.engine.drivers.predictions import write_lines
from runner.engine.drivers.result import NotOnceARow, Result, brief
from runner.engine.drivers.schema_check import refusal
from runner.engine.mlmodel import MlModel, read_mlmodel
from runner.engine.pickle_names import modules as modules_of_pickle
from runner.engine.plan import InputFile
from runner.engine.slices import Slice
from runner.errors import JobFailed
from runner.profile.sketch import Profiler, wanted
from runner.tally import merge

_MOST_NAMED = 10  # files that are not supported


class MlflowDriver:
    """Scores each file of a mini-batch with one call of the model."""

    def __init__(self, folder: Path) -> None:
        """Load the model in `folder`, which runs its code. JobFailed when it can't be loaded."""
        self._model = read_mlmodel(folder)
        if self._model.is_plain_sklearn:
            self._predict = sklearn_model.load(self._model)
        else:
            self._predict = _as_mlflow_checks(_load_pyfunc(self._model))

    def run(
        self, files: Sequence[Path], write: Callable[[Any], object], slice_: Slice | None = None
    ) -> Result:
        """Score files one by one. A file that fails keeps nothing of the others from counting.

        A file that can't be read will not read better next time, and what a model returned stays
        of its kind; a model that raises may do better, so only that asks for another attempt.
        """
        results: list[FileResult] = []
        tallies = []
        warnings: list[str] = []
        retry: str | None = None
        number_types: dict[str, str] = {}
        profiler = Profiler() if wanted() else None
        for file in files:
            try:
                feed, answers = self._answers(file, slice_, warnings)
                first_row = slice_.first_row if slice_ else 0
                tallies.append(write_lines(answers, file.name, write, first_row))
                if slice_ is not None:
                    number_types = answers.number_types
            except (BadFile, BadPredictions) as error:
                results.append(FileResult(file.name, 0, f"{file.name}: {error}"))
            except (DiskFull, JobFailed, NotOnceARow):
                raise
            except Exception as error:
                _print_traceback()
                reason = f"{file.name}: {brief(error)}"
                results.append(FileResult(file.name, 0, reason))
                retry = retry or reason
            else:
                results.append(FileResult(file.name, len(answers)))
                if profiler is not None:
                    profiler.add(feed.columns(), feed.rows, answers.columns, len(answers))
        return Result(
            tuple(results),
            merge(tallies).as_dict(),
            tuple(warnings),
            retry,
            number_types=number_types,
            profile=profiler.finish() if profiler is not None else None,
        )

    def close(self) -> None:
        """Do nothing: a model is told nothing at the end."""

    def _answers(
        self, file: Path, slice_: Slice | None, warnings: list[str]
    ) -> tuple[Feed, Answers]:
        feed = read_feed(file, self._model.signature, slice_)
        warnings.extend(f"{file.name}: {text}" for text in feed.notes)
        if slice_ is None:
            return feed, as_answers(self._call(feed))
        try:
            answers = as_answers(self._call(feed))
        except BadPredictions as error:
            raise NotOnceARow(f"of a slice of {file.name} {error}") from None
        if len(answers) != slice_.rows:
            raise NotOnceARow(
                f"the model gave {many(len(answers), 'answer')} for"
                f" {many(slice_.rows, 'row')} of {file.name}"
            )
        if slice_.first_row == 0 and not self._answers_halves_alike(feed, answers):
            raise NotOnceARow(
                f"the model answers rows of {file.name} otherwise when it is given fewer of them"
            )
        return feed, answers

    def _call(self, feed: Feed) -> Any:
        try:
            return self._predict(feed.data)
        except BadFile as error:
            raise BadFile(f"{error}{feed.way_out}") from None

    def _answers_halves_alike(self, feed: Feed, answers: Answers) -> bool:
        """Tell whether two calls with half of the rows each give what one call gave.

        A model that ranks, fills or standardises looks at all the rows it is given, and one that
        draws at random counts its calls; neither may be given slices.
        """
        import pyarrow as pa

        try:
            cells = [as_answers(self._predict(half)).cells for half in _halves(feed.data)]
        except Exception:
            return False
        return bool(pa.concat_arrays(cells).equals(answers.cells))


def _halves(data: Any) -> tuple[Any, Any]:
    """Return the rows of an Arrow table or a DataFrame in two parts, the first in whole blocks."""
    middle = len(data) // 2
    middle -= middle % BLOCK if middle > BLOCK else 0
    if hasattr(data, "iloc"):
        return data.iloc[:middle], data.iloc[middle:].reset_index(drop=True)
    return data.slice(0, middle), data.slice(middle)


def refuse_unsupported(files: Sequence[InputFile], folder: str) -> None:
    """Raise JobFailed for files that no MLflow deployment reads, before anything is scored.

    All of them are named: Azure's own driver raises at the first, and who takes out that one only
    to be told of the next learns of them one by one.
    """
    others = [file.name for file in files if not is_read(file.name)]
    if not others:
        return
    raise JobFailed(
        f"{_listed(others)} not supported by a deployment without a script; it reads names that"
        f" end in {', '.join(sorted(FORMATS))}{_endings_alone(others)}{_way_around(files, folder)}"
    )


def _endings_alone(names: Sequence[str]) -> str:
    """Say which names are an ending and nothing else, which Azure's driver doesn't take for one
    either."""
    alone = [name for name in names if name.lower() in FORMATS]
    return f" behind something else, so rename {_quoted(alone)}" if alone else ""


def _quoted(names: Sequence[str]) -> str:
    """List names in quotes, so that an empty one and a blank at the end of one show."""
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"input file {_quoted(names)} is"
    return f"input files {_quoted(names)} are"


def _way_around(files: Sequence[InputFile], folder: str) -> str:
    """Name the command's option that leaves the other files out: it takes the most frequent ending.

    Where no file is read, a packed one is to be unpacked, and any other wants a scoring script.
    """
    endings = Counter(Path(file.name).suffix for file in files if is_read(file.name))
    if not endings:
        if all(file.name.lower().endswith(".gz") for file in files):
            place = shlex.quote(folder) if len(files) > 1 else ""
            packed = f"{place}/*" if place else shlex.quote(str(Path(folder) / files[0].name))
            return f"; unpack {'them' if place else 'it'}: `gunzip {packed}`"
        return "; give it such files, or deploy the model with a scoring script"
    ((ending, count),) = endings.most_common(1)
    pattern = shlex.quote(str(Path(folder) / f"*{ending}"))
    them = "the one file" if count == 1 else f"the {count:,} files"
    other = "it" if len(files) - sum(endings.values()) == 1 else "them"
    return f"; take {other} out, or score {them} it reads with `--data {pattern}`"


def takes_slices(folder: Path) -> bool:
    """Return True for a model whose columns are typed, so that any part of a file is read alike,
    and that doesn't say `whole_files: true` in its metadata."""
    model = read_mlmodel(folder)
    return bool(model.signature.columns) and not model.whole_files


def modules(folder: Path) -> list[str]:
    """Return the modules worth importing before workers are forked; none of them is the model's
    own."""
    model = read_mlmodel(folder)
    if model.is_plain_sklearn:
        return ["pyarrow.csv", "pyarrow.compute", *modules_of_pickle(model)]
    return ["pyarrow.csv", "pyarrow.compute", "mlflow.pyfunc"]


def _load_pyfunc(model: MlModel) -> Callable[[Any], Any]:
    try:
        import mlflow.pyfunc
    except ModuleNotFoundError:
        raise JobFailed(
            f"model {model.folder} is loaded by {model.loader_module}, which needs mlflow:"
            f" {way_to_have(['mlflow'], 'mlflow')}"
        ) from None
    try:
        predict: Callable[[Any], Any] = mlflow.pyfunc.load_model(str(model.folder)).predict
    except Exception as error:
        raise JobFailed(f"model {model.folder} {why_not_loaded(model, error)}") from error
    return predict


def _as_mlflow_checks(predict: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap `mlflow.pyfunc`'s predict: it takes tables too, and raises BadFile where a signature
    refuses them."""

    import pyarrow as pa

    def checked(data: Any) -> Any:
        try:
            return predict(data.to_pandas() if isinstance(data, pa.Table) else data)
        except Exception as error:
            if (why := refusal(error)) is None:
                raise
            raise BadFile(f"is not what the model's signature wants, says MLflow: {why}") from None

    return checked


def _print_traceback() -> None:
    """Print the traceback into the worker's log; the job's failures carry the one line."""
    import traceback

    traceback.print_exc()
