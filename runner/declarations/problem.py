"""Holds the problems of a declaration, and the error that carries them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runner.errors import WrongUsage


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; lines count from 1, and 0 stands for the file as a whole."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing a person must change, as `file:line: key: what was found, what is allowed`."""

    place: Place
    key: str  # dotted, from the top of the file; empty for the file as a whole
    text: str

    @property
    def file(self) -> Path:
        return self.place.file

    @property
    def line(self) -> int:
        return self.place.line

    def __str__(self) -> str:
        return (
            f"{self.place}: {self.key}: {self.text}" if self.key else f"{self.place}: {self.text}"
        )


class DeclarationError(WrongUsage):
    """Everything that is wrong with what was read: its text has one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def refusal(place: Place, key: str, text: str) -> DeclarationError:
    """Return the error for a single problem."""
    return DeclarationError([Problem(place, key, text)])
