"""The errors that Spark raises, in one line."""

from __future__ import annotations

from typing import Any

import pytest

from runner.engine.drivers.result import brief
from runner.engine.java_cause import java_cause

PY4J: Any = type("Py4JJavaError", (Exception,), {"__module__": "py4j.protocol"})
CAUGHT: Any = type("PythonException", (Exception,), {"__module__": "pyspark.errors.exceptions"})

NESTED = """An error occurred while calling o12.getResult.
: org.apache.spark.SparkException: Exception thrown in awaitResult:
\tat org.apache.spark.util.ThreadUtils$.awaitResult(ThreadUtils.scala:342)
Caused by: org.apache.spark.SparkException: Job aborted due to stage failure:
\tat org.apache.spark.scheduler.DAGScheduler.run(DAGScheduler.scala:1)
Caused by: org.apache.spark.SparkException: Encountered NaN while assembling. Consider
removing NaNs from the dataset.
\tat org.apache.spark.ml.feature.VectorAssembler$.assemble(VectorAssembler.scala:268)
\t... 39 more
"""
CRASHED = """An error occurred
Caused by: org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)
\tat org.apache.spark.api.python.BasePythonRunner.run(PythonRunner.scala:1)
Caused by: java.io.EOFException
\tat java.base/java.io.DataInputStream.readInt(DataInputStream.java:386)
"""
PYTHON = """
  An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "worker.py", line 3, in run
    raise ValueError("no penguin")
ValueError: no penguin
"""


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            PY4J(NESTED),
            "SparkException: Encountered NaN while assembling. Consider removing NaNs from the"
            " dataset.",
        ),
        (PY4J(CRASHED), "SparkException: Python worker exited unexpectedly (crashed)"),
        (CAUGHT(PYTHON), "ValueError: no penguin"),
        (CAUGHT("[TABLE_OR_VIEW_NOT_FOUND] There is none."), None),
        (ValueError(NESTED), None),
    ],
)
def test_the_last_cause_that_says_something_is_told(error: Exception, cause: str | None) -> None:
    assert java_cause(error) == cause


def test_other_errors_of_spark_are_told_by_their_text() -> None:
    assert brief(CAUGHT("There\nis none.")) == "PythonException: There is none."
    assert brief(PY4J(CRASHED)) == "SparkException: Python worker exited unexpectedly (crashed)"
