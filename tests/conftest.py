"""Projects to run whole commands in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.projects import OWN_PACKAGES, ScratchProject, make_project

os.environ.update(OWN_PACKAGES)

pytest_plugins = [
    "tests.emulator.batch.fixtures",
    "tests.emulator.databricks.fixtures",
    "tests.emulator.fixtures",
]


@pytest.fixture
def project(tmp_path: Path) -> ScratchProject:
    """A project with one batch endpoint, `echo`, whose script needs no heavy package."""
    return make_project(tmp_path / "project")
