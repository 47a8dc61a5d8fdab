"""Training models in a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from runner.workspace.jobs import Job


class Training(Protocol):
    """Runs the training jobs that model folders declare."""

    def train(self, model: str, inputs: Mapping[str, str]) -> Job: ...
