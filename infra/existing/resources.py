"""Resources that were there before the stack, by their ids: looked up and used, never declared."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import pulumi

from infra.stack_config import (
    EXISTING,
    IMAGE_BUILDER,
    PRIVATE_ENDPOINTS,
    StackConfig,
    matches,
)
from runner.declarations import Catalog, Problem
from runner.declarations.reader import Check

_GROUP = r"/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/resourceGroups/[^/\s]+"


def id_of(noun: str, type_: str = "") -> Check:
    """Return the rule that a text is the id of a resource of this type, or of a resource group."""
    provider, _, kinds = type_.partition("/")
    below = "".join(f"/{re.escape(kind)}/[^/\\s]+" for kind in kinds.split("/")) if kinds else ""
    pattern = re.compile(
        f"{_GROUP}/providers/{re.escape(provider)}{below}" if type_ else _GROUP, re.I
    )
    shown = f"/providers/{provider}" + "".join(f"/{kind}/…" for kind in kinds.split("/"))
    example = "/subscriptions/…/resourceGroups/…" + (shown if type_ else "")
    return Check(lambda text: pattern.fullmatch(text) is not None, f"the id of {noun}: {example}")


TYPES: Mapping[str, tuple[str, str]] = {  # of each key: the type, and an API version to look it up
    "storage": ("Microsoft.Storage/storageAccounts", "2023-01-01"),
    "vault": ("Microsoft.KeyVault/vaults", "2023-07-01"),
    "registry": ("Microsoft.ContainerRegistry/registries", "2023-07-01"),
    "log_analytics": ("Microsoft.OperationalInsights/workspaces", "2023-09-01"),
    "application_insights": ("Microsoft.Insights/components", "2020-02-02"),
    "workspace": ("Microsoft.MachineLearningServices/workspaces", "2024-10-01"),
    "resource_group": ("", "2021-04-01"),
}
# A workspace that exists has these already, so the stack file can't choose them.
_WITH_WORKSPACE = ("resource_group", "storage", "registry", "application_insights")
# It also has its own way to build images, and its own private endpoints: the stack adds none.
_HAS_BEFORE: Mapping[str, str] = {
    IMAGE_BUILDER: "way to build images",
    PRIVATE_ENDPOINTS: "ways in, as its services have",
}
# The stack puts its own resources there, so these are in its subscription.
_IN_SUBSCRIPTION = ("resource_group", "workspace")

EndpointName = Annotated[
    str,
    Check(
        matches(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]"),
        "an endpoint's name on Azure: 3 to 32 letters, digits and hyphens",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Existing:
    """The ids of what is there already; None for what the stack makes itself."""

    resource_group: Annotated[str, id_of("a resource group")] | None = None
    workspace: Annotated[str, id_of("an Azure ML workspace", TYPES["workspace"][0])] | None = None
    storage: Annotated[str, id_of("a storage account", TYPES["storage"][0])] | None = None
    vault: Annotated[str, id_of("a key vault", TYPES["vault"][0])] | None = None
    registry: Annotated[str, id_of("a container registry", TYPES["registry"][0])] | None = None
    log_analytics: (
        Annotated[str, id_of("a Log Analytics workspace", TYPES["log_analytics"][0])] | None
    ) = None
    application_insights: (
        Annotated[str, id_of("Application Insights", TYPES["application_insights"][0])] | None
    ) = None
    # The names on Azure of endpoints that are adopted, by the names in their declarations.
    endpoints: Mapping[str, EndpointName] = field(default_factory=dict)

    @property
    def group_id(self) -> str | None:
        """Return the id of the resource group that the stack is in; None for one of its own."""
        return self.workspace.partition("/providers/")[0] if self.workspace else self.resource_group

    @property
    def services(self) -> dict[str, str]:
        """Return the given ids of services around a workspace, by kind of service."""
        given = {
            "storage": self.storage,
            "vault": self.vault,
            "registry": self.registry,
            "insights": self.application_insights,
        }
        return {service: id_ for service, id_ in given.items() if id_}

    @property
    def ids(self) -> dict[str, str]:
        """Return the ids that are given, by their keys."""
        given = {key: getattr(self, key) for key in TYPES}
        return {key: value for key, value in given.items() if value}


def existing_from(config: StackConfig, subscription_id: str) -> Existing:
    """Read what is there already. Problems are the configuration's."""
    existing: Existing = config.value(EXISTING, Existing, Existing())
    config.problems += _misplaced(existing, config, subscription_id)
    return existing


def endpoint_name_problems(
    existing: Existing, config: StackConfig, catalog: Catalog
) -> Iterator[Problem]:
    """Find the names that are given to endpoints which nobody declares, or twice."""
    declared = {**catalog.batch_endpoints, **catalog.online_endpoints}
    names = list(existing.endpoints.values())
    for logical, name in existing.endpoints.items():
        if logical not in declared:
            text = f"no endpoint of that name is declared, allowed: {', '.join(sorted(declared))}"
            yield config.problem(text, EXISTING, "endpoints", logical)
        elif names.count(name) > 1:
            text = f"found {name!r} twice, allowed: a name of its own for each endpoint"
            yield config.problem(text, EXISTING, "endpoints", logical)


def log_other_subscriptions(existing: Existing, subscription_id: str) -> None:
    """Log the resources of other subscriptions, where whoever deploys needs rights, too."""
    away = [key for key, id_ in existing.ids.items() if subscription_of(id_) != subscription_id]
    if away:
        pulumi.log.info(
            f"{', '.join(f'{EXISTING}.{key}' for key in away)}: in another subscription than the"
            " stack; whoever deploys has to be allowed to assign roles there too"
        )


def name_of(id_: str) -> str:
    """Return the name at the end of a resource's id."""
    return id_.rpartition("/")[2]


def subscription_of(id_: str) -> str:
    """Return the subscription of an id, in lower case."""
    return id_.split("/")[2].lower()


def _misplaced(existing: Existing, config: StackConfig, subscription_id: str) -> Iterator[Problem]:
    for key, has in _HAS_BEFORE.items():
        if existing.workspace and key in config.config.entries:
            text = f"means nothing beside {EXISTING}.workspace, which has its own {has}"
            yield config.problem(f"{text}, allowed: no such key", key)
    for key, id_ in existing.ids.items():
        if existing.workspace and key in _WITH_WORKSPACE:
            text = "means nothing beside workspace, which has its own, allowed: one of the two"
            yield config.problem(text, EXISTING, key)
        elif key in _IN_SUBSCRIPTION and subscription_of(id_) != subscription_id:
            text = f"found one of subscription {subscription_of(id_)}, allowed: of the stack's own"
            yield config.problem(f"{text}, {subscription_id}", EXISTING, key)
