from __future__ import annotations

from typing import Any

import pytest

from infra.policies.compute import NO_GPU
from infra.policies.databricks import (
    CLUSTERS_END,
    NO_TOKENS,
    SERVING_SCALES_TO_ZERO,
    SINGLE_USER,
)
from tests.infra.policies.ask import UNKNOWN, ask

CLUSTER = "databricks:index/cluster:Cluster"
JOB = "databricks:index/job:Job"
SERVING = "databricks:index/modelServing:ModelServing"


@pytest.mark.parametrize("minutes", [10.0, 30.0, UNKNOWN])
def test_a_cluster_that_ends_within_half_an_hour_passes(minutes: Any) -> None:
    assert ask(CLUSTERS_END, CLUSTER, {"autoterminationMinutes": minutes}) == []


@pytest.mark.parametrize(
    ("properties", "waits"),
    [
        ({"autoterminationMinutes": 31.0}, "waits 31 minutes for work"),
        ({"autoterminationMinutes": 0.0}, "never ends"),
        ({}, "never ends"),
    ],
)
def test_a_cluster_that_waits_longer_or_without_end_fails(
    properties: dict[str, Any], waits: str
) -> None:
    (message,) = ask(CLUSTERS_END, CLUSTER, properties, name="ml-cluster")
    assert message == (
        f"ml-cluster {waits}; set scoring:clusters.ml-cluster.autotermination_minutes to at most"
        " 30 in Pulumi.dev.yaml"
    )
    assert ask(CLUSTERS_END, JOB, properties) == []


def test_how_long_a_cluster_may_wait_is_configured() -> None:
    properties = {"autoterminationMinutes": 60.0}
    assert ask(CLUSTERS_END, CLUSTER, properties, config={"minutes": 60.0}) == []


def of_a_job(mode: str | None) -> dict[str, Any]:
    return {"jobClusters": [{"newCluster": {"dataSecurityMode": mode} if mode else {}}]}


@pytest.mark.parametrize("mode", ["SINGLE_USER", "DATA_SECURITY_MODE_DEDICATED", UNKNOWN])
def test_a_cluster_of_one_user_passes(mode: str) -> None:
    assert ask(SINGLE_USER, CLUSTER, {"dataSecurityMode": mode}) == []
    assert ask(SINGLE_USER, JOB, of_a_job(mode)) == []


@pytest.mark.parametrize("mode", ["USER_ISOLATION", "NONE", None])
def test_a_cluster_of_several_users_fails_a_job_s_own_too(mode: str | None) -> None:
    properties = {"dataSecurityMode": mode} if mode else {}
    (message,) = ask(SINGLE_USER, CLUSTER, properties, name="ml-cluster")
    assert f"ml-cluster has a cluster for {mode or 'anybody'}" in message
    assert len(ask(SINGLE_USER, JOB, of_a_job(mode))) == 1


def test_a_gpu_is_asked_for_on_databricks_too() -> None:
    cluster = {"nodeTypeId": "Standard_D4ds_v5", "driverNodeTypeId": "Standard_NC6s_v3"}
    (message,) = ask(NO_GPU, CLUSTER, cluster, name="ml-cluster")
    assert "ml-cluster asks for Standard_NC6s_v3" in message
    assert "choose another driver_node_type_id of the cluster in Pulumi.dev.yaml" in message
    job = {"jobClusters": [{"newCluster": {"nodeTypeId": "Standard_NC6s_v3"}}]}
    assert len(ask(NO_GPU, JOB, job)) == 1
    assert ask(NO_GPU, JOB, job, config={"allowed": ["Standard_NC6s_v3"]}) == []


@pytest.mark.parametrize("kind", ["token:Token", "oboToken:OboToken"])
def test_a_token_fails(kind: str) -> None:
    (message,) = ask(NO_TOKENS, f"databricks:index/{kind}", {}, name="mine")
    assert message.startswith("mine is a token")


def test_a_provider_signs_in_with_an_identity() -> None:
    host = {"host": "https://adb-1.7.azuredatabricks.net"}
    kind = "pulumi:providers:databricks"
    assert ask(NO_TOKENS, kind, host) == []
    (message,) = ask(NO_TOKENS, kind, {**host, "token": "dapi"})
    assert "signs in with a token" in message


def served(**entity: Any) -> dict[str, Any]:
    return {"config": {"servedEntities": [{"name": "blue", **entity}]}}


def test_serving_scales_to_zero_outside_production() -> None:
    assert ask(SERVING_SCALES_TO_ZERO, SERVING, served(scaleToZeroEnabled=True)) == []
    assert ask(SERVING_SCALES_TO_ZERO, SERVING, {"config": UNKNOWN}) == []
    for entity in ({"scaleToZeroEnabled": False}, {}):
        (message,) = ask(SERVING_SCALES_TO_ZERO, SERVING, served(**entity), name="live")
        assert message.startswith("live keeps machines for blue that nobody asks")
        assert ask(SERVING_SCALES_TO_ZERO, SERVING, served(**entity), stack="prod") == []
        config = {"production": ["lake"]}
        assert (
            ask(SERVING_SCALES_TO_ZERO, SERVING, served(**entity), stack="lake", config=config)
            == []
        )
