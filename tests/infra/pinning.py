"""The project's stack files as they are once models are registered: with versions to deploy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.projects import ROOT

PINS = Path(__file__).with_name("pins")  # what follows `scoring:endpoints:` then, a file a stack
STACKS = tuple(sorted(file.stem for file in PINS.iterdir()))
_ENDPOINTS = "  scoring:endpoints:\n"


def pin_stacks(root: Path) -> None:
    """Pin versions in the stack files of a project's copy."""
    for name in STACKS:
        file = root / f"Pulumi.{name}.yaml"
        file.write_text(_pinned(name, file.read_text()))


def pinned_config(name: str) -> dict[str, Any]:
    """Return the configuration of one of the project's own stacks, with its pins."""
    text = _pinned(name, (ROOT / f"Pulumi.{name}.yaml").read_text())
    config: dict[str, Any] = yaml.safe_load(text)["config"]
    return config


def _pinned(name: str, text: str) -> str:
    before, endpoints, _ = text.partition(_ENDPOINTS)
    assert endpoints, f"the stack file of {name} says nothing of its endpoints"
    return before + (PINS / f"{name}.yaml").read_text()
