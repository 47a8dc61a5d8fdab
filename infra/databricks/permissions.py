"""The permissions of those who may run jobs and ask endpoints."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_databricks as databricks

from infra.databricks.settings import Settings

ALL_USERS = "users"  # the group of a workspace's own users


def declare_permissions(
    name: str, settings: Settings, provider: databricks.Provider, level: str, **on: Any
) -> databricks.Permissions:
    """Let the stack's groups do what `level` says; `on` names the object, as in `job_id`."""
    return databricks.Permissions(
        name,
        access_controls=[
            databricks.PermissionsAccessControlArgs(group_name=group, permission_level=level)
            for group in settings.groups or (ALL_USERS,)
        ],
        **on,
        opts=pulumi.ResourceOptions(provider=provider),
    )
