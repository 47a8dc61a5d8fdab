"""Making an environment again that was removed, for a job that goes on with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from runner.errors import EnvironmentRefused, RunnerError
from runner.venvs.cache import Venv, complete, write_record
from runner.venvs.choosing import find_or_make
from runner.venvs.environment import DeclaredEnvironment


def make_again(home: Path, venv: Venv, log: Callable[[str], object]) -> None:
    """Make an environment of the very packages that its record names, unless it is there.

    What declared it may say something else by now. Raises EnvironmentRefused where the packages
    can't be had any more.
    """
    if complete(home, venv.name) is not None:
        return
    what = f"the venv {venv.name} was removed, and it can't be made again as it was"
    way_out = "begin the job anew"
    if venv.manager != "uv":
        raise EnvironmentRefused(f"{what}, as {venv.manager} made it: {way_out}")
    # The packages that it had, from where they were had: an index, a file, an address.
    declared = DeclaredEnvironment(
        source=venv.source,
        python=venv.python,
        requirements=venv.declared,
        constraints=venv.resolved,
        build_tools=venv.build_tools,
        options=venv.options,
    )
    try:
        made = find_or_make(home, venv.name, declared, venv.manager, venv.added, venv.left_out, log)
    except RunnerError as error:
        raise EnvironmentRefused(f"{what}: {way_out} ({error})") from error
    write_record(home, replace(made, declared_python=venv.declared_python))
