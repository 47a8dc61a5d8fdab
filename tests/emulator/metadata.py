"""The metadata that a client needs of a private cloud before it can sign in."""

from __future__ import annotations

from typing import Any

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Response, answer
from tests.emulator.routes import Call, Route, route

# From this version on the answer is one cloud; before, a list of clouds.
_FIRST_OF_ONE = "2022-09-01"


def endpoints(cloud: Cloud, call: Call) -> Response:
    """Describe the cloud, in the shape that the asked api-version has."""
    described: dict[str, Any] = {
        "name": addresses.CLOUD,
        "portal": "https://portal.azure.test",
        "resourceManager": addresses.MANAGEMENT,
        "resourceManagerEndpoint": addresses.MANAGEMENT,
        "authentication": {
            "loginEndpoint": addresses.LOGIN,
            "audiences": list(addresses.MANAGEMENT_AUDIENCES),
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graph": "https://graph.azure.test/",
        "graphAudience": "https://graph.azure.test/",
        "microsoftGraphResourceId": "https://graph.azure.test/",
        "batch": "https://batch.core.azure.test/",
        "media": "https://rest.media.azure.test",
        "logAnalyticsResourceId": "https://api.loganalytics.azure.test",
        "suffixes": {
            "storage": addresses.STORAGE_SUFFIX,
            "keyVaultDns": "vault.azure.test",
            "acrLoginServer": "azurecr.azure.test",
            "sqlServerHostname": "database.azure.test",
        },
    }
    if call.request.query.get("api-version", "") < _FIRST_OF_ONE:
        return answer(200, [described])
    return answer(200, described)


ROUTES: tuple[Route, ...] = (
    route("GET", addresses.MANAGEMENT_HOST, "/metadata/endpoints", endpoints),
)
