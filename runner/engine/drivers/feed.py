"""What a model's `predict` is given for a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Feed:
    """A file as it is handed to a model."""

    data: Any  # an array or a DataFrame; an Arrow table where all its columns are numbers
    rows: int | None  # None where only the answer tells how many there are
    notes: tuple[str, ...] = ()  # sentences to warn of what the file has otherwise than it should
    way_out: str = ""  # what to do where MLflow refuses the data
