"""Signing in: what msal asks of Entra for a client secret."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Response, answer
from tests.emulator.routes import Call, Route, route
from tests.emulator.tokens import SECONDS_VALID


def instance_discovery(cloud: Cloud, call: Call) -> Response:
    """Say that an authority is one; asked of the public cloud's host for every unknown one."""
    authority = urlsplit(call.request.query.get("authorization_endpoint", ""))
    tenant = authority.path.strip("/").partition("/")[0] or cloud.application.tenant
    configuration = f"{addresses.LOGIN}/{tenant}/v2.0/.well-known/openid-configuration"
    return answer(
        200,
        {
            "tenant_discovery_endpoint": configuration,
            "api-version": "1.1",
            "metadata": [
                {
                    "preferred_network": addresses.LOGIN_HOST,
                    "preferred_cache": addresses.LOGIN_HOST,
                    "aliases": [addresses.LOGIN_HOST],
                }
            ],
        },
    )


def openid_configuration(cloud: Cloud, call: Call) -> Response:
    """Say where a tenant's endpoints are."""
    if call.arguments["tenant"] != cloud.application.tenant:
        return _failure(
            400,
            "invalid_tenant",
            90002,
            f"Tenant '{call.arguments['tenant']}' not found. Check to make sure you have the"
            " correct tenant ID and are signing into the correct cloud.",
        )
    base = f"{addresses.LOGIN}/{cloud.application.tenant}"
    return answer(
        200,
        {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        },
    )


def token(cloud: Cloud, call: Call) -> Response:
    """Give a token for a client's secret."""
    form = dict(parse_qsl(call.request.body.decode()))
    app = cloud.application
    if call.arguments["tenant"] != app.tenant:
        return _failure(400, "invalid_request", 90002, "Tenant not found.")
    if form.get("grant_type") != "client_credentials":
        return _failure(
            400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
        )
    if form.get("client_id") != app.client:
        return _failure(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{form.get('client_id')}' was not found in the"
            f" directory '{app.tenant}'.",
        )
    if form.get("client_secret") != app.secret:
        return _failure(
            401,
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the"
            " client secret value, not the client secret ID, for a secret added to app"
            f" '{app.client}'.",
        )
    scope = form.get("scope", "").split(" ")[0]
    if not scope.endswith("/.default"):
        return _failure(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows must have"
            " a scope value with /.default suffixed to the resource identifier.",
        )
    audience = scope.removesuffix("/.default")
    return answer(
        200,
        {
            "token_type": "Bearer",
            "expires_in": SECONDS_VALID,
            "ext_expires_in": SECONDS_VALID,
            "access_token": cloud.tokens.issue(audience),
        },
        {"Cache-Control": "no-store"},
    )


def _failure(status: int, error: str, code: int, message: str) -> Response:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    return answer(
        status,
        {
            "error": error,
            "error_description": f"AADSTS{code}: {message} Trace ID: {trace}"
            f" Correlation ID: {correlation} Timestamp: {now}",
            "error_codes": [code],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{addresses.LOGIN}/error?code={code}",
        },
    )


ROUTES: tuple[Route, ...] = (
    route("GET", addresses.LOGIN_HOST, "/common/discovery/instance", instance_discovery),
    route("GET", addresses.KNOWN_LOGIN_HOST, "/common/discovery/instance", instance_discovery),
    route(
        "GET",
        addresses.LOGIN_HOST,
        "/{tenant}/v2.0/.well-known/openid-configuration",
        openid_configuration,
    ),
    route("POST", addresses.LOGIN_HOST, "/{tenant}/oauth2/v2.0/token", token),
)
