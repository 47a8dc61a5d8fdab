"""The stack's workspace as it is, asked before anything is declared.

Azure tells of a version that isn't there when it makes the deployment, and of an isolation that it
won't change when half of the rest is changed. So a preview looks, where it may. And somebody may
have Azure choose how many instances a deployment has, which is then nobody else's to set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime.config import get_config

from infra.dynamic.resource_manager import (
    ResourceManager,
    ResourceManagerError,
    connect_lazily,
    pages,
)
from infra.endpoints.schedule_calls import data_pins
from infra.existing.answering import answer_problems
from infra.existing.resources import TYPES, name_of
from infra.network.private_link import NETWORK_API_VERSION
from infra.pins import all_pinned, code_pin, pinned
from infra.problem_at import ProblemAt, deployment_problem
from infra.settings import Settings
from infra.stack_config import CLUSTERS, EXISTING, ISOLATION, PRIVATE_ENDPOINTS, StackConfig
from infra.watching.scaling import is_own
from runner.declarations import (
    AssetReference,
    DeclarationError,
    OnlineDeployment,
    Problem,
    parse_reference,
)
from runner.declarations.catalog import sorted_problems
from runner.declarations.overlay import LOCATION
from runner.declarations.scheduling import key_of

MODES = {
    "Disabled": "none",
    "AllowInternetOutbound": "allow_internet_outbound",
    "AllowOnlyApprovedOutbound": "managed",
}
# From an isolation to those that Azure changes it to.
_FURTHER = {
    "none": ("allow_internet_outbound", "managed"),
    "allow_internet_outbound": ("managed",),
    "managed": (),
}
# The properties of a workspace that name the services it was made with, by key.
_MADE_WITH = {
    "storage": "storageAccount",
    "vault": "keyVault",
    "registry": "containerRegistry",
}
_AT_ONCE = 8
_SHOWN = 10  # of the versions that are there
_AUTOSCALE_API_VERSION = "2022-10-01"


@dataclass(frozen=True)
class Pin:
    """A version of the workspace that a deployment is made of, and where that is said."""

    asset: str  # below the workspace, without the version
    version: str
    problem: ProblemAt
    keys: tuple[str, ...]


def check_workspace(settings: Settings, config: StackConfig) -> frozenset[str]:
    """Hold pins and isolation against the workspace, as far as it can be read.

    Return the ids of the deployments that Azure scales, in lower case. Settings that can't be read
    are not checked, and a warning says so. Raises DeclarationError.
    """
    try:
        manager = connect_lazily(get_config)()
        problems = workspace_problems(settings, config, manager)
        autoscaled = _autoscaled(settings, manager)
    except ResourceManagerError as error:
        pulumi.log.warn(
            "could not look into the workspace, so nobody knows whether it has what is pinned,"
            f" takes scoring:isolation and scales a deployment by itself: {error}"
        )
        return frozenset()
    if problems:
        raise DeclarationError(sorted_problems(problems))
    return autoscaled


def _autoscaled(settings: Settings, manager: ResourceManager) -> frozenset[str]:
    group = settings.workspace_id.partition("/providers/")[0]
    listing = f"{group}/providers/Microsoft.Insights/autoscaleSettings"
    return frozenset(
        setting["properties"].get("targetResourceUri", "").lower()
        for setting in pages(manager, listing, _AUTOSCALE_API_VERSION)
        # A setting of this program's follows the declaration.
        if setting["properties"].get("enabled") and not is_own(setting["name"], settings)
    )


def workspace_problems(
    settings: Settings, config: StackConfig, manager: ResourceManager
) -> list[Problem]:
    """Find what the workspace lacks, and what of it won't change. Raises ResourceManagerError."""
    workspace = settings.workspace_id
    missing = [
        *_absent(settings, config, manager),
        *_moved(settings, config, manager),
        *_no_network(settings, config, manager),
    ]
    if missing:
        return missing
    found = manager.get(workspace)
    if found is None:
        return [_nowhere(pin, settings) for pin in _pins(settings, config)]
    network = found.body["properties"].get("managedNetwork") or {}
    now = MODES.get(network.get("isolationMode", "Disabled"), settings.network.isolation)
    pins = list(_pins(settings, config))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        problems = list(pool.map(lambda pin: _missing(pin, workspace, settings, manager), pins))
    return [
        *(problem for problem in problems if problem),
        *_isolation(now, workspace, settings, config, manager),
        *_respelt(workspace, settings, config, manager),
        *answer_problems(settings, config, manager),
        *_elsewhere(found.body, settings, config),
        *_other_services(found.body, settings, config),
        *_without_registry(found.body, settings, config),
    ]


def _absent(settings: Settings, config: StackConfig, manager: ResourceManager) -> Iterator[Problem]:
    """Find what the stack file says is there already, and is not."""
    for key, id_ in settings.existing.ids.items():
        if manager.get(id_, TYPES[key][1]) is None:
            text = f"there is no {name_of(id_)} of that id: {id_}"
            yield config.problem(text, EXISTING, key)


def _moved(settings: Settings, config: StackConfig, manager: ResourceManager) -> Iterator[Problem]:
    """Find a stack that is deployed in a group of its own, and is told to be in another.

    Nothing of it moves: its workspace would be deleted, with its models, and made anew or not.
    """
    group, names = settings.names.resource_group, settings.names
    own = (
        f"/subscriptions/{settings.subscription_id}/resourceGroups/{group}"
        f"/providers/{TYPES['workspace'][0]}/{names.workspace}"
    )
    if own.lower() == settings.workspace_id.lower() or manager.get(own) is None:
        return
    key = "workspace" if settings.existing.workspace else "resource_group"
    text = f"would delete the stack's own workspace, {names.workspace} in {group}, with what is in"
    text += " it, allowed: no such key, another stack, or `pulumi destroy` first"
    yield config.problem(text, EXISTING, key)


def _respelt(
    workspace: str, settings: Settings, config: StackConfig, manager: ResourceManager
) -> Iterator[Problem]:
    """Find clusters whose name differs from another's only in capitals, which Azure refuses."""
    there = {
        found["name"].lower(): found["name"] for found in pages(manager, f"{workspace}/computes")
    }
    for name in settings.clusters:
        known = there.get(name.lower(), name)
        if known != name:
            text = f"is {known!r} to Azure, which tells no capitals apart, allowed: {known}, or a"
            yield config.problem(f"{text} name that differs in more than those", CLUSTERS, name)


def _no_network(
    settings: Settings, config: StackConfig, manager: ResourceManager
) -> Iterator[Problem]:
    """Find a subnet in another region, where Azure has no private endpoints for it."""
    link = settings.private_link
    if link is None:
        return
    key = (PRIVATE_ENDPOINTS, "subnet")
    network = manager.get(link.virtual_network, NETWORK_API_VERSION)
    if network is None or manager.get(link.subnet, NETWORK_API_VERSION) is None:
        yield config.problem(f"there is no subnet of that id: {link.subnet}", *key)
    elif (region := _region(network.body)) != settings.location:
        text = f"found one in {region}, allowed: in {settings.location}, as {LOCATION} says"
        yield config.problem(text, *key)


def _region(resource: Mapping[str, Any]) -> str:
    """Return the short name of a resource's region."""
    return str(resource.get("location", "")).replace(" ", "").lower()


def _elsewhere(
    workspace: Mapping[str, Any], settings: Settings, config: StackConfig
) -> Iterator[Problem]:
    """Find another region than the workspace's, where Azure makes no clusters and endpoints."""
    region = _region(workspace)
    if settings.existing.workspace and region != settings.location:
        text = f"found {settings.location!r}, and the workspace is in {region}, allowed: {region}"
        yield config.problem(text, LOCATION)


def _other_services(
    workspace: Mapping[str, Any], settings: Settings, config: StackConfig
) -> Iterator[Problem]:
    """Find services that the stack's workspace would get in place of those that it has.

    Azure answers "Storage Account update is not supported yet", when the roles on the old ones are
    gone already, by which all that runs reads its models and pulls its images.
    """
    if settings.existing.workspace:
        return
    group, names = settings.workspace_id.partition("/providers/")[0], settings.names
    own = {"storage": names.storage_account, "vault": names.vault, "registry": names.registry}
    for key, named in _MADE_WITH.items():
        there = str(workspace["properties"].get(named) or "")
        made = f"{group}/providers/{TYPES[key][0]}/{own[key]}"
        wanted = settings.existing.services.get(key, made)
        if there and there.lower() != wanted.lower():
            text = f"would be {name_of(wanted)}, and a workspace keeps what it was made with, as"
            allowed = "no such key" if there.lower() == made.lower() else there
            text = f"{text} {settings.workspace} was with {name_of(there)}, allowed: {allowed}"
            yield config.problem(text, EXISTING, key)


def _pins(settings: Settings, config: StackConfig) -> Iterator[Pin]:
    """Yield the pins of pinned deployments to versions of their own workspace."""
    for deployment in all_pinned(settings.catalog):
        problem = deployment_problem(config.file, deployment)
        yield from _pin("models", deployment.model, problem, "model")
        environment = deployment.environment
        declared = isinstance(environment, AssetReference) and (
            environment.name in settings.catalog.environments
        )
        if not declared:
            yield from _pin("environments", environment, problem, "environment")
        if code := code_pin(deployment):
            yield Pin(f"codes/{code.name}", code.version, problem, ("code_configuration", "code"))
        if isinstance(deployment, OnlineDeployment) and deployment.data_collector is not None:
            for name, collection in deployment.data_collector.collections.items():
                if collection.data is not None:
                    data = parse_reference(collection.data, "data")
                    keys = ("data_collector", "collections", name, "data")
                    yield from _pin("data", data, problem, *keys)
    for reference, found in data_pins(settings.catalog):
        problem = ProblemAt(config.file, found.schedule, key_of(found.endpoint, found.schedule))
        yield from _pin("data", reference, problem, "input")
    for pipelines in settings.catalog.pipeline_deployments.values():
        for pipeline in pinned(pipelines).values():
            yield from _pin(
                "components",
                pipeline.component,
                deployment_problem(config.file, pipeline),
                "component",
            )


def _pin(kind: str, reference: object, problem: ProblemAt, *keys: str) -> Iterator[Pin]:
    """Yield the pin of a reference to a version of the stack's own workspace, if it is one."""
    if not isinstance(reference, AssetReference) or reference.registry or reference.workspace:
        return
    if reference.version is not None:
        yield Pin(f"{kind}/{reference.name}", reference.version, problem, keys)


def _nowhere(pin: Pin, settings: Settings) -> Problem:
    text = (
        f"is pinned to version {pin.version}, and there is no workspace yet that could have it:"
        f" take it out, run `pulumi up`, and register with {_registering(pin, settings)}"
    )
    return pin.problem(text, *pin.keys)


def _registering(pin: Pin, settings: Settings) -> str:
    if pin.asset.startswith("components/"):
        return "`az ml component create --file FILE`"
    if pin.asset.startswith("data/"):
        return f"`runner data register … --env {settings.stack}`"
    return f"`runner models register … --env {settings.stack} --pin`"


def _missing(
    pin: Pin, workspace: str, settings: Settings, manager: ResourceManager
) -> Problem | None:
    if manager.get(f"{workspace}/{pin.asset}/versions/{pin.version}"):
        return None
    there = [version["name"] for version in pages(manager, f"{workspace}/{pin.asset}/versions")]
    more = f", … ({len(there)})" if len(there) > _SHOWN else ""
    text = (
        f"is pinned to {pin.asset.partition('/')[2]}:{pin.version}, which workspace"
        f" {settings.workspace} does not have; it has"
        f" {', '.join(there[:_SHOWN]) or 'no version of it'}{more}; register another with"
        f" {_registering(pin, settings)}"
    )
    return pin.problem(text, *pin.keys)


def _without_registry(
    workspace: Mapping[str, Any], settings: Settings, config: StackConfig
) -> Iterator[Problem]:
    """Find a workspace without a registry: Azure makes it with the first image, after the roles."""
    if settings.existing.workspace and not workspace["properties"].get("containerRegistry"):
        text = (
            f"{settings.workspace} has no container registry yet, which its images are in; give it"
            f" one with `az ml workspace update --name {settings.workspace} --resource-group"
            f" {settings.resource_group} --container-registry ID --update-dependent-resources`"
        )
        yield config.problem(text, EXISTING, "workspace")


def _isolation(
    now: str, workspace: str, settings: Settings, config: StackConfig, manager: ResourceManager
) -> Iterator[Problem]:
    wanted = settings.network.isolation
    if wanted == now:
        return
    if settings.existing.workspace:
        text = f"found {wanted!r}, and the workspace {settings.workspace}, which this stack does"
        yield config.problem(f"{text} not change, has {now}, allowed: {now}", ISOLATION)
        return
    if wanted not in _FURTHER[now]:
        text = f"found {wanted!r}, and Azure never goes there from {now}"
        yield config.problem(f"{text}, allowed: {', '.join([now, *_FURTHER[now]])}", ISOLATION)
    elif now == "none" and (inside := list(_inside(workspace, manager))):
        text = (
            f"found {wanted!r}, and Azure moves nothing into a managed network that is"
            f" there already: {', '.join(inside)}; allowed: none, until `pulumi destroy` has"
            " emptied the stack"
        )
        yield config.problem(text, ISOLATION)


def _inside(workspace: str, manager: ResourceManager) -> Iterator[str]:
    for kind in ("computes", "onlineEndpoints"):
        yield from (f"{kind}/{found['name']}" for found in pages(manager, f"{workspace}/{kind}"))
