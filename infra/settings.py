"""What one stack on Azure Machine Learning asks for, checked before anything is declared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import pulumi

from infra.environment import installing
from infra.pins import undeployable, unroutable, waiting_for_pins
from infra.stack_config import (
    CLUSTERS,
    FIREWALL,
    ISOLATION,
    OUTBOUND,
    Size,
    StackConfig,
    StackSettings,
    matches,
)
from infra.unsupported import unsupported
from runner.declarations import Catalog, DeclarationError, Problem
from runner.declarations.catalog import sorted_problems
from runner.declarations.document import MappingNode, Node
from runner.declarations.problem import Place
from runner.declarations.reader import Check, between, read_record

Isolation = Literal["none", "allow_internet_outbound", "managed"]
Firewall = Literal["basic", "standard"]
Tier = Literal["dedicated", "low_priority"]

# What images install from, and models come from.
PRESETS: Mapping[str, tuple[str, ...]] = {
    "python-packages": ("pypi.org", "*.pythonhosted.org"),
    "conda": ("anaconda.com", "*.anaconda.com", "*.anaconda.org"),
    "huggingface": (
        "huggingface.co",
        "*.huggingface.co",
        "*.hf.co",
        "docker.io",
        "*.docker.io",
        "*.docker.com",
        "production.cloudflare.docker.com",
        "cdn.auth0.com",
    ),
}
FIREWALL_PRICES: Mapping[Firewall, str] = {"basic": "0.40", "standard": "1.25"}  # US$ an hour

is_host = matches(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
Outbound = Annotated[
    str,
    Check(
        lambda text: text in PRESETS or is_host(text),
        f"a host name, *.domain, {', '.join(PRESETS)}",
    ),
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
    outbound: tuple[str, ...] = ()  # hosts that a managed network may reach, and presets of them
    firewall: Firewall = "basic"
    autoscaled: frozenset[str] = frozenset()  # deployments whose instances Azure counts, by id

    @property
    def workspace_id(self) -> str:
        """The workspace's id, which is known before there is one."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.names.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.names.workspace}"
        )

    @property
    def private(self) -> bool:
        """Whether there is a managed network, and no public access."""
        return self.isolation != "none"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that a managed network may reach, each once, in lower case."""
        named = (PRESETS.get(entry, (entry.lower(),)) for entry in self.outbound)
        return tuple(dict.fromkeys(host for hosts in named for host in hosts))


def settings_from(config: StackConfig) -> Settings:
    """Read a stack's settings from its configuration.

    Raises DeclarationError with everything that is wrong in the configuration and in the
    declarations.
    """
    common = config.common()
    isolation: Isolation = config.value(ISOLATION, Isolation, "none")
    outbound = _outbound(config, isolation)
    firewall: Firewall = config.value(FIREWALL, Firewall, "basic")
    if isolation != "managed":
        _refuse_beside(config, isolation, FIREWALL)
    clusters = config.clusters(_cluster)
    catalog = config.catalog()
    if catalog is not None:
        if isolation == "managed":
            config.problems += _closed(config, catalog)
        config.problems += unroutable(catalog, config.file)
        if clusters is not None:
            config.problems += undeployable(catalog, config.file, clusters)
        if location := common["location"]:
            managed = isolation != "none"
            config.problems += unsupported(catalog, location, config.file, managed=managed)
    if config.problems or catalog is None or clusters is None:
        raise DeclarationError(sorted_problems(config.problems))
    return Settings(
        **common,
        isolation=isolation,
        clusters=clusters,
        catalog=catalog,
        outbound=outbound,
        firewall=firewall,
        waiting=waiting_for_pins(catalog),
    )


def say_firewall(settings: Settings) -> None:
    """Tell what hosts cost: Azure keeps a firewall for them."""
    if settings.hosts:
        price = FIREWALL_PRICES[settings.firewall]
        pulumi.log.info(
            f"the {len(settings.hosts)} hosts of {OUTBOUND} are let through by an Azure Firewall"
            f" ({settings.firewall}), which costs about {price} US$ an hour, used or not;"
            f" {FIREWALL} chooses it"
        )


def _closed(config: StackConfig, catalog: Catalog) -> list[Problem]:
    """Deployments that install packages in a network that lets nobody fetch any."""
    names = installing(catalog)
    if not names or OUTBOUND in config.config.entries or OUTBOUND in config.refused:
        return []
    text = (
        f"missing, and required, as {', '.join(names)} install packages into their images:"
        f" `{OUTBOUND}: [python-packages, conda]` has them fetched, and `{OUTBOUND}: []` says"
        " that none need be"
    )
    return [Problem(Place(config.file, 0), OUTBOUND, text)]


def _outbound(config: StackConfig, isolation: Isolation) -> tuple[str, ...]:
    entries: tuple[str, ...] = config.value(OUTBOUND, tuple[Outbound, ...], ())
    if entries and isolation != "managed":
        _refuse_beside(config, isolation, OUTBOUND)
    return entries


def _refuse_beside(config: StackConfig, isolation: Isolation, key: str) -> None:
    if key in config.config.entries:
        text = f"means nothing with {ISOLATION}: {isolation}, allowed: only with managed"
        config.problems.append(Problem(config.place(key), key, text))


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
