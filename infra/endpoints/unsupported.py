"""Keys that a declaration may have and Azure's resources have no property for.

Each is said plainly before anything is declared: left out in silence, it would hold on this
machine and with `az`, and not after `pulumi up`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.environment import EnvironmentName, environment_name, written_environment
from infra.pins import Deployment, pinned
from infra.problem_at import ProblemAt, deployment_problem
from infra.watching.scaling import refused_scale
from runner.declarations import (
    AssetReference,
    BatchDeployment,
    BatchEndpoint,
    Catalog,
    DeclarationError,
    Environment,
    OnlineDeployment,
    OnlineEndpoint,
    Problem,
    WrongUsage,
    parse_reference,
)
from runner.declarations.catalog import ENDPOINTS
from runner.declarations.environment_content import conda_text, version_of
from runner.declarations.secret_references import is_reference

NO_PROPERTY = "is nothing that Azure's resource has a property for, allowed: "


def unsupported(
    catalog: Catalog, location: str, stack: Path, *, managed: bool = False
) -> list[Problem]:
    """Find what of a catalog, as one stack has it, can't be declared as a resource.

    `managed`: the stack's workspace has a managed network.
    """
    problems: list[Problem] = []
    contents: dict[EnvironmentName, str] = {}
    endpoints: Mapping[str, BatchEndpoint | OnlineEndpoint] = {
        **catalog.batch_endpoints,
        **catalog.online_endpoints,
    }
    for name, endpoint in sorted(endpoints.items()):
        problem = ProblemAt(stack, endpoint, f"{ENDPOINTS}.{name}")
        problems += _of_endpoint(endpoint, location, problem)
        deployments: Mapping[str, Deployment] = {
            **pinned(catalog.batch_deployments.get(name, {})),
            **pinned(catalog.online_deployments.get(name, {})),
        }
        for deployment in deployments.values():
            problem = deployment_problem(stack, deployment)
            if isinstance(deployment, BatchDeployment):
                problems += _of_batch(deployment, problem)
            else:
                problems += _of_online(deployment, managed, problem)
            problems += _of_environment(deployment, catalog, contents, problem)
    return list(dict.fromkeys(problems))  # what is declared once may be deployed more than once


def _of_endpoint(
    endpoint: BatchEndpoint | OnlineEndpoint, location: str, problem: ProblemAt
) -> Iterator[Problem]:
    if endpoint.location and _plain(endpoint.location) != _plain(location):
        text = f"found {endpoint.location!r}, allowed: the stack's location, {location!r}, or none"
        yield problem(text, "location")
    identity = endpoint.identity
    if identity is None:
        return
    if isinstance(endpoint, BatchEndpoint) and identity.type == "user_assigned":
        text = "found 'user_assigned', which Azure gives to online endpoints only"
        yield problem(f"{text}, allowed: system_assigned, none", "identity", "type")
        return
    for key in ("principal_id", "tenant_id"):
        if getattr(identity, key) is not None:
            yield problem("is given by Azure, allowed: no such key", "identity", key)
    named = identity.user_assigned_identities
    if (identity.type == "user_assigned") != bool(named):
        text = f"found {len(named)} of them with type {identity.type}, allowed: a list with the"
        yield problem(text + " resource_id of each, for user_assigned", *_IDENTITIES)
    elif any(set(keys) != {"resource_id"} for keys in named):
        yield problem("found other keys, allowed: resource_id, and nothing else", *_IDENTITIES)


_IDENTITIES = ("identity", "user_assigned_identities")


def _of_batch(deployment: BatchDeployment, problem: ProblemAt) -> Iterator[Problem]:
    resources = "instance_count, instance_type, properties"
    for key in ("locations", "shm_size", "max_instance_count", "docker_args"):
        if getattr(deployment.resources, key) not in (None, ()):
            yield problem(NO_PROPERTY + resources, "resources", key)
    level = deployment.settings.logging_level
    if level not in ("debug", "info", "warning"):
        text = f"found {level!r}, allowed on Azure: debug, info, warning"
        yield problem(text, "settings", "logging_level")
    for name, value in deployment.settings.environment_variables.items():
        if is_reference(value):
            text = (
                "found a secret, which Azure reads for online deployments only, allowed: a script"
            )
            text += " that reads its vault as the cluster's identity"
            yield problem(text, "settings", "environment_variables", name)


def _of_online(
    deployment: OnlineDeployment, managed: bool, problem: ProblemAt
) -> Iterator[Problem]:
    if deployment.private_network_connection is not None:
        text = f"{NO_PROPERTY}egress_public_network_access"
        yield problem(text, "private_network_connection")
    if managed and deployment.egress_public_network_access is not None:
        text = "means nothing in a managed network, allowed: no such key, and scoring:outbound"
        yield problem(text, "egress_public_network_access")
    scale = deployment.scale_settings
    yield from refused_scale(deployment, problem)
    if scale is not None and scale.type == "default":
        keys = ("min_instances", "max_instances", "polling_interval")
        for key in (*keys, "target_utilization_percentage"):
            if getattr(scale, key) is not None:
                text = "goes with type: target_utilization, allowed with default: instance_count"
                yield problem(text, "scale_settings", key)
    collector = deployment.data_collector
    for name, collection in (collector.collections if collector else {}).items():
        if collection.data is not None and not _is_data(collection.data):
            text = f"found {_shown(collection.data)}, allowed: azureml:<name>:<version>"
            yield problem(text, "data_collector", "collections", name, "data")


def _of_environment(
    deployment: Deployment,
    catalog: Catalog,
    contents: dict[EnvironmentName, str],
    problem: ProblemAt,
) -> Iterator[Problem]:
    environment = written_environment(deployment, catalog)
    if environment is None:
        reference = deployment.environment
        # A registry resolves its labels by itself; in a workspace that is the client's part.
        if isinstance(reference, AssetReference) and not (reference.exact or reference.registry):
            text = f"found {str(reference)!r}, allowed: azureml:<name>:<version>"
            yield problem(text, "environment")
        return
    if environment is not deployment.environment or environment.file != deployment.file:
        problem = ProblemAt(problem.stack, environment, problem.prefix)
        inside: tuple[str, ...] = ()
    else:
        inside = ("environment",)
    for key in ("datastore", "auto_delete_setting"):
        if getattr(environment, key) is not None:
            text = f"{NO_PROPERTY}image, conda_file, build, inference_config, os_type"
            yield problem(text, *inside, key)
    unreadable = _conda_problems(environment)
    if unreadable:
        yield from unreadable
        return
    name, content = environment_name(environment, deployment), version_of(environment)
    if contents.setdefault(name, content) != content:
        text = f"{name.name}:{name.version} is declared with other content too, allowed: once"
        yield problem(text, *inside, "version")


def _conda_problems(environment: Environment) -> tuple[Problem, ...]:
    try:
        conda_text(environment)
    except DeclarationError as error:
        return error.problems
    return ()


def _is_data(data: Any) -> bool:
    try:
        return isinstance(data, str) and parse_reference(data, "data").exact
    except WrongUsage:
        return False


def _shown(data: Any) -> str:
    return repr(data) if isinstance(data, str) else "a mapping"


def _plain(location: str) -> str:
    return location.replace(" ", "").lower()
