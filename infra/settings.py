"""The settings of a stack on Azure Machine Learning, checked before anything is declared.

The table of contents of a stack's configuration: each part of it is read by a file of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.compute.cluster import Cluster, image_builder, read_cluster
from infra.dynamic.consent import MAY_STOP
from infra.endpoints.schedule_calls import unschedulable
from infra.endpoints.unsupported import unsupported
from infra.existing.resources import Existing, endpoint_name_problems, existing_from, name_of
from infra.network.isolation import Network, install_problems, network_from
from infra.network.private_link import PrivateLink, private_link_from
from infra.pins import undeployable, unroutable, waiting_for_pins
from infra.stack_config import StackConfig, StackSettings
from infra.storage.datastore import Datastore, datastores_from
from infra.watching.scaling import tag_problems
from infra.watching.watch import (
    Alerts,
    Budget,
    Logged,
    alerts_from,
    budget_from,
    kept_days_from,
    logged_from,
)
from runner.declarations import DeclarationError
from runner.declarations.catalog import sorted_problems


@dataclass(frozen=True, kw_only=True)
class Settings(StackSettings):
    """One stack on Azure Machine Learning."""

    network: Network
    clusters: Mapping[str, Cluster]
    existing: Existing = field(default_factory=Existing)
    may_stop: frozenset[str] = frozenset()  # endpoints that callers may lose, by name
    alerts: Alerts | None = None
    budget: Budget | None = None
    logged: tuple[Logged, ...] = ()
    datastores: Mapping[str, Datastore] = field(default_factory=dict)
    kept_days: int | None = None  # for which deleted blobs can be had back; None: not ours to say
    private_link: PrivateLink | None = None
    autoscaled: frozenset[str] = frozenset()  # deployments whose instances Azure counts, by id

    @property
    def workspace_id(self) -> str:
        """Return the workspace's id, which is known before there is one."""
        return self.existing.workspace or (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )

    @property
    def resource_group(self) -> str:
        """Return the name of the resource group, the stack's own or one that was there."""
        group = self.existing.group_id
        return name_of(group) if group else self.names.resource_group

    @property
    def workspace(self) -> str:
        """Return the workspace's name."""
        workspace = self.existing.workspace
        return name_of(workspace) if workspace else self.names.workspace

    @property
    def vault(self) -> str | None:
        """Return the key vault's name; None where only an existing workspace knows it."""
        if self.existing.vault:
            return name_of(self.existing.vault)
        return None if self.existing.workspace else self.names.vault

    def endpoint_name(self, logical: str, *fixed: str) -> str:
        """Return an endpoint's name on Azure, one that it has already or one of the stack's."""
        return self.existing.endpoints.get(logical) or self.names.endpoint(logical, *fixed)

    @property
    def private(self) -> bool:
        """Return whether there is a managed network, and no public access."""
        return self.network.private

    @property
    def builder(self) -> Cluster | None:
        """Return the cluster that builds images; a workspace that was there has its own way."""
        if not self.private or self.existing.workspace:
            return None
        return image_builder(self.network.builder_size)


def settings_from(config: StackConfig) -> Settings:
    """Read a stack's settings from its configuration.

    Raises DeclarationError with everything that is wrong in the configuration and in the
    declarations.
    """
    common = config.common()
    network = network_from(config)
    existing = existing_from(config, common["subscription_id"])
    alerts = alerts_from(config)
    budget = budget_from(config, alerts)
    logged = logged_from(config, existing)
    datastores = datastores_from(config)
    kept_days = kept_days_from(config, existing, production=common["production"])
    private_link = private_link_from(config, common["subscription_id"], common["cloud"])
    clusters = config.clusters(read_cluster)
    may_stop: frozenset[str] = frozenset(config.value(MAY_STOP, tuple[str, ...], ()))
    catalog = config.catalog()
    if catalog is not None:
        config.problems += install_problems(network, config, catalog)
        config.problems += endpoint_name_problems(existing, config, catalog)
        config.problems += unroutable(catalog, config.file)
        config.problems += tag_problems(config, catalog, common["own_tags"])
        config.problems += unschedulable(catalog, config.file)
        if clusters is not None:
            config.problems += undeployable(catalog, config.file, clusters)
        if location := common["location"]:
            config.problems += unsupported(catalog, location, config.file, managed=network.private)
    if config.problems or catalog is None or clusters is None:
        raise DeclarationError(sorted_problems(config.problems))
    return Settings(
        **common,
        network=network,
        existing=existing,
        alerts=alerts,
        budget=budget,
        logged=logged,
        datastores=datastores,
        kept_days=kept_days,
        private_link=private_link,
        clusters=clusters,
        may_stop=may_stop,
        catalog=catalog,
        waiting=waiting_for_pins(catalog),
    )
