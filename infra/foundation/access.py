"""The role assignments of each identity, and no others.

Sources: Azure ML's documentation on authentication between services (workspace identity, compute
clusters), on storage without shared keys, on the identities of online endpoints, and on the managed
network.
"""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_azure_native import authorization
from pulumi_azure_native.managedidentity import UserAssignedIdentity

from infra.pins import all_pinned
from infra.roles import BLOB_CONTRIBUTOR, Role, assign
from infra.settings import Settings
from runner.declarations import Catalog, OnlineDeployment
from runner.declarations.secret_references import connections_of, vaults_of

# The ids of group, storage, vault, registry, insights and workspace, by these names.
Services = Mapping[str, pulumi.Input[str]]

CONTRIBUTOR = Role("contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c")
BLOB_READER = Role("blob-data-reader", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1")
FILE_CONTRIBUTOR = Role("file-data-privileged-contributor", "69566ab7-960f-475b-8e7c-b3118f30c6bd")
QUEUE_CONTRIBUTOR = Role("queue-data-contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88")
TABLE_CONTRIBUTOR = Role("table-data-contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3")
VAULT_ADMINISTRATOR = Role("vault-administrator", "00482a5a-887f-4fb3-b363-3b7fe8e74483")
IMAGE_PULL = Role("acr-pull", "7f951dda-4ed3-4680-a7ca-43fe172d538d")
IMAGE_PUSH = Role("acr-push", "8311e382-0749-4cb8-b61a-304f252e45ec")
METRICS_WRITER = Role("metrics-writer", "635dd51f-9968-44d3-b7fb-6d9a6bd613ae")
CONNECTION_APPROVER = Role("connection-approver", "b556d68e-0be0-4f35-a333-ad7ee1ce17ea")

WORKSPACE = (
    ("storage", CONTRIBUTOR),
    ("storage", BLOB_CONTRIBUTOR),
    ("storage", FILE_CONTRIBUTOR),
    ("vault", CONTRIBUTOR),
    ("vault", VAULT_ADMINISTRATOR),
    ("registry", CONTRIBUTOR),
    ("insights", CONTRIBUTOR),
)
# The managed network reaches the services and the workspace itself, which is yet to be made, by
# private endpoints, and somebody has to approve those.
MANAGED_WORKSPACE = (("group", CONNECTION_APPROVER),)
# The role of the workspace's identity on the workspace, which Azure doesn't assign by itself.
# Clusters and deployments are made with it, so they wait for this.
OWN_WORKSPACE = (("workspace", CONTRIBUTOR),)
# Jobs pull their image, read inputs and models, and write outputs.
# The nodes of a batch job share its mini-batches out by queues and tables of the storage account.
CLUSTERS = (
    ("storage", BLOB_CONTRIBUTOR),
    ("storage", QUEUE_CONTRIBUTOR),
    ("storage", TABLE_CONTRIBUTOR),
    ("registry", IMAGE_PULL),
)
# Reads what is to be built, writes the log of that beside it, and pushes the image. Whoever pushes
# may change what endpoints run, so no job acts with this identity.
BUILDER = (("storage", BLOB_CONTRIBUTOR), ("registry", IMAGE_PUSH))
ENDPOINTS = (("storage", BLOB_READER), ("registry", IMAGE_PULL))
# Collected requests and answers are written beside the models.
COLLECTING_ENDPOINTS = (("storage", BLOB_CONTRIBUTOR),)

# Secrets that a deployment's variables refer to are read as the endpoint's identity.
SECRETS_READER = Role("connection-secrets-reader", "ea01e6af-a1c1-4350-9563-ad00f8c72ec5")
VAULT_SECRETS_USER = Role("vault-secrets-user", "4633458b-17de-408a-b874-0445c86b69e6")

Assignments = list[authorization.RoleAssignment]
Roles = Sequence[tuple[str, Role]]  # each with what it is on: a service or `workspace`


def declare_access(
    settings: Settings, actor: str, identity: UserAssignedIdentity, roles: Roles, on: Services
) -> Assignments:
    """Assign roles to the identity of an actor."""
    return [
        assign(settings, actor, identity.principal_id, role, target, on[target])
        for target, role in roles
    ]


def workspace_roles(settings: Settings) -> Roles:
    """Return what the workspace's identity may do with the services, before it is made."""
    return (*WORKSPACE, *(MANAGED_WORKSPACE if settings.private else ()))


def endpoint_roles(settings: Settings) -> Roles:
    """Return what online deployments may do: pull their image, read the model, report metrics."""
    acting = _acting(settings.catalog)
    variables = [deployment.environment_variables for deployment in acting]
    collects = any(deployment.data_collector is not None for deployment in acting)
    own_vault = any(settings.vault in vaults_of(given) for given in variables)
    return (
        *ENDPOINTS,
        *(COLLECTING_ENDPOINTS if collects else ()),
        *((("vault", VAULT_SECRETS_USER),) if own_vault else ()),
        ("workspace", METRICS_WRITER),
        *((("workspace", SECRETS_READER),) if any(map(connections_of, variables)) else ()),
    )


def _acting(catalog: Catalog) -> list[OnlineDeployment]:
    """Return the deployments that act with the platform's identity."""
    return [
        deployment
        for deployment in all_pinned(catalog)
        if isinstance(deployment, OnlineDeployment)
        and catalog.online_endpoints[deployment.endpoint_name].identity is None
    ]
