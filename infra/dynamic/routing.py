"""The routing of an endpoint: a batch endpoint's default, an online endpoint's traffic.

A resource of its own, as an endpoint can't name a deployment that needs the endpoint first, and
as Resource Manager takes these only with the whole endpoint (PATCH knows tags and identity).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)
from pulumi.output import Unknown

from infra.component import within
from infra.dynamic.consent import MAY_STOP
from infra.dynamic.resource_manager import (
    Conflict,
    ResourceManager,
    ResourceManagerError,
    SignedInProvider,
)

# The splits of an online endpoint: as inputs here, and as properties on Azure.
SPLITS = {"traffic": "traffic", "mirror_traffic": "mirrorTraffic"}
ROUTED = ("default", *SPLITS)
INPUTS = ("endpoint", *ROUTED, "declared")
# Each deployment is an input of its own, so that the engine says which of them it would replace.
DEPLOYMENT = "deployment:"

ATTEMPTS = 16  # over about five minutes
BUSY = ("Creating", "Updating", "Scaling")
READ_ONLY = ("provisioningState", "scoringUri", "swaggerUri")
PUT_BACK = ("location", "tags", "kind", "sku")


class WouldStopAnswers(Exception):
    """A change would delete what answers; one line that says what to write instead."""


class RoutingProvider(SignedInProvider):
    """Keeps the routing of an endpoint."""

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compare what was routed to what is declared; no request is made.

        The engine asks this before it deletes a deployment or an endpoint that it replaces, in a
        preview and in an `up`. Raises WouldStopAnswers where that is one that answers.
        """
        refuse_to_replace(_olds, _news)
        changed = _changed(_olds, _news)
        replaces = ["endpoint"] if "endpoint" in changed and _olds.get("endpoint") else []
        return DiffResult(
            changes=bool(changed), replaces=replaces, delete_before_replace=bool(replaces)
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Route as declared."""
        route(self._manager(), props["endpoint"], _routed(props))
        return CreateResult(props["endpoint"], _inputs(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Route as declared, and take away what is no longer."""
        gone = dict.fromkeys(_routed(_olds), "")
        route(self._manager(), _id, {**gone, **_routed(_news)})
        return UpdateResult(_inputs(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read how the endpoint routes now; without an id where there is no endpoint."""
        found = self._manager().get(id_)
        if found is None:
            return ReadResult("", {})
        now = routing_of(found.body)
        live = {**_inputs(props), **{key: now[key] for key in _routed(props)}}
        return ReadResult(id_, dict(live), dict(live))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Take the routing away, which Azure wants before a deployment goes."""
        route(self._manager(), _id, dict.fromkeys(_routed(_props), ""), gone_is_fine=True)


class Routing(Resource, module="scoring", name="Routing"):
    """The default of a batch endpoint, or the traffic of an online one as `blue=90 green=10`."""

    endpoint: pulumi.Output[str]
    default: pulumi.Output[str | None]
    traffic: pulumi.Output[str | None]
    mirror_traffic: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        *,
        endpoint: pulumi.CustomResource,
        deployments: Mapping[str, pulumi.CustomResource],
        declared: Mapping[str, Any],
        protect: bool,
        default: str | None = None,
        traffic: Mapping[str, int] | None = None,
        mirror_traffic: Mapping[str, int] | None = None,
    ) -> None:
        """Declare the routing of an endpoint over deployments, all of which exist by then.

        `declared` is what the endpoint is declared with: updating an endpoint puts it whole and
        without routing, so whatever changes there has it routed again.
        """
        props: dict[str, Any] = {
            "endpoint": endpoint.id,
            **{f"{DEPLOYMENT}{name}": deployments[name].id for name in sorted(deployments)},
            "declared": digest(declared),
        }
        if default is not None:
            props["default"] = default
        if traffic is not None:
            props["traffic"] = split_text(traffic)
        if mirror_traffic:
            props["mirror_traffic"] = split_text(mirror_traffic)
        super().__init__(
            RoutingProvider(),
            name,
            props,
            # No child of the endpoint: some engines (3.225) give a child its parent's provider.
            within(depends_on=list(deployments.values()), protect=protect),
        )


def route(
    manager: ResourceManager,
    endpoint: str,
    routing: Mapping[str, str],
    *,
    gone_is_fine: bool = False,
) -> None:
    """Read an endpoint, change its routing and put it back, all else as it was read.

    `routing` holds `default`, `traffic` or `mirror_traffic`; an empty text takes it away, and what
    isn't there is left alone. Starts over when somebody else changed the endpoint meanwhile.
    Raises ResourceManagerError.
    """
    refused: Conflict | None = None
    for attempt in range(ATTEMPTS):
        wait(attempt)
        found = manager.get(endpoint)
        if found is None:
            if gone_is_fine:
                return
            raise ResourceManagerError(f"there is no endpoint {endpoint}")
        now = routing_of(found.body)
        if all(now[key] == value for key, value in routing.items()):
            return
        if found.body["properties"].get("provisioningState") in BUSY:
            continue
        try:
            manager.put(endpoint, routed_body(found.body, routing), found.etag)
        except Conflict as error:
            refused = error
        else:
            return
    raise refused or ResourceManagerError(
        f"{endpoint} is still being changed by somebody else, run `pulumi up` again later"
    )


def wait(attempt: int) -> None:
    """Wait half a second or more, up to half a minute, but not before the first attempt."""
    import time

    if attempt:
        time.sleep(min(2**attempt / 4, 30))


def routing_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return how an endpoint routes, in the form of this resource's inputs."""
    properties = body["properties"]
    default = (properties.get("defaults") or {}).get("deploymentName") or ""
    splits = {key: split_text(properties.get(name) or {}) for key, name in SPLITS.items()}
    return {"default": default, **splits}


def routed_body(body: Mapping[str, Any], routing: Mapping[str, str]) -> dict[str, Any]:
    """Return the endpoint to put, from the one that was read."""
    properties = {
        key: deepcopy(value) for key, value in body["properties"].items() if key not in READ_ONLY
    }
    for key, value in routing.items():
        if key == "default":
            properties["defaults"] = {
                **(properties.get("defaults") or {}),
                "deploymentName": value or None,
            }
        else:
            properties[SPLITS[key]] = split_of(value)
    kept = {key: body[key] for key in PUT_BACK if body.get(key) is not None}
    # A batch endpoint without tags is refused.
    whole = {"tags": {}, **kept, "properties": properties}
    if identity := body.get("identity"):
        whole["identity"] = _identity_to_put(identity)
    return whole


def split_text(split: Mapping[str, int]) -> str:
    """Return percentages as one text, by name: `blue=90 green=10`. A share of 0 is left out."""
    return " ".join(f"{name}={split[name]}" for name in sorted(split) if split[name])


def split_of(text: str) -> dict[str, int]:
    """Return the percentages of a text that `split_text` wrote."""
    pairs = (share.rpartition("=") for share in text.split())
    return {name: int(percent) for name, _, percent in pairs}


def digest(declared: Mapping[str, Any]) -> str:
    """Return a short name for a declaration's values: eight hexadecimal digits."""
    text = json.dumps(declared, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def refuse_to_replace(olds: Mapping[str, Any], news: Mapping[str, Any]) -> None:
    """Raise WouldStopAnswers where what is about to be made anew answers today.

    Unknown is the id of what is about to be made anew: what has it today is deleted first.
    """
    endpoint = str(olds.get("endpoint", "")).rpartition("/")[2]
    doing_now = answering(olds)
    if doing_now and isinstance(news.get("endpoint"), Unknown):
        raise WouldStopAnswers(
            f"the endpoint {endpoint} would be deleted and made anew, and {listed(doing_now)}."
            f" Undo the change; or write `{MAY_STOP}: [{endpoint}]`, take its traffic, or its"
            " default, out of the stack file, run `pulumi up`, and make the change then"
        )
    for name, doing in doing_now.items():
        if isinstance(news.get(f"{DEPLOYMENT}{name}"), Unknown):
            raise WouldStopAnswers(
                f"the deployment {name} of {endpoint} would be deleted and made anew, and"
                f" {doing}. Move the traffic first: {_moved(olds, name)}, run `pulumi up`, and"
                " make the change then"
            )


def answering(props: Mapping[str, Any]) -> dict[str, str]:
    """Return what each deployment does by a routing, such as "blue answers 90 %", by name."""
    doing = {name: f"{name} mirrors {part} %" for name, part in _split(props, "mirror_traffic")}
    doing |= {name: f"{name} answers {part} %" for name, part in _split(props, "traffic")}
    if default := props.get("default"):
        doing[default] = f"{default} is the default"
    return doing


def _split(props: Mapping[str, Any], key: str) -> list[tuple[str, int]]:
    return list(split_of(props.get(key) or "").items())


def listed(doing: Mapping[str, str]) -> str:
    """Return what deployments do, in one text."""
    return " and ".join(doing.values())


def _moved(olds: Mapping[str, Any], name: str) -> str:
    """Return what to write so that another deployment does what this one does."""
    own = f"{DEPLOYMENT}{name}"
    ids = [key for key in olds if key.startswith(DEPLOYMENT) and key != own]
    others = [key.removeprefix(DEPLOYMENT) for key in ids]
    other = next((name for name in others if name in answering(olds)), None) or next(
        iter(others), None
    )
    beside = "" if other else "deploy another one beside it, here called `next`, and "
    if olds.get("default"):
        return f"{beside}write `defaults: {{deployment_name: {other or 'next'}}}`"
    mirrored = " without mirror_traffic" if name in dict(_split(olds, "mirror_traffic")) else ""
    return f"{beside}write `traffic: {{{other or 'next'}: 100}}`{mirrored}"


def _changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Return the inputs that differ; a deployment that is made anew has the id that it had."""
    named = {key for key in (*olds, *news) if key.startswith(DEPLOYMENT)}
    anew = {key for key in named if key in olds and isinstance(news.get(key), Unknown)}
    return [key for key in (*INPUTS, *sorted(named - anew)) if olds.get(key) != news.get(key)]


def _identity_to_put(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity without what only Azure says of it."""
    whole: dict[str, Any] = {"type": identity["type"]}
    if assigned := identity.get("userAssignedIdentities"):
        whole["userAssignedIdentities"] = {identifier: {} for identifier in assigned}
    return whole


def _inputs(props: Mapping[str, Any]) -> dict[str, Any]:
    kept = (*INPUTS, *(key for key in props if key.startswith(DEPLOYMENT)))
    return {key: props[key] for key in kept if key in props}


def _routed(props: Mapping[str, Any]) -> dict[str, str]:
    return {key: props[key] for key in ROUTED if props.get(key) is not None}
