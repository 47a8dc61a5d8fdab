"""The units that a Spark task is given, and its answers: a unit is a part, or a file of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.engine.drivers.result import Result
from runner.engine.large_files import SLICE
from runner.engine.messages import Message, Scored
from runner.engine.parts import Part
from runner.tally import merge


@dataclass(frozen=True)
class Unit:
    """One part or, for a model of rows, one file of it."""

    number: int  # of those of a run, from 0
    part: Part

    @property
    def size(self) -> int:
        """Return about how many bytes are read for it."""
        if self.part.slice is not None:
            return min(SLICE, self.part.files[0].size)
        return sum(file.size for file in self.part.files)


@dataclass(frozen=True)
class Answer:
    """The result of scoring a unit."""

    unit: int
    message: Message
    lines: tuple[Any, ...] = ()  # buffers of bytes
    seconds: float = 0.0  # that it alone took; 0: not known
    lane: int = 0  # which of the tasks that ran side by side had it


def by_file(part: Part) -> list[Part]:
    """Return the files of a part, each as a part of its own."""
    return [replace(part, files=(file,)) for file in part.files]


def in_groups(units: Sequence[Unit], most: int) -> list[list[Unit]]:
    """Return the units in `most` groups at the most, about alike in size; none is empty."""
    groups: list[list[Unit]] = [[] for _ in range(min(most, len(units)))]
    sizes = [0] * len(groups)
    for unit in sorted(units, key=lambda unit: unit.size, reverse=True):
        smallest = sizes.index(min(sizes))
        groups[smallest].append(unit)
        sizes[smallest] += max(1, unit.size)
    return groups


def together(answers: Iterable[Message]) -> Message:
    """Return the message of a part whose files were answered one by one, in their order."""
    results: list[Result] = []
    for message in answers:
        if not isinstance(message, Scored):
            return message
        results.append(message.result)
    if len(results) == 1:
        return Scored(results[0])
    return Scored(
        Result(
            files=tuple(file for result in results for file in result.files),
            tally=merge(result.tally for result in results).as_dict(),
            warnings=tuple(warning for result in results for warning in result.warnings),
            retry=next((result.retry for result in results if result.retry), None),
        )
    )
