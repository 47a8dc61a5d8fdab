"""Fixtures of a cloud with Databricks workspaces."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.emulator.databricks.plugged import databricks
from tests.emulator.databricks.seed import SeededLake, seed_lake
from tests.emulator.databricks.service import Databricks, Switches
from tests.emulator.emulator import Emulator

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient


@pytest.fixture(scope="session")
def databricks_service(emulator: Emulator) -> Iterator[Databricks]:
    """Yield the workspaces of the cloud that a worker's tests share."""
    with databricks(emulator) as running:
        yield running


@pytest.fixture
def lake(azure: Emulator, databricks_service: Databricks) -> Iterator[SeededLake]:
    """Yield a workspace of the test's own, in a resource group of its own, in the shared cloud.

    The environment leads to the cloud; no `DATABRICKS_*` variable is set.
    """
    group = f"rg-{uuid.uuid4().hex[:8]}"
    seeded = seed_lake(azure, databricks_service, group)
    yield seeded
    databricks_service.close(seeded.workspace_id)
    databricks_service.switches = Switches()
    azure.arm("DELETE", f"/resourceGroups/{group}")


def sign_in(lake: SeededLake) -> WorkspaceClient:
    """Return the unmodified SDK's client of a workspace."""
    from databricks.sdk import WorkspaceClient

    return WorkspaceClient(host=lake.host, token=lake.token(), auth_type="pat")
