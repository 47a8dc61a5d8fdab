"""The plugin's calls, one by one, against the stand-in workspace."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import provider_pb2, status_pb2

from tests.emulator.databricks.seed import SeededLake
from tests.emulator.databricks_plugin.kind import SDK, Kind
from tests.emulator.databricks_plugin.provider import KINDS, DatabricksProvider
from tests.emulator.databricks_plugin.shapes import sent, shown
from tests.emulator.plugin.calling import Aborted, Context, struct

SERVING = "databricks:index/modelServing:ModelServing"
GRANTS = "databricks:index/grants:Grants"
PERMISSIONS = "databricks:index/permissions:Permissions"
SCHEMA = "databricks:index/schema:Schema"


@pytest.fixture
def provider(lake: SeededLake) -> DatabricksProvider:
    provider = DatabricksProvider()
    variables = {
        "databricks:config:host": lake.host,
        "databricks:config:azureWorkspaceResourceId": lake.resource_id,
    }
    provider.Configure(provider_pb2.ConfigureRequest(variables=variables), Context())
    return provider


def create(
    provider: DatabricksProvider,
    type_: str,
    inputs: dict[str, Any],
    context: Context | None = None,
    timeout: float = 10,
) -> Any:
    request = provider_pb2.CreateRequest(type=type_, properties=struct(inputs), timeout=timeout)
    return provider.Create(request, context or Context())


def served(model: str) -> dict[str, Any]:
    entity = {"name": "blue", "entityName": model, "entityVersion": "1", "workloadSize": "Small"}
    return {
        "name": "ask-me",
        "config": {
            "servedEntities": [{**entity, "scaleToZeroEnabled": True}],
            "trafficConfig": {"routes": [{"servedEntityName": "blue", "trafficPercentage": 100}]},
        },
    }


def register(lake: SeededLake, folder: Path) -> str:
    (folder / "MLmodel").write_text("signature: {inputs: '[]', outputs: '[]'}\n")
    lake.register_model("penguins", folder)
    return f"{lake.schema}.penguins"


def test_a_grant_replaces_what_was_granted_and_goes_with_its_resource(
    provider: DatabricksProvider, lake: SeededLake
) -> None:
    def granted() -> dict[str, list[str]]:
        path = f"/api/2.1/unity-catalog/permissions/schema/{lake.schema}"
        found = lake.do("GET", path).get("privilege_assignments", [])
        return {grant["principal"]: grant["privileges"] for grant in found}

    lake.do(
        "PATCH",
        f"/api/2.1/unity-catalog/permissions/schema/{lake.schema}",
        {"changes": [{"principal": "somebody", "add": ["SELECT"]}]},
    )
    grants = [{"principal": "account users", "privileges": ["EXECUTE", "USE_SCHEMA"]}]
    made = create(provider, GRANTS, {"schema": lake.schema, "grants": grants})
    assert made.id == f"schema/{lake.schema}"
    assert granted() == {"account users": ["EXECUTE", "USE_SCHEMA"]}
    delete = provider_pb2.DeleteRequest(id=made.id, type=GRANTS, properties=made.properties)
    provider.Delete(delete, Context())
    assert granted() == {}


def test_permissions_are_read_as_they_were_given(
    provider: DatabricksProvider, lake: SeededLake
) -> None:
    controls = [{"groupName": "users", "permissionLevel": "CAN_RESTART"}]
    inputs = {"clusterId": lake.cluster_id, "accessControls": controls}
    made = create(provider, PERMISSIONS, inputs)
    assert made.id == f"/clusters/{lake.cluster_id}"
    read = provider.Read(
        provider_pb2.ReadRequest(
            id=made.id, type=PERMISSIONS, properties=made.properties, inputs=struct(inputs)
        ),
        Context(),
    )
    assert json_format.MessageToDict(read.inputs) == inputs


def test_an_endpoint_that_never_becomes_ready_is_there_and_fails(
    provider: DatabricksProvider, lake: SeededLake, tmp_path: Path
) -> None:
    model = register(lake, tmp_path)
    lake.databricks.switches.never_ready = True
    context = Context()
    with pytest.raises(Aborted, match="serving endpoint ask-me is not ready"):
        create(provider, SERVING, served(model), context, timeout=0.3)
    ((_, packed),) = context.trailing
    status = status_pb2.Status.FromString(packed)
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert detail.id == "ask-me"
    assert json_format.MessageToDict(detail.properties)["servingEndpointId"]


def test_what_databricks_refuses_is_told_in_its_words(provider: DatabricksProvider) -> None:
    with pytest.raises(Aborted, match="CATALOG_DOES_NOT_EXIST: Catalog 'nowhere' does not exist"):
        create(provider, SCHEMA, {"catalogName": "nowhere", "name": "s"})


def test_a_resource_that_is_gone_reads_as_nothing_and_is_deleted_without_a_word(
    provider: DatabricksProvider,
) -> None:
    for type_, identifier in (
        (SCHEMA, "lake.nowhere"),
        (SERVING, "nobody"),
        ("databricks:index/job:Job", "12"),
        ("databricks:index/cluster:Cluster", "0-0-0"),
        ("databricks:index/directory:Directory", "/Shared/nowhere"),
    ):
        read = provider_pb2.ReadRequest(id=identifier, type=type_)
        assert provider.Read(read, Context()).id == ""
        provider.Delete(provider_pb2.DeleteRequest(id=identifier, type=type_), Context())


def test_inputs_are_held_against_the_sdk() -> None:
    inputs: dict[str, Any] = {"catalog": "lake"}
    assert list(DatabricksProvider().checked(KINDS["Schema"], inputs)) == [
        ("catalogName", "missing required property 'catalogName'"),
        ("catalog", "unknown property 'catalog'"),
        ("name", "missing; the stand-in makes up no names"),
    ]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_the_sdk_says_takes_a_new_resource_does(kind: Kind) -> None:
    """The SDK's own words, which are those of the provider it was generated from."""
    source = inspect.getsource(import_module(f"{SDK.package}.{SDK.file(kind.name)}"))
    told = re.findall(r":param [^\n]*? (\w+): (.*?)(?=\n\s+:param|\n\s+\"\"\")", source, re.DOTALL)
    forced = {name for name, text in told if re.search(r"forces creation of a new", text)}
    words = {re.sub(r"_(\w)", lambda match: match[1].upper(), name) for name in forced}
    assert words <= {*kind.fixed}
    assert {*kind.fixed} <= kind.declared.inputs


def test_names_are_turned_round_and_somebody_s_own_words_are_not() -> None:
    given = {
        "jobClusters": [{"newCluster": {"sparkConf": {"spark.oneKey": "a"}, "numWorkers": 2}}],
        "tags": {"someTag": "b"},
    }
    there = sent(given)
    assert there == {
        "job_clusters": [{"new_cluster": {"spark_conf": {"spark.oneKey": "a"}, "num_workers": 2}}],
        "tags": {"someTag": "b"},
    }
    assert shown(there) == given
