"""One compute cluster of a stack file, in the words of `az ml compute create`."""

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from infra.stack_config import CLUSTERS, Size, matches
from runner.declarations.document import MappingNode, Node
from runner.declarations.problem import Place, refusal
from runner.declarations.reader import between, read_record

Tier = Literal["dedicated", "low_priority"]

BUILDER = "image-builder-"  # how the name begins of the one that builds images
is_cluster_name = matches(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One compute cluster, in the words of `az ml compute create`."""

    name: str = field(default="", metadata={"given": True})
    size: Size
    min_instances: Annotated[int, between(0, 65_000)] = 0
    max_instances: Annotated[int, between(1, 65_000)] = 4
    tier: Tier = "dedicated"
    idle_time_before_scale_down: Annotated[int, between(60, 86_400)] = 120  # seconds


def image_builder(size: str) -> Cluster:
    """Return the cluster that builds images where the registry is out of Azure's builder's reach.

    It has the size in its name: Azure changes none, so another one is another cluster. Its one
    machine is not of the low priority, as an image that is not built ends a deployment.
    """
    words = re.sub(r"[^a-z0-9]+", "-", size.lower().removeprefix("standard_"))
    return Cluster(name=f"{BUILDER}{words}"[:32].rstrip("-"), size=size, max_instances=1)


def read_cluster(name: str, node: Node, place: Place) -> Cluster:
    """Read one cluster. Raises DeclarationError."""
    key = f"{CLUSTERS}.{name}"
    if not is_cluster_name(name):
        text = "is no name of a cluster, allowed: 3 to 32 letters, digits and hyphens"
        raise refusal(place, key, text + ", beginning with a letter")
    if name.lower().startswith(BUILDER):
        text = f"is a name of the cluster that builds images, allowed: none with {BUILDER}"
        raise refusal(place, key, text)
    cluster = replace(read_record(node, Cluster, key), name=name)
    if cluster.min_instances > cluster.max_instances:
        text = f"found {cluster.min_instances}, allowed: at most max_instances, "
        assert isinstance(node, MappingNode)
        least = node.key_places["min_instances"]
        raise refusal(least, f"{key}.min_instances", f"{text}{cluster.max_instances}")
    return cluster
