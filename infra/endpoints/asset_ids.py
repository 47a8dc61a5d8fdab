"""The ids that assets have on Azure: models, code, components, data and environments."""

from __future__ import annotations

from typing import Literal

import pulumi

from infra.foundation.platform import Platform
from runner.declarations import AssetReference

Kind = Literal["models", "codes", "components", "data", "environments"]


def asset_id(reference: AssetReference, kind: Kind, platform: Platform) -> pulumi.Output[str]:
    """Return the id of an exact version: of this workspace, another one, or a registry."""
    if reference.registry:
        return pulumi.Output.from_input(str(reference))
    path = f"{kind}/{reference.name}/versions/{reference.version}"
    if reference.workspace:
        return pulumi.Output.from_input(f"/{reference.workspace.strip('/')}/{path}")
    return pulumi.Output.concat(platform.workspace.id, "/", path)
