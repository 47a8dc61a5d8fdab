"""The parts of one deployment of an online endpoint, with every path resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DeploymentPlan:
    """A deployment of a model, or of a script with or without a model. Times are in seconds."""

    name: str
    model: str | None = None  # folder of the model; scripts find it by their environment
    label: str | None = None  # what a person calls the model
    code: str | None = None  # folder of a scoring script's code
    script: str | None = None  # the script, as a path below that folder
    environment_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    python: str | None = None  # the executable that runs them; None: this process's
    slots: int = 1  # requests the deployment is declared to score at once
    processes: int = 1  # how many it does score at once on this machine
    request_timeout: float = 5.0  # for the model or script to answer
    queue_wait: float = 0.5  # for a request to wait until a process is free

    @property
    def most_inside(self) -> int:
        """Requests being scored or waiting, beyond which Azure refuses more."""
        return 2 * self.slots

    @property
    def longest_inside(self) -> float:
        """Seconds from a request's coming in to its answer at the latest: it waits for a slot,
        then for a process (for the only one in two steps, first to be the next), and then is
        scored."""
        steps = 2 if self.processes > 1 else 3
        return self.queue_wait + steps * self.request_timeout
