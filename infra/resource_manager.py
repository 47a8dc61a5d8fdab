"""Azure Resource Manager over HTTPS, for what a plugin can't do: read a resource, put it back.

Signs in with the settings that the azure-native plugin takes, and in its order, so that one set
of them serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.clouds import CLOUDS, PULUMI_NAMES, Cloud, Setting, choose_cloud, described_clouds

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.rest import HttpResponse
    from azure.mgmt.core import ARMPipelineClient

API_VERSION = "2025-12-01"  # of Microsoft.MachineLearningServices, as pulumi-azure-native has it
METADATA_API_VERSION = "2019-05-01"
POLLING_INTERVAL = 5  # seconds, where the service names none
AUDIENCE = "api://AzureADTokenExchange"  # what Entra wants a federated token to be made for


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

    def get(self, resource_id: str) -> Resource | None:
        """Read a resource; None where there is none. Raises ResourceManagerError."""
        response = self._send("GET", resource_id).http_response
        if response.status_code == 404:
            return None
        _check(response, f"reading {_short(resource_id)}")
        return Resource(response.json(), response.headers.get("ETag"))

    def put(self, resource_id: str, body: Mapping[str, Any], etag: str | None = None) -> None:
        """Replace a resource and wait until Azure is done with it.

        With an `etag`, only the resource that was read with it. Raises Conflict where the
        resource is another by now or is being changed, else ResourceManagerError.
        """
        from azure.core.exceptions import AzureError
        from azure.core.polling import LROPoller
        from azure.mgmt.core.polling.arm_polling import ARMPolling

        headers = {"If-Match": etag} if etag else {}
        doing = f"changing {_short(resource_id)}"
        first = self._send("PUT", resource_id, headers, body)
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
    ) -> Any:
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        request = HttpRequest(
            method,
            resource_id,
            params={"api-version": API_VERSION},
            headers=dict(headers or {}),
            json=body,
        )
        request.url = self.client.format_url(request.url)
        try:
            return self.client.send_request(request, _return_pipeline_response=True)
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

    cloud = find_cloud(setting)
    # No logging policy: what it writes is never worth a header that slips through.
    policies = [
        RequestIdPolicy(),
        HeadersPolicy(),
        UserAgentPolicy("batch-scoring-infra"),
        RedirectPolicy(),
        RetryPolicy(),
        ARMChallengeAuthenticationPolicy(credential(setting, cloud), cloud.resource_manager_scope),
    ]
    return ResourceManager(ARMPipelineClient(cloud.resource_manager, policies=policies))


def find_cloud(setting: Setting) -> Cloud:
    """The cloud by name, or as its metadata host describes it. Raises ResourceManagerError."""
    name, host = choose_cloud(setting)
    if host:
        return _described_cloud(host, name)
    if name not in CLOUDS:
        raise ResourceManagerError(
            f"azure-native:environment is {name!r}, allowed: {', '.join(PULUMI_NAMES)},"
            " or azure-native:metadataHost for a private cloud"
        )
    return CLOUDS[name]


def credential(setting: Setting, cloud: Cloud) -> TokenCredential:
    """The one way to sign in that the settings choose. Raises ResourceManagerError."""
    import azure.identity as identity

    def required(key: str, variable: str) -> str:
        value = setting(key, variable)
        if not value:
            raise ResourceManagerError(f"signing in: azure-native:{key} or {variable} is not set")
        return value

    def on(key: str, variable: str) -> bool:
        return (setting(key, variable) or "").lower() in ("true", "1")

    options: dict[str, Any] = {"authority": cloud.authority}
    if cloud.private or on("disableInstanceDiscovery", "ARM_DISABLE_INSTANCE_DISCOVERY"):
        options["disable_instance_discovery"] = True
    tenant, client = setting("tenantId", "ARM_TENANT_ID"), setting("clientId", "ARM_CLIENT_ID")
    if on("useDefaultAzureCredential", "ARM_USE_DEFAULT_AZURE_CREDENTIAL"):
        return identity.DefaultAzureCredential(**options)
    if certificate := setting("clientCertificatePath", "ARM_CLIENT_CERTIFICATE_PATH"):
        return identity.CertificateCredential(
            required("tenantId", "ARM_TENANT_ID"),
            required("clientId", "ARM_CLIENT_ID"),
            certificate,
            password=setting("clientCertificatePassword", "ARM_CLIENT_CERTIFICATE_PASSWORD"),
            **options,
        )
    if secret := setting("clientSecret", "ARM_CLIENT_SECRET"):
        return identity.ClientSecretCredential(
            required("tenantId", "ARM_TENANT_ID"),
            required("clientId", "ARM_CLIENT_ID"),
            secret,
            **options,
        )
    if on("useOidc", "ARM_USE_OIDC"):
        return identity.ClientAssertionCredential(
            required("tenantId", "ARM_TENANT_ID"),
            required("clientId", "ARM_CLIENT_ID"),
            _assertion(setting),
            **options,
        )
    if on("useMsi", "ARM_USE_MSI"):
        return identity.ManagedIdentityCredential(client_id=client)
    return identity.AzureCliCredential(tenant_id=tenant or "")


def _assertion(setting: Setting) -> Callable[[], str]:
    """What gives the federated token: itself, a file's content, or GitHub's answer."""
    if token := setting("oidcToken", "ARM_OIDC_TOKEN"):
        return lambda: token
    if file := setting("oidcTokenFilePath", "ARM_OIDC_TOKEN_FILE_PATH"):
        # Read each time: the file's owner renews it.
        return lambda: _read_token(Path(file))
    url = setting("oidcRequestUrl", "ACTIONS_ID_TOKEN_REQUEST_URL", "ARM_OIDC_REQUEST_URL")
    bearer = setting("oidcRequestToken", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ARM_OIDC_REQUEST_TOKEN")
    if url and bearer:
        audience = setting("oidcAudience", "ARM_OIDC_AUDIENCE") or AUDIENCE
        return lambda: _request_token(url, bearer, audience)
    raise ResourceManagerError(
        "signing in with OpenID Connect: set ARM_OIDC_TOKEN, ARM_OIDC_TOKEN_FILE_PATH, or run"
        " where ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are set"
        " (on GitHub: permissions: id-token: write)"
    )


def _read_token(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ResourceManagerError(
            f"ARM_OIDC_TOKEN_FILE_PATH: {file} can't be read: {error.strerror}"
        ) from None


def _request_token(url: str, bearer: str, audience: str) -> str:
    from azure.core.rest import HttpRequest

    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
    answer = _get_json(
        HttpRequest("GET", url, params={"audience": audience}, headers=headers),
        "asking for a federated token",
    )
    token = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(token, str):
        raise ResourceManagerError("asking for a federated token: the answer holds no token")
    return token


def _described_cloud(host: str, name: str) -> Cloud:
    from azure.core.rest import HttpRequest

    address = f"https://{host}/metadata/endpoints"
    doing = f"asking {address} for the cloud's addresses"
    request = HttpRequest("GET", address, params={"api-version": METADATA_API_VERSION})
    described = described_clouds(_get_json(request, doing))
    if not described:
        raise ResourceManagerError(
            f"{doing}: the answer has not all of name, portal,"
            " resourceManager, authentication and suffixes of a cloud"
        )
    by_name = {cloud.name.lower(): cloud for cloud in described.values()}
    return by_name.get(name.lower()) or next(iter(described.values()))


def _get_json(request: Any, doing: str) -> Any:
    from azure.core import PipelineClient
    from azure.core.exceptions import AzureError
    from azure.core.pipeline.policies import RetryPolicy

    client: PipelineClient[Any, Any] = PipelineClient(request.url, policies=[RetryPolicy()])
    try:
        with client:
            response = client.send_request(request)
            _check(response, doing)
            return response.json()
    except AzureError as error:
        raise ResourceManagerError(f"{doing}: {_reason(error)}") from None


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
    """Azure's code and message in one line."""
    detail = getattr(error, "error", None)
    if detail is not None and detail.code:
        return " ".join(f"{detail.code}: {detail.message}".split())
    return " ".join(str(getattr(error, "message", error)).split())


def _short(resource_id: str) -> str:
    """The end of an id that a person knows: types and names below the provider."""
    return resource_id.rpartition("/providers/")[2]
