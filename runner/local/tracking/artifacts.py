"""Where the files lie that a job made: its outputs, its run's artifacts, the models it logged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.job_address import ARTIFACTS, JobAddress, JobOutput, RegisteredModel, RunArtifact
from runner.local.job_folder import job_folder
from runner.local.tracking.store import local_path, reading, store_file
from runner.nearest import nearest


def find_artifact(home: Path, address: JobAddress) -> Path:
    """The file or folder on this machine that an address of what a job made means.

    Raises NotFound where there is none, WrongUsage for one that leads out of what it names, also
    by a link, and EnvironmentRefused where the tracking store can't be read.
    """
    raise NotImplementedError
