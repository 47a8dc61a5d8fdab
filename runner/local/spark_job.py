"""A declared Spark job becomes the command that runs it here: a Python, with Spark beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from runner.declarations import SparkJob
from runner.jobs.spark_program import program_of
from runner.spark import asked_master, write_settings

# The properties of Spark for the keys of a declared job.
_PROPERTIES: Mapping[str, str] = {
    "py_files": "spark.submit.pyFiles",
    "jars": "spark.jars",
    "files": "spark.files",
    "archives": "spark.archives",
}


def words_of(job: SparkJob, python: str | None = None) -> list[str]:
    """Return the words of a job's command. No shell reads them, as on Azure."""
    return [python or sys.executable, *program_of(job)]


def settle_spark(job: SparkJob, folder: Path, code: Path, python: str | None) -> dict[str, str]:
    """Write the settings of a job's Spark into `folder`, and return its command's variables.

    `python` runs the job; None is the runner's own, whose PYTHONPATH is kept.
    """
    conf = dict(job.conf)
    for key, name in _PROPERTIES.items():
        paths = [path if "://" in path else str(code / path) for path in getattr(job, key)]
        if paths:
            conf[name] = ",".join(paths)
    if master := asked_master():
        conf["spark.master"] = master
    variables = write_settings(folder, conf, python)
    beside = [str(code / path) for path in job.py_files if "://" not in path]
    if beside:
        inherited = os.environ.get("PYTHONPATH") if python is None else None
        variables["PYTHONPATH"] = os.pathsep.join([*beside, *([inherited] if inherited else [])])
    return variables
