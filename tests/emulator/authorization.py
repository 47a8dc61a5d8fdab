"""Permissions by the role assignments on a scope and above it, and Azure's refusals.

Held to their roles are the identities that resources are given (`user-assigned`); what has an
identity of its own gets its roles from Azure. Who signs in may do everything, unless the cloud
`holds` that principal to its roles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulator.built_in_roles import BUILT_IN
from tests.emulator.messages import Refusal, Request
from tests.emulator.resource_ids import parse
from tests.emulator.state import Resource, State

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
STORAGE_ACCOUNT = "Microsoft.Storage/storageAccounts"

# https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
STORAGE_MISMATCH = (
    "AuthorizationPermissionMismatch",
    "This request is not authorized to perform this operation using this permission.",
)

READ_BLOBS = f"{STORAGE_ACCOUNT}/blobServices/containers/blobs/read"
WRITE_BLOBS = f"{STORAGE_ACCOUNT}/blobServices/containers/blobs/write"
DELETE_BLOBS = f"{STORAGE_ACCOUNT}/blobServices/containers/blobs/delete"
PROCESS_MESSAGES = f"{STORAGE_ACCOUNT}/queueServices/queues/messages/process/action"
WRITE_ENTITIES = f"{STORAGE_ACCOUNT}/tableServices/tables/entities/write"
PULL_IMAGES = "Microsoft.ContainerRegistry/registries/pull/read"
PUSH_IMAGES = "Microsoft.ContainerRegistry/registries/push/write"
READ_SECRETS = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
WRITE_SECRETS = "Microsoft.KeyVault/vaults/secrets/setSecret/action"


@dataclass(frozen=True)
class Identity:
    """The principal that acts, as Entra knows it."""

    object_id: str
    client: str
    tenant: str


def identity_of(state: State, resource: Resource | Mapping[str, Any] | None) -> Identity | None:
    """Give the identity that a resource was given to act with.

    None where it has one of its own, or none, and for one that isn't known.
    """
    if resource is None:
        return None
    body = resource.body if isinstance(resource, Resource) else resource
    given = (body.get("identity") or {}).get("userAssignedIdentities") or {}
    primary = (body.get("properties") or {}).get("primaryUserAssignedIdentity")
    found = state.get(str(primary or next(iter(given), "")))
    if found is None:
        return None
    known = found.properties
    return Identity(known["principalId"], known["clientId"], known["tenantId"])


def may(state: State, object_id: str, action: str, scope: str, *, data: bool = False) -> bool:
    """Return whether a principal may do something with a resource, by its role assignments."""
    within = scope.lower().rstrip("/") + "/"
    for assignment in state.of_type(ASSIGNMENT):
        given = assignment.properties
        reaches = within.startswith(str(given["scope"]).lower().rstrip("/") + "/")
        if not reaches or str(given["principalId"]).lower() != object_id.lower():
            continue
        role = BUILT_IN.get(str(given["roleDefinitionId"]).rpartition("/")[2].lower())
        if role is not None and role.allows(action, data=data):
            return True
    return False


def lacks(
    state: State, identity: Identity | None, action: str, scope: str, *, data: bool = False
) -> bool:
    """Return whether an identity that is held to its roles has none that lets it do something."""
    return identity is not None and not may(state, identity.object_id, action, scope, data=data)


def require(state: State, identity: Identity | None, action: str, scope: str) -> None:
    """Refuse what an identity has no role for, as Resource Manager does."""
    if identity is not None and lacks(state, identity, action, scope):
        raise Refusal(
            403,
            "AuthorizationFailed",
            not_authorized(identity.client, identity.object_id, action, scope),
        )


def not_authorized(client: object, object_id: object, action: str, scope: str) -> str:
    """Say it in Resource Manager's words.

    https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
    """
    return (
        f"The client '{client}' with object id '{object_id}' does not have authorization to perform"
        f" action '{action}' over scope '{scope}' or the scope is invalid. If access was recently"
        " granted, please refresh your credentials."
    )


def require_in_workspace(state: State, identity: Identity | None, action: str, scope: str) -> None:
    """Refuse what an identity has no role for, as a workspace's data plane does.

    The words are those of https://github.com/microsoft/build-your-first-agent-with-azure-ai-agent-service-workshop/issues/51.
    """
    if identity is not None and lacks(state, identity, action, scope):
        raise Refusal(
            403,
            "UserError",
            f"Identity(object id: {identity.object_id}) does not have permissions for {action}"
            " actions. Please refer to https://aka.ms/azureml-auth-troubleshooting to fix the"
            " permissions issue.",
        )


def require_in_vault(
    state: State, identity: Identity | None, action: str, vault: Resource, secret: str
) -> None:
    """Refuse what an identity has no role for, as a key vault does that goes by roles.

    https://learn.microsoft.com/azure/key-vault/general/rest-error-codes has the code; the message
    is as azurerm, Terraform's provider, shows it.
    """
    if identity is None or may(state, identity.object_id, action, vault.key, data=True):
        return
    said = (
        "Caller is not authorized to perform action on resource.",
        "If role assignments, deny assignments or role definitions were changed recently, please"
        " observe propagation time.",
        f"Caller: appid={identity.client};oid={identity.object_id};"
        f"iss=https://sts.windows.net/{identity.tenant}/",
        f"Action: '{action}'",
        f"Resource: '{vault.key}/secrets/{secret}'",
        "Assignment: (not found)",
        "DenyAssignmentId: null",
        "DecisionReason: null ",
        f"Vault: {vault.body['name']};location={vault.body.get('location')}",
        "",
    )
    raise Refusal(403, "Forbidden", "\r\n".join(said), innererror={"code": "ForbiddenByRbac"})


def account_named(state: State, name: str) -> Resource | None:
    """Find a storage account by its name, which is one in the whole cloud."""
    accounts = state.of_type(STORAGE_ACCOUNT)
    return next((account for account in accounts if account.body["name"] == name), None)


def action_of(request: Request) -> tuple[str, str]:
    """Return the action that a request is by its method, and the scope of it."""
    path, verbs = request.path, {"PUT": "write", "PATCH": "write", "DELETE": "delete"}
    verb = verbs.get(request.method, "read")
    if not path.lower().startswith("/subscriptions/"):
        return verb, path
    if request.method == "POST":
        path, _, action = path.rpartition("/")
        verb = f"{action}/action"
    target = parse(path)
    return f"{target.type}/{verb}", target.id
