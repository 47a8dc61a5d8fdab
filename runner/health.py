"""What `runner env doctor` finds: the links between a person and an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Link:
    """One link of the chain that leads to an environment's endpoints."""

    name: str
    state: Literal["ok", "failed", "skipped"]
    text: str  # what was found; of a broken link, what to do about it
