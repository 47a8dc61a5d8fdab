"""The methods by which a Spark session scores units, chosen by the model."""

from __future__ import annotations

import contextlib
import io
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from runner.engine import drivers
from runner.engine.attempt import FileResult
from runner.engine.drivers.packages import why_not_loaded
from runner.engine.drivers.result import Result
from runner.engine.layout import output_folder
from runner.engine.messages import (
    Hopeless,
    Message,
    Raised,
    Ready,
    Scored,
    WantsWholeFiles,
    decode,
)
from runner.engine.mlmodel import MlModel, read_mlmodel
from runner.engine.parts import Part
from runner.engine.plan import Plan
from runner.engine.spark import executor
from runner.engine.spark.session import UTC, Session
from runner.engine.spark.units import Answer, Unit, by_file, in_groups
from runner.errors import JobFailed
from runner.spark import runs_on_databricks

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

_SIMPLE = ("boolean", "integer", "long", "float", "double", "string")
_ANSWERS = ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string")
# The nodes of a plan in which each row stays where it is and is looked at by itself.
_BY_ROW = {"ArrowEvalPython", "BatchEvalPython", "Filter", "MapInArrow", "Project", "Range"}
# The signs that Hadoop takes for a pattern in a path. Others stand for themselves, as in %20.
_OF_PATTERNS = re.compile(r"[\\\[\]{}*?]")


class Method(Protocol):
    """A way to score units."""

    warnings: tuple[str, ...]  # about the model that was loaded
    at_once: int  # units in a job of Spark's
    jobs: int  # of Spark's side by side

    def divide(self, part: Part) -> list[Part]:
        """Return the units of a part."""
        ...

    def run(self, units: Sequence[Unit]) -> Iterator[Answer]:
        """Score units. An error that it raises is about all of them."""
        ...

    def failed(self, unit: Unit, reason: str) -> Message:
        """Return the message for a unit that failed by itself."""
        ...


def choose_method(plan: Plan, folder: Path, session: Session) -> Method:
    """Load what has to be loaded here, and choose. Raises JobFailed where it can't be loaded."""
    model = read_mlmodel(Path(plan.model)) if plan.script is None and plan.model else None
    if model is None or model.pipeline is None:
        return ByDrivers(plan, folder, session)
    if not model.code and {column.type for column in model.signature.columns} <= {*_SIMPLE}:
        with contextlib.suppress(_NotByRow):
            return ByRows(plan, session, model)
    return InThisProcess(plan)


class ByDrivers:
    """Whole parts by the engine's own driver in Python workers."""

    at_once = 4096
    jobs = 2

    def __init__(self, plan: Plan, folder: Path, session: Session) -> None:
        self._plan = plan
        self._output_folder = str(output_folder(folder))
        self._session = session
        self.warnings = self._load_everywhere()

    def _load_everywhere(self) -> tuple[str, ...]:
        """Have each Python worker load the driver, and return what is to be said of it."""
        load = executor.load_driver(self._plan, self._output_folder)
        tasks = _over(self._session, self._session.tasks)
        messages = map(
            decode, tasks.mapInArrow(load, "message binary").toArrow()["message"].to_pylist()
        )
        warnings: dict[str, None] = {}
        for message in messages:
            if isinstance(message, Hopeless):
                raise JobFailed(message.reason)
            if isinstance(message, Ready):
                warnings |= dict.fromkeys(message.warnings)
        return tuple(warnings)

    def divide(self, part: Part) -> list[Part]:
        return [part]

    def run(self, units: Sequence[Unit]) -> Iterator[Answer]:
        groups = in_groups(units, self._session.tasks)
        run = executor.score_parts(self._plan, self._output_folder, groups)
        return _answers(_over(self._session, len(groups)).mapInArrow(run, executor.ANSWERS), groups)

    def failed(self, unit: Unit, reason: str) -> Message:
        return Raised(reason)


class _NotByRow(Exception):
    """A model that has to be given one file at a time."""


class ByRows:
    """Rows of many files by the model's own `transform`, which looks at each row by itself."""

    at_once = 4096
    jobs = 2

    def __init__(self, plan: Plan, session: Session, model: MlModel) -> None:
        """Load the model. Raises JobFailed, and _NotByRow where it is none of this kind."""
        self._reading = executor.Reading(plan.input, model.signature.columns)
        self._session = session
        if not self._reading.columns:
            raise _NotByRow
        if session.connected:
            # The reader of pyspark 4.0 for Spark Connect turns to a JVM of this process for them.
            raise JobFailed(
                f"model {model.folder} is a pipeline of Spark, which can't be loaded over Spark"
                " Connect: let RUNNER_SPARK_MASTER name the cluster by spark://HOST:PORT"
            )
        # Python workers start, and import what they need, while the JVM loads the model.
        threading.Thread(target=_start_python_workers, args=[session], daemon=True).start()
        self._model = _load(model)
        self.warnings = drivers.doubts(plan, _of_another_spark(model))
        self._check()

    def divide(self, part: Part) -> list[Part]:
        return by_file(part)

    def run(self, units: Sequence[Unit]) -> Iterator[Answer]:
        groups = in_groups(units, self._session.tasks)
        write = executor.write_rows({unit.number: unit for unit in units})
        written = self._predictions(groups).mapInArrow(write, executor.ANSWERS)
        found = {answer.unit: answer for answer in _answers(written, groups)}
        # The reader is asked once more about units without rows, and about those with notes.
        asked = [
            unit
            for unit in units
            if unit.number not in found or _is_noted(found[unit.number].message)
        ]
        for described in self._describe(asked):
            found[described.unit] = _with_notes(described, found.get(described.unit))
        return iter(found.values())

    def failed(self, unit: Unit, reason: str) -> Message:
        (file,) = unit.part.files
        reason = f"{file.name}: {reason}"
        return Scored(Result((FileResult(file.name, 0, reason),), {}, retry=reason))

    def _describe(self, units: Sequence[Unit]) -> Iterable[Answer]:
        if not units:
            return ()
        groups = in_groups(units, self._session.tasks)
        describe = executor.describe_files(self._reading, groups)
        described = _over(self._session, len(groups)).mapInArrow(describe, executor.ANSWERS)
        return _answers(described, groups)

    def _predictions(self, groups: executor.Groups) -> DataFrame:
        read = executor.read_rows(self._reading, groups)
        types = _ddl(self._reading)
        rows = _over(self._session, len(groups)).mapInArrow(read, types)
        return self._model.transform(rows).select(executor.UNIT, "prediction")

    def _check(self) -> None:
        """Raise _NotByRow unless rows stay where they are, each looked at by itself."""
        try:
            predictions = self._predictions([[], []])
            kind = predictions.schema["prediction"].dataType.simpleString()
            explained = io.StringIO()
            with contextlib.redirect_stdout(explained):
                predictions.explain()
        except Exception:
            # MLflow knows more models, and says better what is wrong with the others.
            raise _NotByRow from None
        nodes = {
            match[1]
            for match in re.finditer(
                r"^[\s:+*()\d-]*([A-Z]\w*)", explained.getvalue(), re.MULTILINE
            )
        }
        if not nodes <= _BY_ROW or kind not in _ANSWERS:
            raise _NotByRow


class InThisProcess:
    """A part at a time by MLflow's own driver, which gives the session the whole of a file."""

    at_once = 1
    jobs = 1

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._driver = drivers.load(plan)
        assert plan.model is not None
        self.warnings = drivers.doubts(plan, _of_another_spark(read_mlmodel(Path(plan.model))))
        self._lock = threading.Lock()

    def divide(self, part: Part) -> list[Part]:
        return [part]

    def run(self, units: Sequence[Unit]) -> Iterator[Answer]:
        (unit,) = units
        lines: list[bytes] = []
        files = [Path(self._plan.input) / file.name for file in unit.part.files]
        began = time.monotonic()
        message: Message
        with self._lock:
            try:
                with _in_utc():
                    result = self._driver.run(
                        files, lambda text: lines.append(bytes(text)), unit.part.slice
                    )
                message = Scored(result)
            except drivers.NotOnceARow as error:
                message = WantsWholeFiles(str(error))
        yield Answer(unit.number, message, tuple(lines), time.monotonic() - began)

    def failed(self, unit: Unit, reason: str) -> Message:
        return Raised(reason)


@contextlib.contextmanager
def _in_utc() -> Iterator[None]:
    """Have this process in UTC meanwhile, as the session is.

    Without Arrow, pyspark takes the times of a DataFrame of pandas for times of this machine, and
    a file's 5 o'clock would be another hour in Spark.
    """
    before = os.environ.get("TZ")
    os.environ["TZ"] = UTC
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def _of_another_spark(model: MlModel) -> list[Warning]:
    """Return a warning about a pipeline of another version, which Spark loads without a word and
    may read otherwise."""
    import pyspark

    saved = model.saved_versions.get("pyspark", pyspark.__version__)
    if saved.split(".")[:2] == pyspark.__version__.split(".")[:2]:
        return []
    return [UserWarning(f"a pipeline of version {saved}")]


def _load(model: MlModel) -> Any:
    from pyspark.ml import PipelineModel

    assert model.pipeline is not None
    path = model.pipeline.absolute()
    # A volume of Databricks is a file system of its own there; all else lies in this machine's.
    volume = path.is_relative_to("/Volumes") and runs_on_databricks()
    found = _OF_PATTERNS.sub(r"\\\g<0>", str(path))
    try:
        return _predicting(PipelineModel.load(found if volume else f"file://{found}"))
    except Exception as error:
        raise JobFailed(f"model {model.folder} {why_not_loaded(model, error)}") from error


def _predicting(pipeline: Any) -> Any:
    """Let a pipeline that ends in a transformer answer with its output column, as MLflow does."""
    last = pipeline.stages[-1] if getattr(pipeline, "stages", None) else None
    if last is not None and last.hasParam("outputCol") and last.getOrDefault("outputCol"):
        last.setOutputCol("prediction")
    return pipeline


def _start_python_workers(session: Session) -> None:
    with contextlib.suppress(Exception):
        _over(session, session.tasks).mapInArrow(executor.pass_on, "id long").toArrow()


def _over(session: Session, groups: int) -> DataFrame:
    """Return a DataFrame of the numbers of groups, each a task of its own."""
    return session.spark.range(0, groups, 1, groups)


def _ddl(reading: executor.Reading) -> str:
    names = {"bool": "boolean", "int64": "bigint", "double": "double", "string": "string"}
    columns = [
        f"`{column.name.replace('`', '``')}` {names[str(executor.spark_type(column))]}"
        for column in reading.columns
    ]
    return ", ".join([*columns, f"{executor.UNIT} bigint"])


def _answers(rows: DataFrame, groups: executor.Groups) -> Iterator[Answer]:
    lanes = {unit.number: lane for lane, group in enumerate(groups) for unit in group}
    lines: list[Any] = []
    for batch in rows.toArrow().to_batches():
        yield from _of_batch(batch, lines, lanes)


def _of_batch(batch: pa.RecordBatch, lines: list[Any], lanes: dict[int, int]) -> Iterator[Answer]:
    units, messages, texts, seconds = batch.columns
    for row, message in enumerate(messages):
        if not message.is_valid:
            lines.append(texts[row].as_buffer())
            continue
        unit = units[row].as_py()
        yield Answer(
            unit,
            decode(message.as_py()),
            tuple(lines),
            seconds[row].as_py() or 0.0,
            lanes[unit],
        )
        lines.clear()


def _is_noted(message: Message) -> bool:
    return isinstance(message, Scored) and "" in message.result.warnings


def _with_notes(described: Answer, found: Answer | None) -> Answer:
    """Return an answer with the reader's notes. Without an answer the file could not be read, or
    the model gave nothing for any of its rows."""
    assert isinstance(described.message, Scored)
    words = described.message.result
    (file,) = words.files
    if found is None:
        if file.error is None:
            file = FileResult(file.name, 0, f"{file.name}: the model returned no predictions")
        scored = Scored(Result((file,), {}, words.warnings))
        return Answer(described.unit, scored, (), 0.0, described.lane)
    assert isinstance(found.message, Scored)
    result = found.message.result
    message = Scored(
        Result(
            result.files,
            result.tally,
            words.warnings,
            number_types=result.number_types,
        )
    )
    return Answer(found.unit, message, found.lines, found.seconds, found.lane)
