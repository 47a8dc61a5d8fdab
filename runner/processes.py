"""Python processes that this package starts, and the environment variables they run with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# Each library reads its own, once, when it is imported.
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PACKAGES = Path(__file__).resolve().parents[1]  # where this package is found


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that calls `main` of a module of this package with these arguments.

    What `main` returns is the process's exit status.
    """
    # Not `-m`, which looks for modules in the current folder before anywhere else. Spark, from 4.2
    # on, takes a program without a file for a test of its own documentation, and ends it.
    program = (
        f"import sys; __file__ = {__file__!r}; sys.path.append(sys.argv[1]);"
        f" from {module} import main;"
        " sys.exit(main(*sys.argv[2:]))"
    )
    return [sys.executable, "-P", "-c", program, str(_PACKAGES), *arguments]


def with_one_thread(variables: Mapping[str, str]) -> dict[str, str]:
    """Environment variables for processes that score side by side, each in one thread.

    The processes are the parallelism, and sums come out the same however many run. `variables`
    may say otherwise.
    """
    return dict.fromkeys(_THREADS, "1") | without_telemetry(variables)


def without_telemetry(variables: Mapping[str, str]) -> dict[str, str]:
    """Environment variables for a process whose MLflow reports to nobody, unless they say so."""
    return {"MLFLOW_DISABLE_TELEMETRY": "true"} | dict(variables)
