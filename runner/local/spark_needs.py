"""What Spark needs of this machine, looked for before anything is begun with it."""

from __future__ import annotations

import os
from importlib.util import find_spec

from runner.errors import EnvironmentRefused
from runner.java import find_java

MASTER = "RUNNER_SPARK_MASTER"


def check_spark_needs(master: str | None = None) -> None:
    """Raise EnvironmentRefused where Spark can't be begun here, naming the way out.

    `master` is the cluster that is asked for, else RUNNER_SPARK_MASTER names it; Java runs at the
    other end of a Spark Connect address (`sc://`).
    """
    if find_spec("pyspark") is None:
        raise EnvironmentRefused(
            "Spark needs the package pyspark, which is not installed: install the dependency"
            " group `spark`"
        )
    if not (master or os.environ.get(MASTER, "")).startswith("sc://"):
        find_java()
