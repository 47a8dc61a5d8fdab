"""The refusal of edits that would leave the callers of an endpoint without an answer.

The routing refuses to have a deployment or an endpoint made anew (`refuse_to_replace`), as the
engine asks it. Of what is only taken out the engine says nothing, so the workspace is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.dynamic.consent import MAY_STOP
from infra.dynamic.resource_manager import ResourceManager, pages
from infra.dynamic.routing import answering, listed, routing_of
from infra.pins import default_deployment, deployments_of, pinned, traffic
from infra.problem_at import ProblemAt, deployment_problem
from infra.settings import Settings
from infra.stack_config import StackConfig
from runner.declarations import BatchEndpoint, OnlineEndpoint, Problem
from runner.declarations.catalog import ENDPOINTS
from runner.declarations.overlay import MODELS

_AUTH_MODES = {"aadtoken": "aad_token", "amltoken": "aml_token", "key": "key"}


@dataclass(frozen=True)
class Live:
    """An endpoint of the stack's that answers today."""

    name: str  # on Azure
    properties: Mapping[str, Any]
    doing: Mapping[str, str]  # what each deployment that answers does

    @property
    def logical(self) -> str:
        """Return its name without the digits, which is the declared one or the beginning of it."""
        return self.name.rpartition("-")[0]


def answer_problems(
    settings: Settings, config: StackConfig, manager: ResourceManager
) -> list[Problem]:
    """Find what the stack file takes from callers, unless it lets their endpoint stop answering.

    A consent that nothing needs is told, as it would be one to the next slip. Raises
    ResourceManagerError.
    """
    catalog = settings.catalog
    problems: list[Problem] = []
    needed: set[str] = set()
    for kind, declared in (
        ("batchEndpoints", catalog.batch_endpoints),
        ("onlineEndpoints", catalog.online_endpoints),
    ):
        for live in _answering(settings, manager, kind):
            found = _declared(live, settings, declared)
            names = {live.name, live.logical, found.name if found else live.name}
            lost = list(_lost_answers(live, found, settings, config))
            consent = names & settings.may_stop
            if consent and lost:
                needed |= consent
            elif not consent:
                problems += lost
    for name in sorted(settings.may_stop - needed):
        pulumi.log.warn(f"nothing stops {name} from answering: take it out of {MAY_STOP}")
    return problems


def _answering(settings: Settings, manager: ResourceManager, kind: str) -> Iterator[Live]:
    """Yield the endpoints that carry the stack's tags and answer somebody."""
    ours = {"project": settings.project, "environment": settings.stack}
    for endpoint in pages(manager, f"{settings.workspace_id}/{kind}"):
        if ours.items() <= (endpoint.get("tags") or {}).items():
            routed = routing_of(endpoint)
            doing = answering({**routed, "mirror_traffic": ""})
            if doing:
                yield Live(endpoint["name"], endpoint["properties"], doing)


def _declared(
    live: Live, settings: Settings, declared: Mapping[str, BatchEndpoint | OnlineEndpoint]
) -> BatchEndpoint | OnlineEndpoint | None:
    """Return the declaration of an endpoint on Azure; None where nothing declares it any more."""
    for name, endpoint in declared.items():
        adopted = settings.existing.endpoints.get(name)
        own = settings.names.endpoint(name).rpartition("-")[0]
        if live.name == adopted or (adopted is None and live.logical == own):
            return endpoint
    return None


def _lost_answers(
    live: Live,
    declared: BatchEndpoint | OnlineEndpoint | None,
    settings: Settings,
    config: StackConfig,
) -> Iterable[Problem]:
    doing = listed(live.doing)
    if declared is None:
        text = f"the endpoint {live.name} would be deleted, and {doing}; declare it again"
        yield config.problem(f"{text}, {_way_out(live.logical)}", MODELS)
        return
    problem = ProblemAt(config.file, declared, f"{ENDPOINTS}.{declared.name}")
    consent = _way_out(declared.name)
    batch = isinstance(declared, BatchEndpoint)
    key = "defaults" if batch else "traffic"
    if batch:
        stays = default_deployment(settings.catalog, declared.name) is not None
    else:
        stays = any(traffic(settings.catalog, declared.name).values())
    if not stays:
        text = f"{live.name} would answer nobody, and today {doing}: give a deployment that is"
        yield problem(f"{text} pinned its {key}, {consent}", key)
    yield from _renamed(live, declared, settings, config)
    now = _AUTH_MODES.get(str(live.properties.get("authMode")).lower())
    if now not in (None, declared.auth_mode):
        text = f"found {declared.auth_mode!r}, and whoever calls {live.name} signs in by {now!r}:"
        text += " declare another endpoint beside it and let them move"
        yield problem(f"{text}, {consent}", "auth_mode")
    if isinstance(declared, OnlineEndpoint):
        closed = settings.private or declared.public_network_access == "disabled"
        if closed and live.properties.get("publicNetworkAccess") == "Enabled":
            text = f"{live.name} would answer in private networks alone, and today {doing}: declare"
            text += " another endpoint beside it and let its callers move"
            yield problem(f"{text}, {consent}", "public_network_access")


def _renamed(
    live: Live, declared: BatchEndpoint | OnlineEndpoint, settings: Settings, config: StackConfig
) -> Iterator[Problem]:
    """Find names that differ only in capitals: Azure would delete the deployment that answers."""
    deployed = pinned(deployments_of(settings.catalog, declared.name))
    for there in live.doing.keys() - deployed.keys():
        for other, deployment in deployed.items():
            if other.lower() == there.lower():
                problem = deployment_problem(config.file, deployment)
                yield problem(
                    f"found {other!r}, which is {there!r} to Azure, allowed: that", "name"
                )


def _way_out(name: str) -> str:
    return f"or, if that is meant, write `{MAY_STOP}: [{name}]`"
