"""The parts that batch and online endpoints share, and the record that outputs are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.foundation.platform import Platform
from infra.pins import Deployment, code_pin
from infra.settings import Settings
from runner.declarations import (
    AssetReference,
    BatchEndpoint,
    Identity,
    OnlineDeployment,
    OnlineEndpoint,
)

IDENTITY_TYPES = {
    "system_assigned": ml.ManagedServiceIdentityType.SYSTEM_ASSIGNED,
    "user_assigned": ml.ManagedServiceIdentityType.USER_ASSIGNED,
    "none": ml.ManagedServiceIdentityType.NONE,
}
AssetKind = Literal["models", "codes", "components", "data", "environments"]
# Azure writes these beside the properties that are declared, at every change, whoever makes it.
_WRITTEN_BY_AZURE = ("AzureAsyncOperationUri", "createdAt", "createdBy", "lastModifiedAt")


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it was declared, with the deployments that are pinned."""

    logical_name: str
    name: str  # on Azure
    kind: Literal["batch", "online"]
    resource: ml.BatchEndpoint | ml.OnlineEndpoint
    deployments: Mapping[str, ml.BatchDeployment | ml.OnlineDeployment]
    default: str | None = None  # batch only
    traffic: Mapping[str, int] = field(default_factory=dict)  # online only, in percent

    @property
    def scoring_uri(self) -> pulumi.Output[str]:
        """Return the address at which it is invoked."""
        # pulumi's stubs know only what is common to both kinds' outputs.
        properties: pulumi.Output[Any] = self.resource.properties
        return properties.apply(lambda found: found.scoring_uri)


def deployment_tags(declared: Deployment, settings: Settings) -> dict[str, str]:
    """Return a declaration's tags, the stack's, and the version of the model."""
    model = declared.model
    version = {}
    if isinstance(model, AssetReference):
        version = {"model": f"{model.name}:{model.version}"}
    return settings.tags_with(declared.tags) | version


def written_by_azure(declared: OnlineEndpoint | OnlineDeployment) -> list[str]:
    """Return the paths to ignore, as routing and scaling change what a refresh finds there.

    Where no properties are declared that is all of them: a path below what is left out can't be
    ignored. So the last one that is taken out of a declaration stays on Azure.
    """
    if not declared.properties:
        return ["properties.properties"]
    return [f"properties.properties.{name}" for name in _WRITTEN_BY_AZURE]


def routing_triggers(
    declared: BatchEndpoint | OnlineEndpoint, settings: Settings
) -> dict[str, Any]:
    """Return the values that an endpoint is put with; a change of them takes its routing away."""
    return {
        "auth_mode": declared.auth_mode,
        "description": declared.description if isinstance(declared, BatchEndpoint) else None,
        "identity": asdict(declared.identity) if declared.identity else None,
        "properties": dict(declared.properties),
        "public_network_access": getattr(declared, "public_network_access", None),
        "isolation": settings.network.isolation,
        "tags": settings.lasting_tags_with(declared.tags),
    }


def identity_args(identity: Identity) -> ml.ManagedServiceIdentityArgs:
    """Return the identity that an endpoint is declared with."""
    assigned = [named["resource_id"] for named in identity.user_assigned_identities]
    return ml.ManagedServiceIdentityArgs(
        type=IDENTITY_TYPES[identity.type], user_assigned_identities=list(assigned) or None
    )


def model_id(declared: Deployment, platform: Platform) -> pulumi.Output[str] | None:
    """Return the id of the pinned model; None for a deployment that has none."""
    model = declared.model
    return asset_id(model, "models", platform) if isinstance(model, AssetReference) else None


def code_args(declared: Deployment, platform: Platform) -> ml.CodeConfigurationArgs | None:
    """Return the script and the pinned code asset; None for a deployment without a script."""
    pin = code_pin(declared)
    if declared.code_configuration is None or pin is None:
        return None
    code = AssetReference(pin.name, version=pin.version)
    return ml.CodeConfigurationArgs(
        code_id=asset_id(code, "codes", platform),
        scoring_script=declared.code_configuration.scoring_script,
    )


def asset_id(reference: AssetReference, kind: AssetKind, platform: Platform) -> pulumi.Output[str]:
    """Return the id of an exact version: of this workspace, another one, or a registry."""
    if reference.registry:
        return pulumi.Output.from_input(str(reference))
    path = f"{kind}/{reference.name}/versions/{reference.version}"
    if reference.workspace:
        return pulumi.Output.from_input(f"/{reference.workspace.strip('/')}/{path}")
    return pulumi.Output.concat(platform.workspace.id, "/", path)
