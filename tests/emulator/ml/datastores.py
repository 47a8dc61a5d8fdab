"""Datastores: names for the containers of storage accounts."""

from __future__ import annotations

import re
from typing import Any

from tests.emulator import addresses, platform_kinds
from tests.emulator.cloud import Cloud
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Response, answer
from tests.emulator.ml.references import WORKSPACE
from tests.emulator.ml.refusals import invalid, require_unchanged
from tests.emulator.resources import system_data
from tests.emulator.routes import Call
from tests.emulator.state import Resource

DEFAULT = "workspaceblobstore"
ARTIFACTS = "workspaceartifactstore"
_TYPE = f"{WORKSPACE}/datastores"
_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")


def put_default_datastores(change: Change) -> None:
    """Give a workspace the datastores it is born with; later, only their authentication changes."""
    cloud, properties = change.cloud, change.properties
    account = cloud.state.get(properties["storageAccount"])
    if account is None:
        raise invalid("The workspace's storage account is gone.")
    by_identity = str(properties["systemDatastoresAuthMode"]).lower() == "identity"
    containers = {DEFAULT: f"azureml-blobstore-{properties['workspaceId']}", ARTIFACTS: "azureml"}
    for name, container in containers.items():
        if change.old is None:
            platform_kinds.create_container(cloud, account, container)
        key = f"{change.id.id}/datastores/{name}"
        body: dict[str, Any] = {
            "id": key,
            "name": name,
            "type": _TYPE,
            "systemData": system_data(change.call, cloud.state.get(key)),
            "properties": {
                "datastoreType": "AzureBlob",
                "accountName": account.body["name"],
                "containerName": container,
                "endpoint": addresses.STORAGE_SUFFIX,
                "protocol": "https",
                "credentials": {"credentialsType": "None" if by_identity else "Sas"},
                "isDefault": name == DEFAULT,
                "serviceDataAccessAuthIdentity": "None",
                "subscriptionId": cloud.subscription,
                "resourceGroup": change.id.group_name,
                "tags": {},
                "properties": {},
                "description": None,
            },
        }
        cloud.state.put(change.id.id, _TYPE, body, {})


def _prepare(change: Change) -> None:
    if not _NAME.fullmatch(change.id.name):
        raise invalid(
            f"'{change.id.name}' is no name of a datastore: letters, digits and underscores."
        )
    properties = change.properties
    require_unchanged(change.old, properties, "datastoreType", "accountName", "containerName")
    if properties["datastoreType"] == "AzureBlob":
        for name in ("accountName", "containerName"):
            if not properties.get(name):
                raise invalid(f"'properties.{name}' is required.", f"properties.{name}")
        properties.setdefault("endpoint", addresses.STORAGE_SUFFIX)
        properties.setdefault("protocol", "https")
    properties["isDefault"] = bool(change.old and change.old.properties.get("isDefault"))
    credentials = dict(properties["credentials"])
    change.secrets.update(credentials.pop("secrets", None) or {})
    properties["credentials"] = credentials


def _list_secrets(cloud: Cloud, call: Call, datastore: Resource) -> Response:
    kind = datastore.properties["credentials"]["credentialsType"]
    if kind == "None":
        raise invalid(f"The datastore '{datastore.body['name']}' has no credentials.")
    account = datastore.properties["accountName"]
    token = datastore.secrets.get("sasToken") or cloud.sas(account)
    return answer(200, {"secretsType": "Sas", "sasToken": token})


def _listing(cloud: Cloud, call: Call, datastores: list[Resource]) -> list[Resource]:
    default = call.request.query.get("isDefault")
    if default is None:
        return datastores
    wanted = default.lower() == "true"
    return [
        datastore
        for datastore in datastores
        if bool(datastore.properties.get("isDefault")) is wanted
    ]


KIND = Kind(
    _TYPE,
    model="Datastore",
    prepare=_prepare,
    listing=_listing,
    paged=True,
    provisioned=False,
    etag=False,
    actions={"listsecrets": _list_secrets},
)
