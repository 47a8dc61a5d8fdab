"""The code that runs in Spark's Python workers: the engine's own readers, drivers and writers.

Functions that are handed to `mapInArrow`. A task is given the number of a group of units, and
this module finds everything else in what the function carries with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine import drivers
from runner.engine.attempt import FileResult
from runner.engine.drivers.answers import BadPredictions, as_answers
from runner.engine.drivers.bad_file import BadFile
from runner.engine.drivers.formats import read_table
from runner.engine.drivers.predictions import write_lines
from runner.engine.drivers.result import NotOnceARow, Result
from runner.engine.drivers.script import ScriptDriver
from runner.engine.messages import Hopeless, Message, Raised, Ready, Scored, WantsWholeFiles, encode
from runner.engine.mlmodel import Column
from runner.engine.plan import Plan
from runner.engine.spark.units import Unit
from runner.errors import JobFailed

if TYPE_CHECKING:
    import pyarrow as pa

ANSWERS = "unit long, message binary, lines binary, seconds double"
KILLED_AFTER = 5.0  # seconds past its timeout that code may take to notice it
UNIT = "__runner_unit"  # the column that says whose a row is
_MOST_AT_ONCE = 8 << 20  # bytes of lines in one row, which the JVM copies as a whole
_ROWS_AT_ONCE = 10_000  # rows of a batch that goes to the JVM

Batches = Iterator["pa.RecordBatch"]
Groups = Sequence[Sequence[Unit]]


@dataclass(frozen=True)
class Reading:
    """The folder and the columns by which the files of a model of rows are read."""

    folder: str
    columns: tuple[Column, ...]


# Kept from one task to the next, since Spark uses its Python workers again.
_loaded: dict[str, drivers.Driver] = {}


def pass_on(batches: Batches) -> Batches:
    """Do nothing, in a Python worker that has started for it and imported all that it needs."""
    import pyarrow.compute
    import pyarrow.csv

    assert pyarrow.compute
    assert pyarrow.csv
    yield from batches


def load_driver(plan: Plan, output_folder: str) -> Callable[[Batches], Batches]:
    """Load the engine's own driver, and say Ready or Hopeless."""

    def run(batches: Batches) -> Batches:
        import pyarrow as pa

        for _ in batches:
            message: Message
            try:
                with warnings.catch_warnings(record=True) as heard:
                    warnings.simplefilter("always")
                    driver = _driver(plan, output_folder)
                doubts = drivers.doubts(plan, [_warning(found) for found in heard])
                if isinstance(driver, ScriptDriver) and driver.has_shutdown:
                    doubts += (f"Spark ends without calling shutdown() of {plan.script}",)
                message = Ready(doubts)
            except JobFailed as error:
                traceback.print_exc()
                message = Hopeless(str(error))
            yield pa.record_batch([pa.array([encode(message)], pa.binary())], ["message"])

    return run


def score_parts(plan: Plan, output_folder: str, groups: Groups) -> Callable[[Batches], Batches]:
    """Score whole parts by the engine's own driver, which each Python worker loads once."""

    def run(batches: Batches) -> Batches:
        for unit in _units(batches, groups):
            lines: list[bytes] = []
            # One that took the place of a killed one loads the driver again.
            driver = _driver(plan, output_folder)
            began = time.monotonic()
            files = [Path(plan.input) / file.name for file in unit.part.files]
            message = _attempt(plan, driver, files, unit, lines)
            seconds = time.monotonic() - began
            yield from _answer(unit, message, lines if isinstance(message, Scored) else (), seconds)

    return run


def read_rows(reading: Reading, groups: Groups) -> Callable[[Batches], Batches]:
    """Yield the rows of files as a model's signature types them, each with the number of its unit.

    That number is negative where there is something to say of the file, as `describe_files`
    does. A file that can't be read has no rows.
    """

    def run(batches: Batches) -> Batches:
        import pyarrow as pa

        for unit in _units(batches, groups):
            try:
                table, notes = _read(reading, unit)
            except BadFile:
                continue
            number = pa.scalar(-1 - unit.number if notes else unit.number, pa.int64())
            table = table.append_column(UNIT, pa.repeat(number, len(table)))
            yield from table.combine_chunks().to_batches(_ROWS_AT_ONCE)

    return run


def describe_files(reading: Reading, groups: Groups) -> Callable[[Batches], Batches]:
    """Yield the messages about each file: why it can't be read, or what its job's log warns of."""

    def run(batches: Batches) -> Batches:
        for unit in _units(batches, groups):
            (file,) = unit.part.files
            notes: list[str] = []
            error: str | None = None
            try:
                _, notes = _read(reading, unit)
            except BadFile as refused:
                error = f"{file.name}: {refused}"
            said = tuple(f"{file.name}: {note}" for note in notes)
            result = Result((FileResult(file.name, 0, error),), {}, said)
            yield from _answer(unit, Scored(result), (), 0.0)

    return run


def write_rows(units: Mapping[int, Unit]) -> Callable[[Batches], Batches]:
    """Yield the lines of predictions that come as rows of a unit's number and a prediction.

    The rows of a unit come one after another, in the order of its file.
    """

    def run(batches: Batches) -> Batches:
        number: int | None = None
        predictions: list[Any] = []
        began = time.monotonic()
        for batch in batches:
            numbers = batch.column(0)
            start = 0
            for found, count in _runs(numbers):
                if found != number:
                    if number is not None:
                        yield from _written(units, number, predictions, began)
                        began = time.monotonic()
                    number, predictions = found, []
                predictions += batch.column(1).slice(start, count).to_pylist()
                start += count
        if number is not None:
            yield from _written(units, number, predictions, began)

    return run


def _units(batches: Batches, groups: Groups) -> Iterator[Unit]:
    for batch in batches:
        for group in batch.column(0).to_pylist():
            yield from groups[group]


def _warning(heard: warnings.WarningMessage) -> Warning:
    return heard.message if isinstance(heard.message, Warning) else Warning(heard.message)


def _driver(plan: Plan, output_folder: str) -> drivers.Driver:
    driver = _loaded.get(plan.job)
    if driver is None:
        os.environ.update(plan.environment_variables)
        os.environ["AZUREML_BI_OUTPUT_PATH"] = output_folder
        # Lines go back to the job's host; what a script writes by itself stays where it runs.
        if plan.settings.output_action == "summary_only" and not Path(output_folder).is_dir():
            raise JobFailed(
                f"{plan.script} writes its output itself (output_action summary_only), and"
                f" {socket.gethostname()}, which runs it, does not see {output_folder}: set"
                " RUNNER_HOME to a folder that the cluster shares, use append_row, or score on this"
                " machine (--engine process)"
            )
        driver = _loaded[plan.job] = drivers.load(plan)
    return driver


class _TookLonger(BaseException):
    """Raised into a part that outlives its timeout."""


@contextlib.contextmanager
def _no_longer_than(limit: float) -> Iterator[None]:
    """Raise _TookLonger where the block takes longer than `limit` seconds.

    A block that can't be interrupted is ended with its Python worker, and Spark starts another
    worker.
    """

    def interrupt(*_: object) -> None:
        raise _TookLonger

    watch = threading.Timer(limit + KILLED_AFTER, os._exit, [1])
    watch.daemon = True
    watch.start()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        watch.cancel()


def took_longer(limit: float) -> str:
    return f"took longer than {limit:g} s (retry_settings.timeout)"


def _attempt(
    plan: Plan, driver: drivers.Driver, files: Sequence[Path], unit: Unit, lines: list[bytes]
) -> Message:
    try:
        with _no_longer_than(plan.settings.timeout):
            result = driver.run(files, lambda text: lines.append(bytes(text)), unit.part.slice)
    except _TookLonger:
        return Raised(took_longer(plan.settings.timeout))
    except NotOnceARow as error:
        return WantsWholeFiles(str(error))
    except JobFailed as error:
        traceback.print_exc()
        return Hopeless(str(error))
    except BaseException as error:
        traceback.print_exc()
        return Raised(drivers.explain(plan, error))
    # It stays here: a profile of what Spark scored is made when it is asked for.
    return Scored(replace(result, profile=None))


def _read(reading: Reading, unit: Unit) -> tuple[pa.Table, list[str]]:
    """Return a file's rows in the types that Spark finds in what MLflow hands it: a DataFrame of
    pandas, where nothing is missing, a missing number is NaN and a missing text "NaN"."""
    import pyarrow as pa

    (file,) = unit.part.files
    path = Path(reading.folder) / file.name
    table, notes = read_table(path, reading.columns, unit.part.slice)
    found = {}
    for column in reading.columns:
        kind = spark_type(column)
        if column.name not in table.column_names:
            found[column.name] = pa.nulls(len(table), kind)
            continue
        values = table.column(column.name).cast(kind)
        if pa.types.is_floating(kind):
            values = values.fill_null(float("nan"))
        elif pa.types.is_string(kind) and path.suffix.lower() == ".csv":
            values = values.fill_null("NaN")
        found[column.name] = values
    return pa.table(found), notes


def spark_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column of scalars in Spark, which has one kind of number for
    pandas'."""
    import pyarrow as pa

    kinds: dict[str, pa.DataType] = {
        "boolean": pa.bool_(),
        "integer": pa.int64(),
        "long": pa.int64(),
        "float": pa.float64(),
        "double": pa.float64(),
        "string": pa.string(),
    }
    return kinds[column.type]


def _runs(numbers: pa.Array) -> Iterator[tuple[int, int]]:
    """Yield each number that stands there one or more times in a row, with how often it does."""
    import pyarrow.compute as pc

    encoded = pc.run_end_encode(numbers)
    last = 0
    ends = encoded.run_ends.to_pylist()
    for value, end in zip(encoded.values.to_pylist(), ends, strict=True):
        yield value, end - last
        last = end


def _written(
    units: Mapping[int, Unit], number: int, predictions: list[Any], began: float
) -> Batches:
    noted = number < 0
    unit = units[-1 - number if noted else number]
    (file,) = unit.part.files
    lines: list[bytes] = []
    slice_ = unit.part.slice
    message: Message
    try:
        answers = as_answers(predictions)
        if slice_ is not None and len(answers) != slice_.rows:
            message = WantsWholeFiles(not_once_a_row(len(answers), unit))
        else:
            first_row = slice_.first_row if slice_ else 0
            tally = write_lines(
                answers, file.name, lambda text: lines.append(bytes(text)), first_row
            )
            types = answers.number_types if slice_ else {}
            # `describe_files` writes the notes; the empty one only tells that there are some.
            message = Scored(
                Result(
                    (FileResult(file.name, len(answers)),),
                    tally,
                    ("",) if noted else (),
                    number_types=types,
                )
            )
    except BadPredictions as error:
        failed = FileResult(file.name, 0, f"{file.name}: {error}")
        message = Scored(Result((failed,), {}, ("",) if noted else ()))
    yield from _answer(unit, message, lines, time.monotonic() - began)


def not_once_a_row(answers: int, unit: Unit) -> str:
    from runner.counting import many

    assert unit.part.slice is not None
    return (
        f"the model gave {many(answers, 'answer')} for {many(unit.part.slice.rows, 'row')} of"
        f" {unit.part.files[0].name}"
    )


def _answer(unit: Unit, message: Message, lines: Sequence[bytes], seconds: float) -> Batches:
    """Yield a row for each few megabytes of lines, and a last one that says how it went."""
    for line in _in_chunks(lines):
        yield _row(unit.number, None, line, None)
    yield _row(unit.number, encode(message), None, seconds)


def _in_chunks(lines: Sequence[bytes]) -> Iterator[bytes]:
    together: list[bytes] = []
    size = 0
    for text in lines:
        for start in range(0, len(text), _MOST_AT_ONCE):
            piece = text[start : start + _MOST_AT_ONCE]
            if size + len(piece) > _MOST_AT_ONCE:
                yield b"".join(together)
                together, size = [], 0
            together.append(piece)
            size += len(piece)
    if together:
        yield b"".join(together)


def _row(
    unit: int, message: bytes | None, lines: bytes | None, seconds: float | None
) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.record_batch(
        [
            pa.array([unit], pa.int64()),
            pa.array([message], pa.binary()),
            pa.array([lines], pa.binary()),
            pa.array([seconds], pa.float64()),
        ],
        ["unit", "message", "lines", "seconds"],
    )
