"""Finds packages that are not installed, and the command that installs one here."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from runner.errors import EnvironmentRefused

# The option -X with which a Python is started for what is declared; what it starts has it not.
DECLARED = "runner_declared"
_PROJECT = Path(__file__).resolve().parents[1]  # where the locked requirements lie, in a checkout


def check_packages(reason: str, packages: Mapping[str, str], group: str) -> None:
    """Raise EnvironmentRefused for the first of a group's packages that is not installed.

    `packages` are modules with the names of their packages; none is imported. `reason` says what
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
                f" {installed_by(package, group=group)}"
            )


def in_declared_environment() -> bool:
    """Return whether this process runs what a model, deployment or job declares in a Python of its
    own, rather than in the runner's."""
    return DECLARED in sys._xoptions


def installed_by(*packages: str, group: str | None = None) -> str:
    """Return the command that installs packages, in backquotes, as it works when typed here.

    In a checkout it installs the locked packages of their `group` in pyproject.toml instead, by
    make into the environment that make has made.
    """
    locked = _PROJECT / "requirements" / f"{group}.txt"
    if group is None or not locked.is_file():
        return f"`{_installer()} {shlex.join(packages)}`"
    here = Path.cwd() == _PROJECT
    if Path(sys.prefix).resolve() == _PROJECT / ".venv" and shutil.which("make"):
        folder = "" if here else f" -C {shlex.quote(str(_PROJECT))}"
        return f"`make{folder} .venv/{group}`"
    file = locked.relative_to(_PROJECT) if here else locked
    return f"`{_installer()} -r {shlex.quote(str(file))}`"


def _installer() -> str:
    """Return the words before what is to be installed into the environment of this process.

    An environment that uv made holds no pip, and make puts its uv beside the environment, where no
    PATH finds it.
    """
    prefix = Path(sys.prefix)
    fetched = prefix.parent / ".uv" / "bin" / "uv"
    if shutil.which("uv"):
        uv = "uv"
    elif fetched.exists():
        uv = shlex.quote(str(fetched))
    else:
        python = shlex.quote(sys.executable)
        pip = f"{python} -m pip install"
        return pip if find_spec("pip") else f"{python} -m ensurepip && {pip}"
    active = Path(os.environ.get("VIRTUAL_ENV") or ".venv")  # where uv looks by itself
    python = "" if active.absolute() == prefix else f" --python {shlex.quote(str(prefix))}"
    return f"{uv} pip install{python}"
