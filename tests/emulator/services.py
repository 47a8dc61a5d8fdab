"""All services of the stand-in, and all resource types it knows something about."""

from __future__ import annotations

from tests.emulator import entra, metadata, monitor_kinds, network_kinds, platform_kinds
from tests.emulator.cloud import Cloud
from tests.emulator.databricks import arm as databricks_arm
from tests.emulator.kinds import Kind
from tests.emulator.ml import kinds as ml_kinds
from tests.emulator.ml import registries, workspace_api
from tests.emulator.resources import ResourceManager
from tests.emulator.routes import Route

KINDS: dict[str, Kind] = {
    kind.type.lower(): kind
    for kind in (
        *platform_kinds.KINDS,
        *monitor_kinds.KINDS,
        *network_kinds.KINDS,
        *ml_kinds.KINDS,
        *databricks_arm.KINDS,
    )
}


def routes() -> list[Route]:
    """Give the routes of all services; the first that matches answers."""
    manager = ResourceManager(KINDS)
    return [
        *metadata.ROUTES,
        *entra.ROUTES,
        *workspace_api.ROUTES,
        *registries.routes(manager),
        *manager.routes(),
    ]


def open_storage(cloud: Cloud) -> None:
    """Tell a newly plugged storage of the accounts and containers there are."""
    platform_kinds.open_storage(cloud)
