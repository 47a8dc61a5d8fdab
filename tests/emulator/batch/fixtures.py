"""Fixtures of a cloud that scores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.emulator import addresses
from tests.emulator.batch.plugged import scoring
from tests.emulator.blobs import Blobs
from tests.emulator.emulator import Emulator
from tests.emulator.seed import SeededWorkspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def require_blobs() -> None:
    """Skip the test where blob storage can't run, but never in CI."""
    if not Blobs.available() and not os.environ.get("CI"):
        pytest.skip("blob storage needs npm or azurite-blob on PATH")


@pytest.fixture(scope="session")
def scoring_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Provide a cloud whose blobs are kept and whose jobs run, shared by a worker's tests."""
    require_blobs()
    folder = tmp_path_factory.mktemp("scoring")
    with Emulator.start(folder) as running, scoring(running):
        yield running


@pytest.fixture
def scoring_azure(
    scoring_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emulator]:
    """Provide that cloud, to which this process's environment leads; clear faults afterwards."""
    for name, value in scoring_emulator.environment.items():
        monkeypatch.setenv(name, value)
    yield scoring_emulator
    scoring_emulator.faults.clear()
    scoring_emulator.operations.reset()


def sign_in(workspace: SeededWorkspace) -> MLClient:
    """Return the unmodified SDK's client of a workspace."""
    from azure.ai.ml import MLClient
    from azure.identity import EnvironmentCredential

    return MLClient(
        EnvironmentCredential(),
        workspace.subscription,
        workspace.resource_group,
        workspace.name,
        cloud=addresses.CLOUD,
    )
