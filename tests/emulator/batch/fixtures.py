"""Fixtures of a cloud that scores."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.emulator.batch.plugged import scoring
from tests.emulator.blobs import Blobs
from tests.emulator.emulator import Emulator


@pytest.fixture(scope="session")
def scoring_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A cloud whose blobs are kept and whose jobs run, shared by a worker's tests."""
    if not Blobs.available() and not os.environ.get("CI"):
        pytest.skip("blob storage needs npm or azurite-blob on PATH")
    folder = tmp_path_factory.mktemp("scoring")
    with Emulator.start(folder) as running, scoring(running):
        yield running


@pytest.fixture
def scoring_azure(
    scoring_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emulator]:
    """That cloud, with this process's environment leading to it; faults are cleared afterwards."""
    for name, value in scoring_emulator.environment.items():
        monkeypatch.setenv(name, value)
    yield scoring_emulator
    scoring_emulator.faults.clear()
    scoring_emulator.operations.reset()
