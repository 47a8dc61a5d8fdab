from __future__ import annotations

from typing import Any

import pytest

from infra.policies.compute import NO_GPU, SCALE_TO_ZERO
from tests.infra.policies.ask import ML, UNKNOWN, ask

COMPUTE = ML + "Compute"


def cluster(**scale: Any) -> dict[str, Any]:
    return {"properties": {"computeType": "AmlCompute", "properties": {"scaleSettings": scale}}}


@pytest.mark.parametrize(
    "scale",
    [
        {"minNodeCount": 0.0, "nodeIdleTimeBeforeScaleDown": "PT5M"},
        {"nodeIdleTimeBeforeScaleDown": "PT30M"},
        {"minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT1800S"},
        {"minNodeCount": UNKNOWN, "nodeIdleTimeBeforeScaleDown": UNKNOWN},
    ],
)
def test_a_cluster_that_scales_to_zero_within_half_an_hour_passes(scale: dict[str, Any]) -> None:
    assert ask(SCALE_TO_ZERO, COMPUTE, cluster(**scale)) == []


def test_a_cluster_that_keeps_a_node_fails() -> None:
    properties = cluster(minNodeCount=1.0, nodeIdleTimeBeforeScaleDown="PT5M")
    (message,) = ask(SCALE_TO_ZERO, COMPUTE, properties, name="cpu-cluster")
    assert message == (
        "cpu-cluster never has fewer than 1 nodes;"
        " set scoring:clusters.cpu-cluster.min_instances to 0 in Pulumi.dev.yaml"
    )


@pytest.mark.parametrize("idle", ["PT31M", "PT1H", "P1D", "PT1801S", "P", "PT", "soon", None])
def test_a_cluster_that_idles_longer_or_without_end_fails(idle: str | None) -> None:
    properties = cluster(minNodeCount=0, nodeIdleTimeBeforeScaleDown=idle)
    (message,) = ask(SCALE_TO_ZERO, COMPUTE, properties, name="cpu-cluster")
    assert "cpu-cluster.idle_time_before_scale_down to at most 1800 (seconds)" in message


def test_how_long_a_node_may_idle_is_configured() -> None:
    properties = cluster(nodeIdleTimeBeforeScaleDown="PT10M")
    assert ask(SCALE_TO_ZERO, COMPUTE, properties, config={"minutes": 10.0}) == []
    assert len(ask(SCALE_TO_ZERO, COMPUTE, properties, config={"minutes": 9.0})) == 1


def test_compute_that_is_not_a_cluster_is_left_alone() -> None:
    assert ask(SCALE_TO_ZERO, COMPUTE, {"properties": {"computeType": "ComputeInstance"}}) == []


def sized(kind: str, size: str) -> tuple[str, dict[str, Any]]:
    inner: dict[str, dict[str, Any]] = {
        "Compute": {"properties": {"vmSize": size}},
        "OnlineDeployment": {"instanceType": size},
        "BatchDeployment": {"resources": {"instanceType": size}},
    }
    return ML + kind, {"properties": inner[kind]}


KINDS = ["Compute", "OnlineDeployment", "BatchDeployment"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["Standard_DS3_v2", "STANDARD_E4S_V3", UNKNOWN])
def test_a_size_without_a_gpu_passes(kind: str, size: str) -> None:
    assert ask(NO_GPU, *sized(kind, size)) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "size", ["Standard_NC6s_v3", "Standard_ND96asr_v4", "standard_nv36ads_a10_v5"]
)
def test_a_size_with_a_gpu_fails_unless_it_is_allowed(kind: str, size: str) -> None:
    (message,) = ask(NO_GPU, *sized(kind, size), name="dear", stack="prod")
    assert f"dear asks for {size}" in message
    assert "in Pulumi.prod.yaml, or name the size in this policy's allowed" in message
    assert ask(NO_GPU, *sized(kind, size), config={"allowed": [size.upper()]}) == []
    assert len(ask(NO_GPU, *sized(kind, size), config={"allowed": ["Standard_NC6"]})) == 1
