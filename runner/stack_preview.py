"""What a stack would make, as a preview of Pulumi's says it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runner.errors import EnvironmentRefused
from runner.stack import find_cli


@dataclass(frozen=True)
class Creation:
    """A resource that would be made: its type and name in the program, and its inputs."""

    type: str
    name: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class StackPreview:
    """What would be made, and Pulumi's own list of it, which `pulumi import --file` takes.

    The list has a placeholder for each id.
    """

    creations: Sequence[Creation]
    imports: Mapping[str, Any]


def preview_stack(folder: Path, stack: str) -> StackPreview:
    """Preview the stack of the project in `folder`. Raises EnvironmentRefused where that fails."""
    with TemporaryDirectory() as scratch:
        listed = Path(scratch) / "import.json"
        command = [
            *(str(find_cli(folder)), "preview", "--stack", stack, "--json", "--non-interactive"),
            *("--import-file", str(listed)),
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        try:
            steps = json.loads(done.stdout)["steps"]
            imports = json.loads(listed.read_text("utf-8"))
        except (OSError, ValueError, KeyError):
            steps = None
    if done.returncode or steps is None:
        raise EnvironmentRefused(
            f"`pulumi preview --stack {stack}` does not succeed; run it to see why"
        )
    created = [step["newState"] for step in steps if step["op"] == "create"]
    creations = [
        Creation(state["type"], state["urn"].rpartition("::")[2], state.get("inputs") or {})
        for state in created
    ]
    return StackPreview(creations, imports)
