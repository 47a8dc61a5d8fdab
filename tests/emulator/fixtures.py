"""Fixtures of the stand-in for Azure."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator

import pytest

from tests.emulator.emulator import Emulator
from tests.emulator.seed import SeededWorkspace, seed_workspace


@pytest.fixture(autouse=True)
def fresh_sdk_headers() -> Iterator[None]:
    """Keep a test's call from the deployment that an earlier test's call named.

    azure-ai-ml writes the headers of each `invoke` into one module-wide dictionary and never
    takes the deployment's out again, so that every later call of the process carries it.
    """
    yield
    fields = sys.modules.get("azure.ai.ml.constants._endpoint")
    if fields is not None:
        fields.EndpointInvokeFields.DEFAULT_HEADER.pop("azureml-model-deployment", None)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Provide a cloud that a worker's tests share: use resource groups of your own."""
    with Emulator.start(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def azure(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Provide the cloud, to which this process's environment leads; clear faults afterwards."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    yield emulator
    emulator.faults.clear()
    emulator.operations.reset()


@pytest.fixture
def azure_workspace(azure: Emulator) -> Iterator[SeededWorkspace]:
    """Provide a workspace of the test's own, in a resource group of its own, in the shared cloud.

    The group is deleted afterwards: endpoint names are unique in a location.
    """
    group = f"rg-{uuid.uuid4().hex[:8]}"
    yield seed_workspace(azure, group)
    azure.arm("DELETE", f"/resourceGroups/{group}")
