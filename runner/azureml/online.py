"""Sends requests to a workspace's online endpoints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner.azure.client import Client
from runner.azureml.endpoints import KINDS, get_endpoint
from runner.errors import EnvironmentRefused, NotFound
from runner.nearest import nearest
from runner.workspace import Response

if TYPE_CHECKING:
    from runner.azureml.connection import Connection

DEPLOYMENT_HEADER = "azureml-model-deployment"
# They come with status 424, where the model or the script failed.
# https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints
_MODEL_ERROR_HEADERS = ("ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason")
_ERRORS = tuple(range(300, 600))  # an endpoint's own answer, whatever it says


def send(
    connection: Connection, endpoint: str, body: bytes, deployment: str | None = None
) -> Response:
    """Send one JSON request to an endpoint, or to one of its deployments.

    It is authorized with the key or token that the endpoint's mode asks for. Raises NotFound for
    an endpoint or deployment that isn't there, and EnvironmentRefused where no answer comes.
    """
    _, resource = get_endpoint(connection, endpoint, ("online",))
    name = resource["name"]
    properties = resource["properties"]
    url = properties.get("scoringUri")
    if not url:
        raise EnvironmentRefused(
            f"online endpoint {endpoint!r} has no scoring URI yet: it is"
            f" {properties.get('provisioningState')}"
        )
    if deployment is not None:
        _check_deployment(connection, endpoint, name, deployment)
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {_secret(connection, name, properties)}",
    }
    if deployment is not None:
        headers[DEPLOYMENT_HEADER] = deployment
    client = Client(url)
    begun = time.perf_counter()
    answer = client.send(
        "POST",
        url,
        content=body,
        headers=headers,
        accept=_ERRORS,
        retry="never",
        what=f"ask endpoint {endpoint!r}",
    )
    content: bytes = answer.content
    return Response(
        status=answer.status_code,
        body=content,
        content_type=answer.headers.get("Content-Type", ""),
        deployment=answer.headers.get(DEPLOYMENT_HEADER) or deployment,
        seconds=time.perf_counter() - begun,
        model_error=" ".join(
            answer.headers[name] for name in _MODEL_ERROR_HEADERS if name in answer.headers
        )
        or None,
    )


def _check_deployment(connection: Connection, endpoint: str, actual: str, deployment: str) -> None:
    found = connection.arm.pages(KINDS["online"], actual, "deployments")
    names = [resource["name"] for resource in found]
    if deployment not in names:
        raise NotFound(
            f"endpoint {endpoint!r} has no deployment {deployment!r}{nearest(deployment, names)}"
        )


def _secret(connection: Connection, name: str, properties: Mapping[str, Any]) -> str:
    """Return the endpoint's key, its own token, or Entra's, by its authentication mode."""
    mode = str(properties.get("authMode") or "").lower()
    if mode == "aadtoken":
        scope = connection.cloud.machine_learning_scope
        return connection.credential.get_token(scope).token
    if mode == "amltoken":
        return str(connection.arm.ask(KINDS["online"], name, "token")["accessToken"])
    return str(connection.arm.ask(KINDS["online"], name, "listKeys")["primaryKey"])
