"""Signing in."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError

from tests.emulator import Emulator, addresses, tokens
from tests.emulator.entra import PUBLIC_CLIENTS
from tests.emulator.tokens import Tokens

if TYPE_CHECKING:
    from azure.identity import ClientSecretCredential

SCOPE = f"{addresses.MANAGEMENT}/.default"

ML_SCOPE = f"{addresses.ML_RESOURCE}/.default"
BACK = "http://localhost:8400"


def _credential(azure: Emulator, **changed: str) -> ClientSecretCredential:
    from azure.identity import ClientSecretCredential

    app = azure.cloud.application
    given = {
        "tenant_id": app.tenant,
        "client_id": app.client,
        "client_secret": app.secret,
        **changed,
    }
    return ClientSecretCredential(**given)


def _status(azure: Emulator, token: str | None) -> tuple[int, str, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"{addresses.MANAGEMENT}/subscriptions/{azure.cloud.subscription}?api-version=2022-12-01"
    got = requests.get(url, headers=headers, timeout=10)
    code = got.json().get("error", {}).get("code", "")
    return got.status_code, code, got.headers.get("WWW-Authenticate", "")


def test_the_right_secret_gives_a_token_that_opens_resource_manager(azure: Emulator) -> None:
    token = _credential(azure).get_token(SCOPE).token
    assert _status(azure, token)[0] == 200


def test_a_wrong_secret_is_refused_by_its_number(azure: Emulator) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215") as refused:
        _credential(azure, client_secret="guessed").get_token(SCOPE)  # noqa: S106 - a wrong one
    assert "guessed" not in str(refused.value)


def test_an_unknown_client_is_refused_by_its_number(azure: Emulator) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        _credential(azure, client_id="00000000-0000-0000-0000-000000000000").get_token(SCOPE)


def test_an_unknown_tenant_is_refused(azure: Emulator) -> None:
    with pytest.raises(ClientAuthenticationError):
        _credential(azure, tenant_id="00000000-0000-0000-0000-000000000000").get_token(SCOPE)


def test_a_tenant_without_the_subscription_gives_tokens_that_do_not_open_it(
    azure: Emulator,
) -> None:
    _, other = azure.cloud.tokens.tenants
    token = _credential(azure, tenant_id=other).get_token(SCOPE).token
    assert _status(azure, token)[:2] == (401, "InvalidAuthenticationTokenTenant")


def test_no_token_is_unauthorized_and_says_how_to_get_one(azure: Emulator) -> None:
    status, code, challenge = _status(azure, None)
    assert (status, code) == (401, "AuthenticationFailed")
    assert challenge.startswith("Bearer ")


def test_a_token_for_another_audience_is_unauthorized(azure: Emulator) -> None:
    token = _credential(azure).get_token(f"{addresses.ML_RESOURCE}/.default").token
    assert _status(azure, token)[:2] == (401, "InvalidAuthenticationTokenAudience")


def test_an_altered_token_is_unauthorized(azure: Emulator) -> None:
    token = azure.cloud.tokens.issue(addresses.MANAGEMENT)
    assert _status(azure, token[:-3] + "abc")[0] == 401


def test_an_expired_token_is_unauthorized(azure: Emulator) -> None:
    late = azure.cloud.tokens.issue(addresses.MANAGEMENT, seconds=-1)
    assert _status(azure, late)[:2] == (401, "ExpiredAuthenticationToken")


def test_all_tokens_can_be_expired_at_once(azure: Emulator) -> None:
    token = azure.cloud.tokens.issue(addresses.MANAGEMENT)
    azure.cloud.tokens.expire_all()
    assert _status(azure, token)[0] == 401
    assert _status(azure, azure.cloud.tokens.issue(addresses.MANAGEMENT))[0] == 200


def test_tokens_are_checked_by_what_is_kept(azure: Emulator) -> None:
    cloud = azure.cloud
    again = Tokens(cloud.state, cloud.application)
    assert _status(azure, again.issue(addresses.MANAGEMENT))[0] == 200


def _public(client: str = PUBLIC_CLIENTS[0], tenant: str = "organizations") -> Any:
    from msal import PublicClientApplication  # type: ignore[import-untyped]

    return PublicClientApplication(
        client, authority=f"{addresses.LOGIN}/{tenant}", instance_discovery=False
    )


def _begin(app: Any, redirect_uri: str = BACK) -> dict[str, Any]:
    flow: dict[str, Any] = app.initiate_auth_code_flow(
        [SCOPE], redirect_uri=redirect_uri, response_mode="form_post"
    )
    return flow


def _visit(flow: dict[str, Any]) -> dict[str, str]:
    """Return what a browser that goes there brings back."""
    page = requests.get(flow["auth_uri"], timeout=10)
    assert page.status_code == 200, page.text
    assert f'action="{flow["redirect_uri"]}"' in page.text
    fields = re.findall(r'name="(\w+)" value="([^"]*)"', page.text)
    return {name: html.unescape(value) for name, value in fields}


def test_a_person_gets_tokens_for_what_the_browser_brings_back(azure: Emulator) -> None:
    app = _public()
    flow = _begin(app)
    given = app.acquire_token_by_auth_code_flow(flow, _visit(flow))
    assert _status(azure, given["access_token"])[0] == 200
    person, tenant = azure.cloud.tokens.person, azure.cloud.application.tenant
    claims = given["id_token_claims"]
    assert (claims["aud"], claims["tid"]) == (PUBLIC_CLIENTS[0], tenant)
    assert claims["iss"] == f"{addresses.LOGIN}/{tenant}/v2.0"
    (account,) = app.get_accounts()
    assert account["username"] == person.name
    assert account["home_account_id"] == f"{person.object_id}.{tenant}"


def test_a_refresh_token_gives_tokens_for_other_services(azure: Emulator) -> None:
    app = _public(tenant=azure.cloud.application.tenant)
    flow = _begin(app)
    app.acquire_token_by_auth_code_flow(flow, _visit(flow))
    azure.cloud.tokens.expire_all()
    (account,) = app.get_accounts()
    given = app.acquire_token_silent([ML_SCOPE], account=account)
    assert _status(azure, given["access_token"])[1] == "InvalidAuthenticationTokenAudience"
    renewed = app.acquire_token_silent([SCOPE], account=account, force_refresh=True)
    assert _status(azure, renewed["access_token"])[0] == 200


def test_a_refresh_token_is_of_no_use_to_another_client(azure: Emulator) -> None:
    made = azure.cloud.tokens.give_refresh_token(PUBLIC_CLIENTS[0])
    given = _public(PUBLIC_CLIENTS[1]).acquire_token_by_refresh_token(made, [SCOPE])
    assert given["error_codes"] == [9002313]
    given = _public().acquire_token_by_refresh_token(f"{made[:-3]}abc", [SCOPE])
    assert given["error_codes"] == [9002313]
    assert "access_token" in _public().acquire_token_by_refresh_token(made, [SCOPE])


def test_a_code_is_good_once(azure: Emulator) -> None:
    app = _public()
    flow = _begin(app)
    brought = _visit(flow)
    assert "access_token" in app.acquire_token_by_auth_code_flow(dict(flow), brought)
    again = app.acquire_token_by_auth_code_flow(dict(flow), brought)
    assert (again["error"], again["error_codes"]) == ("invalid_grant", [54005])


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"code_verifier": "x" * 43}, 501481),
        ({"redirect_uri": "http://localhost:8401"}, 500112),
    ],
)
def test_a_code_is_only_good_to_who_asked_for_it(
    azure: Emulator, changed: dict[str, str], code: int
) -> None:
    app = _public()
    flow = _begin(app)
    given = app.acquire_token_by_auth_code_flow({**flow, **changed}, _visit(flow))
    assert given["error_codes"] == [code]


def test_a_code_is_good_to_no_other_client_and_not_for_ever(
    azure: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = _begin(_public())
    given = _public(PUBLIC_CLIENTS[1]).acquire_token_by_auth_code_flow(flow, _visit(flow))
    assert given["error_codes"] == [70008]
    monkeypatch.setattr(tokens, "CODE_SECONDS_VALID", -1)
    flow = _begin(_public())
    assert _public().acquire_token_by_auth_code_flow(flow, _visit(flow))["error_codes"] == [70008]


def test_a_code_comes_in_the_address_where_no_form_was_asked_for(azure: Emulator) -> None:
    flow = _begin(_public())
    address = flow["auth_uri"].replace("response_mode=form_post", "response_mode=query")
    got = requests.get(address, timeout=10, allow_redirects=False)
    assert got.status_code == 302
    assert got.headers["Location"].startswith(f"{BACK}?")
    brought = dict(parse_qsl(urlsplit(got.headers["Location"]).query))
    assert "access_token" in _public().acquire_token_by_auth_code_flow(flow, brought)


def test_a_person_may_decline(azure: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure.cloud.tokens, "person_declines", True)
    flow = _begin(_public())
    given = _public().acquire_token_by_auth_code_flow(flow, _visit(flow))
    assert given["error"] == "access_denied"
    assert given["error_description"].startswith("AADSTS65004: ")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 700016),
        ({"redirect_uri": "https://localhost:8400"}, 50011),
        ({"redirect_uri": "http://elsewhere.example"}, 50011),
        ({"redirect_uri": "http://localhost.elsewhere.example"}, 50011),
        ({"response_type": "token"}, 70005),
        ({"code_challenge": ""}, 9002325),
        ({"code_challenge_method": "plain"}, 9002325),
        ({"tenant": "00000000-0000-0000-0000-000000000000"}, 90002),
    ],
)
def test_a_browser_is_sent_nowhere_else(azure: Emulator, given: dict[str, str], code: int) -> None:
    asked = {
        "client_id": PUBLIC_CLIENTS[0],
        "redirect_uri": BACK,
        "response_type": "code",
        "code_challenge": "abc",
        "code_challenge_method": "S256",
        "tenant": "organizations",
        **given,
    }
    url = f"{addresses.LOGIN}/{asked.pop('tenant')}/oauth2/v2.0/authorize"
    got = requests.get(url, asked, timeout=10, allow_redirects=False)
    assert (got.status_code, got.json()["error_codes"]) == (400, [code])


def test_an_application_that_has_a_secret_signs_in_nobody(azure: Emulator) -> None:
    client = azure.cloud.application.client
    got = requests.get(_begin(_public(client))["auth_uri"], timeout=10)
    assert (got.status_code, got.json()["error_codes"]) == (400, [700016])
