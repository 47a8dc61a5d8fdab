"""The interface of a pool, which runs the parts of a job: in worker processes, or in a Spark
session."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from runner.engine.messages import Message
from runner.engine.parts import Part

NOT_BEGUN = math.inf  # `since` of a part that waits in the pool for its turn


@dataclass(eq=False)
class Worker:
    """A place of the pool that takes one part at a time. Its slot, which names its log, outlives
    it."""

    slot: int
    process: int  # the id of the process that writes its drafts
    ready: bool = False
    part: Part | None = None
    attempt: int = 0
    # time.monotonic() at its start, then at the part it was sent last; NOT_BEGUN for a part whose
    # time the pool keeps itself.
    since: float = 0.0


W = TypeVar("W", bound=Worker)


@dataclass(frozen=True)
class Event(Generic[W]):
    """A message of a worker, or a description of its death."""

    worker: W
    message: Message | None = None  # None from a worker that is no more
    died: str = ""


class Pool(Protocol[W]):
    """Runs parts and reports their results; a context manager that leaves nothing running."""

    @property
    def workers(self) -> Sequence[W]:
        """Return the workers that are starting, idle or at work."""
        ...

    @property
    def most(self) -> int:
        """Return how many workers the pool can keep busy."""
        ...

    def __enter__(self) -> Pool[W]: ...
    def __exit__(self, *_: object) -> None: ...

    def fork(self) -> None:
        """Start a worker in the lowest free slot. It says Ready, or Hopeless."""
        ...

    def send(self, worker: W, part: Part, attempt: int) -> None:
        """Give an idle worker a part. Its lines go to the draft of the part and its process."""
        ...

    def poll(self, timeout: float) -> list[Event[W]]:
        """Wait for messages and deaths, `timeout` seconds at most."""
        ...

    def dismiss(self, grace: float) -> list[Event[W]]:
        """Let idle workers end by themselves, within `grace` seconds.

        Returns the ends that were not as they should be.
        """
        ...

    def end(self, worker: W) -> str:
        """End a worker, whatever it is doing; say how it ended."""
        ...
