"""What says where an environment's workspace is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OUTPUTS = "RUNNER_OUTPUTS"  # the variable that names a file of a stack's outputs
AZUREML = "azureml"  # the platform of a stack that names none


@dataclass(frozen=True)
class Source:
    """A description of an environment's workspace; `local` needs none."""

    kind: Literal["local", "outputs", "stack", "config"]
    platform: str  # see `environments.PLATFORMS`
    file: Path | None = None  # the outputs, the Pulumi.<env>.yaml or the config.json
