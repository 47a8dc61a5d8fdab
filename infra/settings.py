"""What one stack on Azure Machine Learning asks for, checked before anything is declared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import pulumi

from infra.environment import installing
from infra.pins import undeployable, unroutable, waiting_for_pins
from infra.stack_config import (
    CLUSTERS,
    ISOLATION,
    OUTBOUND,
    Size,
    StackConfig,
    StackSettings,
    matches,
)
from infra.unsupported import unsupported
from runner.declarations import DeclarationError, Problem
from runner.declarations.catalog import sorted_problems
from runner.declarations.document import MappingNode, Node
from runner.declarations.problem import Place
from runner.declarations.reader import Check, between, read_record

Isolation = Literal["none", "managed"]
Tier = Literal["dedicated", "low_priority"]

Host = Annotated[
    str, Check(matches(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"), "a host name, or *.domain")
]

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


@dataclass(frozen=True, kw_only=True)
class Settings(StackSettings):
    """One stack on Azure Machine Learning."""

    isolation: Isolation
    clusters: Mapping[str, Cluster]
    outbound: tuple[str, ...] = ()  # hosts that a managed network may reach


def settings_from(config: StackConfig) -> Settings:
    """Read a stack's settings from its configuration.

    Raises DeclarationError with everything that is wrong in the configuration and in the
    declarations.
    """
    common = config.common()
    isolation: Isolation = config.value(ISOLATION, Isolation, "none")
    outbound = _outbound(config, isolation)
    clusters = config.clusters(_cluster)
    catalog = config.catalog()
    if catalog is not None:
        config.problems += unroutable(catalog, config.file)
        if clusters is not None:
            config.problems += undeployable(catalog, config.file, clusters)
        if location := common["location"]:
            managed = isolation == "managed"
            config.problems += unsupported(catalog, location, config.file, managed=managed)
    if config.problems or catalog is None or clusters is None:
        raise DeclarationError(sorted_problems(config.problems))
    return Settings(
        **common,
        isolation=isolation,
        clusters=clusters,
        catalog=catalog,
        outbound=outbound,
        waiting=waiting_for_pins(catalog),
    )


def warn_of_closed_network(settings: Settings) -> None:
    """Tell which deployments install packages that the managed network lets nobody fetch."""
    if settings.isolation != "managed" or settings.outbound:
        return
    if names := installing(settings.catalog):
        pulumi.log.warn(
            f"{', '.join(names)}: packages are installed into the image, and {OUTBOUND} names no"
            " host to fetch them from; name the hosts, or deploy with an environment that is built"
        )


def _outbound(config: StackConfig, isolation: Isolation) -> tuple[str, ...]:
    hosts: tuple[str, ...] = config.value(OUTBOUND, tuple[Host, ...], ())
    if hosts and isolation == "none":
        text = f"found hosts, allowed: only with {ISOLATION}: managed"
        config.problems.append(Problem(config.place(OUTBOUND), OUTBOUND, text))
    return hosts


def _cluster(name: str, node: Node, place: Place) -> Cluster:
    """Read one cluster. Raises DeclarationError."""
    key = f"{CLUSTERS}.{name}"
    if not is_cluster_name(name):
        text = "is no name of a cluster, allowed: 3 to 32 letters, digits and hyphens"
        raise DeclarationError([Problem(place, key, text + ", beginning with a letter")])
    cluster = replace(read_record(node, Cluster, key), name=name)
    if cluster.min_instances > cluster.max_instances:
        text = f"found {cluster.min_instances}, allowed: at most max_instances, "
        assert isinstance(node, MappingNode)
        least = node.key_places["min_instances"]
        raise DeclarationError(
            [Problem(least, f"{key}.min_instances", f"{text}{cluster.max_instances}")]
        )
    return cluster
