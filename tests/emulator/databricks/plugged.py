"""A cloud whose Databricks workspaces answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.emulator.databricks import (
    catalogs,
    clusters,
    files,
    folders,
    grants,
    identities,
    jobs,
    model_versions,
    models,
    permissions,
    policies,
    registry,
    schemas,
    serving,
    storage,
    volumes,
)
from tests.emulator.databricks.invocations import Invocations
from tests.emulator.databricks.running import Running
from tests.emulator.databricks.runs import Runs
from tests.emulator.databricks.service import Databricks
from tests.emulator.databricks.tracking import Tracking
from tests.emulator.emulator import Emulator

_NOUNS = (
    identities,
    jobs,
    catalogs,
    schemas,
    volumes,
    models,
    model_versions,
    registry,
    grants,
    storage,
    files,
    folders,
    clusters,
    policies,
    permissions,
    serving,
)


@contextmanager
def databricks(emulator: Emulator) -> Iterator[Databricks]:
    """Let the workspaces of a cloud answer until the block ends."""
    folder = emulator.folder.resolve() / "databricks"
    folder.mkdir(parents=True, exist_ok=True)
    service = Databricks(emulator.cloud, folder, emulator.environment)
    emulator.add_routes(identities.OPEN_ROUTES)
    running = Running(service)
    service.closers.append(running.cancel_all)
    endpoints = [endpoint for noun in _NOUNS for endpoint in noun.ENDPOINTS]
    tracking = Tracking(service)
    invocations = Invocations()
    service.closers.append(invocations.close)
    endpoints += [*Runs(running).endpoints, *invocations.endpoints, *tracking.endpoints]
    emulator.add_routes([endpoint.route(service) for endpoint in endpoints])
    try:
        yield service
    finally:
        running.stop()
        invocations.stop()
        tracking.stop()
