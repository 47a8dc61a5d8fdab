"""The plan of a job's run is made before the job begins, and kept with its command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunInput:
    """A file or folder that a job reads."""

    shown: str  # the asset's reference, else the path
    path: str
    content_hash: str | None = None  # None: not known yet


@dataclass(frozen=True)
class RunPlan:
    """The run that is made for a job."""

    experiment: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)  # the inputs that are values
    inputs: Mapping[str, RunInput] = field(default_factory=dict)


def plan_from(document: Mapping[str, Any]) -> RunPlan:
    """Return a plan from what `dataclasses.asdict` made of it."""
    inputs = {name: RunInput(**given) for name, given in document["inputs"].items()}
    return RunPlan(**{**document, "inputs": inputs})
