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
from infra.problem_at import Say
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
    """What of a catalog, as one stack has it, can't be declared as a resource.

    `managed`: the stack's workspace has a managed network.
    """
    problems: list[Problem] = []
    contents: dict[EnvironmentName, str] = {}
    endpoints: Mapping[str, BatchEndpoint | OnlineEndpoint] = {
        **catalog.batch_endpoints,
        **catalog.online_endpoints,
    }
    for name, endpoint in sorted(endpoints.items()):
        say = Say(stack, endpoint, f"{ENDPOINTS}.{name}")
        problems += _of_endpoint(endpoint, location, say)
        deployments: Mapping[str, Deployment] = {
            **pinned(catalog.batch_deployments.get(name, {})),
            **pinned(catalog.online_deployments.get(name, {})),
        }
        for deployment in deployments.values():
            say = Say(stack, deployment, f"{ENDPOINTS}.{name}.deployments.{deployment.name}")
            if isinstance(deployment, BatchDeployment):
                problems += _of_batch(deployment, say)
            else:
                problems += _of_online(deployment, managed, say)
            problems += _of_environment(deployment, catalog, contents, say)
    return list(dict.fromkeys(problems))  # what is declared once may be deployed more than once


def _of_endpoint(
    endpoint: BatchEndpoint | OnlineEndpoint, location: str, say: Say
) -> Iterator[Problem]:
    if endpoint.location and _plain(endpoint.location) != _plain(location):
        text = f"found {endpoint.location!r}, allowed: the stack's location, {location!r}, or none"
        yield say(text, "location")
    identity = endpoint.identity
    if identity is None:
        return
    if isinstance(endpoint, BatchEndpoint) and identity.type == "user_assigned":
        text = "found 'user_assigned', which Azure gives to online endpoints only"
        yield say(f"{text}, allowed: system_assigned, none", "identity", "type")
        return
    for key in ("principal_id", "tenant_id"):
        if getattr(identity, key) is not None:
            yield say("is given by Azure, allowed: no such key", "identity", key)
    named = identity.user_assigned_identities
    if (identity.type == "user_assigned") != bool(named):
        text = f"found {len(named)} of them with type {identity.type}, allowed: a list with the"
        yield say(text + " resource_id of each, for user_assigned", *_IDENTITIES)
    elif any(set(keys) != {"resource_id"} for keys in named):
        yield say("found other keys, allowed: resource_id, and nothing else", *_IDENTITIES)


_IDENTITIES = ("identity", "user_assigned_identities")


def _of_batch(deployment: BatchDeployment, say: Say) -> Iterator[Problem]:
    resources = "instance_count, instance_type, properties"
    for key in ("locations", "shm_size", "max_instance_count", "docker_args"):
        if getattr(deployment.resources, key) not in (None, ()):
            yield say(NO_PROPERTY + resources, "resources", key)
    level = deployment.settings.logging_level
    if level not in ("debug", "info", "warning"):
        text = f"found {level!r}, allowed on Azure: debug, info, warning"
        yield say(text, "settings", "logging_level")
    for name, value in deployment.settings.environment_variables.items():
        if is_reference(value):
            text = (
                "found a secret, which Azure reads for online deployments only, allowed: a script"
            )
            text += " that reads its vault as the cluster's identity"
            yield say(text, "settings", "environment_variables", name)


def _of_online(deployment: OnlineDeployment, managed: bool, say: Say) -> Iterator[Problem]:
    if deployment.private_network_connection is not None:
        text = f"{NO_PROPERTY}egress_public_network_access"
        yield say(text, "private_network_connection")
    if managed and deployment.egress_public_network_access is not None:
        text = "means nothing in a managed network, allowed: no such key, and scoring:outbound"
        yield say(text, "egress_public_network_access")
    scale = deployment.scale_settings
    yield from refused_scale(deployment, say)
    if scale is not None and scale.type == "default":
        keys = ("min_instances", "max_instances", "polling_interval")
        for key in (*keys, "target_utilization_percentage"):
            if getattr(scale, key) is not None:
                text = "goes with type: target_utilization, allowed with default: instance_count"
                yield say(text, "scale_settings", key)
    collector = deployment.data_collector
    for name, collection in (collector.collections if collector else {}).items():
        if collection.data is not None and not _is_data(collection.data):
            text = f"found {_shown(collection.data)}, allowed: azureml:<name>:<version>"
            yield say(text, "data_collector", "collections", name, "data")


def _of_environment(
    deployment: Deployment, catalog: Catalog, contents: dict[EnvironmentName, str], say: Say
) -> Iterator[Problem]:
    environment = written_environment(deployment, catalog)
    if environment is None:
        reference = deployment.environment
        # A registry resolves its labels by itself; in a workspace that is the client's part.
        if isinstance(reference, AssetReference) and not (reference.exact or reference.registry):
            text = f"found {str(reference)!r}, allowed: azureml:<name>:<version>"
            yield say(text, "environment")
        return
    if environment is not deployment.environment or environment.file != deployment.file:
        say = Say(say.stack, environment, say.prefix)
        inside: tuple[str, ...] = ()
    else:
        inside = ("environment",)
    for key in ("datastore", "auto_delete_setting"):
        if getattr(environment, key) is not None:
            text = f"{NO_PROPERTY}image, conda_file, build, inference_config, os_type"
            yield say(text, *inside, key)
    unreadable = _conda_problems(environment)
    if unreadable:
        yield from unreadable
        return
    name, content = environment_name(environment, deployment), version_of(environment)
    if contents.setdefault(name, content) != content:
        text = f"{name.name}:{name.version} is declared with other content too, allowed: once"
        yield say(text, *inside, "version")


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
