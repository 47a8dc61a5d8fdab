"""One thing that keeps a declaration from running on Azure, or may."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.declarations.problem import Place

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, and the way out: `file:line: text`.

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
    """A finding that fails on Azure."""
    return Finding(place if isinstance(place, Place) else Place(place, line), code, text)


def warning(place: Place | Path, code: str, text: str, line: int = 0) -> Finding:
    """A finding that may fail on Azure."""
    place = place if isinstance(place, Place) else Place(place, line)
    return Finding(place, code, text, "warning")
