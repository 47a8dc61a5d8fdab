"""Production is reached privately, and with identities instead of keys."""

from collections.abc import Iterator, Mapping
from typing import Final

from infra.policies.rule import PRODUCTION, UNKNOWN, Resource, Rule, in_production

_CLUSTER = "machinelearningservices:Compute"
_DATASTORE = "machinelearningservices:Datastore"
_ENDPOINT = "machinelearningservices:OnlineEndpoint"

# The property of each kind that lets the public network in, and its value where it does not.
DOORS: Mapping[str, tuple[str, str | bool]] = {
    "containerregistry:Registry": ("publicNetworkAccess", "disabled"),
    "keyvault:Vault": ("properties.publicNetworkAccess", "disabled"),
    "machinelearningservices:Workspace": ("publicNetworkAccess", "disabled"),
    "storage:StorageAccount": ("publicNetworkAccess", "disabled"),
    _ENDPOINT: ("properties.publicNetworkAccess", "disabled"),
    _CLUSTER: ("properties.properties.enableNodePublicIp", False),
}

# The properties of each kind that turn its keys off: path, value, and the text for infra/.
_LOCKS: Mapping[str, tuple[tuple[str, bool | str, str], ...]] = {
    "storage:StorageAccount": (
        ("allowSharedKeyAccess", False, "allow_shared_key_access=False"),
        ("allowBlobPublicAccess", False, "allow_blob_public_access=False"),
    ),
    "containerregistry:Registry": (("adminUserEnabled", False, "admin_user_enabled=False"),),
    "machinelearningservices:Workspace": (
        ("systemDatastoresAuthMode", "identity", 'system_datastores_auth_mode="identity"'),
    ),
    _CLUSTER: (("properties.disableLocalAuth", True, "disable_local_auth=True"),),
}


def _public_network(resource: Resource) -> Iterator[str]:
    if resource.kind not in DOORS or not in_production(resource):
        return
    door, closed = DOORS[resource.kind]
    if not _says(resource, door, closed):
        yield (
            f"the public network reaches {resource.name} ({door.rpartition('.')[2]});"
            f" set scoring:isolation to managed in {resource.stack_file}"
        )


def _keys(resource: Resource) -> Iterator[str]:
    if not in_production(resource):
        return
    for path, off, text in _LOCKS.get(resource.kind, ()):
        if not _says(resource, path, off):
            yield f"{resource.name} can be used with a key or by anybody; set {text} in infra/"
    credentials = resource.read("properties.credentials.credentialsType")
    if resource.kind == _DATASTORE and isinstance(credentials, str) and credentials != "None":
        yield (
            f"{resource.name} reads with {credentials}; take it out of scoring:datastoreKeys in"
            f" {resource.stack_file}, and give its readers a role"
        )
    mode = resource.read("properties.authMode") if resource.kind == _ENDPOINT else None
    if isinstance(mode, str) and mode.lower() == "key":
        yield (
            f"{resource.name} is called with a key; set"
            f" scoring:endpoints.{resource.name}.auth_mode to aad_token in {resource.stack_file}"
        )


def _says(resource: Resource, path: str, wanted: str | bool) -> bool:
    """Return whether a property has a value, in any case of letters; an unknown one may have it."""
    found = resource.read(path)
    if found is UNKNOWN:
        return True
    return found.lower() == wanted if isinstance(found, str) else found is wanted


NO_PUBLIC_NETWORK: Final = Rule(
    "production-has-no-public-network",
    "In production no service is reached from the public network.",
    _public_network,
    (PRODUCTION,),
)
NO_KEYS: Final = Rule(
    "production-has-no-keys",
    "In production callers have an identity; keys, admin users and anonymous reads are off.",
    _keys,
    (PRODUCTION,),
)
