"""The objects of Unity Catalog, and the grants on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from tests.emulator.databricks_plugin.kind import Kind, Properties
from tests.emulator.databricks_plugin.shapes import sent, shown
from tests.emulator.databricks_plugin.workspace import Workspace

_PATH = "2.1/unity-catalog"


class _Securable(Kind):
    """A thing that is known by its name."""

    segment: ClassVar[str]
    own = ("forceDestroy", "forceUpdate", "skipValidation")

    def path(self, identifier: str = "") -> str:
        return "/".join(filter(None, [_PATH, self.segment, identifier]))

    def create(self, workspace: Workspace, inputs: Properties) -> str:
        workspace.post(self.path(), sent(self.sent(inputs)))
        return self.identifier(inputs)

    def identifier(self, inputs: Properties) -> str:
        return str(inputs["name"])

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        return shown(workspace.get(self.path(identifier)))

    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        changed = {
            name: value
            for name, value in self.sent(inputs).items()
            if name not in (*self.fixed, "name")
        }
        workspace.patch(self.path(identifier), sent(changed))

    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        force = {"force": "true"} if old.get("forceDestroy") else {}
        workspace.delete(self.path(identifier), **force)


class Catalog(_Securable):
    name = "Catalog"
    segment = "catalogs"
    fixed = ("connectionName", "metastoreId", "name", "providerName", "shareName", "storageRoot")


class Schema(_Securable):
    name = "Schema"
    segment = "schemas"
    fixed = ("catalogName", "name", "storageRoot")
    computed = ("schemaId",)

    def identifier(self, inputs: Properties) -> str:
        return f"{inputs['catalogName']}.{inputs['name']}"


class Volume(_Securable):
    name = "Volume"
    segment = "volumes"
    fixed = ("catalogName", "name", "schemaName", "storageLocation", "volumeType")
    computed = ("volumePath",)

    def identifier(self, inputs: Properties) -> str:
        return ".".join(str(inputs[name]) for name in ("catalogName", "schemaName", "name"))

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        path = "/".join(["/Volumes", *identifier.split(".")])
        return {**super().read(workspace, identifier), "volumePath": path}


class StorageCredential(_Securable):
    name = "StorageCredential"
    segment = "storage-credentials"
    fixed = ("metastoreId", "name")
    computed = ("storageCredentialId",)

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        found = super().read(workspace, identifier)
        return {**found, "storageCredentialId": found["id"]}


class ExternalLocation(_Securable):
    name = "ExternalLocation"
    segment = "external-locations"
    fixed = ("metastoreId", "name")


class Grants(Kind):
    """All grants on one thing; those that somebody else gave are taken back."""

    name = "Grants"
    fixed = ("catalog", "externalLocation", "metastore", "schema", "storageCredential", "volume")

    def create(self, workspace: Workspace, inputs: Properties) -> str:
        ((kind, thing),) = ((name, inputs[name]) for name in self.fixed if name in inputs)
        identifier = f"{kind}/{thing}"
        self.update(workspace, identifier, inputs)
        return identifier

    def read(self, workspace: Workspace, identifier: str) -> Properties:
        kind, _, thing = identifier.partition("/")
        return {kind: thing, "grants": list(_granted(workspace, identifier))}

    def update(self, workspace: Workspace, identifier: str, inputs: Properties) -> None:
        wanted = {grant["principal"]: grant["privileges"] for grant in inputs["grants"]}
        held = {
            grant["principal"]: grant["privileges"] for grant in _granted(workspace, identifier)
        }
        changes = [
            {
                "principal": who,
                "add": sorted({*wanted.get(who, ())} - {*held.get(who, ())}),
                "remove": sorted({*held.get(who, ())} - {*wanted.get(who, ())}),
            }
            for who in sorted({*wanted, *held})
        ]
        workspace.patch(_permissions(identifier), {"changes": changes})

    def delete(self, workspace: Workspace, identifier: str, old: Properties) -> None:
        self.update(workspace, identifier, {"grants": []})


def _granted(workspace: Workspace, identifier: str) -> Iterator[dict[str, Any]]:
    told = workspace.get(_permissions(identifier))
    for assignment in told.get("privilege_assignments", ()):
        yield {"principal": assignment["principal"], "privileges": sorted(assignment["privileges"])}


def _permissions(identifier: str) -> str:
    return f"{_PATH}/permissions/{identifier}"
