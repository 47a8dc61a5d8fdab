"""A copy of the sample for somebody who has the runner on PATH and no cloud."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.java import SHORT_LIVED
from tests.projects import ROOT
from tests.walks.document import Reader
from tests.walks.shell import Shell

# MLflow's guess of a model's packages takes seconds, and nothing here reads it.
WITH_SPARK = {"MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "0", **SHORT_LIVED}


@contextmanager
def sample_reader(root: Path, *programs: str) -> Iterator[Reader]:
    """Yield a reader in a copy of the sample below `root`, who needs some programs besides."""
    missing = [name for name in ("jq", *programs) if shutil.which(name) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"the walk needs {', '.join(missing)} on PATH")
    folder, bin_ = root / "project", root / "bin"
    for part in ("models", "data"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(ROOT / file, folder)
    bin_.mkdir()
    command = bin_ / "runner"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m runner "$@"\n')
    command.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}
    path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
    kept |= {"PATH": path, "NO_COLOR": "1", **WITH_SPARK}
    with Shell.open(folder, kept) as shell:
        yield Reader(shell)
