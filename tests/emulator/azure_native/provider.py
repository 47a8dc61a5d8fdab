"""The plugin protocol: what the engine asks of a provider, answered through Resource Manager."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import grpc  # type: ignore[import-untyped]
from google.protobuf import (
    empty_pb2,
    json_format,
    struct_pb2,
)
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from tests.emulator.azure_native import sdk
from tests.emulator.azure_native.differences import Change, differences, takes_a_new_resource
from tests.emulator.azure_native.resource import (
    Kind,
    body,
    drifted,
    imported,
    kind_of,
    outputs,
    previewed,
    problems,
    resource_id,
)
from tests.emulator.azure_native.resource_manager import (
    Account,
    ArmError,
    NotReady,
    ResourceManager,
)

_SECONDS = 300.0

_Diff = provider_pb2.PropertyDiff
_KINDS = {
    (Change.ADD, False): _Diff.ADD,
    (Change.ADD, True): _Diff.ADD_REPLACE,
    (Change.DELETE, False): _Diff.DELETE,
    (Change.DELETE, True): _Diff.DELETE_REPLACE,
    (Change.UPDATE, False): _Diff.UPDATE,
    (Change.UPDATE, True): _Diff.UPDATE_REPLACE,
}


class AzureNative(provider_pb2_grpc.ResourceProviderServicer):
    """The provider. One process serves one provider resource of one deployment."""

    def __init__(self) -> None:
        self._azure: ResourceManager | None = None
        self._location: str | None = None

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version=sdk.plugin_version())

    def GetSchema(self, request: Any, context: Any) -> provider_pb2.GetSchemaResponse:  # noqa: N802
        schema = {"name": "azure-native", "version": sdk.plugin_version()}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:  # noqa: N802
        given = {name.rpartition(":")[2]: value for name, value in request.variables.items()}

        def setting(name: str, variable: str) -> str:
            value = given.get(name) or os.environ.get(variable)
            if not value:
                what = f"the azure-native stand-in needs azure-native:{name} or {variable}"
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, what)
            return str(value)

        self._location = given.get("location")
        self._azure = ResourceManager(
            Account(
                host=setting("metadataHost", "ARM_METADATA_HOSTNAME"),
                tenant=setting("tenantId", "ARM_TENANT_ID"),
                client=setting("clientId", "ARM_CLIENT_ID"),
                secret=setting("clientSecret", "ARM_CLIENT_SECRET"),
                subscription=setting("subscriptionId", "ARM_SUBSCRIPTION_ID"),
            )
        )
        # Secrets come as plain values then, and the engine marks what was one by itself.
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Invoke(self, request: Any, context: Any) -> provider_pb2.InvokeResponse:  # noqa: N802
        answers: Mapping[str, Callable[[], dict[str, Any]]] = {
            "azure-native:authorization:getClientConfig": self._client_config,
            "azure-native:authorization:getClientToken": lambda: {"token": self._sent().token()},
        }
        if request.tok not in answers:
            what = f"the azure-native stand-in does not know the function {request.tok}"
            context.abort(grpc.StatusCode.UNIMPLEMENTED, what)
        with _refusals(context):
            return provider_pb2.InvokeResponse(**{"return": _struct(answers[request.tok]())})

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:  # noqa: N802
        kind = _kind(request, context)
        inputs = _plain(request.news)
        if self._location and "location" in kind.declared.inputs:
            inputs.setdefault("location", self._location)
        found = problems(kind, inputs)
        inputs["azureApiVersion"] = kind.declared.api_version
        return provider_pb2.CheckResponse(
            inputs=_struct(inputs),
            failures=[
                provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in found
            ],
        )

    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:  # noqa: N802
        kind = _kind(request, context)
        old, new = _plain(request.old_inputs), _plain(request.news)
        detailed, changed, replaced = {}, set(), set()
        for path, change in differences(old, new):
            name = path.partition(".")[0].partition("[")[0]
            replaces = takes_a_new_resource(kind, path, old, new)
            detailed[path] = _Diff(kind=_KINDS[change, replaces], inputDiff=True)
            changed.add(name)
            if replaces:
                replaced.add(name)
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if detailed else none,
            diffs=sorted(changed),
            replaces=sorted(replaced),
            # Its successor has the same name, most of the time.
            deleteBeforeReplace=bool(replaced),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:  # noqa: N802
        kind = _kind(request, context)
        inputs = _plain(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=_struct(previewed(kind, inputs)))
        path = resource_id(kind, inputs, self._sent().account.subscription)
        with _refusals(context):
            if self._sent().get(path, kind.declared.api_version) is not None:
                raise ArmError(409, "Conflict", f"cannot create already existing resource {path!r}")
            properties = self._put(kind, path, inputs, request.timeout, context)
            return provider_pb2.CreateResponse(
                id=properties.get("id", path), properties=_struct(properties)
            )

    def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:  # noqa: N802
        kind = _kind(request, context)
        with _refusals(context):
            answered = self._sent().get(request.id, kind.declared.api_version)
            if answered is None:
                return provider_pb2.ReadResponse()
            now = outputs(kind, answered)
            before = _plain(request.inputs)
            inputs = (
                drifted(kind, before, _plain(request.properties), now)
                if before
                else imported(kind, request.id, answered)
            )
            return provider_pb2.ReadResponse(
                id=request.id, inputs=_struct(inputs), properties=_struct(now)
            )

    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:  # noqa: N802
        kind = _kind(request, context)
        inputs = _plain(request.news)
        if request.preview:
            properties = previewed(kind, inputs, _plain(request.olds))
        else:
            with _refusals(context):
                properties = self._put(kind, request.id, inputs, request.timeout, context)
        return provider_pb2.UpdateResponse(properties=_struct(properties))

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        kind = _kind(request, context)
        with _refusals(context):
            self._sent().delete(request.id, kind.declared.api_version, request.timeout or _SECONDS)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def _put(
        self, kind: Kind, path: str, inputs: dict[str, Any], timeout: float, context: Any
    ) -> dict[str, Any]:
        version = kind.declared.api_version
        try:
            answered = self._sent().put(path, version, body(kind, inputs), timeout or _SECONDS)
        except NotReady as error:
            # It is there: the engine has to know it, so as to mend or delete it.
            read = outputs(kind, self._sent().get(path, version) or {})
            _abort(
                context,
                str(error),
                provider_pb2.ErrorResourceInitFailed(
                    id=path,
                    properties=_struct(read),
                    reasons=[str(error)],
                    inputs=_struct(inputs),
                ),
            )
        return outputs(kind, answered)

    def _client_config(self) -> dict[str, Any]:
        account = self._sent().account
        claims = self._sent().token().split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return {
            "clientId": account.client,
            "objectId": read["oid"],
            "subscriptionId": account.subscription,
            "tenantId": account.tenant,
        }

    def _sent(self) -> ResourceManager:
        assert self._azure is not None, "the engine configures a provider before it uses it"
        return self._azure


class _refusals:  # noqa: N801
    """Turns what Azure refuses into a diagnostic of the engine."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (ArmError, LookupError, OSError)):
            _abort(self._context, str(error))


def _abort(context: Any, message: str, detail: Any = None) -> NoReturn:
    if detail is not None:
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
        status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort raises")


def _kind(request: Any, context: Any) -> Kind:
    try:
        return kind_of(request.type or request.urn.split("::")[2].rpartition("$")[2])
    except LookupError as error:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
        raise


def _plain(properties: struct_pb2.Struct) -> dict[str, Any]:
    """Give properties as JSON knows them: whole numbers as such, and no nulls."""
    return {
        name: _whole(value)
        for name, value in json_format.MessageToDict(properties).items()
        if value is not None
    }


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    given = struct_pb2.Struct()
    given.update({name: value for name, value in properties.items() if value is not None})
    return given
