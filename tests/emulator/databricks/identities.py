"""Who is who: the user that asks, and what a client may know before it signs in."""

from __future__ import annotations

from typing import Any

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.databricks.service import Ask, Endpoint
from tests.emulator.messages import Response, answer
from tests.emulator.routes import Call, route


def me(ask: Ask) -> dict[str, Any]:
    """Tell the caller."""
    user = ask.user
    groups = [{"display": "admins", "type": "direct", "value": "1"}] if user.admin else []
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": str(user.number),
        "userName": user.name,
        "displayName": user.name,
        "active": True,
        "emails": [{"type": "work", "value": user.name, "primary": True}],
        "groups": [*groups, {"display": "users", "type": "direct", "value": "2"}],
        "entitlements": [{"value": "workspace-access"}],
    }


def describe_host(cloud: Cloud, call: Call) -> Response:
    """Tell what kind of host this is, without asking for a token."""
    return answer(
        200,
        {
            "oidc_endpoint": f"https://{call.request.host}/oidc",
            "account_id": cloud.application.tenant,
            "workspace_id": call.arguments["workspace"],
            "cloud": "AZURE",
        },
    )


ENDPOINTS = (Endpoint("GET", "/api/2.0/preview/scim/v2/Me", me),)
OPEN_ROUTES = (
    route("GET", addresses.DATABRICKS_HOST, "/.well-known/databricks-config", describe_host),
)
