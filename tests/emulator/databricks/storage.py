"""Storage credentials and external locations: where Unity Catalog may keep things in Azure."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

from tests.emulator.databricks.refusals import invalid
from tests.emulator.databricks.securables import (
    CREDENTIAL,
    LOCATION,
    METASTORE,
    allow,
    check_name,
    metastore_id,
    own,
    require,
    stamped,
    there_already,
)
from tests.emulator.databricks.service import Ask, Endpoint, paged
from tests.emulator.databricks.store import Document

_URL = re.compile(r"abfss://[a-z0-9-]+@[a-z0-9]+\.dfs\.[a-z0-9.]+(/.*)?")
_CONNECTOR = re.compile(r"/subscriptions/.+/Microsoft.Databricks/accessConnectors/[^/]+", re.I)


@dataclass(frozen=True)
class _Noun:
    """One of the two, which differ in what they must say."""

    kind: str
    segment: str
    listed: str
    record: str
    privilege: str

    def check(self, ask: Ask, document: Document) -> Document:
        """Check what was sent, and fill in what is computed. Raises `Refusal`."""
        if self.kind == CREDENTIAL:
            return _checked_credential(ask, document)
        return _checked_location(ask, document)

    def create(self, ask: Ask) -> dict[str, Any]:
        """Create it."""
        name = check_name(ask.required("name"), self.record)
        allow(ask, self.privilege, METASTORE, metastore_id(ask.store))
        if ask.store.get(self.kind, name):
            raise there_already(self.kind, name)
        sent = {key: value for key, value in ask.body.items() if key != "skip_validation"}
        made = {**sent, "name": name, "full_name": name, "id": str(uuid.uuid4())}
        return ask.store.put(self.kind, name, stamped(ask, self.check(ask, made)))

    def get(self, ask: Ask) -> dict[str, Any]:
        """Give it."""
        return require(ask, self.kind, ask.arguments["name"].lower())

    def list_all(self, ask: Ask) -> dict[str, Any]:
        """List all."""
        return paged(ask, self.listed, ask.store.all(self.kind))

    def update(self, ask: Ask) -> dict[str, Any]:
        """Change an object of storage."""
        name = ask.arguments["name"].lower()
        found = require(ask, self.kind, name)
        own(ask, self.kind, name)
        fixed = ("name", "new_name", "skip_validation", "force")
        sent = {key: value for key, value in ask.body.items() if key not in fixed}
        changed = self.check(ask, found | sent)
        return ask.store.put(self.kind, name, stamped(ask, changed, changed=True))

    def delete(self, ask: Ask) -> dict[str, Any]:
        """Delete it."""
        name = ask.arguments["name"].lower()
        require(ask, self.kind, name)
        own(ask, self.kind, name)
        users = [place for place in ask.store.all(LOCATION) if place["credential_name"] == name]
        if self.kind == CREDENTIAL and users and ask.query.get("force") != "true":
            raise invalid(f"Storage Credential '{name}' has dependent external locations.")
        ask.store.delete(self.kind, name)
        return {}

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the endpoints of its kind."""
        path = f"/api/2.1/unity-catalog/{self.segment}"
        return (
            Endpoint("POST", path, self.create),
            Endpoint("GET", path, self.list_all),
            Endpoint("GET", path + "/{name}", self.get),
            Endpoint("PATCH", path + "/{name}", self.update),
            Endpoint("DELETE", path + "/{name}", self.delete),
        )


def _checked_credential(ask: Ask, document: Document) -> Document:
    identity = document.get("azure_managed_identity")
    if identity is None:
        raise invalid("A storage credential on Azure needs azure_managed_identity.")
    connector = str(identity.get("access_connector_id", ""))
    if not _CONNECTOR.fullmatch(connector):
        raise invalid(f"'{connector}' is not the id of an access connector.")
    if ask.databricks.cloud.state.get(connector) is None:
        raise invalid(f"The access connector '{connector}' was not found.")
    identity = {**identity, "credential_id": document["id"]}
    return {"isolation_mode": "ISOLATION_MODE_OPEN", **document, "azure_managed_identity": identity}


def _checked_location(ask: Ask, document: Document) -> Document:
    url = document.get("url") or ""
    if not _URL.fullmatch(url):
        raise invalid(f"'{url}' is not a URL of the form abfss://container@account.dfs.suffix/.")
    name = document.get("credential_name") or ""
    credential = require(ask, CREDENTIAL, name.lower(), missing=name)
    for place in ask.store.all(LOCATION):
        if place["name"] != document["name"] and place["url"].startswith(url):
            raise invalid(
                f"Input path url '{url}' overlaps with the external location '{place['name']}'."
            )
    return {**document, "credential_id": credential["id"]}


ENDPOINTS = (
    *_Noun(
        CREDENTIAL,
        "storage-credentials",
        "storage_credentials",
        "CreateStorageCredential StorageCredentialInfo",
        "CREATE_STORAGE_CREDENTIAL",
    ).endpoints(),
    *_Noun(
        LOCATION,
        "external-locations",
        "external_locations",
        "CreateExternalLocation ExternalLocationInfo",
        "CREATE_EXTERNAL_LOCATION",
    ).endpoints(),
)
