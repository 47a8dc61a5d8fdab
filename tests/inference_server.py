"""Azure's inference server in a virtual environment that a session's tests share."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from unittest.mock import patch

from runner.venvs.cache import folder_of, python_of
from runner.venvs.choosing import choose_interpreter
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.needs import served_script_needs

# numpy is for scripts that answer with its arrays, or declare them.
REQUIREMENTS = ("azureml-inference-server-http==1.5.1", "numpy")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
# What a deployment declares, so that its environment is the shared one.
DECLARED = f"""\
environment:
  image: mcr.microsoft.com/azureml/minimal-py311-inference:latest
  conda_file:
    dependencies: [python={MINOR}, pip: {list(REQUIREMENTS)!r}]
"""

# A test that asks first may have sent all requests of its process to a stand-in.
_ENVIRONMENT = dict(os.environ)
_shared: list[Path] = []  # the session's folder; see tests/conftest.py


def share(folder: Path) -> None:
    """Have all the processes of a session share what is in a folder."""
    _shared[:] = [folder]


@cache
def server_python() -> str:
    """Return the executable of a Python that has the server, made by the first who asks."""
    home = _home()
    declared = DeclaredEnvironment("the tests", requirements=REQUIREMENTS)
    with patch.dict(os.environ, _ENVIRONMENT, clear=True):
        found = choose_interpreter(
            home, declared, "uv", needs=served_script_needs(home), log=lambda _: None
        )
    assert found.venv is not None
    return str(python_of(folder_of(home, found.venv)))


def lend(home: Path) -> None:
    """Give a workspace the shared environment, which its deployments declare by `DECLARED`."""
    server_python()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "venvs").exists():
        (home / "venvs").symlink_to(_home() / "venvs")


def _home() -> Path:
    assert _shared, "tests/conftest.py shares a folder"
    return _shared[0] / "inference-server"
