"""The Pulumi program of one environment: its table of contents, for each platform.

Pulumi runs this folder as a program and puts it first on the path of modules, so no module in it
may have the name of one of the standard library or of a package. (`databricks` is one, and hides
the SDK of that name, which no program of a stack needs.)
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import get_root_directory, register_stack_transformation

from infra.known import KnownNames
from infra.options import DeclaredResources, refuse_destroy, without_older_types
from infra.stack_config import PRODUCTION, StackConfig, log_waiting
from runner.declarations import DeclarationError
from runner.project import home_of
from runner.short_paths import shorten_paths


def declare_azureml(config: StackConfig) -> dict[str, Any]:
    """Declare a stack on Azure Machine Learning, and return what it exports."""
    from infra.component import Component
    from infra.endpoints.batch import declare_batch_endpoints
    from infra.endpoints.containers import warn_of_containers
    from infra.endpoints.environments import declare_environments
    from infra.endpoints.online import declare_online_endpoints
    from infra.existing.resources import log_other_subscriptions
    from infra.existing.workspace import check_workspace
    from infra.foundation.platform import declare_platform
    from infra.network.isolation import log_firewall_price
    from infra.outputs import runner_output
    from infra.settings import settings_from
    from infra.storage.datastores import declare_datastores
    from infra.watching.alerts import declare_alerts
    from infra.watching.autoscale import declare_autoscale
    from infra.watching.budget import declare_budget
    from infra.watching.diagnostics import declare_diagnostics

    settings = settings_from(config)
    settings = replace(settings, autoscaled=check_workspace(settings, config))
    names = {"resource_group_name": settings.resource_group, "workspace_name": settings.workspace}
    register_stack_transformation(KnownNames(names))
    log_waiting(settings)
    log_firewall_price(settings.network)
    log_other_subscriptions(settings.existing, settings.subscription_id)
    warn_of_containers(settings.catalog, home_of(root))

    platform = declare_platform(settings)
    with Component("Assets", "assets"):
        declare_datastores(settings, platform)
        environments = declare_environments(settings, platform)
    batch_endpoints = declare_batch_endpoints(settings, platform, environments)
    online_endpoints = declare_online_endpoints(settings, platform, environments)
    with Component("Monitoring", "monitoring"):
        declare_autoscale(settings, platform, online_endpoints)
        declare_diagnostics(settings, platform, online_endpoints)
        action_group = declare_alerts(settings, platform, online_endpoints)
        declare_budget(settings, platform, action_group)
    return runner_output(settings, platform, [*batch_endpoints, *online_endpoints])


def declare_databricks(config: StackConfig) -> dict[str, Any]:
    """Declare a stack on Databricks, whose provider takes seconds to import."""
    from infra.databricks.batch import declare_batch_endpoints
    from infra.databricks.clusters import declare_clusters
    from infra.databricks.foundation import declare_platform
    from infra.databricks.online import declare_online_endpoints
    from infra.databricks.outputs import runner_output
    from infra.databricks.settings import settings_from

    settings = settings_from(config)
    log_waiting(settings)

    platform = declare_platform(settings)
    clusters = declare_clusters(settings, platform)
    batch_endpoints = declare_batch_endpoints(settings, platform)
    online_endpoints = declare_online_endpoints(settings, platform)
    return runner_output(settings, platform, clusters, batch_endpoints, online_endpoints)


DECLARE = {"azureml": declare_azureml, "databricks": declare_databricks}

root = Path(get_root_directory()).resolve()
declared = DeclaredResources()
register_stack_transformation(without_older_types)
register_stack_transformation(declared)
try:
    stack_config = StackConfig(root)
    output = DECLARE[stack_config.platform](stack_config)
except DeclarationError as error:
    problems = shorten_paths(str(error), root)
    raise pulumi.RunError(f"nothing is declared before this is put right:\n{problems}") from None

if stack_config.value(PRODUCTION, bool, False):
    refuse_destroy(declared)
pulumi.export("runner", output)
