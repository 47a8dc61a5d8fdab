"""Diagnostic settings, which send logs to the stack's log workspace.

Sources: Azure Monitor's lists of supported log categories, by type of resource. Metrics are not
copied: Azure Monitor keeps them for 93 days by itself, where alerts look at them.
"""

from collections.abc import Iterator, Mapping, Sequence

import pulumi
from pulumi_azure_native import monitor

from infra.component import within
from infra.endpoints.endpoint import Endpoint
from infra.foundation.platform import Platform
from infra.settings import Settings
from infra.watching.watch import Logged

CATEGORIES: Mapping[Logged, tuple[str, ...]] = {
    # The fates of jobs and nodes, and changes of the assets that they use.
    "workspace": (
        "AmlComputeClusterEvent",
        "AmlComputeJobEvent",
        "AmlRunStatusChangedEvent",
        "DataStoreChangeEvent",
        "EnvironmentChangeEvent",
        "ModelsChangeEvent",
    ),
    "endpoints": (
        "AmlOnlineEndpointConsoleLog",
        "AmlOnlineEndpointEventLog",
        "AmlOnlineEndpointTrafficLog",
    ),
    "vault": ("AuditEvent",),
    "registry": ("ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"),
    "storage": ("StorageDelete", "StorageWrite"),
}


def declare_diagnostics(
    settings: Settings, platform: Platform, online: Sequence[Endpoint]
) -> list[monitor.DiagnosticSetting]:
    """Declare a setting for each resource whose logs are kept."""
    if platform.logs is None:
        return []
    return [
        monitor.DiagnosticSetting(
            f"{name}-logs",
            name=settings.names.logs,
            resource_uri=resource,
            workspace_id=platform.logs.id,
            logs=[
                monitor.LogSettingsArgs(category=category, enabled=True)
                for category in CATEGORIES[kind]
            ],
            opts=within(),
        )
        for kind, name, resource in _sources(platform, online)
        if kind in settings.logged
    ]


def _sources(
    platform: Platform, online: Sequence[Endpoint]
) -> Iterator[tuple[Logged, str, pulumi.Input[str]]]:
    """Give what has logs, each with its kind and a name."""
    yield "workspace", "workspace", platform.workspace.id
    yield "vault", "vault", platform.services["vault"]
    yield "registry", "registry", platform.services["registry"]
    blobs = pulumi.Output.concat(platform.services["storage"], "/blobServices/default")
    yield "storage", "storage", blobs
    for endpoint in online:
        yield "endpoints", endpoint.resource.pulumi_resource_name, endpoint.resource.id
