"""Pythons of other versions than the tests' own, where this machine has them."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest


def python_of(version: str) -> str:
    """The executable of a Python of this minor version, such as 3.9; skips the test where there
    is none."""
    found = _found(version)
    if found is None:
        pytest.skip(f"there is no Python {version} here, on PATH or where pyenv has them")
    return found


@cache
def _found(version: str) -> str | None:
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python3"))
    for candidate in (shutil.which(f"python{version}"), *map(str, pyenv)):
        if candidate and _runs(candidate):
            return candidate
    return None


def _runs(python: str) -> bool:
    # A shim of pyenv's is on PATH for versions that aren't active, and fails.
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
