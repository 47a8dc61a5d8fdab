"""Pythons of other versions than the tests' own, where this machine has them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from runner.venvs.uv import find_uv


def python_of(version: str) -> str:
    """Return the executable of a Python of this minor version, such as 3.9; skips the test where
    there is none."""
    found = _found(version)
    if found is None:
        pytest.skip(f"there is no Python {version} here, on PATH or where pyenv has them")
    return found


def python_with(tmp_path_factory: pytest.TempPathFactory, version: str, *requirements: str) -> str:
    """Return the executable of such a Python in a virtual environment that has these packages, made
    once for all the processes of a session. The packages come from the index, or uv's cache."""
    base = python_of(version)
    shared = shared_folder(tmp_path_factory)
    key = hashlib.sha256("\n".join([version, *requirements]).encode()).hexdigest()[:12]
    venv = shared / f"venv-{key}"
    with (shared / f"venv-{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python = str(venv / "bin" / "python")
        if not (venv / "complete").exists():
            for command in (
                ["venv", "--quiet", "--clear", "--python", base, str(venv)],
                ["pip", "install", "--quiet", "--python", python, *requirements],
            ):
                done = subprocess.run([*find_uv(), *command], stderr=subprocess.PIPE, text=True)
                assert done.returncode == 0, done.stderr
            (venv / "complete").touch()
    return python


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all the processes of a session have."""
    base = tmp_path_factory.getbasetemp()
    # Each of several processes of pytest-xdist has one of its own.
    return base.parent if base.name.startswith("popen-") else base


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


def unmeasured(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return environment variables without those by which coverage follows a process.

    For a process whose imports or system calls are looked at: coverage would add its own.
    """
    return {name: value for name, value in variables.items() if not name.startswith("COVERAGE_")}
