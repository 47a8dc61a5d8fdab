"""The stand-in for azure-native: every kind of resource, through Resource Manager."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.emulator.azure_native.resource import (
    SDK,
    Kind,
    Properties,
    body,
    drifted,
    imported,
    kind_of,
    outputs,
    previewed,
    problems,
    resource_id,
    takes_a_new_resource,
)
from tests.emulator.azure_native.resource_manager import (
    ArmError,
    NotReady,
    ResourceManager,
)
from tests.emulator.plugin.provider import Provider, Setting, Unfinished
from tests.emulator.plugin.sign_in import SignIn, account_from


class AzureNative(Provider[Kind]):
    """The provider, which signs in with a service principal's secret."""

    name = "azure-native"
    sdk = SDK

    def __init__(self) -> None:
        self._azure: ResourceManager | None = None
        self._location: str | None = None
        self._subscription = ""

    def connect(self, setting: Setting, given: Mapping[str, str]) -> None:
        self._location = given.get("location")
        self._subscription = setting("subscriptionId", "ARM_SUBSCRIPTION_ID")
        self._azure = ResourceManager(SignIn(account_from(setting)))

    def functions(self) -> Mapping[str, Callable[[], Properties]]:
        return {
            "azure-native:authorization:getClientConfig": self._client_config,
            "azure-native:authorization:getClientToken": lambda: {
                "token": self._sent().sign_in.token()
            },
        }

    def kind(self, token: str) -> Kind:
        return kind_of(token)

    def checked(self, kind: Kind, inputs: dict[str, Any]) -> Iterable[tuple[str, str]]:
        if self._location and "location" in kind.declared.inputs:
            inputs.setdefault("location", self._location)
        found = problems(kind, inputs)
        inputs["azureApiVersion"] = kind.declared.api_version
        return found

    def replaces(self, kind: Kind, path: str, old: Properties, new: Properties) -> bool:
        return takes_a_new_resource(kind, path, old, new)

    def previewed(self, kind: Kind, inputs: Properties, old: Properties | None) -> Properties:
        return previewed(kind, inputs, old)

    def create(self, kind: Kind, inputs: Properties, seconds: float) -> tuple[str, Properties]:
        path = resource_id(kind, inputs, self._subscription)
        there = self._sent().get(path, kind.declared.api_version)
        if there is not None and there["properties"] != kind.type.singleton:
            raise ArmError(409, "Conflict", f"cannot create already existing resource {path!r}")
        properties = self._put(kind, path, inputs, seconds)
        return properties.get("id", path), properties

    def read(
        self, kind: Kind, identifier: str, inputs: Properties, old: Properties
    ) -> tuple[Properties, Properties] | None:
        answered = self._sent().get(identifier, kind.declared.api_version)
        if answered is None:
            return None
        now = outputs(kind, answered)
        if inputs:
            return drifted(kind, inputs, old, now), now
        return imported(kind, identifier, answered), now

    def update(
        self, kind: Kind, identifier: str, inputs: Properties, old: Properties, seconds: float
    ) -> Properties:
        return self._put(kind, identifier, inputs, seconds)

    def delete(self, kind: Kind, identifier: str, old: Properties, seconds: float) -> None:
        version, own = kind.declared.api_version, kind.type.singleton
        if own is None:
            self._sent().delete(identifier, version, seconds)
        elif self._sent().get(identifier, version) is not None:
            self._sent().put(identifier, version, {"properties": own}, seconds)

    def _put(self, kind: Kind, path: str, inputs: Properties, seconds: float) -> dict[str, Any]:
        version = kind.declared.api_version
        try:
            answered = self._sent().put(path, version, body(kind, inputs), seconds)
        except NotReady as error:
            read = outputs(kind, self._sent().get(path, version) or {})
            raise Unfinished(str(error), path, read) from error
        return outputs(kind, answered)

    def _client_config(self) -> dict[str, Any]:
        sign_in = self._sent().sign_in
        claims = sign_in.token().split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return {
            "clientId": sign_in.account.client,
            "objectId": read["oid"],
            "subscriptionId": self._subscription,
            "tenantId": sign_in.account.tenant,
        }

    def _sent(self) -> ResourceManager:
        assert self._azure is not None, "the engine configures a provider before it uses it"
        return self._azure
