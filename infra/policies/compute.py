"""Machines that nobody uses cost nothing, and the dear ones are asked for."""

import re
from collections.abc import Iterator
from typing import Any, Final

from infra.policies.databricks import clusters_of
from infra.policies.rule import UNKNOWN, Resource, Rule, known, whole_number, words

_CLUSTER = "machinelearningservices:Compute"
_SCALE = "properties.properties.scaleSettings"
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")
_SECONDS = (86_400, 3_600, 60, 1)
# The families NC, ND, NG, NP and NV, and no other: machines with a GPU or another accelerator.
_GPU = re.compile(r"Standard_N[A-Z]", re.IGNORECASE)
_SIZES = {
    _CLUSTER: "properties.properties.vmSize",
    "machinelearningservices:OnlineDeployment": "properties.instanceType",
    "machinelearningservices:BatchDeployment": "properties.resources.instanceType",
}

MINUTES: Final = whole_number(
    "minutes", 30, 1, 1440, "How many minutes a node may wait for work before it is given back."
)
ALLOWED: Final = words("allowed", [], "GPU sizes that may be used, such as Standard_NC6s_v3.")


def _scale_to_zero(resource: Resource) -> Iterator[str]:
    kind = resource.read("properties.computeType")
    if resource.kind != _CLUSTER or kind not in ("AmlCompute", UNKNOWN):
        return
    key = f"scoring:clusters.{resource.name}"
    least = resource.read(f"{_SCALE}.minNodeCount")
    if least not in (None, 0, UNKNOWN):
        yield (
            f"{resource.name} never has fewer than {_shown(least)} nodes;"
            f" set {key}.min_instances to 0 in {resource.stack_file}"
        )
    idle = resource.read(f"{_SCALE}.nodeIdleTimeBeforeScaleDown")
    minutes = MINUTES.of(resource)
    seconds = _seconds(idle)
    if idle is not UNKNOWN and (seconds is None or seconds > minutes * 60):
        yield (
            f"a node of {resource.name} waits {idle or 'without end'} for work; set"
            f" {key}.idle_time_before_scale_down to at most {minutes * 60:g} (seconds)"
            f" in {resource.stack_file}"
        )


def _no_gpu(resource: Resource) -> Iterator[str]:
    allowed = [size.lower() for size in ALLOWED.of(resource)]
    for size, key in _sizes(resource):
        if isinstance(size, str) and _GPU.match(size) and size.lower() not in allowed:
            yield (
                f"{resource.name} asks for {size}, a GPU size; choose another {key} in"
                f" {resource.stack_file}, or name the size in this policy's {ALLOWED.key}"
            )


def _sizes(resource: Resource) -> Iterator[tuple[Any, str]]:
    """Yield the sizes that a resource asks for, each with what it is called in a stack file."""
    if path := _SIZES.get(resource.kind):
        key = "size of the cluster" if resource.kind == _CLUSTER else "instance_type"
        yield resource.read(path), key
    for cluster in clusters_of(resource):
        yield known(cluster, "nodeTypeId"), "node_type_id of the cluster or instance_type"
        yield known(cluster, "driverNodeTypeId"), "driver_node_type_id of the cluster"


def _seconds(duration: Any) -> int | None:
    """Return the seconds of an ISO 8601 duration of days and less; None for anything else."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if not found or not any(found.groups()):
        return None
    return sum(int(part or 0) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True))


def _shown(number: Any) -> str:
    return f"{number:g}" if isinstance(number, int | float) else str(number)


SCALE_TO_ZERO: Final = Rule(
    "clusters-scale-to-zero",
    "A cluster has no nodes when there is no work, and gives them back soon after.",
    _scale_to_zero,
    (MINUTES,),
)
NO_GPU: Final = Rule(
    "no-gpu-unless-allowed", "GPU sizes are used only where they are allowed.", _no_gpu, (ALLOWED,)
)
