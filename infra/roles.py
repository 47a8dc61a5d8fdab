"""Azure's built-in roles, and the assignment of one."""

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

import pulumi
from pulumi_azure_native import authorization

from infra.component import within
from infra.stack_config import StackSettings


@dataclass(frozen=True)
class Role:
    """One of Azure's built-in roles; its id is the same in every tenant."""

    name: str
    id: str


BLOB_CONTRIBUTOR = Role("blob-data-contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe")


def assign(
    settings: StackSettings,
    actor: str,
    principal_id: pulumi.Input[str],
    role: Role,
    target: str,
    scope: pulumi.Input[str],
) -> authorization.RoleAssignment:
    """Assign a role on a scope; `actor` and `target` are what the names of the two are."""
    name = f"{actor}-{role.name}-on-{target}"
    stack = f"{settings.project}/{settings.stack}/{settings.subscription_id}"
    # Of what is there already the id is known, and it may be in another subscription.
    place = scope.split("/")[2] if isinstance(scope, str) else settings.subscription_id
    return authorization.RoleAssignment(
        name,
        role_assignment_name=str(uuid5(NAMESPACE_URL, f"{stack}/{name}")),
        principal_id=principal_id,
        # Said, Azure need not look the principal up, which fails while it is new.
        principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
        role_definition_id=f"/subscriptions/{place}/providers/Microsoft.Authorization/roleDefinitions/"
        + role.id,
        scope=scope,
        # The name stays the same, so the old one has to go before the new one comes.
        opts=within(delete_before_replace=True),
    )
