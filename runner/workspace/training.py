"""The training of models in a workspace, and the page of what was tracked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from runner.workspace.jobs import Job


@dataclass(frozen=True)
class TrainingRequest:
    """A declared job to run, with the inputs that replace the declared ones.

    The job is that of `file`, else the job of that name in a model's folder, else the folder's
    train.yml or its only one.
    """

    model: str | None = None  # a folder of models/; None where a file is named
    job: str | None = None
    file: Path | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)


class Training(Protocol):
    """Runs the training jobs that model folders declare."""

    def train(self, request: TrainingRequest) -> Job:
        """Begin a declared job, and return it without waiting for its end."""
        ...

    def show_runs(self, host: str, port: int, ready: Callable[[str], object]) -> None:
        """Show the page of the workspace's runs; `ready` gets its address.

        Where this machine serves it, it listens on `host` and `port` until SIGINT or SIGTERM.
        """
        ...
