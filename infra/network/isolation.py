"""The isolation of a workspace from the internet, and the hosts that it reaches all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import pulumi

from infra.environment import installing
from infra.stack_config import (
    FIREWALL,
    IMAGE_BUILDER,
    ISOLATION,
    OUTBOUND,
    Size,
    StackConfig,
    matches,
)
from runner.declarations import Catalog, Problem
from runner.declarations.reader import Check

Isolation = Literal["none", "allow_internet_outbound", "managed"]
Firewall = Literal["basic", "standard"]

# Hosts that images install from, and models come from.
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


@dataclass(frozen=True)
class Network:
    """The network that a workspace's clusters and deployments are in."""

    isolation: Isolation = "none"
    outbound: tuple[str, ...] = ()  # hosts that a managed network may reach, and presets of them
    firewall: Firewall = "basic"
    builder_size: Size = "Standard_D4ds_v4"  # of the machine that builds images

    @property
    def private(self) -> bool:
        """Return whether there is a managed network, and no public access."""
        return self.isolation != "none"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that a managed network may reach, each once, in lower case."""
        named = (PRESETS.get(entry, (entry.lower(),)) for entry in self.outbound)
        return tuple(dict.fromkeys(host for hosts in named for host in hosts))


def network_from(config: StackConfig) -> Network:
    """Read a stack's isolation, and what belongs to it only. Problems are the configuration's."""
    isolation: Isolation = config.value(ISOLATION, Isolation, "none")
    outbound: tuple[str, ...] = config.value(OUTBOUND, tuple[Outbound, ...], ())
    firewall: Firewall = config.value(FIREWALL, Firewall, "basic")
    builder_size: Size = config.value(IMAGE_BUILDER, Size, Network.builder_size)
    if isolation == "none":
        _refuse_beside(config, isolation, IMAGE_BUILDER, "with a managed network")
    if isolation != "managed":
        if outbound:
            _refuse_beside(config, isolation, OUTBOUND)
        _refuse_beside(config, isolation, FIREWALL)
    return Network(isolation, outbound, firewall, builder_size)


def install_problems(network: Network, config: StackConfig, catalog: Catalog) -> list[Problem]:
    """Find the deployments that install packages in a network that lets nobody fetch any."""
    if network.isolation != "managed":
        return []
    names = installing(catalog)
    if not names or OUTBOUND in config.config.entries or OUTBOUND in config.refused:
        return []
    text = (
        f"missing, and required, as {', '.join(names)} install packages into their images:"
        f" `{OUTBOUND}: [python-packages, conda]` has them fetched, and `{OUTBOUND}: []` says"
        " that none need be"
    )
    return [config.problem(text, OUTBOUND)]


def log_firewall_price(network: Network) -> None:
    """Tell what hosts cost: Azure keeps a firewall for them."""
    if network.hosts:
        price = FIREWALL_PRICES[network.firewall]
        pulumi.log.info(
            f"the {len(network.hosts)} hosts of {OUTBOUND} are let through by an Azure Firewall"
            f" ({network.firewall}), which costs about {price} US$ an hour, used or not;"
            f" {FIREWALL} chooses it"
        )


def _refuse_beside(
    config: StackConfig, isolation: Isolation, key: str, only: str = "with managed"
) -> None:
    if key in config.config.entries:
        text = f"means nothing with {ISOLATION}: {isolation}, allowed: only {only}"
        config.refuse(text, key)
