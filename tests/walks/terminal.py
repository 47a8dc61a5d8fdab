"""What a person's terminal has: the commands on PATH, a cloud, somebody who is signed in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.emulator import Emulator
from tests.infra.engine.stack import Pulumi
from tests.projects import OWN_PACKAGES, ROOT


def terminal(pulumi: Pulumi, emulator: Emulator, bin_: Path) -> dict[str, str]:
    """Give a terminal's environment variables; `bin_` becomes the folder of its own commands."""
    bin_.mkdir()
    command = bin_ / "runner"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m runner "$@"\n')
    command.chmod(0o755)
    given = pulumi.environment(emulator)
    kept = {name: value for name, value in given.items() if not name.startswith("RUNNER_")}
    return {
        **kept,
        "PATH": f"{bin_}{os.pathsep}{given['PATH']}",
        "CURL_CA_BUNDLE": given["REQUESTS_CA_BUNDLE"],
        "NO_COLOR": "1",
        "RUNNER_POLL_INTERVAL": "0.2",
        **OWN_PACKAGES,  # its proxy leads to no index of packages
        # Whoever types `pulumi up` answers its question.
        "PULUMI_OPTION_YES": "true",
        "PULUMI_OPTION_SKIP_PREVIEW": "true",
    }
