"""Declares online endpoints and the managed deployments behind them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from runner.declarations.deployment import Deployment, Endpoint, Variables
from runner.declarations.document import MappingNode, ScalarNode
from runner.declarations.names import DeploymentName, is_endpoint_name
from runner.declarations.problem import refusal
from runner.declarations.reader import (
    MILLISECONDS,
    SECONDS,
    Check,
    Text,
    at_least,
    between,
    joined,
    read_record,
)

Switch = Literal["enabled", "disabled"]
Split = Annotated[
    Mapping[DeploymentName, Annotated[int, between(0, 100)]],
    Check(lambda split: all(map(is_endpoint_name, split)), "names of deployments"),
]

WORKER_COUNT = "WORKER_COUNT"  # the variable
COUNT_RULE = "a whole number above zero"


@dataclass(frozen=True, kw_only=True)
class OnlineEndpoint(Endpoint):
    """An online endpoint, as the SDK's ManagedOnlineEndpointSchema has it; traffic in percent."""

    auth_mode: Literal["key", "aml_token", "aad_token"] = "key"
    traffic: Annotated[
        Split,
        Check(lambda split: sum(split.values()) in (0, 100), "percentages that make 100, or all 0"),
    ] = field(default_factory=dict)
    mirror_traffic: Annotated[
        Split,
        Check(
            lambda split: len(split) <= 1 and sum(split.values()) <= 50,
            "one deployment with at most 50 percent",
        ),
    ] = field(default_factory=dict)
    public_network_access: Switch = "enabled"


@dataclass(frozen=True)
class RequestSettings:
    """The limits by which requests wait and time out. Defaults are Azure's."""

    request_timeout_ms: Annotated[int, between(1, 180_000), MILLISECONDS] = 5000
    max_concurrent_requests_per_instance: Annotated[int, at_least(1)] = 1
    max_queue_wait_ms: Annotated[int, at_least(0), MILLISECONDS] = 500


@dataclass(frozen=True)
class Probe:
    """The times of a liveness or readiness probe; None is Azure's own default."""

    initial_delay: Annotated[int, at_least(0), SECONDS] | None = None
    period: Annotated[int, at_least(1), SECONDS] | None = None
    timeout: Annotated[int, at_least(1), SECONDS] | None = None
    success_threshold: Annotated[int, at_least(1)] | None = None
    failure_threshold: Annotated[int, at_least(1)] | None = None


@dataclass(frozen=True)
class ScaleSettings:
    """The number of instances that serve, fixed or by load."""

    type: Literal["default", "target_utilization"]
    min_instances: Annotated[int, at_least(0)] | None = None
    max_instances: Annotated[int, at_least(1)] | None = None
    polling_interval: Annotated[int, at_least(1)] | None = None  # seconds
    target_utilization_percentage: Annotated[int, between(1, 100)] | None = None


@dataclass(frozen=True)
class RequestLogging:
    """The headers of a request that are collected."""

    capture_headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Collection:
    """One stream of collected inference data."""

    enabled: Text
    data: Any = None
    client_id: str | None = None


@dataclass(frozen=True)
class DataCollector:
    """The parts of requests and answers that are collected."""

    collections: Mapping[str, Collection] = field(default_factory=dict)
    rolling_rate: Literal["minute", "day", "hour"] | None = None
    sampling_rate: Annotated[float, between(0, 1)] | None = None
    request_logging: RequestLogging | None = None


@dataclass(frozen=True, kw_only=True)
class OnlineDeployment(Deployment):
    """An online deployment, as the SDK's ManagedOnlineDeploymentSchema has it."""

    type: Literal["managed"] = "managed"
    instance_type: str
    instance_count: Annotated[int, at_least(1)] = 1
    environment_variables: Variables = field(default_factory=dict)
    app_insights_enabled: bool = False
    request_settings: RequestSettings = field(default_factory=RequestSettings)
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    scale_settings: ScaleSettings | None = None
    model_mount_path: str | None = None
    egress_public_network_access: Switch | None = None
    private_network_connection: bool | None = None
    data_collector: DataCollector | None = None

    @property
    def worker_count(self) -> int | None:
        """Return the processes of an instance, by the variable that Azure's server reads, or None
        for no whole number above zero."""
        given = self.environment_variables.get(WORKER_COUNT, "1")
        try:
            count = int(given)
        except ValueError:
            return None
        return count if count > 0 else None


def online_endpoint_from(node: MappingNode, key: str = "") -> OnlineEndpoint:
    """Read a managed online endpoint. Raises DeclarationError."""
    if "compute" in node.entries:
        raise refusal(
            node.key_places["compute"],
            joined(key, "compute"),
            "Kubernetes endpoints are not supported, allowed: managed ones, which have no compute",
        )
    return read_record(node, OnlineEndpoint, key)


def online_deployment_from(node: MappingNode, key: str = "") -> OnlineDeployment:
    """Read a managed online deployment. Raises DeclarationError."""
    kind = node.entries.get("type")
    if isinstance(kind, ScalarNode) and kind.text.lower() == "kubernetes":
        raise refusal(
            kind.place,
            joined(key, "type"),
            "Kubernetes deployments are not supported, allowed: type: managed",
        )
    return _check_scale(read_record(node, OnlineDeployment, key), node, key)


def _check_scale(deployment: OnlineDeployment, node: MappingNode, key: str) -> OnlineDeployment:
    scale = deployment.scale_settings
    if scale and (scale.min_instances or 0) > (scale.max_instances or sys.maxsize):
        text = (
            f"found min_instances {scale.min_instances} above max_instances "
            f"{scale.max_instances}, allowed: at most that"
        )
        raise refusal(node.key_places["scale_settings"], joined(key, "scale_settings"), text)
    return deployment
