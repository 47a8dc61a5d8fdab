"""The whole program, run fresh against Pulumi's mocks, and what came out of it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import json
import logging
import os
import runpy
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import yaml
from google.protobuf import json_format
from pulumi import _types
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import set_all_config
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_in_stack

from tests.infra.pinning import pin_stacks
from tests.projects import ROOT

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-8888-7777-6666-555555555555"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LAKE = "lake"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - how Pulumi marks one on the wire

# Pulumi works out the types of a class again for each value of it, a quarter of a run's time.
_types.input_type_types = functools.cache(_types.input_type_types)
_types.output_type_types = functools.cache(_types.output_type_types)
_types.resource_types = functools.cache(_types.resource_types)

_ML = "Microsoft.MachineLearningServices/workspaces/{workspaceName}"
# The path of each type in Resource Manager, with the inputs that name it.
PATHS: Mapping[str, str] = {
    "applicationinsights:Component": "Microsoft.Insights/components/{resourceName}",
    "authorization:RoleAssignment": "Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
    "consumption:Budget": "Microsoft.Consumption/budgets/{budgetName}",
    "databricks:AccessConnector": "Microsoft.Databricks/accessConnectors/{connectorName}",
    "databricks:Workspace": "Microsoft.Databricks/workspaces/{workspaceName}",
    "containerregistry:Registry": "Microsoft.ContainerRegistry/registries/{registryName}",
    "keyvault:Vault": "Microsoft.KeyVault/vaults/{vaultName}",
    "machinelearningservices:BatchDeployment": _ML
    + "/batchEndpoints/{endpointName}/deployments/{deploymentName}",
    "machinelearningservices:BatchEndpoint": _ML + "/batchEndpoints/{endpointName}",
    "machinelearningservices:Compute": _ML + "/computes/{computeName}",
    "machinelearningservices:Datastore": _ML + "/datastores/{name}",
    "machinelearningservices:EnvironmentVersion": _ML + "/environments/{name}/versions/{version}",
    "machinelearningservices:ManagedNetworkSettingsRule": _ML + "/outboundRules/{ruleName}",
    "machinelearningservices:OnlineDeployment": _ML
    + "/onlineEndpoints/{endpointName}/deployments/{deploymentName}",
    "machinelearningservices:OnlineEndpoint": _ML + "/onlineEndpoints/{endpointName}",
    "machinelearningservices:Schedule": _ML + "/schedules/{name}",
    "machinelearningservices:Workspace": _ML,
    "managedidentity:UserAssignedIdentity": "Microsoft.ManagedIdentity/userAssignedIdentities"
    "/{resourceName}",
    "monitor:ActionGroup": "Microsoft.Insights/actionGroups/{actionGroupName}",
    "monitor:AutoscaleSetting": "Microsoft.Insights/autoscaleSettings/{autoscaleSettingName}",
    "monitor:MetricAlert": "Microsoft.Insights/metricAlerts/{ruleName}",
    "network:PrivateDnsZoneGroup": "Microsoft.Network/privateEndpoints/{privateEndpointName}"
    "/privateDnsZoneGroups/{privateDnsZoneGroupName}",
    "network:PrivateEndpoint": "Microsoft.Network/privateEndpoints/{privateEndpointName}",
    "privatedns:PrivateZone": "Microsoft.Network/privateDnsZones/{privateZoneName}",
    "privatedns:VirtualNetworkLink": "Microsoft.Network/privateDnsZones/{privateZoneName}"
    "/virtualNetworkLinks/{virtualNetworkLinkName}",
    "operationalinsights:Workspace": "Microsoft.OperationalInsights/workspaces/{workspaceName}",
    "storage:BlobContainer": "Microsoft.Storage/storageAccounts/{accountName}"
    "/blobServices/default/containers/{containerName}",
    "storage:StorageAccount": "Microsoft.Storage/storageAccounts/{accountName}",
}
DATABRICKS = "databricks:index/"  # how the types of its provider begin


@dataclass(frozen=True)
class Declared:
    """One resource as the program declared it."""

    kind: str  # module:Type for azure-native, lake:Type for Databricks', the whole type for others
    name: str
    id: str
    inputs: Mapping[str, Any]  # by the names on the wire
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    secret_outputs: tuple[str, ...]
    timeouts: Mapping[str, str]  # by what is done
    aliases: int  # how many
    dependencies: tuple[str, ...]  # URNs
    parent: str
    urn: str
    provider: str  # URN and id

    @property
    def module(self) -> str:
        return self.kind.partition(":")[0]

    @property
    def lake(self) -> bool:
        """Return whether Databricks' provider makes it."""
        return self.module == LAKE


@dataclass(frozen=True)
class Program:
    """The resources, messages and exports of a run; `error` is what ended it."""

    resources: tuple[Declared, ...]
    logs: tuple[tuple[str, str], ...]  # (level, message), from info up
    outputs: Mapping[str, Any]  # as they go over the wire, where secrets are marked
    error: str | None = None

    def of(self, kind: str) -> list[Declared]:
        """Return the resources of a kind, such as storage:StorageAccount, by name."""
        return sorted(
            (resource for resource in self.resources if resource.kind == kind),
            key=lambda resource: resource.name,
        )

    def one(self, kind: str, name: str | None = None) -> Declared:
        found = [resource for resource in self.of(kind) if name in (None, resource.name)]
        assert len(found) == 1, f"{kind} {name}: {[resource.name for resource in found]}"
        return found[0]

    @property
    def azure(self) -> list[Declared]:
        """Return the resources of azure-native."""
        return [
            resource
            for resource in self.resources
            if resource.kind.count(":") == 1 and not resource.lake
        ]

    @property
    def lake(self) -> list[Declared]:
        """Return the resources of Databricks' provider."""
        return [resource for resource in self.resources if resource.lake]


def copy_project(root: Path, models: bool = True) -> Path:
    """Return a project at `root` with this one's `Pulumi.yaml`, stack files, pinned, and models."""
    root.mkdir(parents=True, exist_ok=True)
    for file in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, root)
    pin_stacks(root)
    if models:
        shutil.copytree(ROOT / "models", root / "models")
    return root


def run_program(
    root: Path,
    stack: str,
    stack_text: str | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    config: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    preview: bool = False,
    manager: Any = None,
) -> Program:
    """Run this project's program as the engine would run it for the project at `root`.

    `stack_text` replaces the stack file. `config` is what Pulumi has from elsewhere; what the
    stack file holds is handed on as the engine does, values as text or JSON. `manager` is asked
    what is there already, and nobody where it is None.
    """
    file = root / f"Pulumi.{stack}.yaml"
    if stack_text is not None:
        file.write_text(stack_text)
    return contextvars.copy_context().run(
        _run,
        root,
        stack,
        {**_handed_on(file), **(config or {})},
        secrets,
        environment,
        preview,
        manager,
    )


def _run(
    root: Path,
    stack: str,
    config: dict[str, str],
    secrets: tuple[str, ...],
    environment: Mapping[str, str] | None,
    preview: bool,
    manager: Any,
) -> Program:
    monitor, log = _Monitor(), _Log()
    loop = asyncio.new_event_loop()
    error = None
    asked = (
        mock.patch("infra.existing.workspace.connect_lazily", return_value=lambda: manager)
        if manager is not None
        else mock.patch("infra.existing.workspace.check_workspace", return_value=frozenset())
    )
    with _environment(environment or {}), asked:
        asyncio.set_event_loop(loop)  # mocks begin with a stack of their own, on this loop too
        SETTINGS.outputs.clear()
        pulumi_mocks.set_mocks(
            monitor.mocks, "scoring", stack, preview, logger=log, monitor=monitor
        )
        pulumi.runtime.settings.set_root_resource(None)  # type: ignore[arg-type]
        SETTINGS.root_directory = str(root)
        set_all_config(config, list(secrets))
        try:
            loop.run_until_complete(run_in_stack(_program))
        except pulumi.RunError as found:
            error = str(found)
        finally:
            loop.close()
            asyncio.set_event_loop(None)
    return Program(tuple(monitor.declared), tuple(log.lines), monitor.outputs, error)


def _program() -> None:
    runpy.run_path(str(ROOT / "infra"), run_name="__main__")


def _handed_on(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        found = yaml.safe_load(file.read_text())
    except yaml.YAMLError:
        return {}
    config = found.get("config") if isinstance(found, dict) else None
    if not isinstance(config, dict):
        return {}
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
        if not (isinstance(value, dict) and "secure" in value)
    }


@contextlib.contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    prefixes = ("ARM_", "AZURE", "PULUMI", "GITHUB_", "BUILD_", "GIT_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    known = {"ARM_SUBSCRIPTION_ID": SUBSCRIPTION, "GIT_COMMIT": COMMIT}
    with mock.patch.dict(os.environ, {**kept, **known, **more}, clear=True):
        yield


class _Log(logging.Logger):
    def __init__(self) -> None:
        super().__init__("pulumi program")
        self.lines: list[tuple[str, str]] = []

    def _log(self, level: int, msg: object, *_args: object, **_more: object) -> None:
        if level > logging.DEBUG:
            self.lines.append((logging.getLevelName(level).lower(), str(msg)))


class _Azure(pulumi_mocks.Mocks):
    """Answers with what Resource Manager adds to what it is given."""

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"nothing is looked up, but {args.token} is called")

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        kind, inputs = _kind(args.typ), args.inputs
        if args.resource_id:
            return args.resource_id, _found(kind, args.resource_id)
        id_ = resource_id(kind, args.name, inputs)
        more: dict[str, Any] = {"name": id_.rsplit("/", 1)[-1]}
        if kind == "managedidentity:UserAssignedIdentity":
            more |= {"principalId": f"principal of {args.name}", "tenantId": TENANT}
        if kind == "machinelearningservices:Workspace":
            more |= {"mlFlowTrackingUri": f"azureml://{inputs['location']}.api.azureml.ms{id_}"}
        if kind.endswith(("BatchEndpoint", "OnlineEndpoint")):
            path = "jobs" if "Batch" in kind else "score"
            host = f"{inputs['endpointName']}.{inputs['location']}.inference.ml.azure.com"
            more["properties"] = {**inputs["properties"], "scoringUri": f"https://{host}/{path}"}
        if kind == "databricks:Workspace":
            number = 1000 + len(inputs["workspaceName"])
            url = f"adb-{number}.7.azuredatabricks.net"
            more |= {"workspaceId": str(number), "workspaceUrl": url}
        if kind == "storage:StorageAccount":
            suffix = f"{inputs['accountName']}.dfs.core.windows.net/"
            more["primaryEndpoints"] = {"dfs": f"https://{suffix}"}
        if kind.startswith(LAKE):
            id_, more = _of_databricks(kind, args.name, inputs)
        if kind == "databricks:AccessConnector":
            more["identity"] = {**inputs["identity"], "principalId": f"principal of {args.name}"}
        elif "identity" in inputs:  # the identities are given as a list and shown as a mapping
            more["identity"] = {"type": inputs["identity"]["type"]}
        return id_, {**inputs, **more}


class _Monitor(pulumi_mocks.MockMonitor):
    """Keeps every request of the program, with the options that mocks are not shown."""

    def __init__(self) -> None:
        super().__init__(_Azure())
        self.declared: list[Declared] = []
        self.outputs: Mapping[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - a method of gRPC's
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self.declared.append(
                Declared(
                    kind=_kind(request.type),
                    name=request.name,
                    id=response.id,
                    inputs=json_format.MessageToDict(request.object),
                    protect=request.protect,
                    retain_on_delete=request.retainOnDelete,
                    aliases=len(request.aliases),
                    delete_before_replace=request.deleteBeforeReplace,
                    ignore_changes=tuple(request.ignoreChanges),
                    replace_on_changes=tuple(request.replaceOnChanges),
                    secret_outputs=tuple(request.additionalSecretOutputs),
                    timeouts=json_format.MessageToDict(request.customTimeouts),
                    dependencies=tuple(request.dependencies),
                    parent=request.parent,
                    urn=response.urn,
                    provider=request.provider,
                )
            )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - a method of gRPC's
        if "pulumi:pulumi:Stack" in request.urn:
            self.outputs = json_format.MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _kind(typ: str) -> str:
    if typ.startswith(DATABRICKS):
        return f"{LAKE}:{typ.rpartition(':')[2]}"
    return typ.removeprefix("azure-native:")


def _found(kind: str, id_: str) -> dict[str, Any]:
    """Return what a resource that is there already shows."""
    found: dict[str, Any] = {"name": id_.rpartition("/")[2]}
    if kind == "machinelearningservices:Workspace":
        services = id_.partition("/providers/")[0] + "/providers"
        found |= {
            "mlFlowTrackingUri": f"azureml://koreacentral.api.azureml.ms{id_}",
            "storageAccount": f"{services}/Microsoft.Storage/storageAccounts/theirs",
            "keyVault": f"{services}/Microsoft.KeyVault/vaults/theirs",
            "containerRegistry": f"{services}/Microsoft.ContainerRegistry/registries/theirs",
        }
    return found


def _of_databricks(kind: str, name: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the id of a resource of Databricks', and what its workspace adds."""
    own = str(inputs.get("name"))
    match kind.partition(":")[2]:
        case "Job":
            return str(sum(name.encode())), {}
        case "Schema":
            return f"{inputs['catalogName']}.{own}", {}
        case "Volume":
            path = "/".join(["/Volumes", inputs["catalogName"], inputs["schemaName"], own])
            return path, {"volumePath": path}
        case "ModelServing":
            return own, {"servingEndpointId": f"number of {own}"}
        case "Catalog" | "StorageCredential" | "ExternalLocation":
            return own, {}
        case _:
            return f"{name}-id", {}


def resource_id(kind: str, name: str, inputs: Mapping[str, Any]) -> str:
    """Return the id that Resource Manager gives a resource."""
    subscription = f"/subscriptions/{SUBSCRIPTION}"
    if kind == "resources:ResourceGroup":
        return f"{subscription}/resourceGroups/{inputs['resourceGroupName']}"
    if kind not in PATHS:
        return f"{name}-id"
    path = PATHS[kind].format_map(inputs)
    scope = inputs.get("scope") or f"{subscription}/resourceGroups/{inputs['resourceGroupName']}"
    return f"{scope}/providers/{path}"
