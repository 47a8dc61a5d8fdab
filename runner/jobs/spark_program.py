"""Finds the program of a declared Spark job: a Python file in its code, and its arguments."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from runner.declarations import SparkJob
from runner.errors import EnvironmentRefused, NotFound

FILES = ("py_files", "jars", "files", "archives")  # keys of what Spark is given besides
_INNER_BLANKS = re.compile(r"(?<=\$\{\{)\s+|\s+(?=\}\})")


def check_entry(job: SparkJob) -> None:
    """Raise EnvironmentRefused or NotFound where the job's program can't be run."""
    if job.entry.file is None:
        raise EnvironmentRefused(
            f"{job.file} runs the class {job.entry.class_name} (entry.class_name), which only Azure"
            " does: name an environment of Azure with --env, or a Python file as entry.file"
        )
    if not isinstance(job.code, Path):
        raise NotFound(f"{job.file} has no code, which its entry.file lies in: add `code: .`")
    for key in ("entry", *FILES):
        for name in [job.entry.file] if key == "entry" else getattr(job, key):
            path, _, _ = name.partition("#")  # behind it stands the folder of an archive
            if "://" not in path and not (job.code / path).is_file():
                raise NotFound(f"{job.file}: {key} names {name}, which is not in {job.code}")


def program_of(job: SparkJob) -> list[str]:
    """Return a checked job's file and arguments, word by word: no shell reads them.

    Raises EnvironmentRefused for a quote that does not end.
    """
    assert job.entry.file is not None
    try:
        return [job.entry.file, *shlex.split(_INNER_BLANKS.sub("", job.args))]
    except ValueError as error:
        raise EnvironmentRefused(f"args of {job.file} can't be told apart: {error}") from None
