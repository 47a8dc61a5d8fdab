"""A declared Spark job as the command that runs it here: this Python, with Spark beside it."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from runner.declarations import SparkJob
from runner.errors import EnvironmentRefused, NotFound
from runner.spark import asked_master, write_settings

_INNER_BLANKS = re.compile(r"(?<=\$\{\{)\s+|\s+(?=\}\})")
# Where Spark looks for the files of a job, by what az ml calls them.
_PROPERTIES: Mapping[str, str] = {
    "py_files": "spark.submit.pyFiles",
    "jars": "spark.jars",
    "files": "spark.files",
    "archives": "spark.archives",
}


def check_entry(job: SparkJob) -> None:
    """Raise EnvironmentRefused or NotFound where the job's program can't be run here."""
    if job.entry.file is None:
        raise EnvironmentRefused(
            f"{job.file} runs the class {job.entry.class_name} (entry.class_name), which only Azure"
            " does: name an environment of Azure with --env, or a Python file as entry.file"
        )
    if not isinstance(job.code, Path):
        raise NotFound(f"{job.file} has no code, which its entry.file lies in: add `code: .`")
    for key in ("entry", *_PROPERTIES):
        for name in [job.entry.file] if key == "entry" else getattr(job, key):
            path, _, _ = name.partition("#")  # behind it stands the folder of an archive
            if "://" not in path and not (job.code / path).is_file():
                raise NotFound(f"{job.file}: {key} names {name}, which is not in {job.code}")


def words_of(job: SparkJob) -> list[str]:
    """The command of a job, word by word. No shell reads it, as on Azure."""
    assert job.entry.file is not None
    try:
        return [
            sys.executable,
            job.entry.file,
            *shlex.split(_INNER_BLANKS.sub("", job.args)),
        ]
    except ValueError as error:
        raise EnvironmentRefused(f"args of {job.file} can't be told apart: {error}") from None


def settle_spark(job: SparkJob, folder: Path, code: Path) -> dict[str, str]:
    """Write the settings of a job's Spark into `folder`; returns its command's variables."""
    conf = dict(job.conf)
    for key, name in _PROPERTIES.items():
        paths = [path if "://" in path else str(code / path) for path in getattr(job, key)]
        if paths:
            conf[name] = ",".join(paths)
    if master := asked_master():
        conf["spark.master"] = master
    variables = write_settings(folder, conf)
    beside = [str(code / path) for path in job.py_files if "://" not in path]
    if beside:
        variables["PYTHONPATH"] = os.pathsep.join(beside)
    return variables
