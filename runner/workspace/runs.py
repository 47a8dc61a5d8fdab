"""The records of what a training job tracked in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Point(NamedTuple):
    """A value of a metric."""

    step: int
    value: float  # may be NaN or infinite
    time: int  # milliseconds since 1970


@dataclass(frozen=True)
class Metric:
    """A metric of a run: its last value, and the values over its steps."""

    value: float  # may be NaN or infinite
    count: int  # how many values were logged
    curve: tuple[Point, ...] = ()  # in the order of steps, the last included; thinned where long


@dataclass(frozen=True)
class LoggedModel:
    """A model that a run logged."""

    name: str  # as it was logged, and as `models register --artifact` takes it
    id: str | None = None  # MLflow's, of version 3 and later
    flavors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """The MLflow run of a training job."""

    id: str
    name: str
    experiment: str
    status: str  # MLflow's: RUNNING, FINISHED, FAILED, KILLED
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)  # not MLflow's own
    inputs: Mapping[str, str] = field(default_factory=dict)  # input → what was read for it
    models: tuple[LoggedModel, ...] = ()
    artifacts: tuple[str, ...] = ()  # paths of files below the run's artifacts; the first hundreds
    commit: str | None = None  # of the code, where git has it
    children: tuple[str, ...] = ()  # ids of the runs below this one


@dataclass(frozen=True)
class Origin:
    """The origin of a registered model, as far as it is known."""

    run: str | None = None  # MLflow's id
    commit: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)  # input → what was read for it
    metrics: Mapping[str, float] = field(default_factory=dict)  # the last value of each
