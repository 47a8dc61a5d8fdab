"""The types around a workspace: what Azure computes for them that others read."""

from __future__ import annotations

import re
import secrets
import uuid
from typing import Any

from tests.emulator import addresses
from tests.emulator.authorization import ASSIGNMENT, IDENTITY, STORAGE_ACCOUNT
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.resource_ids import GROUP_TYPE
from tests.emulator.routes import Call
from tests.emulator.state import Resource

BLOB_SERVICE = f"{STORAGE_ACCOUNT}/blobServices"
CONTAINER = f"{BLOB_SERVICE}/containers"
_VAULT = "Microsoft.KeyVault/vaults"

_STORAGE_NAME = re.compile(r"[a-z0-9]{3,24}")
_VAULT_NAME = re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]")
_MOST_KEPT_DAYS = 365
_REGISTRY_NAME = re.compile(r"[A-Za-z0-9]{5,50}")


def open_storage(cloud: Cloud) -> None:
    """Make all accounts and containers there are in the storage that was plugged in."""
    if cloud.storage is None:
        return
    for account in cloud.state.of_type(STORAGE_ACCOUNT):
        cloud.storage.open_account(account.body["name"])
    for container in cloud.state.of_type(CONTAINER):
        cloud.storage.create_container(container.key.split("/")[8], container.body["name"])


def is_closed(cloud: Cloud, account: str) -> bool:
    """Return whether a storage account lets nobody in but from its own networks."""
    for found in cloud.state.of_type(STORAGE_ACCOUNT):
        if found.body["name"] == account:
            rules = found.properties.get("networkAcls") or {}
            public = found.properties.get("publicNetworkAccess")
            return public == "Disabled" or rules.get("defaultAction") == "Deny"
    return False


def create_container(cloud: Cloud, account: Resource, name: str) -> None:
    """Make a container of a storage account, unless it is there."""
    service = f"{account.body['id']}/blobServices/default"
    body = {
        "id": f"{service}/containers/{name}",
        "name": name,
        "type": CONTAINER,
        "properties": {"publicAccess": "None"},
    }
    cloud.state.put(service, CONTAINER, body, {})
    if cloud.storage is not None:
        cloud.storage.create_container(account.body["name"], name)


def _prepare_group(change: Change) -> None:
    if not change.body.get("location"):
        raise Refusal(400, "LocationRequired", "The location property is required.")


def _prepare_storage(change: Change) -> None:
    name = change.id.name
    if not _STORAGE_NAME.fullmatch(name):
        raise Refusal(
            400,
            "AccountNameInvalid",
            f"{name} is not a valid storage account name. Storage account name must be between 3"
            " and 24 characters in length and use numbers and lower-case letters only.",
        )
    if _is_elsewhere(change):
        raise Refusal(
            409, "StorageAccountAlreadyTaken", f"The storage account named {name} is already taken."
        )
    known = change.old.properties if change.old else {}
    for fixed in ("isHnsEnabled", "isNfsV3Enabled"):
        given = change.properties.get(fixed)
        if change.old and given is not None and given != bool(known.get(fixed)):
            raise Refusal(
                400,
                "AccountPropertyCannotBeUpdated",
                f"The property '{fixed}' was specified in the input, but it cannot be updated as it"
                " is read-only.",
            )
        if fixed in known:
            change.properties[fixed] = known[fixed]
    location = change.body.get("location", "")
    change.properties.update(
        primaryEndpoints={
            service: f"https://{name}.{service}.{addresses.STORAGE_SUFFIX}/"
            for service in ("blob", "dfs", "file", "queue", "table")
        },
        primaryLocation=location,
        statusOfPrimary="available",
    )
    change.secrets.setdefault("key", secrets.token_urlsafe(64))
    if change.old is None:
        change.created.append(lambda: _open_account(change))


def _open_account(change: Change) -> None:
    body = {
        "id": f"{change.id.id}/blobServices/default",
        "name": "default",
        "type": BLOB_SERVICE,
        "properties": {},
    }
    change.cloud.state.put(change.id.id, BLOB_SERVICE, body, {})
    if change.cloud.storage is not None:
        change.cloud.storage.open_account(change.id.name)


def _prepare_blob_service(change: Change) -> None:
    properties = change.properties
    for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        policy = properties.setdefault(name, {"enabled": False})
        if policy.get("enabled") and not 1 <= int(policy.get("days") or 0) <= _MOST_KEPT_DAYS:
            raise Refusal(
                400,
                "InvalidXmlNodeValue",
                f"The value for one of the XML nodes is not in the correct format: {name}.days.",
            )
    if properties.get("isVersioningEnabled") and change.parent().properties.get("isHnsEnabled"):
        raise Refusal(
            409,
            "FeatureNotSupportedForAccount",
            "Blob versioning is not supported for accounts with hierarchical namespace.",
        )
    properties.setdefault("cors", {"corsRules": []})


def _prepare_lifecycle(change: Change) -> None:
    if change.id.name != "default":
        raise Refusal(400, "InvalidParameter", "A management policy's name is 'default'.")
    rules = (change.properties.get("policy") or {}).get("rules") or []
    names = [rule.get("name") for rule in rules]
    if not rules or len({*names}) < len(names):
        raise Refusal(400, "InvalidRequestPropertyValue", "Rules need names of their own.")
    for rule in rules:
        if not rule.get("definition", {}).get("actions"):
            raise Refusal(400, "InvalidRequestPropertyValue", "A rule needs an action.")


def _storage_keys(cloud: Cloud, call: Call, account: Resource) -> Response:
    if account.properties.get("allowSharedKeyAccess") is False:
        raise Refusal(
            403, "KeyBasedAuthenticationNotPermitted", "Key access is off for this account."
        )
    key = account.secrets["key"]
    return answer(200, {"keys": [{"keyName": "key1", "value": key, "permissions": "FULL"}]})


def _prepare_container(change: Change) -> None:
    account = change.id.id.split("/")[8]
    if change.cloud.storage is not None:
        change.cloud.storage.create_container(account, change.id.name)


def _prepare_identity(change: Change) -> None:
    old = change.old.properties if change.old else {}
    change.properties.update(
        tenantId=change.cloud.application.tenant,
        principalId=old.get("principalId") or str(uuid.uuid4()),
        clientId=old.get("clientId") or str(uuid.uuid4()),
    )


def _prepare_vault(change: Change) -> None:
    if not _VAULT_NAME.fullmatch(change.id.name):
        raise Refusal(
            400,
            "VaultNameNotValid",
            f"The vault name '{change.id.name}' is invalid. A vault's name must be between 3-24"
            " alphanumeric characters. The name must begin with a letter, end with a letter or"
            " digit, and not contain consecutive hyphens.",
        )
    if _is_elsewhere(change):
        raise Refusal(
            409,
            "VaultAlreadyExists",
            f"The vault name '{change.id.name}' is already in use. Vault names are globaly unique"
            " so it is possible that the name is already taken. If you are sure that the vault name"
            " was not taken then it is possible that a vault with the same name was recently"
            " deleted but not purged after being placed in a recoverable state. If the vault is in"
            " a recoverable state then the vault will need to be purged before reusing the name."
            " For more information about VaultAlreadyExists, soft delete and purging a vault follow"
            " this link https://go.microsoft.com/fwlink/?linkid=2147740",
        )
    if change.old is None and change.cloud.state.setting(_kept_vault(change.id.name)):
        raise Refusal(
            409,
            "ConflictError",
            "A vault with the same name already exists in deleted state. You need to either"
            " recover or purge existing key vault. Follow this link"
            " https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
        )
    old = change.old.properties if change.old else {}
    if change.properties.get("enablePurgeProtection") is False:
        raise Refusal(
            400,
            "BadRequest",
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge'
            " protection for a vault is an irreversible action.",
        )
    if old.get("enablePurgeProtection"):
        change.properties["enablePurgeProtection"] = True
    days = "softDeleteRetentionInDays"
    change.properties.setdefault(days, old.get(days, 90))
    if old and change.properties[days] != old[days]:
        raise Refusal(
            400,
            "BadRequest",
            f'The property "{days}" has been set already and it can\'t be modified.',
        )
    change.properties["vaultUri"] = f"https://{change.id.name.lower()}.vault.azure.test/"


def _keep_vault(cloud: Cloud, call: Call, vault: Resource) -> None:
    """Keep the name of a deleted vault in the whole cloud."""
    cloud.state.set_setting(_kept_vault(vault.body["name"]), "deleted")


def _keep_vaults(cloud: Cloud, call: Call, group: Resource) -> None:
    for vault in cloud.state.of_type(_VAULT, below=group.key):
        _keep_vault(cloud, call, vault)


def _kept_vault(name: str) -> str:
    return f"vault {name.lower()}"


def _prepare_registry(change: Change) -> None:
    if not _REGISTRY_NAME.fullmatch(change.id.name):
        raise Refusal(
            400,
            "InvalidResourceName",
            f"The registry name '{change.id.name}' is invalid: 5 to 50 letters and digits.",
        )
    sku = str((change.body.get("sku") or {}).get("name"))
    if change.properties.get("publicNetworkAccess") == "Disabled" and sku != "Premium":
        raise Refusal(
            400,
            "DisablingPublicNetworkAccessNotSupported",
            f"Disabling public network access is not supported for the SKU {sku}. For more"
            " information, please visit https://aka.ms/acr/private-link.",
        )
    if _is_elsewhere(change):
        raise Refusal(
            409,
            "AlreadyInUse",
            f"The registry DNS name {change.id.name.lower()}.azurecr.io is already in use. You can"
            " check if the name is already claimed using following API:"
            " https://docs.microsoft.com/en-us/rest/api/containerregistry/registries"
            "/checknameavailability",
        )
    change.properties["loginServer"] = f"{change.id.name.lower()}.azurecr.azure.test"


def _is_elsewhere(change: Change) -> bool:
    """Return whether another resource of the type has the name, which is one in the whole cloud."""
    others = change.cloud.state.of_type(change.body["type"])
    name, key = change.id.name.lower(), change.id.id.lower()
    return any(other.body["name"].lower() == name and other.key != key for other in others)


def _prepare_insights(change: Change) -> None:
    old = change.old.properties if change.old else {}
    key = old.get("InstrumentationKey") or str(uuid.uuid4())
    location = change.body.get("location", "")
    change.properties.update(
        AppId=old.get("AppId") or str(uuid.uuid4()),
        InstrumentationKey=key,
        ConnectionString=(
            f"InstrumentationKey={key};IngestionEndpoint="
            f"https://{location}.in.applicationinsights.azure.test/"
        ),
        TenantId=change.cloud.subscription,
    )


def _prepare_logs(change: Change) -> None:
    old = change.old.properties if change.old else {}
    change.properties["customerId"] = old.get("customerId") or str(uuid.uuid4())
    change.secrets.setdefault("key", secrets.token_urlsafe(48))


def _logs_keys(cloud: Cloud, call: Call, logs: Resource) -> Response:
    return answer(200, {"primarySharedKey": logs.secrets["key"]})


def _prepare_assignment(change: Change) -> None:
    properties = change.properties
    for name in ("roleDefinitionId", "principalId"):
        if not properties.get(name):
            raise Refusal(
                400, "BadRequestFormat", f"The request was incorrectly formatted: {name}."
            )
    try:
        uuid.UUID(change.id.name)
    except ValueError:
        raise Refusal(
            400,
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{change.id.name}' is not valid. The role assignment ID must"
            " be a GUID.",
        ) from None
    _require_principal(change)
    if change.old is not None:
        old = change.old.properties
        if any(old[name] != properties[name] for name in ("roleDefinitionId", "principalId")):
            raise Refusal(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
    for other in change.cloud.state.children(change.id.parent, change.body["type"]):
        if other.key != change.id.id.lower() and _same_grant(other.properties, properties):
            raise Refusal(409, "RoleAssignmentExists", "The role assignment already exists.")
    properties["scope"] = change.id.parent
    properties.setdefault("principalType", "ServicePrincipal")


def _require_principal(change: Change) -> None:
    """Refuse a managed identity that the directory doesn't know yet, or knows as another thing."""
    given = change.properties
    principal, kind = str(given["principalId"]), given.get("principalType")
    identities = {
        str(resource.properties.get("principalId"))
        for resource in change.cloud.state.of_type(IDENTITY)
    }
    if principal not in identities or kind == "ServicePrincipal":
        return
    if kind is None:
        tenant = change.cloud.application.tenant
        raise Refusal(
            400,
            "PrincipalNotFound",
            f"Principal {principal.replace('-', '')} does not exist in the directory {tenant}."
            " Check that you have the correct principal ID. If you are creating this principal and"
            " then immediately assigning a role, this error might be related to a replication"
            " delay. In this case, set the role assignment principalType property to a value, such"
            " as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
        )
    raise Refusal(
        400,
        "UnmatchedPrincipalType",
        f"The PrincipalId '{principal.replace('-', '')}' has type 'ServicePrincipal' , which is"
        f" different from specified PrinciaplType '{kind}'.",
    )


def _same_grant(grant: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(
        str(grant[name]).lower() == str(other[name]).lower()
        for name in ("roleDefinitionId", "principalId")
    )


KINDS: tuple[Kind, ...] = (
    Kind(
        GROUP_TYPE,
        prepare=_prepare_group,
        before_delete=_keep_vaults,
        long_running=False,
        etag=False,
    ),
    Kind(STORAGE_ACCOUNT, prepare=_prepare_storage, actions={"listkeys": _storage_keys}),
    Kind(BLOB_SERVICE, prepare=_prepare_blob_service, provisioned=False, etag=False),
    Kind(CONTAINER, prepare=_prepare_container),
    Kind(
        f"{STORAGE_ACCOUNT}/managementPolicies",
        prepare=_prepare_lifecycle,
        provisioned=False,
        etag=False,
    ),
    Kind(IDENTITY, prepare=_prepare_identity),
    Kind(_VAULT, prepare=_prepare_vault, before_delete=_keep_vault),
    Kind("Microsoft.ContainerRegistry/registries", prepare=_prepare_registry),
    Kind("Microsoft.Insights/components", prepare=_prepare_insights),
    Kind(
        "Microsoft.OperationalInsights/workspaces",
        prepare=_prepare_logs,
        actions={"sharedkeys": _logs_keys},
    ),
    Kind(
        ASSIGNMENT,
        prepare=_prepare_assignment,
        provisioned=False,
        etag=False,
    ),
)
