"""How many threads the numeric libraries of scoring processes may use: one each.

The processes are the parallelism, and sums come out the same however many of them run.
"""

from __future__ import annotations

from collections.abc import Mapping

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def one_thread_each() -> dict[str, str]:
    """The variables that hold libraries to one thread; what the user has set goes before them."""
    return dict.fromkeys(_VARIABLES, "1")


def without_limits(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a command that has the machine to itself."""
    return {name: value for name, value in environment.items() if not _is_limit(name)}


def _is_limit(name: str) -> bool:
    return name.endswith("_NUM_THREADS")
