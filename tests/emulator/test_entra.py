"""Signing in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError

from tests.emulator import Emulator, addresses
from tests.emulator.tokens import Tokens

if TYPE_CHECKING:
    from azure.identity import ClientSecretCredential

SCOPE = f"{addresses.MANAGEMENT}/.default"


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
