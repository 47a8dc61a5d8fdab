"""Asks the Pulumi CLI about a stack: for its output `runner`, and for a preview."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runner.errors import EnvironmentRefused, NotFound
from runner.installing import installed_by

OUTPUT = "runner"
_ELSEWHERE = "or give its output as a file with --stack-output"
_NO_CLI = "the Pulumi CLI, which reads the stack, is not on PATH; install it"


@dataclass(frozen=True)
class Creation:
    """A resource that would be made: its type and name in the program, and its inputs."""

    type: str
    name: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class StackPreview:
    """The resources that would be made, and Pulumi's own list of them for `pulumi import --file`.

    The list has a placeholder for each id.
    """

    creations: Sequence[Creation]
    imports: Mapping[str, Any]


def find_cli(folder: Path) -> Path:
    """Return the Pulumi CLI: on PATH, else the one that the project's `scripts/pulumi` has built.

    Raises EnvironmentRefused where there is neither.
    """
    found = shutil.which("pulumi")
    if found is not None:
        return Path(found)
    script = folder / "scripts" / "pulumi"
    if not os.access(script, os.X_OK):
        raise EnvironmentRefused(f"{_NO_CLI}, {_ELSEWHERE}")
    # A CLI that isn't there is not built now: that takes minutes.
    asked = subprocess.run([script, "--find"], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise EnvironmentRefused(
            f"{_NO_CLI}, run `scripts/pulumi version` once, which builds it, {_ELSEWHERE}"
        )
    return Path(asked.stdout.strip()) / "pulumi"


def read_stack_output(folder: Path, stack: str) -> object:
    """Read the JSON that a stack of the project in `folder` exported. Takes a second or so.

    Raises EnvironmentRefused where Pulumi or its state is out of reach or the stack has not been
    deployed, NotFound where there is no such stack.
    """
    try:
        from pulumi.automation import CommandError, PulumiCommand
    except ModuleNotFoundError as error:
        raise EnvironmentRefused(
            f"reading stack {stack} needs the Python package {error.name}:"
            f" {installed_by('pulumi', group='azure')}, {_ELSEWHERE}"
        ) from None
    found = find_cli(folder)
    # The Automation API takes an installation by its root, or else what is on PATH.
    root = str(found.parent.parent) if found.parent.name == "bin" else None
    try:
        # Only this output is asked for, and the stack that is selected stays selected.
        command = PulumiCommand(root, skip_version_check=True)
        printed = command.run(
            ["stack", "output", OUTPUT, "--json", "--stack", stack],
            str(folder),
            {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        ).stdout
    except subprocess.CalledProcessError as error:
        raise EnvironmentRefused(
            f"`pulumi version` ended with status {error.returncode}; mend the Pulumi CLI,"
            f" {_ELSEWHERE}"
        ) from None
    except CommandError as error:
        raise _unreadable_stack(str(error), stack) from None
    try:
        content: object = json.loads(printed)
    except ValueError:
        raise EnvironmentRefused(
            f"`pulumi stack output {OUTPUT} --stack {stack}` printed no JSON; run it to see why"
        ) from None
    return content


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


def _unreadable_stack(printed: str, stack: str) -> EnvironmentRefused:
    """Return the error for a `pulumi stack output` that failed, with its way out."""
    text = printed.lower()
    if "no stack named" in text:
        return NotFound(
            f"there is no stack {stack} in Pulumi's state; create it with `pulumi stack init"
            f" {stack}` and deploy it with `pulumi up`, {_ELSEWHERE}"
        )
    if "does not have output property" in text:
        return EnvironmentRefused(
            f"stack {stack} has no output `{OUTPUT}` yet; deploy it with `pulumi up --stack"
            f" {stack}`"
        )
    if "passphrase" in text:
        return EnvironmentRefused(
            f"the state of stack {stack} is locked with a passphrase; set"
            f" PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, {_ELSEWHERE}"
        )
    if any(sign in text for sign in ("pulumi_access_token", "pulumi login", "unauthorized")):
        return EnvironmentRefused(
            f"Pulumi is not signed in to the state that holds stack {stack}; run `pulumi login`,"
            f" {_ELSEWHERE}"
        )
    if "failed to acquire a token" in text:
        return EnvironmentRefused(
            f"Pulumi can't sign in to the storage that holds the state of stack {stack}; run"
            f" `az login`, {_ELSEWHERE}"
        )
    return EnvironmentRefused(
        f"Pulumi can't read stack {stack}: {_reason(printed)}; see `pulumi stack --stack {stack}`,"
        f" {_ELSEWHERE}"
    )


def _reason(printed: str) -> str:
    """Return the line of a CommandError's text that says what went wrong."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    said = [line.removeprefix("stderr:").strip() for line in lines]
    wrong = [line.removeprefix("error:").strip() for line in said if line.startswith("error:")]
    return (wrong or said or ["no reason given"])[0]
