"""The result of one attempt at one mini-batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from runner.engine.slices import Slice

Outcome = Literal[
    "done",  # its rows count; single files may have failed for good
    "retried",  # nothing of it counts; the mini-batch is run again
    "failed",  # nothing of it counts, and there are no attempts left
]


@dataclass(frozen=True)
class FileResult:
    """The result of scoring one input file."""

    name: str
    rows: int | None  # rows written for it, 0 when it failed; None: its script doesn't say
    error: str | None = None  # one line, None for a file that was scored


@dataclass(frozen=True)
class Attempt:
    """One line of a job's journal."""

    mini_batch: int  # from 0
    attempt: int  # from 1
    outcome: Outcome
    worker: int  # from 0
    started: float  # seconds since the job's first start
    seconds: float
    rows: int = 0
    size: int = 0  # bytes of its piece
    checksum: int = 0  # CRC-32 of its piece
    reason: str | None = None  # why it was retried or failed, one line
    files: tuple[FileResult, ...] = ()
    tally: Mapping[str, Any] = field(default_factory=dict)  # see `tally.Tally`
    warnings: tuple[str, ...] = ()
    missing: int = 0  # results a script owed and did not return: as many files failed
    part: int = 0  # of the mini-batch, from 0
    slice: Slice | None = None  # of the one file of the part, where that is a large one
    number_types: Mapping[str, str] = field(default_factory=dict)  # see `drivers.Result`

    @property
    def key(self) -> tuple[int, int]:
        """Return the mini-batch and the part of it; rows are written in this order."""
        return self.mini_batch, self.part

    @property
    def label(self) -> str:
        """Return the shortest name of what was attempted: 3, or 3.12 for a slice."""
        return f"{self.mini_batch}.{self.part}" if self.slice else f"{self.mini_batch}"

    @property
    def where(self) -> str:
        """Return what was attempted, as a message names it."""
        rows = f", slice {self.part}" if self.slice else ""
        return f"mini-batch {self.mini_batch}{rows}"

    @property
    def failed_files(self) -> int:
        """Return how many files this attempt lost for good."""
        if self.outcome == "retried":
            return 0
        return sum(file.error is not None for file in self.files) + self.missing
