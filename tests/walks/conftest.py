"""A project whose first deployment is done as the walkthroughs say, and walks that begin there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator import Emulator
from tests.emulator.blobs import Blobs
from tests.emulator.databricks.service import Databricks
from tests.infra.engine.conftest import pulumi as pulumi
from tests.infra.engine.stack import Pulumi, make_project
from tests.projects import ROOT
from tests.walks.document import Reader, read_sections
from tests.walks.sample import WITH_SPARK
from tests.walks.shell import Shell
from tests.walks.terminal import terminal

FIRST = "The first deployment"
SECTIONS = read_sections(ROOT / "docs" / "guides" / "walkthroughs.md")
_PROGRAMS = ("bash", "curl", "jq")
_PUBLIC = ("publicsamples", "patients")  # an account that is no workspace's, and a container


@pytest.fixture(scope="session")
def deployed(
    pulumi: Pulumi, scoring_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    """Yield a reader who has done the first deployment; the walks of a worker share its cloud."""
    folder = _project(tmp_path_factory.mktemp("walks"), "dev")
    environment = terminal(pulumi, scoring_emulator, folder.parent / "bin")
    address = {"ADDRESS": _publish(scoring_emulator)}
    with Shell.open(folder, environment | address) as shell:
        reader = Reader(shell)
        reader.follow(SECTIONS[FIRST])
        yield reader


@pytest.fixture
def reader(deployed: Reader, tmp_path: Path) -> Iterator[Reader]:
    """Yield a reader who goes on from the first deployment, in a copy of the project."""
    folder = tmp_path / "project"
    shutil.copytree(deployed.folder, folder, symlinks=True)
    with Shell.open(folder, deployed.shell.environment) as shell:
        yield Reader(shell)


@pytest.fixture
def lake_reader(
    pulumi: Pulumi, emulator: Emulator, databricks_service: Databricks, tmp_path: Path
) -> Iterator[Reader]:
    """Yield a reader in a copy of the project, whose cloud has no Databricks workspace yet."""
    folder = _project(tmp_path, "lake")
    environment = terminal(pulumi, emulator, tmp_path / "bin") | WITH_SPARK
    with Shell.open(folder, environment) as shell:
        yield Reader(shell)
    emulator.arm("DELETE", "/resourceGroups/scoring-lake")  # where the walk ended early


def _project(root: Path, stack: str) -> Path:
    """Return a copy of the project with its data, without the file of the stack that is begun."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"the walks need {', '.join(missing)} on PATH")
    assert not missing, f"CI has to run the walks, which need {', '.join(missing)}"
    folder = make_project(root / "project")
    shutil.copytree(ROOT / "data", folder / "data")
    (folder / f"Pulumi.{stack}.yaml").unlink()
    return folder


def _publish(emulator: Emulator) -> str:
    """Put a file where anybody can read it, and give its address."""
    blobs = emulator.cloud.storage
    assert isinstance(blobs, Blobs)
    account, container = _PUBLIC
    file = ROOT / "data" / "diabetes" / "unlabeled" / "patients-1.csv"
    blobs.open_account(account)
    blobs.create_container(account, container)
    blobs.client(account).get_container_client(container).upload_blob(
        file.name, file.read_bytes(), overwrite=True
    )
    return f"https://{account}.blob.core.azure.test/{container}/{file.name}"
