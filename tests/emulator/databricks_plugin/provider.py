"""The stand-in for Databricks' plugin: every kind of resource, through its REST interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.emulator.databricks_plugin import (
    compute,
    folders,
    jobs,
    permissions,
    serving,
    unity,
)
from tests.emulator.databricks_plugin.kind import SDK, Kind, Properties
from tests.emulator.databricks_plugin.workspace import Gone, Workspace
from tests.emulator.plugin.differences import carried, is_within
from tests.emulator.plugin.provider import UNKNOWN, Provider, Refusal, Setting, Unfinished
from tests.emulator.plugin.sign_in import SignIn, account_from

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        compute.Cluster(),
        compute.ClusterPolicy(),
        folders.Directory(),
        jobs.Job(),
        permissions.Permissions(),
        serving.ModelServing(),
        unity.Catalog(),
        unity.ExternalLocation(),
        unity.Grants(),
        unity.Schema(),
        unity.StorageCredential(),
        unity.Volume(),
    )
}


class DatabricksProvider(Provider[Kind]):
    """The provider of one workspace, signed in to as Azure is."""

    name = "databricks"
    sdk = SDK

    def __init__(self) -> None:
        self._workspace: Workspace | None = None

    def connect(self, setting: Setting, given: Mapping[str, str]) -> None:
        if "token" in given:
            raise AssertionError("a token is given, and nobody should have one")
        host = setting("host", "DATABRICKS_HOST")
        resource_id = setting("azureWorkspaceResourceId", "DATABRICKS_AZURE_RESOURCE_ID")
        self._workspace = Workspace(host, resource_id, SignIn(account_from(setting)))

    def kind(self, token: str) -> Kind:
        name = token.rpartition(":")[2]
        if not token.startswith("databricks:index/") or name not in KINDS:
            raise LookupError(f"the databricks stand-in does not know {token}; see provider.py")
        return KINDS[name]

    def checked(self, kind: Kind, inputs: dict[str, Any]) -> Iterable[tuple[str, str]]:
        for name in sorted(kind.declared.required):
            if inputs.get(name) is None:
                yield name, f"missing required property {name!r}"
        for name in sorted(inputs.keys() - kind.declared.inputs):
            yield name, f"unknown property {name!r}"
        if "name" in kind.declared.inputs and inputs.get("name") is None:
            yield "name", "missing; the stand-in makes up no names"

    def replaces(self, kind: Kind, path: str, old: Properties, new: Properties) -> bool:
        return is_within(path, *kind.fixed)

    def previewed(self, kind: Kind, inputs: Properties, old: Properties | None) -> Properties:
        chosen = {name: (old or {}).get(name, UNKNOWN) for name in kind.computed}
        return {**chosen, **inputs}

    def create(self, kind: Kind, inputs: Properties, seconds: float) -> tuple[str, Properties]:
        identifier = kind.create(self._asked(), inputs)
        return identifier, self._settled(kind, identifier, inputs, seconds)

    def read(
        self, kind: Kind, identifier: str, inputs: Properties, old: Properties
    ) -> tuple[Properties, Properties] | None:
        try:
            now = self._outputs(kind, identifier, inputs)
        except Gone:
            return None
        names = kind.declared.inputs
        before = {name: value for name, value in old.items() if name in names}
        after = {name: value for name, value in now.items() if name in names}
        return carried(inputs, before, after), now

    def update(
        self, kind: Kind, identifier: str, inputs: Properties, old: Properties, seconds: float
    ) -> Properties:
        kind.update(self._asked(), identifier, inputs)
        return self._settled(kind, identifier, inputs, seconds)

    def delete(self, kind: Kind, identifier: str, old: Properties, seconds: float) -> None:
        try:
            kind.delete(self._asked(), identifier, old)
        except Gone:
            return

    def _settled(
        self, kind: Kind, identifier: str, inputs: Properties, seconds: float
    ) -> dict[str, Any]:
        try:
            kind.settle(self._asked(), identifier, inputs, seconds)
        except Refusal as error:
            found = self._outputs(kind, identifier, inputs)
            raise Unfinished(str(error), identifier, found) from error
        return self._outputs(kind, identifier, inputs)

    def _outputs(self, kind: Kind, identifier: str, inputs: Properties) -> dict[str, Any]:
        found = kind.read(self._asked(), identifier)
        own = {name: inputs[name] for name in kind.own if name in inputs}
        known = {name: value for name, value in found.items() if name in kind.declared.outputs}
        return {**known, **own}

    def _asked(self) -> Workspace:
        assert self._workspace is not None, "the engine configures a provider before it uses it"
        return self._workspace
