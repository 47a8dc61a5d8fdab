"""The requests to a workspace's serving endpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runner.azure.errors import ServiceError
from runner.databricks.endpoints import (
    READY,
    find_serving,
    served_entities,
    serving_names,
    state_of,
)
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from runner.nearest import nearest
from runner.stacks.deploying import first_deployment
from runner.workspace import Response

if TYPE_CHECKING:
    from runner.databricks.connection import Connection

DEPLOYMENT_HEADER = "served-model-name"  # of an answer
# Answers of the endpoint itself. That the caller may not ask it, the workspace answers.
_ERRORS = tuple(status for status in range(300, 600) if status not in (401, 403))
_LONGEST = 300  # characters of a reason


def send(
    connection: Connection, endpoint: str, body: bytes, deployment: str | None = None
) -> Response:
    """Send one JSON request to an endpoint, or to one of its deployments.

    Raises NotFound for an endpoint or deployment that isn't there, and EnvironmentRefused for an
    endpoint that is not ready and where no answer comes.
    """
    known = connection.outputs.endpoints.get(endpoint)
    if known is not None and known.kind == "batch":
        stack = connection.outputs.stack or "ENV"
        raise WrongUsage(
            f"{endpoint!r} is a batch endpoint; run it with `runner score {endpoint} --env {stack}`"
        )
    actual = connection.actual_name(endpoint)
    found = find_serving(connection, actual)
    if found is None:
        way = first_deployment(connection.outputs.stack, endpoint, online=True)
        listed = partial(serving_names, connection)
        raise connection.missing("online endpoint", endpoint, listed, way)
    if (found.get("state") or {}).get("ready") != READY:
        raise EnvironmentRefused(
            f"online endpoint {endpoint!r} is {state_of(found)}: wait until `runner endpoints show"
            f" {endpoint} --env {connection.outputs.stack or 'ENV'}` says ready, or look at its"
            f" logs in the workspace (Serving > {actual})"
        )
    names = [str(entity.get("name")) for entity in served_entities(found)]
    if deployment is not None and deployment not in names:
        raise NotFound(
            f"endpoint {endpoint!r} has no deployment {deployment!r}{nearest(deployment, names)}"
        )
    begun = time.perf_counter()
    try:
        answer = connection.api.send(
            "POST",
            _url(connection, actual, deployment),
            content=body,
            headers={"Content-Type": "application/json"},
            accept=_ERRORS,
            retry="never",
            what=f"ask endpoint {endpoint!r}",
        )
    except ServiceError as error:
        if error.status is None and _may_sleep(found):
            raise EnvironmentRefused(
                f"{error}; it scales to zero, so it may be starting: ask again in a minute"
            ) from None
        raise
    content: bytes = answer.content
    return Response(
        status=answer.status_code,
        body=content,
        content_type=answer.headers.get("Content-Type", ""),
        deployment=answer.headers.get(DEPLOYMENT_HEADER)
        or deployment
        or (names[0] if len(names) == 1 else None),
        seconds=time.perf_counter() - begun,
        model_error=_reason(content) if answer.status_code >= 400 else None,
    )


def _url(connection: Connection, actual: str, deployment: str | None) -> str:
    """Return the address for the requests to an endpoint or to one of its deployments."""
    served = f"/served-models/{quote(deployment, safe='')}" if deployment is not None else ""
    name = quote(actual, safe="")
    return f"{connection.outputs.host}/serving-endpoints/{name}{served}/invocations"


def _may_sleep(endpoint: Mapping[str, Any]) -> bool:
    return any(entity.get("scale_to_zero_enabled") for entity in served_entities(endpoint))


def _reason(content: bytes) -> str | None:
    """Return what the answer to a refused request says, on one line; None for other answers."""
    try:
        said = json.loads(content)
        text = f"{said.get('error_code')}: {said['message']}"
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
