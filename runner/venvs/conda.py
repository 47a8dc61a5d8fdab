"""Calls conda, mamba or micromamba, which make environments of packages that PyPI hasn't."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from runner.engine.text import one_line
from runner.errors import EnvironmentRefused, WrongUsage
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.python_version import minor_of, own_version
from runner.venvs.secrets import without_keys

_COMMANDS: Final = ("conda", "mamba", "micromamba")
# A shell that is set up for one of them has a function of its name; this is the program.
_VARIABLES: Final = ("CONDA_EXE", "MAMBA_EXE")
_YES: Final = {"CONDA_ALWAYS_YES": "true", "MAMBA_ALWAYS_YES": "true"}
_DROPPED: Final = ("CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
_NO_NETWORK: Final = ("CondaHTTPError", "ConnectionError", "Could not resolve host", "NetworkError")


def find_conda() -> str | None:
    """Return the first of conda, mamba and micromamba on PATH, or that a shell names."""
    on_path = (shutil.which(name) for name in _COMMANDS)
    named = (shutil.which(os.environ.get(name, "")) for name in _VARIABLES)
    return next((found for found in (*on_path, *named) if found), None)


def needed_conda() -> str:
    """Return what `find_conda` finds. Raises EnvironmentRefused where there is none."""
    if (found := find_conda()) is not None:
        return found
    raise EnvironmentRefused(
        "--env-manager conda needs conda, mamba or micromamba, and none is on PATH: install"
        " one, or leave the option out to have uv make the environment"
    )


def make_by_conda(
    declared: DeclaredEnvironment, added: Sequence[str], folder: Path, log: Path, lock: int
) -> None:
    """Make <folder>/venv of a whole conda file, with what is added under pip.

    Raises EnvironmentRefused where there is no conda or no network, and WrongUsage for what conda
    refuses.
    """
    import yaml

    conda = needed_conda()
    file = folder / "conda.yaml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(_content(declared, added), sort_keys=False), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    try:
        done = subprocess.run(
            [conda, "env", "create", "-p", str(folder / "venv"), "-f", str(file)],
            env=kept | _YES,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=(lock,),
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    finally:
        file.unlink()  # its pip options may hold keys
    said = without_keys(done.stdout + done.stderr)
    log.write_text(said, encoding="utf-8")
    if done.returncode == 0:
        return
    lines = [line for line in said.splitlines() if line.strip()]
    told = one_line(" ".join(lines[-3:]))[-300:]
    if any(word in said for word in _NO_NETWORK):
        raise EnvironmentRefused(
            f"{Path(conda).name} can't fetch the packages that {declared.source} declares: {told};"
            f" check the network, or add --env-manager local (all of it: {log})"
        )
    raise WrongUsage(f"{declared.source}: {Path(conda).name} refuses it: {told} (all of it: {log})")


def _content(declared: DeclaredEnvironment, added: Sequence[str]) -> dict[str, Any]:
    """Return the conda file, its pip packages with absolute paths and with what is added."""
    content = dict(declared.conda or {})
    asked = [each for each in declared.requirements if each not in declared.from_conda]
    pip = [*declared.options, *asked, *added]
    dependencies = [each for each in content.get("dependencies") or [] if isinstance(each, str)]
    if not declared.conda:
        dependencies = [f"python={minor_of(declared.python or own_version())}"]
    if "pip" not in dependencies:
        dependencies.append("pip")
    content.pop("name", None)
    content.pop("prefix", None)
    return content | {"dependencies": [*dependencies, {"pip": pip}]}
