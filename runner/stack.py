"""The output `runner` of a Pulumi stack, read from its state through the Automation API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from runner.errors import EnvironmentRefused, NotFound

OUTPUT = "runner"
_ELSEWHERE = "or give its output as a file with --outputs"
_NO_CLI = "the Pulumi CLI, which reads the stack, is not on PATH; install it"


def find_cli(folder: Path) -> Path:
    """The Pulumi CLI: on PATH, else the one that the project's own `scripts/pulumi` has built.

    Raises EnvironmentRefused where there is neither.
    """
    found = shutil.which("pulumi")
    if found is not None:
        return Path(found)
    script = folder / "scripts" / "pulumi"
    if not os.access(script, os.X_OK):
        raise EnvironmentRefused(f"{_NO_CLI}, {_ELSEWHERE}")
    # What isn't there is not built now: that takes minutes.
    asked = subprocess.run([script, "--find"], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise EnvironmentRefused(
            f"{_NO_CLI}, run `scripts/pulumi version` once, which builds it, {_ELSEWHERE}"
        )
    return Path(asked.stdout.strip()) / "pulumi"


def read_stack_output(folder: Path, stack: str) -> object:
    """Read the JSON that the stack of the project in `folder` put out. Takes a second or so.

    Raises EnvironmentRefused where Pulumi or its state is out of reach or the stack has not been
    deployed, NotFound where there is no such stack.
    """
    try:
        from pulumi.automation import CommandError, PulumiCommand
    except ModuleNotFoundError as error:
        raise EnvironmentRefused(
            f"reading stack {stack} needs the Python package {error.name}: install the dependency"
            f" group `azure`, {_ELSEWHERE}"
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
        raise _explained(str(error), stack) from None
    try:
        content: object = json.loads(printed)
    except ValueError:
        raise EnvironmentRefused(
            f"`pulumi stack output {OUTPUT} --stack {stack}` printed no JSON; run it to see why"
        ) from None
    return content


def _explained(printed: str, stack: str) -> EnvironmentRefused:
    """What a failed `pulumi stack output` means, and the way out."""
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
    """The line that says what went wrong, of what a CommandError holds."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    said = [line.removeprefix("stderr:").strip() for line in lines]
    wrong = [line.removeprefix("error:").strip() for line in said if line.startswith("error:")]
    return (wrong or said or ["no reason given"])[0]
