"""Signing in: what msal asks of Entra for a client secret, and for a person at a browser.

The person has signed in already and agrees to whatever is asked, unless told to decline.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import escape
from json import dumps
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.emulator import addresses
from tests.emulator.cloud import Cloud
from tests.emulator.messages import Response, answer
from tests.emulator.routes import Call, Route, route
from tests.emulator.tokens import SECONDS_VALID, SignIn, base64url

# The applications of the Azure CLI and of Azure PowerShell, which keep no secret.
PUBLIC_CLIENTS = (
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "1950a258-227b-4e31-a9cf-717495945fc2",
)
ANY_TENANT = ("organizations", "common")  # of whoever signs in
_LOOPBACK = ("localhost", "127.0.0.1")
_ABOUT_THE_PERSON = ("openid", "profile", "offline_access")  # scopes that name no service


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
    tenant = call.arguments["tenant"]
    if tenant not in (*cloud.tokens.tenants, *ANY_TENANT):
        return _no_tenant(tenant)
    base = f"{addresses.LOGIN}/{tenant}"
    issuer = f"{addresses.LOGIN}/{'{tenantid}' if tenant in ANY_TENANT else tenant}/v2.0"
    return answer(
        200,
        {
            "issuer": issuer,
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


def authorize(cloud: Cloud, call: Call) -> Response:
    """Send a browser back to the program that opened it, with a code, or with the person's no."""
    asked = call.request.query
    client, redirect_uri = asked.get("client_id", ""), asked.get("redirect_uri", "")
    back = urlsplit(redirect_uri)
    if call.arguments["tenant"] not in (*cloud.tokens.tenants, *ANY_TENANT):
        return _no_tenant(call.arguments["tenant"])
    if client not in PUBLIC_CLIENTS:
        return _no_client(cloud, client)
    if back.scheme != "http" or back.hostname not in _LOOPBACK:
        return _failure(
            400,
            "invalid_request",
            50011,
            f"The redirect URI '{redirect_uri}' specified in the request does not match the"
            f" redirect URIs configured for the application '{client}'.",
        )
    if asked.get("response_type") != "code":
        return _failure(
            400, "unsupported_response_type", 70005, "The response type is not supported."
        )
    if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
        return _failure(
            400, "invalid_request", 9002325, "Proof Key for Code Exchange (S256) is required."
        )
    if cloud.tokens.person_declines:
        brought = _failure(
            400,
            "access_denied",
            65004,
            "User declined to consent to access the app.",
        ).json()
        brought = {name: brought[name] for name in ("error", "error_description", "error_uri")}
        brought["error_subcode"] = "cancel"
    else:
        sign_in = SignIn(client, redirect_uri, asked["code_challenge"], asked.get("nonce"))
        brought = {"code": cloud.tokens.give_code(sign_in), "session_state": str(uuid.uuid4())}
    if "state" in asked:
        brought["state"] = asked["state"]
    if asked.get("response_mode") == "form_post":
        return _form(redirect_uri, brought)
    joint = "&" if back.query else "?"
    return Response(302, b"", {"Location": f"{redirect_uri}{joint}{urlencode(brought)}"})


def _form(address: str, fields: Mapping[str, str]) -> Response:
    """Return a page that sends itself to an address."""
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}"/>'
        for name, value in fields.items()
    )
    page = (
        "<html><head><title>Working...</title></head>"
        f'<body onload="document.forms[0].submit()"><form method="POST" action="{escape(address)}">'
        f'{inputs}<input type="submit" value="Continue"/></form></body></html>'
    )
    return Response(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def token(cloud: Cloud, call: Call) -> Response:
    """Give a token for a client's secret, or for what a person agreed to."""
    form = dict(parse_qsl(call.request.body.decode()))
    tenant = call.arguments["tenant"]
    grant = _GRANTS.get(form.get("grant_type", ""))
    if grant is None:
        return _failure(
            400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
        )
    if grant is not _for_secret and tenant in ANY_TENANT:
        tenant = cloud.application.tenant
    if tenant not in cloud.tokens.tenants:
        return _no_tenant(tenant)
    return grant(cloud, form, tenant)


def token_of_version_1(cloud: Cloud, call: Call) -> Response:
    """Give a token for a client's secret, as databricks-sdk asks for it."""
    form = dict(parse_qsl(call.request.body.decode()))
    tenant = call.arguments["tenant"]
    if tenant not in cloud.tokens.tenants:
        return _no_tenant(tenant)
    return _for_secret(cloud, {**form, "scope": f"{form.get('resource', '')}/.default"}, tenant)


def _for_secret(cloud: Cloud, form: Mapping[str, str], tenant: str) -> Response:
    app = cloud.application
    if form.get("client_id") != app.client:
        return _no_client(cloud, form.get("client_id"))
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
    return _tokens(cloud.tokens.issue(scope.removesuffix("/.default"), tenant=tenant))


def _for_code(cloud: Cloud, form: Mapping[str, str], tenant: str) -> Response:
    code = form.get("code", "")
    if cloud.tokens.is_redeemed(code):
        return _no_grant(
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or"
            " use an existing refresh token.",
        )
    sign_in = cloud.tokens.redeem(code)
    if sign_in is None or sign_in.client != form.get("client_id"):
        return _no_grant(70008, "The provided authorization code is unknown, or has expired.")
    if sign_in.redirect_uri != form.get("redirect_uri"):
        return _no_grant(
            500112,
            f"The reply address '{form.get('redirect_uri')}' does not match the reply address"
            f" '{sign_in.redirect_uri}' provided when requesting Authorization code.",
        )
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if not hmac.compare_digest(base64url(digest), sign_in.challenge):
        return _no_grant(
            501481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization"
            " request.",
        )
    return _for_person(cloud, form, tenant, sign_in)


def _for_refresh_token(cloud: Cloud, form: Mapping[str, str], tenant: str) -> Response:
    client = form.get("client_id", "")
    if not cloud.tokens.refreshes(form.get("refresh_token", ""), client):
        return _no_grant(9002313, "Invalid request. Request is malformed or invalid.")
    return _for_person(cloud, form, tenant, SignIn(client))


def _for_person(cloud: Cloud, form: Mapping[str, str], tenant: str, sign_in: SignIn) -> Response:
    scopes = form.get("scope", "").split()
    services = {
        scope.rpartition("/")[0]: scope for scope in scopes if scope not in _ABOUT_THE_PERSON
    }
    if len(services) != 1 or "" in services:
        return _failure(
            400,
            "invalid_scope",
            70011,
            f"The provided value for the input parameter 'scope' is not valid: {' '.join(scopes)}.",
        )
    (audience,) = services
    more: dict[str, Any] = {"scope": services[audience], "foci": "1"}
    if "offline_access" in scopes:
        more["refresh_token"] = cloud.tokens.give_refresh_token(sign_in.client)
    if "openid" in scopes:
        issuer = f"{addresses.LOGIN}/{cloud.application.tenant}/v2.0"
        more["id_token"] = cloud.tokens.identify(issuer, sign_in.client, sign_in.nonce)
    if form.get("client_info") == "1":
        who = {"uid": cloud.tokens.person.object_id, "utid": cloud.application.tenant}
        more["client_info"] = base64url(dumps(who).encode())
    return _tokens(cloud.tokens.issue_to_person(audience, sign_in.client, tenant), more)


_GRANTS: dict[str, Callable[[Cloud, Mapping[str, str], str], Response]] = {
    "client_credentials": _for_secret,
    "authorization_code": _for_code,
    "refresh_token": _for_refresh_token,
}


def _tokens(access_token: str, more: Mapping[str, Any] | None = None) -> Response:
    return answer(
        200,
        {
            "token_type": "Bearer",
            "expires_in": SECONDS_VALID,
            "ext_expires_in": SECONDS_VALID,
            "access_token": access_token,
            **(more or {}),
        },
        {"Cache-Control": "no-store"},
    )


def _no_tenant(tenant: str) -> Response:
    return _failure(
        400,
        "invalid_tenant",
        90002,
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are"
        " signing into the correct cloud.",
    )


def _no_client(cloud: Cloud, client: str | None) -> Response:
    return _failure(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{client}' was not found in the directory"
        f" '{cloud.application.tenant}'.",
    )


def _no_grant(code: int, message: str) -> Response:
    return _failure(400, "invalid_grant", code, message)


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
    route("GET", addresses.LOGIN_HOST, "/{tenant}/oauth2/v2.0/authorize", authorize),
    route("POST", addresses.LOGIN_HOST, "/{tenant}/oauth2/v2.0/token", token),
    route("POST", addresses.LOGIN_HOST, "/{tenant}/oauth2/token", token_of_version_1),
)
