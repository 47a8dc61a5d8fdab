"""Chooses the account that signs in to Azure, for the runner as for `pulumi up`.

The settings are those of the azure-native plugin, in its order: the default credential, a client's
certificate, a client's secret, OpenID Connect, a managed identity, and else `az login`, where the
subscription picks the account and the tenant.
Sources: pulumi-azure-native 3.24, "Installation & Configuration"; azure-cli 2, `get_raw_token`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.azure.client import Client
from runner.errors import EnvironmentRefused

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.identity import AzureCliCredential

    from runner.clouds import Cloud, Setting

_AUDIENCE = "api://AzureADTokenExchange"  # what Entra wants a federated token to be made for
_SUBSCRIPTIONS = "2022-12-01"  # the version of the interface to subscriptions
_AUTHORITY = re.compile(r'authorization_uri="[^"]*/([0-9a-fA-F-]{36})/?"')


def plugin_credential(setting: Setting, cloud: Cloud) -> TokenCredential:
    """Return the one credential that the plugin would use. Raises EnvironmentRefused."""
    subscription = setting("subscriptionId", "ARM_SUBSCRIPTION_ID")
    return set_credential(setting, cloud) or cli_credential(
        subscription, setting("tenantId", "ARM_TENANT_ID")
    )


def set_credential(setting: Setting, cloud: Cloud) -> TokenCredential | None:
    """Return the credential that the settings choose, or None where they leave it to `az login`.

    Raises EnvironmentRefused for a credential that lacks one of its settings.
    """
    import azure.identity as identity

    def required(key: str, variable: str) -> str:
        value = setting(key, variable)
        if not value:
            raise EnvironmentRefused(f"signing in: azure-native:{key} or {variable} is not set")
        return value

    def on(key: str, variable: str) -> bool:
        return (setting(key, variable) or "").lower() in ("true", "1")

    options: dict[str, Any] = {"authority": cloud.authority}
    if cloud.private or on("disableInstanceDiscovery", "ARM_DISABLE_INSTANCE_DISCOVERY"):
        options["disable_instance_discovery"] = True
    if on("useDefaultAzureCredential", "ARM_USE_DEFAULT_AZURE_CREDENTIAL"):
        return default_credential(setting("subscriptionId", "ARM_SUBSCRIPTION_ID"), **options)
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
        return identity.ManagedIdentityCredential(client_id=setting("clientId", "ARM_CLIENT_ID"))
    return None


def default_credential(subscription: str | None, **options: Any) -> TokenCredential:
    """Return the SDK's default credential, with the account of `az login` that has a subscription.

    `options` are those of DefaultAzureCredential, which takes no subscription itself.
    """
    from azure.identity import AzureCliCredential, DefaultAzureCredential

    found = DefaultAzureCredential(**options)
    found.credentials = tuple(
        cli_credential(subscription) if isinstance(tried, AzureCliCredential) else tried
        for tried in found.credentials
    )
    return found


def cli_credential(subscription: str | None, tenant: str | None = None) -> AzureCliCredential:
    """Return the account of `az login` that has a subscription, or without one the tenant's.

    `az` refuses to be given both. It knows the tenant of each of its subscriptions, so the tenant
    that a service asks for is not passed on beside a subscription.
    """
    import azure.identity

    class AzureCliCredential(azure.identity.AzureCliCredential):  # errors tell it by this name
        def get_token(self, *scopes: str, **options: Any) -> Any:
            return super().get_token(*scopes, **self._without_tenant(options))

        def get_token_info(self, *scopes: str, options: Any = None) -> Any:
            return super().get_token_info(*scopes, options=self._without_tenant(options or {}))

        def _without_tenant(self, options: Any) -> Any:
            if not self.subscription:
                return options
            return {key: value for key, value in options.items() if key != "tenant_id"}

    if subscription:
        return AzureCliCredential(subscription=subscription)
    return AzureCliCredential(tenant_id=tenant or "")


def find_tenant(cloud: Cloud, subscription: str) -> str | None:
    """Return the tenant that a subscription trusts, which Resource Manager tells without sign-in.

    None where it does not answer, or names none.
    """
    client = Client(cloud.resource_manager, api_version=_SUBSCRIPTIONS)
    try:
        url = client.url("subscriptions", subscription)
        answer = client.send("GET", url, accept=(401, 403, 404), retry="never")
    except EnvironmentRefused:
        return None
    found = _AUTHORITY.search(answer.headers.get("WWW-Authenticate", ""))
    return found[1] if found else None


def _assertion(setting: Setting) -> Callable[[], str]:
    """Return a function that gives the federated token: as set, of a file, or of GitHub."""
    if token := setting("oidcToken", "ARM_OIDC_TOKEN"):
        return lambda: token
    if file := setting("oidcTokenFilePath", "ARM_OIDC_TOKEN_FILE_PATH"):
        # Read each time: the file's owner renews it.
        return lambda: _read_token(Path(file))
    url = setting("oidcRequestUrl", "ACTIONS_ID_TOKEN_REQUEST_URL", "ARM_OIDC_REQUEST_URL")
    bearer = setting("oidcRequestToken", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ARM_OIDC_REQUEST_TOKEN")
    if url and bearer:
        audience = setting("oidcAudience", "ARM_OIDC_AUDIENCE") or _AUDIENCE
        return lambda: _request_token(url, bearer, audience)
    raise EnvironmentRefused(
        "signing in with OpenID Connect: set ARM_OIDC_TOKEN, ARM_OIDC_TOKEN_FILE_PATH, or run"
        " where ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are set"
        " (on GitHub: permissions: id-token: write)"
    )


def _read_token(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise EnvironmentRefused(
            f"ARM_OIDC_TOKEN_FILE_PATH: {file} can't be read: {error.strerror}"
        ) from None


def _request_token(url: str, bearer: str, audience: str) -> str:
    client = Client(url)
    answer = client.send(
        "GET",
        url,
        params={"audience": audience},
        headers={"Authorization": f"Bearer {bearer}"},
        what="ask for a federated token",
    ).json()
    token = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(token, str):
        raise EnvironmentRefused("asking for a federated token: the answer holds no token")
    return token
