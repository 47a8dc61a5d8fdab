"""The default of a batch endpoint and the traffic of an online one, kept over HTTPS."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import UNKNOWN

from infra.dynamic.resource_manager import Resource, ResourceManagerError
from infra.dynamic.routing import (
    RoutingProvider,
    WouldStopAnswers,
    digest,
    route,
    routed_body,
    split_of,
    split_text,
)
from tests.emulator import Emulator
from tests.emulator.faults import Answer, Drop, throttled

MODEL = "azureml://registries/r/models/m/versions/1"
LOCATION = "koreacentral"
TAGS = {"project": "scoring"}


@dataclass(frozen=True)
class Scene:
    """An endpoint with the deployments blue and green, and a provider that may change it."""

    cloud: Emulator
    provider: RoutingProvider
    endpoint: str

    def inputs(self, **routing: str) -> dict[str, Any]:
        deployments = {
            f"deployment:{name}": f"{self.endpoint}/deployments/{name}"
            for name in ("blue", "green")
        }
        return {"endpoint": self.endpoint, **deployments, "declared": "0", **routing}

    def body(self) -> dict[str, Any]:
        status, body = self.cloud.arm("GET", self.endpoint)
        assert status == 200
        found: dict[str, Any] = body
        return found

    def change(self, **properties: Any) -> None:
        """Do what somebody else does to the endpoint."""
        body = self.body()
        kept: dict[str, Any] = {key: body[key] for key in ("location", "tags", "identity")}
        body = {**kept, "properties": {**body["properties"], **properties}}
        assert self.cloud.arm("PUT", self.endpoint, body)[0] == 200
        self.settle()

    def settle(self) -> None:
        while self.body()["properties"]["provisioningState"] != "Succeeded":
            pass

    def puts(self) -> int:
        return sum(
            request.method == "PUT" and request.path == self.endpoint
            for request in self.cloud.requests
        )


def provider(**config: str) -> RoutingProvider:
    made = RoutingProvider()
    made.configure(ConfigureRequest(Config(dict(config), "scoring")))
    return made


def make_scene(cloud: Emulator, kind: str, **properties: Any) -> Scene:
    """Return an endpoint in a workspace of its own."""
    name = f"e-{uuid.uuid4().hex[:8]}"
    group = f"/subscriptions/{cloud.cloud.subscription}/resourceGroups/{name}"
    provider_path = f"{group}/providers"
    account = name.replace("-", "")
    storage = f"{provider_path}/Microsoft.Storage/storageAccounts/{account}"
    vault = f"{provider_path}/Microsoft.KeyVault/vaults/{name}"
    workspace = f"{provider_path}/Microsoft.MachineLearningServices/workspaces/{name}"
    endpoint = f"{workspace}/{kind}/{name}"
    identity = {"type": "SystemAssigned"}
    sku = {"family": "A", "name": "standard"}
    vault_properties = {"tenantId": cloud.cloud.application.tenant, "sku": sku}
    resources: list[tuple[str, dict[str, Any]]] = [
        (group, {}),
        (storage, {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}),
        (vault, {"properties": vault_properties}),
        (
            workspace,
            {"identity": identity, "properties": {"storageAccount": storage, "keyVault": vault}},
        ),
        (endpoint, {"identity": identity, "tags": TAGS, "properties": properties}),
    ]
    deployment: dict[str, Any] = {"model": MODEL, "endpointComputeType": "Managed"}
    deployment["instanceType"] = "Standard_DS2_v2"
    if kind == "batchEndpoints":
        compute = f"{workspace}/computes/small"
        size = {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1}}
        resources.append(
            (compute, {"properties": {"computeType": "AmlCompute", "properties": size}})
        )
        model = {"referenceType": "Id", "assetId": MODEL}
        deployment = {"model": model, "compute": compute}
    for name in ("blue", "green"):
        resources.append((f"{endpoint}/deployments/{name}", {"properties": deployment}))
    cloud.operations.polls = 0
    for path, body in resources:
        status, answer = cloud.arm("PUT", path, {"location": LOCATION, **body})
        assert status in (200, 201), answer
    cloud.operations.reset()
    return Scene(cloud, provider(), endpoint)


@pytest.fixture
def online(azure: Emulator) -> Scene:
    described = {"description": "Said", "properties": {"a": "b"}}
    return make_scene(azure, "onlineEndpoints", authMode="Key", **described)


@pytest.fixture
def batch(azure: Emulator) -> Scene:
    return make_scene(azure, "batchEndpoints", authMode="AADToken")


def test_traffic_is_set_and_all_else_stays_as_it_was(online: Scene) -> None:
    before = online.body()
    inputs = online.inputs(traffic="blue=90 green=10")
    made = online.provider.create(inputs)
    after = online.body()
    assert (made.id, made.outs) == (online.endpoint, inputs)
    assert after["properties"].pop("traffic") == {"blue": 90, "green": 10}
    before["properties"].pop("traffic")
    for body in (before, after):
        body.pop("systemData")
        del body["properties"]["properties"]["AzureAsyncOperationUri"]
    assert after == before


def test_a_default_is_set_changed_and_taken_away(batch: Scene) -> None:
    first = batch.inputs(default="blue")
    batch.provider.create(first)
    assert batch.body()["properties"]["defaults"]["deploymentName"] == "blue"
    second = batch.inputs(default="green")
    batch.provider.update(batch.endpoint, first, second)
    assert batch.body()["properties"]["defaults"]["deploymentName"] == "green"
    assert batch.body()["tags"] == TAGS
    batch.provider.delete(batch.endpoint, second)
    assert not batch.body()["properties"]["defaults"].get("deploymentName")


def test_on_destroy_a_deployment_can_go_after_the_traffic(online: Scene) -> None:
    inputs = online.inputs(traffic="blue=100")
    online.provider.create(inputs)
    blue = inputs["deployment:blue"]
    assert online.cloud.arm("DELETE", blue)[0] == 409
    online.provider.delete(online.endpoint, inputs)
    assert online.cloud.arm("DELETE", blue)[0] in (200, 202)


def test_mirrored_traffic_is_taken_away_when_it_is_no_longer_declared(online: Scene) -> None:
    both = online.inputs(traffic="blue=100", mirror_traffic="green=20")
    online.provider.create(both)
    assert online.body()["properties"]["mirrorTraffic"] == {"green": 20}
    online.provider.update(online.endpoint, both, online.inputs(traffic="blue=100"))
    assert online.body()["properties"]["mirrorTraffic"] == {}


def test_what_is_not_declared_is_left_alone(online: Scene) -> None:
    online.change(mirrorTraffic={"green": 20})
    online.provider.create(online.inputs(traffic="blue=100"))
    assert online.body()["properties"]["mirrorTraffic"] == {"green": 20}


def test_nothing_is_put_where_all_is_as_declared(online: Scene) -> None:
    inputs = online.inputs(traffic="blue=100")
    online.provider.create(inputs)
    puts = online.puts()
    online.provider.create(inputs)
    assert online.puts() == puts


def test_it_ends_when_azure_is_done_and_not_before(online: Scene) -> None:
    online.cloud.operations.plan(online.endpoint, polls=4)
    online.provider.create(online.inputs(traffic="blue=100"))
    assert online.body()["properties"]["provisioningState"] == "Succeeded"


def test_it_waits_for_somebody_elses_change(online: Scene) -> None:
    online.cloud.operations.plan(online.endpoint, polls=2)
    body = online.body()
    body["tags"] = {"who": "them"}
    kept = {key: body[key] for key in ("location", "tags", "identity", "properties")}
    assert online.cloud.arm("PUT", online.endpoint, kept)[0] == 200
    online.provider.create(online.inputs(traffic="blue=100"))
    body = online.body()
    assert (body["tags"], body["properties"]["traffic"]) == ({"who": "them"}, {"blue": 100})
    assert online.puts() == 1


def test_a_change_that_meets_another_is_read_and_made_again(online: Scene) -> None:
    refusal = Answer(409, "Conflict", "Another change is running.")
    online.cloud.faults.inject(refusal, method="PUT", path="*/onlineEndpoints/*")
    online.provider.create(online.inputs(traffic="blue=100"))
    assert online.puts() == 2
    assert online.body()["properties"]["traffic"] == {"blue": 100}


@pytest.mark.parametrize("fault", [throttled(), Drop("before"), Drop("after")])
def test_throttling_and_dropped_connections_are_overcome(fault: Any, online: Scene) -> None:
    online.cloud.faults.inject(fault, method="PUT", path="*/onlineEndpoints/*")
    online.provider.create(online.inputs(traffic="blue=100"))
    assert online.puts() == 2
    assert online.body()["properties"]["traffic"] == {"blue": 100}


def test_refresh_sees_what_somebody_else_routed(online: Scene) -> None:
    inputs = online.inputs(traffic="blue=100")
    online.provider.create(inputs)
    online.change(traffic={"blue": 40, "green": 60})
    found = online.provider.read(online.endpoint, inputs)
    assert found.outs == found.inputs == online.inputs(traffic="blue=40 green=60")
    assert found.outs is not None
    assert online.provider.diff(online.endpoint, found.outs, inputs).changes


def test_refresh_sees_that_nothing_changed(batch: Scene) -> None:
    inputs = batch.inputs(default="blue")
    batch.provider.create(inputs)
    found = batch.provider.read(batch.endpoint, inputs)
    assert (found.id, found.outs) == (batch.endpoint, inputs)


def test_of_an_endpoint_that_is_gone_there_is_nothing(online: Scene) -> None:
    inputs = online.inputs(traffic="blue=100")
    online.cloud.operations.polls = 0
    for name in ("blue", "green"):
        online.cloud.arm("DELETE", inputs[f"deployment:{name}"])
    online.cloud.arm("DELETE", online.endpoint)
    assert online.provider.read(online.endpoint, inputs).id == ""
    online.provider.delete(online.endpoint, inputs)
    with pytest.raises(ResourceManagerError, match="there is no endpoint"):
        online.provider.create(inputs)


def one_line(call: Callable[[], object]) -> str:
    with pytest.raises(ResourceManagerError) as raised:
        call()
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_a_refusal_is_azures_code_and_message_in_one_line(online: Scene) -> None:
    text = one_line(lambda: online.provider.create(online.inputs(traffic="red=100")))
    assert "'red', which does not exist" in text
    assert f"onlineEndpoints/{online.endpoint.rpartition('/')[2]}" in text


def test_an_operation_that_fails_says_why(online: Scene) -> None:
    online.cloud.operations.plan(online.endpoint, error=("QuotaExceeded", "Not enough\ncores."))
    text = one_line(lambda: online.provider.create(online.inputs(traffic="blue=100")))
    assert text.endswith("QuotaExceeded: Not enough cores.")


BASE = {"endpoint": "/e", "deployment:blue": "b", "deployment:green": "g", "declared": "0"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"traffic": "blue=100"}, {"traffic": "blue=90 green=10"}),
        ({"default": "blue"}, {"default": "green"}),
        ({"traffic": "blue=100"}, {"traffic": "blue=100", "declared": "1"}),
        ({"traffic": "blue=100"}, {"traffic": "blue=100", "deployment:third": "t"}),
        ({"traffic": "blue=100"}, {"traffic": "blue=100", "deployment:third": UNKNOWN}),
    ],
)
def test_a_change_is_an_update(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = RoutingProvider().diff("/e", {**BASE, **old}, {**BASE, **new})
    assert (found.changes, found.replaces) == (True, [])


@pytest.mark.parametrize("endpoint", [UNKNOWN, "/other"])
def test_it_is_replaced_with_an_endpoint_that_nothing_answers_for(endpoint: Any) -> None:
    old = {**BASE, "traffic": ""}
    found = RoutingProvider().diff("/e", old, {**old, "endpoint": endpoint})
    assert (found.replaces, found.delete_before_replace) == (["endpoint"], True)


def test_a_deployment_that_answers_nobody_may_be_made_anew_and_the_split_stays() -> None:
    old = {**BASE, "traffic": "blue=100"}
    found = RoutingProvider().diff("/e", old, {**old, "deployment:green": UNKNOWN})
    assert (found.changes, found.replaces) == (False, [])


@pytest.mark.parametrize(
    ("routed", "anew", "says"),
    [
        (
            {"traffic": "blue=90 green=10"},
            "deployment:blue",
            "deployment blue of e would be deleted and made anew, and blue answers 90 %."
            " Move the traffic first: write `traffic: {green: 100}`, run `pulumi up`",
        ),
        (
            {"traffic": "green=100", "mirror_traffic": "blue=10"},
            "deployment:blue",
            "blue mirrors 10 %. Move the traffic first: write `traffic: {green: 100}` without"
            " mirror_traffic",
        ),
        (
            {"traffic": "blue=100", "deployment:green": None},
            "deployment:blue",
            "deploy another one beside it, here called `next`, and write `traffic: {next: 100}`",
        ),
        (
            {"default": "blue"},
            "deployment:blue",
            "blue is the default. Move the traffic first:"
            " write `defaults: {deployment_name: green}`",
        ),
        (
            {"traffic": "blue=90 green=10"},
            "endpoint",
            "endpoint e would be deleted and made anew, and blue answers 90 % and green answers",
        ),
    ],
)
def test_what_answers_is_never_made_anew(routed: dict[str, Any], anew: str, says: str) -> None:
    old = {key: value for key, value in {**BASE, **routed}.items() if value is not None}
    with pytest.raises(WouldStopAnswers) as raised:
        RoutingProvider().diff("/e", old, {**old, anew: UNKNOWN})
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_same_is_no_change() -> None:
    same = {**BASE, "default": "blue"}
    assert RoutingProvider().diff("/e", {**same, "__provider": "old"}, same).changes is False


def test_the_state_holds_a_small_provider_by_name_and_no_secret(azure: Emulator) -> None:
    signed_in = provider(**{"azure-native:clientSecret": "a-secret"})
    pickled = base64.b64decode(serialize_provider(RoutingProvider()))
    assert b"infra.dynamic.routing" in pickled
    assert len(pickled) < 100
    assert signed_in.serialize_as_secret_always is False


def test_signing_in_with_configured_values_goes_before_the_environment(online: Scene) -> None:
    wrong = provider(**{"azure-native:clientSecret": "not-the-secret"})
    text = one_line(lambda: wrong.create(online.inputs(traffic="blue=100")))
    assert "invalid client secret" in text.lower()
    assert "not-the-secret" not in text


def test_what_an_endpoint_is_put_back_with_is_all_that_was_read_of_it() -> None:
    body = {
        "id": "/e",
        "location": LOCATION,
        "kind": "k",
        "sku": {"name": "Default"},
        "tags": TAGS,
        "identity": {"type": "SystemAssigned", "principalId": "p"},
        "properties": {"authMode": "Key", "scoringUri": "https://e", "swaggerUri": "https://s"},
    }
    assert routed_body(body, {"traffic": "blue=100"}) == {
        "location": LOCATION,
        "kind": "k",
        "sku": {"name": "Default"},
        "tags": TAGS,
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key", "traffic": {"blue": 100}},
    }


def test_only_the_endpoint_that_was_read_is_put_back() -> None:
    """The stand-in gives endpoints no ETag, so that this is asked of the manager alone."""
    put: list[str | None] = []

    class Manager:
        def get(self, endpoint: str) -> Resource:
            return Resource({"location": LOCATION, "properties": {}}, "as it was read")

        def put(self, endpoint: str, body: Any, etag: str | None = None) -> None:
            put.append(etag)

    manager: Any = Manager()
    route(manager, "/e", {"traffic": "blue=100"})
    assert put == ["as it was read"]


def test_a_split_is_one_text_by_name_and_back() -> None:
    assert split_text({"green": 10, "blue": 90, "old": 0}) == "blue=90 green=10"
    assert split_of("blue=90 green=10") == {"blue": 90, "green": 10}
    assert (split_text({}), split_of("")) == ("", {})


def test_a_digest_is_of_values_and_not_of_their_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest(json.loads('{"b": 2, "a": 1}'))
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 8
