"""What says where an environment's workspace is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

STACK_OUTPUT = "RUNNER_STACK_OUTPUT"  # the variable that names a file of a stack's output
_FORMER = "RUNNER_OUTPUTS"  # what it was called
AZUREML = "azureml"  # the platform of a stack that names none


@dataclass(frozen=True)
class Source:
    """A description of an environment's workspace; `local` needs none."""

    kind: Literal["local", "outputs", "stack", "config"]
    platform: str  # see `environments.PLATFORMS`
    file: Path | None = None  # the outputs, the Pulumi.<env>.yaml or the config.json


def stack_output_variable() -> str | None:
    """Return the file of a stack's output that the variable names, if it is set."""
    return os.environ.get(STACK_OUTPUT) or os.environ.get(_FORMER) or None
