"""The interface that every environment implements, and the records that it uses.

A command calls one of these methods and prints what it returns. Each platform has a package, its
adapter, that implements the interface: `runner.local`, `runner.azureml`, `runner.databricks`.
Adapters never import each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, isnan
from typing import Any, Protocol

from runner.assets.kinds import AssetKind
from runner.venvs.interpreter import EnvManager
from runner.workspace.abilities import Abilities
from runner.workspace.assets import Asset, Assets, OnProgress, Registration, Transfer
from runner.workspace.endpoints import (
    DeploymentInfo,
    EndpointInfo,
    Endpoints,
    Invocation,
    Response,
    Serving,
)
from runner.workspace.jobs import (
    FIGURES,
    Figure,
    Job,
    Jobs,
    JobStatus,
    LogLine,
    Progress,
    Summary,
)
from runner.workspace.runs import LoggedModel, Metric, Origin, Point, Run
from runner.workspace.training import Training, TrainingRequest

__all__ = [
    "FIGURES",
    "Abilities",
    "Asset",
    "AssetKind",
    "Assets",
    "DeploymentInfo",
    "EndpointInfo",
    "Endpoints",
    "Figure",
    "Invocation",
    "Job",
    "JobStatus",
    "Jobs",
    "LogLine",
    "LoggedModel",
    "Metric",
    "OnProgress",
    "Origin",
    "Point",
    "Progress",
    "Registration",
    "Response",
    "Run",
    "Serving",
    "Summary",
    "Training",
    "TrainingRequest",
    "Transfer",
    "Workspace",
    "as_json",
]


class Workspace(Assets, Endpoints, Training, Jobs, Protocol):
    """The models, data assets, endpoints and jobs of an environment.

    Every method raises `NotFound` for a name the environment lacks (with the nearest names)
    and `EnvironmentRefused` where the environment can't be reached or refuses.
    """

    environment: str
    on_transfer: OnProgress  # called while files are sent or fetched
    on_notice: Callable[[str], None]  # gets a line that is worth knowing about a registration
    on_step: Callable[[str], None]  # gets a line when something begins that takes a while
    env_manager: EnvManager | None  # that the call asks for, where `abilities.makes_venvs`

    @property
    def abilities(self) -> Abilities: ...


def as_json(record: Any) -> Any:
    """Turn a record, a list of records, or None into values that JSON has.

    JSON has no NaN and no infinite number: they become text, as MLflow's REST interface has them.
    """
    from dataclasses import fields, is_dataclass

    if is_dataclass(record):
        return {field.name: as_json(getattr(record, field.name)) for field in fields(record)}
    if isinstance(record, Mapping):
        return {key: as_json(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [as_json(item) for item in record]
    if isinstance(record, float) and not isfinite(record):
        return "NaN" if isnan(record) else "Infinity" if record > 0 else "-Infinity"
    return record
