"""The Java that Spark runs on; of a missing one Spark only says that its process ended."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from runner.errors import EnvironmentRefused

SUPPORTED = (17, 21)  # by Spark 4.0, says its page of prerequisites
_WAY_OUT = "install Java 17 or 21 and put it on PATH, or name its folder in JAVA_HOME"


@dataclass(frozen=True)
class Java:
    """A Java that Spark can use."""

    command: str
    version: int  # of the language: 17 of 17.0.15


def find_java() -> Java:
    """The Java that Spark would start: JAVA_HOME's, else the one on PATH. Takes 0.1 s.

    Raises EnvironmentRefused where there is none, and where Spark doesn't run on it.
    """
    home = os.environ.get("JAVA_HOME")
    command = os.path.join(home, "bin", "java") if home else shutil.which("java")  # noqa: PTH118
    if command is None:
        raise EnvironmentRefused(f"Spark needs Java, and there is none on PATH; {_WAY_OUT}")
    try:
        said = subprocess.run(
            [command, "-version"], capture_output=True, text=True, check=False, timeout=30
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        where = f"JAVA_HOME={home} has no bin/java that runs" if home else f"{command} doesn't run"
        raise EnvironmentRefused(f"Spark needs Java, and {where}; {_WAY_OUT}") from None
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None:
        raise EnvironmentRefused(f"Spark needs Java, and {command} tells no version; {_WAY_OUT}")
    version = int(found[1])
    if version not in SUPPORTED:
        raise EnvironmentRefused(
            f"Spark runs on Java 17 or 21, and {command} is Java {version}; {_WAY_OUT}"
        )
    return Java(command, version)
