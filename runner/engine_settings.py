"""A deployment's settings as the runner's own engine takes them, wherever it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from runner.declarations import BatchDeployment
from runner.engine.plan import Settings

_PARALLEL = frozenset({"instance_count", "max_concurrency_per_instance"})


def engine_settings(deployment: BatchDeployment, only_here: Mapping[str, Any]) -> Settings:
    """The engine's settings, each by the last word of its key in the YAML."""
    settings = deployment.settings
    declared = {**vars(settings), **vars(settings.retry_settings), **only_here}
    known: dict[str, Any] = {field.name: type(field.default) for field in fields(Settings)}
    given = {key: known[key](value) for key, value in declared.items() if key in known}
    processes = deployment.resources.instance_count * settings.max_concurrency_per_instance
    return Settings(processes=processes, **given)


def limited_to_machine(changed: Collection[str]) -> bool:
    """Whether a job gets no more processes than its machine has cores.

    What is declared is declared for a cluster; only who asks for more than that gets more.
    `changed` are the keys that the call gives.
    """
    return _PARALLEL.isdisjoint(changed)
