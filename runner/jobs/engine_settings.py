"""Translates a deployment's settings for the runner's own engine, wherever it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from runner.declarations import BatchDeployment
from runner.engine.mlmodel import read_mlmodel
from runner.engine.plan import ENGINES, Engine, Settings
from runner.errors import WrongUsage

ENGINE = "RUNNER_ENGINE"  # the environment variable by which a deployment declares its engine
_PARALLEL = frozenset({"instance_count", "max_concurrency_per_instance"})


def engine_settings(deployment: BatchDeployment, only_here: Mapping[str, Any]) -> Settings:
    """Return the engine's settings, each by the last word of its key in the YAML."""
    settings = deployment.settings
    declared = {**vars(settings), **vars(settings.retry_settings), **only_here}
    known: dict[str, Any] = {field.name: type(field.default) for field in fields(Settings)}
    given = {key: known[key](value) for key, value in declared.items() if key in known}
    processes = deployment.resources.instance_count * settings.max_concurrency_per_instance
    return Settings(processes=processes, **given)


def limited_to_machine(changed: Collection[str]) -> bool:
    """Return whether a job gets no more processes than its machine has cores.

    Declarations are made for a cluster, so only a call that asks for more gets more.
    `changed` are the keys that the call gives.
    """
    return _PARALLEL.isdisjoint(changed)


def asked_engine(deployment: BatchDeployment, asked: str | None) -> Engine | None:
    """Return the engine that a call asks for, else the one that the deployment declares.

    None where the model decides. Raises WrongUsage for an engine that there is not.
    """
    name = asked or deployment.settings.environment_variables.get(ENGINE)
    for engine in ENGINES:
        if name == engine:
            return engine
    if name is None:
        return None
    raise WrongUsage(
        f"deployment {deployment.name!r}: {ENGINE} is {name!r}; it is one of {', '.join(ENGINES)}"
    )


def usual_engine(model: Path | None, script: bool) -> Engine:
    """Return Spark for a Spark ML model that no script scores, and processes for any other."""
    spark = model is not None and not script and read_mlmodel(model).pipeline is not None
    return "spark" if spark else "process"
