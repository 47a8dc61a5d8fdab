"""The plugin protocol: what the engine asks of a provider, for all kinds of resources alike."""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NoReturn, TypeVar

import grpc  # type: ignore[import-untyped]
from google.protobuf import (
    empty_pb2,
    json_format,
    struct_pb2,
)
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from tests.emulator.plugin.differences import Change, differences
from tests.emulator.plugin.sdk import Sdk

# The protocol's value for one that only the deployment itself will know.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

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

K = TypeVar("K")
Properties = Mapping[str, Any]
Setting = Callable[..., str]


class Refusal(Exception):
    """The service says no. The message is what the engine shows."""


class Unfinished(Exception):
    """A resource is there, but what began with it ended badly."""

    def __init__(self, message: str, identifier: str, outputs: Properties) -> None:
        super().__init__(message)
        self.identifier, self.outputs = identifier, outputs


class Provider(provider_pb2_grpc.ResourceProviderServicer, Generic[K]):
    """A provider. One process serves one provider resource of one deployment.

    A stand-in says what its kinds of resources are, and what is done with one. Methods that ask
    the service raise `Refusal`; those that write raise `Unfinished` as well.
    """

    name: str  # of the package
    sdk: Sdk
    # The engine deletes the old one first where a successor has its name, most of the time.
    deletes_first = True

    @abstractmethod
    def connect(self, setting: Setting, given: Mapping[str, str]) -> None:
        """Take the configuration; `setting(name, variable)` gives a part of it that must be."""

    @abstractmethod
    def kind(self, token: str) -> K:
        """Find a kind by its token. Raises `LookupError`."""

    @abstractmethod
    def checked(self, kind: K, inputs: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """Fill in defaults, and say what is wrong as (property, reason)."""

    @abstractmethod
    def replaces(self, kind: K, path: str, old: Properties, new: Properties) -> bool:
        """Return whether a property that differs takes a new resource."""

    @abstractmethod
    def previewed(self, kind: K, inputs: Properties, old: Properties | None) -> Properties:
        """Say what is known of the outputs before the deployment."""

    @abstractmethod
    def create(self, kind: K, inputs: Properties, seconds: float) -> tuple[str, Properties]:
        """Make a resource; give its id and its outputs."""

    @abstractmethod
    def read(
        self, kind: K, identifier: str, inputs: Properties, old: Properties
    ) -> tuple[Properties, Properties] | None:
        """Give inputs and outputs as they are now; None where it is gone."""

    @abstractmethod
    def update(
        self, kind: K, identifier: str, inputs: Properties, old: Properties, seconds: float
    ) -> Properties:
        """Change a resource; give its outputs."""

    @abstractmethod
    def delete(self, kind: K, identifier: str, old: Properties, seconds: float) -> None:
        """Delete a resource, if it is there."""

    def functions(self) -> Mapping[str, Callable[[], Properties]]:
        """Return the functions by token."""
        return {}

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self.sdk.plugin_version())

    def GetSchema(self, request: Any, context: Any) -> provider_pb2.GetSchemaResponse:  # noqa: N802
        schema = {"name": self.name, "version": self.sdk.plugin_version()}
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
                what = f"the {self.name} stand-in needs {self.name}:{name} or {variable}"
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, what)
            return str(value)

        self.connect(setting, given)
        # Secrets come as plain values then, and the engine marks what was one by itself.
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Invoke(self, request: Any, context: Any) -> provider_pb2.InvokeResponse:  # noqa: N802
        answers = self.functions()
        if request.tok not in answers:
            what = f"the {self.name} stand-in does not know the function {request.tok}"
            context.abort(grpc.StatusCode.UNIMPLEMENTED, what)
        with _refusals(context):
            return provider_pb2.InvokeResponse(**{"return": _struct(answers[request.tok]())})

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:  # noqa: N802
        inputs = _plain(request.news)
        found = list(self.checked(self._kind(request, context), inputs))
        return provider_pb2.CheckResponse(
            inputs=_struct(inputs),
            failures=[
                provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in found
            ],
        )

    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:  # noqa: N802
        kind = self._kind(request, context)
        old, new = _plain(request.old_inputs), _plain(request.news)
        detailed, changed, replaced = {}, set(), set()
        for path, change in differences(old, new):
            name = path.partition(".")[0].partition("[")[0]
            replaces = self.replaces(kind, path, old, new)
            detailed[path] = _Diff(kind=_KINDS[change, replaces], inputDiff=True)
            changed.add(name)
            if replaces:
                replaced.add(name)
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if detailed else none,
            diffs=sorted(changed),
            replaces=sorted(replaced),
            deleteBeforeReplace=bool(replaced) and self.deletes_first,
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:  # noqa: N802
        kind = self._kind(request, context)
        inputs = _plain(request.properties)
        if request.preview:
            known = self.previewed(kind, inputs, None)
            return provider_pb2.CreateResponse(properties=_struct(known))
        with _refusals(context, inputs):
            identifier, made = self.create(kind, inputs, request.timeout or _SECONDS)
            return provider_pb2.CreateResponse(id=identifier, properties=_struct(made))

    def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:  # noqa: N802
        kind = self._kind(request, context)
        with _refusals(context):
            found = self.read(kind, request.id, _plain(request.inputs), _plain(request.properties))
            if found is None:
                return provider_pb2.ReadResponse()
            inputs, now = found
            return provider_pb2.ReadResponse(
                id=request.id, inputs=_struct(inputs), properties=_struct(now)
            )

    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:  # noqa: N802
        kind = self._kind(request, context)
        inputs, old = _plain(request.news), _plain(request.olds)
        if request.preview:
            changed = self.previewed(kind, inputs, old)
        else:
            with _refusals(context, inputs):
                seconds = request.timeout or _SECONDS
                changed = self.update(kind, request.id, inputs, old, seconds)
        return provider_pb2.UpdateResponse(properties=_struct(changed))

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        kind = self._kind(request, context)
        with _refusals(context):
            old = _plain(request.properties)
            self.delete(kind, request.id, old, request.timeout or _SECONDS)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def _kind(self, request: Any, context: Any) -> K:
        try:
            return self.kind(request.type or request.urn.split("::")[2].rpartition("$")[2])
        except LookupError as error:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
            raise


class _refusals:  # noqa: N801
    """Turns what the service refuses into a diagnostic of the engine."""

    def __init__(self, context: Any, inputs: Properties | None = None) -> None:
        self._context, self._inputs = context, inputs

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Unfinished):
            # It is there: the engine has to know it, so as to mend or delete it.
            _abort(
                self._context,
                str(error),
                provider_pb2.ErrorResourceInitFailed(
                    id=error.identifier,
                    properties=_struct(error.outputs),
                    reasons=[str(error)],
                    inputs=_struct(self._inputs or {}),
                ),
            )
        if isinstance(error, (Refusal, LookupError, OSError)):
            _abort(self._context, str(error))


def _abort(context: Any, message: str, detail: Any = None) -> NoReturn:
    if detail is not None:
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
        status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort raises")


def _plain(properties: struct_pb2.Struct) -> dict[str, Any]:
    """Give properties as JSON knows them: whole numbers as such, and no nulls."""
    return {
        name: _whole(value)
        for name, value in json_format.MessageToDict(properties).items()
        if value is not None
    }


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    given = struct_pb2.Struct()
    given.update({name: value for name, value in properties.items() if value is not None})
    return given
