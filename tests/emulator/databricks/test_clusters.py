"""Clusters, their policies and permissions as the unmodified SDK sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.seed import CLUSTER, SeededLake


def test_a_cluster_starts_ends_and_starts_again(lake: SeededLake) -> None:
    from databricks.sdk.errors import InvalidState, ResourceDoesNotExist
    from databricks.sdk.service.compute import State

    client = sign_in(lake)
    client.clusters.ensure_cluster_is_running(lake.cluster_id)
    assert client.clusters.get(lake.cluster_id).state is State.RUNNING
    with pytest.raises(InvalidState, match="unexpected state Running"):
        client.clusters.start(lake.cluster_id)
    client.clusters.delete(lake.cluster_id)
    assert client.clusters.get(lake.cluster_id).state is State.TERMINATED
    assert [cluster.cluster_name for cluster in client.clusters.list()] == ["training"]
    client.clusters.start(lake.cluster_id)
    client.clusters.permanent_delete(lake.cluster_id)
    with pytest.raises(ResourceDoesNotExist):
        client.clusters.get(lake.cluster_id)


def test_no_cluster_starts_past_the_quota(lake: SeededLake) -> None:
    lake.databricks.switches.quota_exceeded = True
    lake.databricks.switches.seconds_to_start = 0.0
    made = lake.do("POST", "/api/2.1/clusters/create", CLUSTER)
    found = lake.do("GET", f"/api/2.1/clusters/get?cluster_id={made['cluster_id']}")
    assert found["state"] == "TERMINATED"
    assert found["termination_reason"]["code"] == "AZURE_QUOTA_EXCEEDED_EXCEPTION"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spark_version": None}, "spark_version"),
        ({"spark_version": "99.x"}, "Invalid spark version"),
        ({"node_type_id": "Standard_Nothing"}, "Node type"),
        ({"num_workers": 2}, "single node"),
        ({"is_single_node": None}, "num_workers"),
        ({"kind": None}, "CLASSIC_PREVIEW"),
        ({"autotermination_minutes": 5}, "auto-termination"),
        ({"policy_id": "NONE"}, "policy"),
    ],
)
def test_a_cluster_that_cannot_be(lake: SeededLake, changes: dict[str, Any], said: str) -> None:
    status, answered = lake.ask("POST", "/api/2.1/clusters/create", {**CLUSTER, **changes})
    assert status in (400, 404)
    assert said in answered["message"]


def test_a_cluster_keeps_to_its_policy(lake: SeededLake) -> None:
    from databricks.sdk.errors import BadRequest

    client = sign_in(lake)
    rules = {
        "autotermination_minutes": {"type": "range", "minValue": 10, "maxValue": 30},
        "data_security_mode": {"type": "fixed", "value": "SINGLE_USER"},
    }
    policy = client.cluster_policies.create(name="small", definition=json.dumps(rules))
    assert policy.policy_id is not None
    body = {**CLUSTER, "policy_id": policy.policy_id}
    lake.do("POST", "/api/2.1/clusters/create", body)
    status, answered = lake.ask(
        "POST", "/api/2.1/clusters/create", {**body, "autotermination_minutes": 60}
    )
    assert (status, "autotermination_minutes" in answered["message"]) == (400, True)
    with pytest.raises(BadRequest):
        client.cluster_policies.create(name="small")
    client.cluster_policies.delete(policy.policy_id)


def test_permissions_are_kept(lake: SeededLake) -> None:
    from databricks.sdk.errors import BadRequest, NotFound
    from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel

    client = sign_in(lake)
    entry = AccessControlRequest(group_name="users", permission_level=PermissionLevel.CAN_RESTART)
    told = client.permissions.set("clusters", lake.cluster_id, access_control_list=[entry])
    assert told.access_control_list is not None
    assert [item.group_name for item in told.access_control_list] == ["users", "admins"]
    wrong = AccessControlRequest(group_name="users", permission_level=PermissionLevel.CAN_QUERY)
    with pytest.raises(BadRequest):
        client.permissions.update("clusters", lake.cluster_id, access_control_list=[wrong])
    with pytest.raises(NotFound):
        client.permissions.get("clusters", "nothing")


def test_folders_are_made_with_those_above(lake: SeededLake) -> None:
    from databricks.sdk.errors import NotFound

    client = sign_in(lake)
    client.workspace.mkdirs("/Shared/a/b")
    assert client.workspace.get_status("/Workspace/Shared/a/b").path == "/Shared/a/b"
    assert [found.path for found in client.workspace.list("/Shared/a")] == ["/Shared/a/b"]
    client.workspace.delete("/Shared/a", recursive=True)
    with pytest.raises(NotFound):
        client.workspace.get_status("/Shared/a/b")
