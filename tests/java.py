"""Which tests need Java: they are skipped where there is none, and in CI never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.spark import find_java


def _missing() -> str:
    """Why the tests that need Spark can't run here; empty where they can."""
    if os.environ.get("CI"):
        return ""
    try:
        find_java()
    except EnvironmentRefused as error:
        return str(error)
    return ""


# For JVMs that live for seconds: compiling for a long life takes more than half of their time.
SHORT_LIVED = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}

needs_java = pytest.mark.skipif(bool(_missing()), reason=_missing() or "Java is here")


def java(folder: Path, says: str) -> Path:
    """Return a JAVA_HOME whose `java -version` says something."""
    command = folder / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{says}\nEND\n")
    command.chmod(0o755)
    return folder
