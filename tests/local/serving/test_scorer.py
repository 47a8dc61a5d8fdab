"""Requests whose model or script raises."""

from __future__ import annotations

from typing import Any

import pytest

from runner.local.serving.answer import Answer
from runner.local.serving.request import Request
from runner.local.serving.scorer import answer

from .scripts import posted

PY4J: Any = type("Py4JJavaError", (Exception,), {"__module__": "py4j.protocol"})
UNSEEN = """An error occurred while calling o635.collectToPython.
: org.apache.spark.SparkException: [FAILED_EXECUTE_UDF] User defined function failed.
\tat org.apache.spark.sql.catalyst.expressions.ScalaUDF.eval(ScalaUDF.scala:1205)
Caused by: org.apache.spark.SparkException: Unseen label: Atlantis.
\tat org.apache.spark.ml.feature.StringIndexerModel.getIndexer(StringIndexer.scala:387)
\t... 32 more
"""


class Raises:
    """A model that raises an error at every request."""

    notice: str | None = None

    def __init__(self, error: Exception) -> None:
        self._error = error

    def score(self, request: Request) -> Answer:
        raise self._error


def test_below_the_pages_that_spark_raises_stands_what_went_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = answer(Raises(PY4J(UNSEEN)), posted(b"{}"))
    assert (said.status, b"Atlantis" in said.body) == (500, False)
    log = capsys.readouterr().err.splitlines()
    assert log[0].startswith("Traceback")
    assert log[-1] == "SparkException: Unseen label: Atlantis."


def test_any_other_error_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(Raises(ValueError("a secret")), posted(b"{}")).status == 500
    assert capsys.readouterr().err.count("a secret") == 1
