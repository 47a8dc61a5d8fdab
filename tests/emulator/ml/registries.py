"""Registries: models and data that several workspaces share.

A registry is a resource like others; what it holds is asked for at the address that its discovery
names. A version there never changes. Its files lie in the registry's own storage, which one writes
to by a reference that is given for the version, or which Azure copies a workspace's files to.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tests.emulator import addresses, platform_kinds
from tests.emulator.batch.places import Place, find_place
from tests.emulator.cloud import Cloud
from tests.emulator.faults import retry_headers
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.ml.refusals import conflict, invalid
from tests.emulator.resource_ids import ResourceId, parse
from tests.emulator.resources import ResourceManager, system_data
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Resource

_PROVIDER = "Microsoft.MachineLearningServices"
REGISTRY = f"{_PROVIDER}/registries"
_WORKSPACE = f"{_PROVIDER}/workspaces"
_FRONTEND = "/mferp/managementfrontend"
_REGISTRIES = (
    f"{_FRONTEND}/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{_PROVIDER}"
    "/registries/{registry}"
)
# The SDK asks a registry with tokens of the public cloud, whatever the cloud.
_AUDIENCES = (
    *addresses.MANAGEMENT_AUDIENCES,
    *addresses.ML_AUDIENCES,
    "https://management.azure.com",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,32}")
_SOURCE = re.compile(
    r"azureml://locations/[^/]+/workspaces/(?P<workspace>[^/]+)/(?P<segment>models|data)"
    r"/(?P<name>[^/]+)/versions/(?P<version>[^/]+)"
)
_URI_KEYS = {"models": "modelUri", "data": "dataUri"}


def _prepare_registry(change: Change) -> None:
    if not _NAME.fullmatch(change.id.name):
        raise invalid(f"'{change.id.name}' is no name of a registry: 2 to 33 letters, digits, - _.")
    others = change.cloud.state.of_type(REGISTRY)
    if any(_is(other, change.id.name) and other.key != change.id.id.lower() for other in others):
        raise conflict(f"The registry '{change.id.name}' exists already; its name must be unique.")
    _account(change.cloud, change.properties)
    api = addresses.workspace_api(change.body["location"])
    change.properties["discoveryUrl"] = (
        f"{api}/registrymanagement/v1.0/registries/{change.id.name}/discovery"
    )


def _prepare_version(change: Change) -> None:
    """Make a version once, of what was sent to the registry's own storage."""
    segment = parse(change.id.parent).segment
    key = _URI_KEYS[segment]
    change.properties.setdefault("description", None)
    for name in ("tags", "properties"):
        change.properties.setdefault(name, {})
    if segment == "models":
        change.properties.setdefault("flavors", {})
    if change.old is not None:
        if change.properties.get(key) != change.old.properties[key]:
            raise conflict(f"The asset '{change.id.name}' exists in the registry already.")
        return
    account = _account(change.cloud, _registry_of(change.cloud, change.id).properties)
    root = account.properties["primaryEndpoints"]["blob"]
    if not str(change.properties.get(key) or "").startswith(root):
        raise invalid(f"'properties.{key}' is not in the registry's storage.", f"properties.{key}")
    change.created.append(lambda: _put_container(change.cloud, change.call, change.id))


def discovery(cloud: Cloud, call: Call) -> Response:
    """Say where a registry is, by its name alone."""
    registry = _named(cloud, call.arguments["registry"])
    address = parse(registry.body["id"])
    location = registry.body["location"]
    return answer(
        200,
        {
            "registryName": address.name,
            "tenantId": cloud.application.tenant,
            "primaryRegion": location,
            "regions": [location],
            "subscriptionId": address.subscription,
            "resourceGroup": address.group_name,
            "workspaceName": address.name,
            "primaryRegionResourceProviderUri": f"{addresses.workspace_api(location)}/",
        },
    )


def reference(cloud: Cloud, call: Call) -> Response:
    """Give a container to send the files of a version to, which is not there yet."""
    registry, version = _asked(cloud, call)
    if any(
        cloud.state.get(f"{registry.key}/{segment}/{version}") is not None for segment in _URI_KEYS
    ):
        raise conflict("The asset exists in the registry already.")
    account = _account(cloud, registry.properties)
    return answer(200, _consumable(cloud, account, _new_container(cloud, account)))


def read_reference(cloud: Cloud, call: Call) -> Response:
    """Sign the address of the container that a version's files lie in, for reading."""
    registry, _ = _asked(cloud, call)
    container = urlsplit(call.request.json()["blobUri"]).path.split("/")[1]
    return answer(200, _consumable(cloud, _account(cloud, registry.properties), container))


def _import(cloud: Cloud, call: Call, registry: Resource) -> Response:
    """Copy a version of a workspace; who asks waits until it is there, and is told nothing."""
    asked = call.request.json()["properties"]
    found = _SOURCE.fullmatch(asked["sourceAssetId"])
    workspaces = {
        known.properties["workspaceId"]: known for known in cloud.state.of_type(_WORKSPACE)
    }
    workspace = workspaces.get(found["workspace"]) if found else None
    if found is None or workspace is None:
        raise invalid(f"'{asked['sourceAssetId']}' is no asset of a workspace.")
    segment, key = found["segment"], _URI_KEYS[found["segment"]]
    source = cloud.state.get(
        f"{workspace.key}/{segment}/{found['name']}/versions/{found['version']}"
    )
    if source is None:
        raise Refusal(404, "UserError", f"'{asked['sourceAssetId']}' was not found.")
    target = parse(
        f"{registry.body['id']}/{segment}/{asked['destinationName']}"
        f"/versions/{asked['destinationVersion']}"
    )
    if cloud.state.get(target.id) is not None:
        raise conflict(f"The asset '{target.name}' exists in the registry already.")
    place = find_place(cloud.state, workspace.key, source.properties[key])
    copied = {**source.properties, key: _copied(cloud, registry, place)}
    copied.pop("jobName", None)
    body = _body(call, target, copied)
    cloud.state.put(target.parent, target.type, body, {})
    _put_container(cloud, call, target)
    poll = f"https://{call.request.host}{_FRONTEND}{call.request.path}/operations/{uuid.uuid4()}"
    return answer(202, None, {"Location": poll, **retry_headers(cloud.operations.interval)})


def _imported(_cloud: Cloud, _call: Call) -> Response:
    return answer(200)


def _copied(cloud: Cloud, registry: Resource, source: Place) -> str:
    account = _account(cloud, registry.properties)
    container = _new_container(cloud, account)
    name = source.path.rstrip("/").rpartition("/")[2]
    if cloud.storage is not None:
        cloud.storage.copy(
            source.account, source.container, source.path, account.body["name"], container, name
        )
    return f"{account.properties['primaryEndpoints']['blob']}{container}/{name}"


def _new_container(cloud: Cloud, account: Resource) -> str:
    container = str(uuid.uuid4())
    platform_kinds.create_container(cloud, account, container)
    return container


def _consumable(cloud: Cloud, account: Resource, container: str) -> dict[str, Any]:
    uri = f"{account.properties['primaryEndpoints']['blob']}{container}"
    return {
        "blobReferenceForConsumption": {
            "blobUri": uri,
            "storageAccountArmId": account.body["id"],
            "credential": {
                "credentialType": "SAS",
                "sasUri": f"{uri}?{cloud.sas(account.body['name'])}",
            },
        }
    }


def _put_container(cloud: Cloud, call: Call, version: ResourceId) -> None:
    if cloud.state.get(version.parent) is None:
        container = parse(version.parent)
        cloud.state.put(container.parent, container.type, _body(call, container, {}), {})


def _body(call: Call, address: ResourceId, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": address.id,
        "name": address.name,
        "type": address.type,
        "systemData": system_data(call),
        "properties": {**properties, "provisioningState": "Succeeded"},
    }


def _asked(cloud: Cloud, call: Call) -> tuple[Resource, str]:
    """Return the registry of a request, and the end of the id of the version that it is about."""
    found = call.arguments
    return _named(cloud, found["registry"]), f"{found['name']}/versions/{found['version']}"


def _named(cloud: Cloud, name: str) -> Resource:
    for registry in cloud.state.of_type(REGISTRY):
        if _is(registry, name):
            return registry
    raise Refusal(404, "UserError", f"The registry '{name}' was not found.")


def _is(registry: Resource, name: str) -> bool:
    return str(registry.body["name"]).lower() == name.lower()


def _registry_of(cloud: Cloud, version: ResourceId) -> Resource:
    found = cloud.state.get(parse(version.parent).parent)
    assert found is not None
    return found


def _account(cloud: Cloud, properties: Mapping[str, Any]) -> Resource:
    """Return the storage account of a registry, which Azure makes with the registry."""
    for region in properties.get("regionDetails") or ():
        for details in region.get("storageAccountDetails") or ():
            named = (details.get("systemCreatedStorageAccount") or {}).get("armResourceId") or {}
            account = cloud.state.get(str(named.get("resourceId")))
            if account is not None:
                return account
    raise invalid("'properties.regionDetails' names no storage account.")


def _view(_cloud: Cloud, found: Resource) -> dict[str, Any]:
    """Name what a registry holds as the SDK reads it: by the registry alone."""
    return {**found.body, "id": f"azureml://{found.body['id'].partition(f'{_PROVIDER}/')[2]}"}


def _version_kinds(segment: str, model: str, *also: str) -> tuple[Kind, Kind]:
    return (
        Kind(f"{REGISTRY}/{segment}", view=_view, paged=True, etag=False, writable=False),
        Kind(
            f"{REGISTRY}/{segment}/versions",
            model=model,
            prepare=_prepare_version,
            view=_view,
            also=also,
            listing=lambda _cloud, _call, found: list(reversed(found)),
            paged=True,
            etag=False,
            needs_parent=False,
            lists_nothing=True,  # the SDK asks for the latest version of a name before its first
        ),
    )


KINDS: tuple[Kind, ...] = (
    Kind(REGISTRY, model="Registry", prepare=_prepare_registry, actions={"import": _import}),
    # Of models the SDK sends a property that the request model lacks.
    *_version_kinds("models", "ModelVersion", "system_metadata"),
    *_version_kinds("data", "DataVersionBase", "autoDeleteSetting"),
)


def routes(manager: ResourceManager) -> tuple[Route, ...]:
    """Give the routes of what lies behind a registry's discovery."""

    def resource(cloud: Cloud, call: Call) -> Response:
        path = call.request.path[len(_FRONTEND) :]
        return manager.resource(cloud, replace(call, request=replace(call.request, path=path)))

    host, version = addresses.WORKSPACE_HOST, "/{name}/versions/{version}"
    found = "/registrymanagement/v1.0/registries/{registry}/discovery"
    return (
        route("GET", host, found, discovery, _AUDIENCES),
        route("PUT", host, f"{_REGISTRIES}/tempdatarefs{version}", reference, _AUDIENCES),
        route("POST", host, f"{_REGISTRIES}/datarefs{version}", read_reference, _AUDIENCES),
        route("GET", host, f"{_REGISTRIES}/import/operations/{{id}}", _imported, _AUDIENCES),
        route("*", host, f"{_REGISTRIES}/{{rest*}}", resource, _AUDIENCES),
    )
