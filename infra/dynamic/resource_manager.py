"""Azure Resource Manager over HTTPS, for what a plugin can't do: read a resource, put it back.

Signs in as the azure-native plugin does, with the same settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import ConfigureRequest, ResourceProvider

from runner.clouds import Setting
from runner.errors import EnvironmentRefused

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse
    from azure.mgmt.core import ARMPipelineClient

API_VERSION = "2025-12-01"  # of Microsoft.MachineLearningServices, as pulumi-azure-native has it
POLLING_INTERVAL = 5  # seconds, where the service names none


class ResourceManagerError(Exception):
    """Resource Manager can't be reached, or refuses; one line with its code and message."""


class Conflict(ResourceManagerError):
    """The resource changed after it was read, or something else is changing it."""


@dataclass(frozen=True)
class Resource:
    """A resource as Resource Manager shows it."""

    body: Mapping[str, Any]
    etag: str | None  # where the service gives one


@dataclass(frozen=True)
class ResourceManager:
    """An open connection; made by `connect`."""

    client: ARMPipelineClient[Any, Any]

    def get(self, resource_id: str, api_version: str = API_VERSION) -> Resource | None:
        """Read a resource, or a page of a list by the address that the one before it names.

        None where there is none. Raises ResourceManagerError.
        """
        query = {} if "?" in resource_id else {"api-version": api_version}
        response = self._send("GET", resource_id, query=query).http_response
        if response.status_code == 404:
            return None
        doing = f"reading {_short(resource_id)}"
        _check(response, doing)
        return Resource(_object(response, doing), response.headers.get("ETag"))

    def put(self, resource_id: str, body: Mapping[str, Any], etag: str | None = None) -> None:
        """Replace a resource and wait until Azure is done with it.

        With an `etag`, only the resource that was read with it. Raises Conflict where the
        resource is another by now or is being changed, else ResourceManagerError.
        """
        headers = {"If-Match": etag} if etag else {}
        first = self._send("PUT", resource_id, headers, body, query={"api-version": API_VERSION})
        self._finish(first, f"changing {_short(resource_id)}")

    def delete(self, resource_id: str, **query: str) -> None:
        """Delete a resource, if it is there, and wait until it is gone.

        Raises ResourceManagerError.
        """
        first = self._send("DELETE", resource_id, query={"api-version": API_VERSION, **query})
        if first.http_response.status_code != 404:
            self._finish(first, f"deleting {_short(resource_id)}")

    def _finish(self, first: Any, doing: str) -> None:
        """Wait for what a first answer began."""
        from azure.core.exceptions import AzureError
        from azure.core.polling import LROPoller
        from azure.mgmt.core.polling.arm_polling import ARMPolling

        _check(first.http_response, doing)
        try:
            polling: Any = ARMPolling(timeout=POLLING_INTERVAL)
            LROPoller(self.client, first, lambda _: None, polling).result()
        except AzureError as error:
            raise ResourceManagerError(f"{doing}: {_reason(error)}") from None

    def _send(
        self,
        method: str,
        resource_id: str,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str],
    ) -> Any:
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        request = HttpRequest(
            method,
            resource_id,
            params=dict(query),
            headers=dict(headers or {}),
            json=body,
        )
        request.url = self.client.format_url(request.url)
        try:
            return self.client.send_request(request, _return_pipeline_response=True)
        except EnvironmentRefused as error:  # to sign in
            raise ResourceManagerError(str(error)) from None
        except AzureError as error:
            raise ResourceManagerError(
                f"{method} {_short(resource_id)} at {self.client._base_url}: {_reason(error)}"
            ) from None


def connect(setting: Setting) -> ResourceManager:
    """Sign in as the settings say. Raises ResourceManagerError where they don't suffice.

    Nothing is asked of the cloud yet, but where its addresses are, if a metadata host is set.
    """
    from azure.core.pipeline.policies import (
        HeadersPolicy,
        RedirectPolicy,
        RequestIdPolicy,
        RetryPolicy,
        UserAgentPolicy,
    )
    from azure.mgmt.core import ARMPipelineClient
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    from runner.azure.clouds import chosen_cloud
    from runner.azure.sign_in import plugin_credential

    try:
        cloud = chosen_cloud(setting)
        credential = plugin_credential(setting, cloud)
    except EnvironmentRefused as error:
        raise ResourceManagerError(str(error)) from None
    # No logging policy: what it writes is never worth a header that slips through.
    policies = [
        RequestIdPolicy(),
        HeadersPolicy(),
        UserAgentPolicy("batch-scoring-infra"),
        RedirectPolicy(),
        RetryPolicy(),
        ARMChallengeAuthenticationPolicy(credential, cloud.resource_manager_scope),
    ]
    return ResourceManager(ARMPipelineClient(cloud.resource_manager, policies=policies))


class SignedInProvider(ResourceProvider):
    """A provider that asks Resource Manager by `self._manager()`.

    It is pickled into the stack's state, so it has no state and no secret: signing in is done by
    the process that Pulumi starts, from its own configuration and environment.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Keep where to look settings up. Nobody has signed in yet."""
        self._manager = connect_lazily(req.config.get)


def connect_lazily(configured: Callable[[str], Any]) -> Callable[[], ResourceManager]:
    """Return a function that connects at its first call, as Pulumi or the environment says.

    For dynamic resources, which are made in a preview too, where nobody need sign in.
    """

    def setting(key: str, *variables: str) -> str | None:
        found = (
            configured(f"azure-native:{key}"),
            *(os.environ.get(variable) for variable in variables),
        )
        return next((str(value) for value in found if value), None)

    return cache(lambda: connect(setting))


def pages(
    manager: ResourceManager, collection: str, api_version: str = API_VERSION
) -> Iterator[Mapping[str, Any]]:
    """Yield the items of a collection, page by page; nothing where there is none.

    Raises ResourceManagerError.
    """
    found = manager.get(collection, api_version)
    while found is not None:
        yield from found.body.get("value") or ()
        following = found.body.get("nextLink")
        found = manager.get(following) if following else None


def _object(response: HttpResponse, doing: str) -> Mapping[str, Any]:
    """Return the JSON object of an answer. A proxy may have answered with a page of its own."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        kind = response.headers.get("Content-Type") or "no type"
        raise ResourceManagerError(
            f"{doing}: what came back is no JSON of Azure's ({kind}), so something between here and"
            " Azure answers in its place: look at HTTPS_PROXY and what signs in to it"
        )
    return body


def _check(response: HttpResponse, doing: str) -> None:
    """Raise what an answer that is an error says, as one line."""
    from azure.core.exceptions import HttpResponseError
    from azure.mgmt.core.exceptions import ARMErrorFormat

    if response.status_code < 400:
        return
    error = HttpResponseError(response=response, error_format=ARMErrorFormat)
    raised = Conflict if response.status_code in (409, 412) else ResourceManagerError
    raise raised(f"{doing}: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Return Azure's code, its message and those of its details in one line."""
    said = getattr(error, "error", None)
    if said is not None and said.code:
        inner = [detail.message for detail in said.details or () if detail.message]
        return " ".join(f"{said.code}: {' '.join([said.message, *inner])}".split())
    text = str(getattr(error, "message", error)).partition("\nContent: <")[0]  # a page of a proxy's
    return " ".join(text.split())


def _short(resource_id: str) -> str:
    """Return the end of an id that a person knows: types and names below the provider."""
    return resource_id.rpartition("/providers/")[2]
