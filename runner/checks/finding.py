"""The findings of `runner check`: what keeps a declaration from running on Azure, or may."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.declarations.problem import Place, Problem

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something wrong, its place, and the way out: `file:line: text`.

    An error fails on Azure as far as that can be known; a warning may fail, or does something else
    than is meant.
    """

    place: Place
    code: str  # the finding's kind, which stays the same however its text is put
    text: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def error(place: Place | Path, code: str, text: str, line: int = 0) -> Finding:
    """Return a finding that fails on Azure."""
    return Finding(place if isinstance(place, Place) else Place(place, line), code, text)


def of_problem(problem: Problem, code: str) -> Finding:
    """Return the finding for a problem of a declaration."""
    text = f"{problem.key}: {problem.text}" if problem.key else problem.text
    return Finding(problem.place, code, text)


def warning(place: Place, code: str, text: str) -> Finding:
    """Return a finding that may fail on Azure."""
    return Finding(place, code, text, "warning")
