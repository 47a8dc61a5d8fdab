"""What the stack's workspace has already, asked before anything is declared.

Azure tells of a version that isn't there when it makes the deployment, and of an isolation that it
won't change when half of the rest is changed. So a preview looks, where it may. And somebody may
have Azure choose how many instances a deployment has, which is then nobody else's to set.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pulumi
from pulumi.runtime.config import get_config

from infra.pins import all_pinned, code_pin
from infra.resource_manager import ResourceManager, ResourceManagerError, when_asked
from infra.saying import Say
from infra.settings import Settings
from infra.stack_config import ISOLATION, StackConfig
from runner.declarations import AssetReference, DeclarationError, Problem
from runner.declarations.catalog import ENDPOINTS, sorted_problems

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
_AT_ONCE = 8
_AUTOSCALE_API_VERSION = "2022-10-01"


@dataclass(frozen=True)
class Pin:
    """A version of the workspace that a deployment is made of, and where that is said."""

    asset: str  # below the workspace, without the version
    version: str
    say: Say
    keys: tuple[str, ...]


def look(settings: Settings, config: StackConfig) -> frozenset[str]:
    """Hold pins and isolation against the workspace, as far as it can be read.

    Gives the ids of the deployments that Azure scales, in lower case. Raises DeclarationError.
    What can't be read is told, and not checked.
    """
    try:
        manager = when_asked(get_config)()
        problems = problems_of(settings, config, manager)
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
    found = manager.get(listing, _AUTOSCALE_API_VERSION)
    return frozenset(
        setting["properties"].get("targetResourceUri", "").lower()
        for setting in (found.body["value"] if found else ())
        if setting["properties"].get("enabled")
    )


def problems_of(settings: Settings, config: StackConfig, manager: ResourceManager) -> list[Problem]:
    """What the workspace lacks, and what of it won't change. Raises ResourceManagerError."""
    workspace = settings.workspace_id
    found = manager.get(workspace)
    if found is None:
        return [_nowhere(pin, settings) for pin in _pins(settings, config)]
    network = found.body["properties"].get("managedNetwork") or {}
    now = MODES.get(network.get("isolationMode", "Disabled"), settings.isolation)
    pins = list(_pins(settings, config))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        problems = list(pool.map(lambda pin: _missing(pin, workspace, settings, manager), pins))
    return [
        *(problem for problem in problems if problem),
        *_isolation(now, workspace, settings, config, manager),
    ]


def _pins(settings: Settings, config: StackConfig) -> Iterator[Pin]:
    """What pinned deployments name of their own workspace."""
    for one in all_pinned(settings.catalog):
        say = Say(config.file, one, f"{ENDPOINTS}.{one.endpoint_name}.deployments.{one.name}")
        references = {
            ("model",): ("models", one.model),
            ("environment",): ("environments", one.environment),
        }
        for keys, (kind, reference) in references.items():
            if not isinstance(reference, AssetReference) or reference.version is None:
                continue
            elsewhere = reference.registry or reference.workspace
            declared = kind == "environments" and reference.name in settings.catalog.environments
            if not elsewhere and not declared:
                yield Pin(f"{kind}/{reference.name}", reference.version, say, keys)
        if code := code_pin(one):
            yield Pin(f"codes/{code.name}", code.version, say, ("code_configuration", "code"))


def _nowhere(pin: Pin, settings: Settings) -> Problem:
    text = (
        f"is pinned to version {pin.version}, and there is no workspace yet that could have it:"
        " take it out, run `pulumi up`, and register with"
        f" `runner models register … --env {settings.stack} --pin`"
    )
    return pin.say(text, *pin.keys)


def _missing(
    pin: Pin, workspace: str, settings: Settings, manager: ResourceManager
) -> Problem | None:
    if manager.get(f"{workspace}/{pin.asset}/versions/{pin.version}"):
        return None
    listed = manager.get(f"{workspace}/{pin.asset}/versions")
    there = [version["name"] for version in listed.body["value"]] if listed else []
    text = (
        f"is pinned to {pin.asset.partition('/')[2]}:{pin.version}, which workspace"
        f" {settings.names.workspace} does not have; it has"
        f" {', '.join(there) or 'no version of it'}, and `runner models register … --env"
        f" {settings.stack} --pin` registers and pins another"
    )
    return pin.say(text, *pin.keys)


def _isolation(
    now: str, workspace: str, settings: Settings, config: StackConfig, manager: ResourceManager
) -> Iterator[Problem]:
    if settings.isolation == now:
        return
    place = config.place(ISOLATION)
    if settings.isolation not in _FURTHER[now]:
        text = f"found {settings.isolation!r}, and Azure never goes there from {now}"
        yield Problem(place, ISOLATION, f"{text}, allowed: {', '.join([now, *_FURTHER[now]])}")
    elif now == "none" and (inside := list(_inside(workspace, manager))):
        text = (
            f"found {settings.isolation!r}, and Azure moves nothing into a managed network that is"
            f" there already: {', '.join(inside)}; allowed: none, until `pulumi destroy` has"
            " emptied the stack"
        )
        yield Problem(place, ISOLATION, text)


def _inside(workspace: str, manager: ResourceManager) -> Iterator[str]:
    for kind in ("computes", "onlineEndpoints"):
        found = manager.get(f"{workspace}/{kind}")
        yield from (f"{kind}/{one['name']}" for one in (found.body["value"] if found else ()))
