"""Builds the commands and environment variables of the Python processes that are started."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from runner.installing import DECLARED

# Each library reads its own, once, when it is imported.
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PACKAGES = Path(__file__).resolve().parents[1]  # where this package is found
# The variables that lead a Python to the packages of another one.
_LEADING = frozenset(
    {
        *("PYTHONHOME", "PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONSTARTUP", "PYTHONUSERBASE"),
        *("PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT"),
        *("CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER", "CONDA_SHLVL"),
    }
)
# The package alone, without the others that lie in its folder: theirs are not that Python's.
_IMPORTING_IT = """
import sys
sys.path[:] = [folder for folder in sys.path if folder]
if sys.version_info < (3, 9):
    found = "Python %d.%d" % sys.version_info[:2]
    raise RuntimeError(found + " is too old: what the runner runs in it needs 3.9 or later")
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location(
    "runner", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]]
)
sys.modules["runner"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["runner"])
"""


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that calls `main` of a module of this package with these arguments.

    The process's exit status is the number that `main` returns.
    """
    # Not `-m`, which looks for modules in the current folder before anywhere else. Spark, from 4.2
    # on, takes a program without a file for a test of its own documentation, and ends it.
    program = (
        f"import sys; __file__ = {__file__!r}; sys.path.append(sys.argv[1]);"
        f" from {module} import main;"
        " sys.exit(main(*sys.argv[2:]))"
    )
    return [sys.executable, "-P", "-c", program, str(_PACKAGES), *arguments]


def command_in(python: str, module: str, *arguments: str) -> list[str]:
    """Return the same in another Python, of version 3.9 or later: `python` is its executable.

    It imports this package, and else only what it has itself.
    """
    program = (
        f"{_IMPORTING_IT}__file__ = {__file__!r}\nfrom {module} import main\n"
        "sys.exit(main(*sys.argv[2:]))"
    )
    return [python, "-s", "-X", DECLARED, "-c", program, str(_PACKAGES / "runner"), *arguments]


def variables_in(
    python: str, variables: Mapping[str, str], declared: Mapping[str, str]
) -> dict[str, str]:
    """Return environment variables for a process of another Python, whose executable is `python`.

    They are those given, less what leads to packages and programs of this process's Python; and
    what is started by name is that Python's. `declared` are what a deployment or job declares
    itself.
    """
    programs = Path(python).parent
    prefix = programs.parent
    found = {name: value for name, value in variables.items() if name not in _LEADING}
    # Of a Python that is no virtual environment, the folder may be the system's own.
    own = Path(sys.prefix, "bin") if sys.prefix != sys.base_prefix else None
    path = found.get("PATH", os.defpath).split(os.pathsep)
    others = (folder for folder in path if Path(folder) != own)
    found["PATH"] = os.pathsep.join([str(programs), *others])
    found["PYTHONNOUSERSITE"] = "1"
    if (prefix / "pyvenv.cfg").is_file():
        found["VIRTUAL_ENV"] = str(prefix)
    if (prefix / "conda-meta").is_dir():
        found["CONDA_PREFIX"] = str(prefix)
    return found | dict(declared)


def with_one_thread(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables for processes that score side by side, each in one thread.

    The processes are the parallelism, and sums come out the same however many run. `variables`
    may say otherwise.
    """
    return dict.fromkeys(_THREADS, "1") | without_telemetry(variables)


def without_telemetry(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables without MLflow's telemetry, unless they turn it on."""
    return {"MLFLOW_DISABLE_TELEMETRY": "true"} | dict(variables)
