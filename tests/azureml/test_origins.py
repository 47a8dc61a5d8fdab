from __future__ import annotations

import math

from runner.azureml.origins import note, read_note
from runner.jobs.logged_models import origin_of
from runner.workspace import Metric, Origin, Run


def test_an_origin_is_read_back_as_it_was_noted() -> None:
    metrics = {"rmse": 0.1 + 0.2, "train/loss": math.inf}
    origin = Origin("run-1", "c0ffee", {"train data": "azureml:d:1"}, metrics)
    properties = {"mine": "1", **note("fit-1", origin)}
    assert read_note(properties) == ({"mine": "1"}, "fit-1", origin)
    assert all(isinstance(value, str) for value in properties.values())


def test_where_nothing_is_known_nothing_is_noted() -> None:
    assert note(None, None) == {}
    assert note("fit-1", None) == {"runner.job": "fit-1"}
    assert read_note({"azureml.x": "1"}) == ({"azureml.x": "1"}, None, None)


def test_of_very_many_metrics_the_first_are_noted() -> None:
    run = Run("r", "n", "e", "FINISHED", metrics={f"m{n}": Metric(n, 3) for n in range(1000)})
    noted = note("fit-1", origin_of(run))
    assert len(noted) == 102
    assert noted["runner.metric.m99"] == "99"


def test_a_metric_that_somebody_else_wrote_is_no_obstacle() -> None:
    assert read_note({"runner.metric.a": "high", "runner.run": "r"}).origin == Origin("r")
