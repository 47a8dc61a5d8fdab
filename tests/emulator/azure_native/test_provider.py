"""The plugin's calls, one by one, against the stand-in cloud."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import provider_pb2, status_pb2

from tests.emulator import Emulator
from tests.emulator.azure_native.provider import AzureNative
from tests.emulator.plugin.calling import Aborted, Context, struct
from tests.emulator.seed import SeededWorkspace

GROUP = "azure-native:resources:ResourceGroup"
STORAGE = "azure-native:storage:StorageAccount"


@pytest.fixture
def provider(azure: Emulator) -> AzureNative:
    provider = AzureNative()
    variables = {"azure-native:config:location": "koreacentral"}
    provider.Configure(provider_pb2.ConfigureRequest(variables=variables), Context())
    return provider


def create(
    provider: AzureNative,
    type_: str,
    inputs: dict[str, Any],
    context: Context | None = None,
    preview: bool = False,
) -> provider_pb2.CreateResponse:
    request = provider_pb2.CreateRequest(type=type_, properties=struct(inputs), preview=preview)
    return provider.Create(request, context or Context())


def group(name: str) -> dict[str, Any]:
    return {"resourceGroupName": name, "location": "koreacentral", "tags": {"a": "1"}}


def account(name: str) -> dict[str, Any]:
    return {
        "resourceGroupName": "accounts",
        "accountName": name,
        "location": "koreacentral",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
    }


def test_a_resource_is_made_changed_read_and_deleted(
    provider: AzureNative, azure: Emulator
) -> None:
    made = create(provider, GROUP, group("walk"))
    assert azure.arm("GET", "/resourceGroups/walk")[1]["tags"] == {"a": "1"}
    news = struct(group("walk") | {"tags": {"a": "2"}})
    update = provider_pb2.UpdateRequest(
        id=made.id, type=GROUP, olds=made.properties, news=news, old_inputs=struct(group("walk"))
    )
    provider.Update(update, Context())
    read = provider.Read(
        provider_pb2.ReadRequest(
            id=made.id, type=GROUP, properties=made.properties, inputs=struct(group("walk"))
        ),
        Context(),
    )
    assert json_format.MessageToDict(read.inputs)["tags"] == {"a": "2"}
    provider.Delete(provider_pb2.DeleteRequest(id=made.id, type=GROUP), Context())
    assert azure.arm("GET", "/resourceGroups/walk")[0] == 404
    gone = provider.Read(provider_pb2.ReadRequest(id=made.id, type=GROUP), Context())
    assert gone.id == ""


def test_a_preview_writes_nothing(provider: AzureNative, azure: Emulator) -> None:
    assert create(provider, GROUP, group("dry"), preview=True).id == ""
    assert azure.arm("GET", "/resourceGroups/dry")[0] == 404


def test_what_is_there_already_is_not_taken_over(provider: AzureNative) -> None:
    create(provider, GROUP, group("twice"))
    with pytest.raises(Aborted, match="cannot create already existing resource"):
        create(provider, GROUP, group("twice"))


def test_what_azure_refuses_is_told_in_its_words(provider: AzureNative) -> None:
    with pytest.raises(Aborted, match='Status=404 Code="ResourceGroupNotFound"'):
        create(provider, STORAGE, account("nowhere") | {"resourceGroupName": "none"})


def test_what_was_made_and_is_not_ready_is_told_with_its_id(
    provider: AzureNative, azure: Emulator, azure_workspace: SeededWorkspace
) -> None:
    azure.operations.plan("*/batchendpoints/half-made", error=("NoCapacity", "none is left"))
    inputs = {
        "resourceGroupName": azure_workspace.resource_group,
        "workspaceName": azure_workspace.name,
        "endpointName": "half-made",
        "location": "koreacentral",
        "tags": {},
        "properties": {"authMode": "AADToken"},
    }
    context = Context()
    with pytest.raises(Aborted, match="none is left"):
        create(provider, "azure-native:machinelearningservices:BatchEndpoint", inputs, context)
    ((name, content),) = context.trailing
    assert name == "grpc-status-details-bin"
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(content).details[0].Unpack(detail)
    assert detail.id == f"{azure_workspace.id}/batchEndpoints/half-made"


def test_the_client_is_known_by_what_it_signed_in_with(
    provider: AzureNative, azure: Emulator
) -> None:
    request = provider_pb2.InvokeRequest(tok="azure-native:authorization:getClientConfig")
    answer = provider.Invoke(request, Context())
    told = json_format.MessageToDict(getattr(answer, "return"))
    assert told["clientId"] == azure.environment["ARM_CLIENT_ID"]
    assert told["subscriptionId"] == azure.environment["ARM_SUBSCRIPTION_ID"]
    assert told["objectId"]


def test_a_function_it_does_not_know_is_refused(provider: AzureNative) -> None:
    request = provider_pb2.InvokeRequest(tok="azure-native:storage:listStorageAccountKeys")
    with pytest.raises(Aborted, match="listStorageAccountKeys"):
        provider.Invoke(request, Context())


def test_it_never_turns_to_the_public_cloud(
    provider: AzureNative, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARM_METADATA_HOSTNAME")
    with pytest.raises(Aborted, match="ARM_METADATA_HOSTNAME"):
        AzureNative().Configure(provider_pb2.ConfigureRequest(), Context())
