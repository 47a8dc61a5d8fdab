"""The subnet and the DNS of a stack's private endpoints, as a stack file gives them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from infra.existing.resources import id_of, subscription_of
from infra.network.private_zones import NAMES, ZONES
from infra.stack_config import PRIVATE_ENDPOINTS, StackConfig, matches
from runner.declarations import Problem
from runner.declarations.reader import Check

NETWORK_API_VERSION = "2023-09-01"
_GROUP = id_of("the resource group of zones that are there already")
Dns = Annotated[
    str,
    Check(
        lambda text: text in ("create", "none") or _GROUP.holds(text),
        f"create, none or {_GROUP.allowed}",
    ),
]
ZoneName = Annotated[
    str, Check(matches(r"[a-z0-9-]+(\.[a-z0-9-]+)+"), "a zone's name, such as privatelink.…")
]


@dataclass(frozen=True, kw_only=True)
class PrivateLink:
    """A subnet for private endpoints, and how they are found."""

    subnet: Annotated[str, id_of("a subnet", "Microsoft.Network/virtualNetworks/subnets")]
    dns: Dns = "create"
    zones: Mapping[str, ZoneName] = field(default_factory=dict)  # where a cloud has other names

    @property
    def virtual_network(self) -> str:
        """Return the id of the subnet's network."""
        return self.subnet.rpartition("/subnets/")[0]

    def zone_names(self, cloud: str) -> dict[str, str]:
        """Return the names of the zones by what they are for."""
        return {**NAMES.get(cloud, {}), **self.zones}


def private_link_from(config: StackConfig, subscription_id: str, cloud: str) -> PrivateLink | None:
    """Read where private endpoints go; None for no such. Problems are the configuration's."""
    link: PrivateLink | None = config.value(PRIVATE_ENDPOINTS, PrivateLink, None)
    if link is not None:
        config.problems += _misplaced(link, config, subscription_id, cloud)
    return link


def _misplaced(
    link: PrivateLink, config: StackConfig, subscription_id: str, cloud: str
) -> Iterator[Problem]:
    if subscription_of(link.subnet) != subscription_id:
        text = (
            f"found one of subscription {subscription_of(link.subnet)}, allowed: of the stack's"
            f" own, {subscription_id}, where Azure has private endpoints beside their network"
        )
        yield config.problem(text, PRIVATE_ENDPOINTS, "subnet")
    for zone in link.zones.keys() - {*ZONES}:
        text = f"is no zone, allowed: {', '.join(ZONES)}"
        yield config.problem(text, PRIVATE_ENDPOINTS, "zones", zone)
    unnamed = [zone for zone in ZONES if zone not in link.zone_names(cloud)]
    if link.dns != "none" and unnamed:
        text = f"nobody knows what {cloud} calls them: name {', '.join(unnamed)}, or `dns: none`"
        yield config.problem(text, PRIVATE_ENDPOINTS, "zones")
