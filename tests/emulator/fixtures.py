"""Fixtures of the stand-in for Azure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.emulator.emulator import Emulator
from tests.emulator.seed import SeededWorkspace, seed_workspace


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A cloud that a worker's tests share: use resource groups of your own."""
    with Emulator.start(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def azure(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The cloud, with this process's environment leading to it; faults are cleared afterwards."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    yield emulator
    emulator.faults.clear()
    emulator.operations.reset()


@pytest.fixture
def azure_workspace(azure: Emulator) -> Iterator[SeededWorkspace]:
    """A workspace of the test's own, in a resource group of its own, in the shared cloud.

    The group is deleted afterwards: endpoint names are unique in a location.
    """
    group = f"rg-{uuid.uuid4().hex[:8]}"
    yield seed_workspace(azure, group)
    azure.arm("DELETE", f"/resourceGroups/{group}")
