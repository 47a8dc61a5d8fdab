"""Which packages are not installed, and the command that installs one, as it can be typed here."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from runner.errors import EnvironmentRefused

# The option -X with which a Python is started for what is declared; what it starts has it not.
DECLARED = "runner_declared"


def check_packages(reason: str, packages: Mapping[str, str], group: str) -> None:
    """Raise EnvironmentRefused for the first of a group's packages that is not installed.

    `packages` are modules with the names of their packages; none is imported. `reason` is who
    needs them, as the beginning of the message.
    """
    for module, package in packages.items():
        try:
            there = find_spec(module) is not None
        except ModuleNotFoundError:
            there = False
        if not there:
            raise EnvironmentRefused(
                f"{reason}, which needs the Python package {package}:"
                f" {installed_by(f'-r requirements/{group}.txt')}"
            )


def in_declared_environment() -> bool:
    """Whether this process runs what a model, deployment or job declares in a Python of its own,
    rather than in the runner's."""
    return DECLARED in sys._xoptions


def installed_by(requirements: str) -> str:
    """`uv pip install` with these arguments in backquotes, for the end of an error message.

    Where no uv is on PATH but make has fetched one beside the environment, that one is named: an
    environment that uv made holds no pip.
    """
    fetched = Path(sys.prefix).parent / ".uv" / "bin" / "uv"
    uv = "uv" if shutil.which("uv") or not fetched.exists() else shlex.quote(str(fetched))
    return f"`{uv} pip install {requirements}`"
