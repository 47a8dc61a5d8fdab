"""The values of a job's variables that look like secrets are handed on here; no file has them.

The process of the job receives them over its standard input as it starts. The job's files hold
their names and where their values come from, so that they are found again
(`runner.local.secret_values`) when the job is resumed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

OVER_STANDARD_INPUT = "-"  # the last word of the command of a host that receives secrets
DECLARED, GIVEN = "declared", "given in the call"


def unwritten(variables: Mapping[str, str], given: Collection[str] = ()) -> dict[str, str]:
    """Return the names of the variables not to be written, and where their values come from.

    `given` are the names of those that the call gave.
    """
    from runner.declarations.secret_variables import in_clear

    return {name: GIVEN if name in given else DECLARED for name in in_clear(variables)}


def send_secrets(host: IO[bytes], secrets: Mapping[str, str]) -> None:
    """Send the values of variables to a host that has just been started."""
    with suppress(BrokenPipeError), host:  # one that has ended already says so itself
        host.write(json.dumps(dict(secrets)).encode())


def receive_secrets() -> dict[str, str]:
    """Read the values that were sent to this process, and empty its standard input."""
    received: dict[str, str] = json.loads(sys.stdin.buffer.read())
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return received
