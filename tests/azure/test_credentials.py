from __future__ import annotations

import os
import sys
import time
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from runner.azure import credentials
from runner.azureml.connection import Connection
from runner.errors import EnvironmentRefused
from tests.azureml.stage import Stage
from tests.emulator.faults import ExpireTokens


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO())


def sign_ins(stage: Stage) -> int:
    return sum(request.path.endswith("/oauth2/v2.0/token") for request in stage.emulator.requests)


def test_one_token_serves_every_request_of_an_audience(stage: Stage, tmp_path: Path) -> None:
    stage.batch("diabetes-batch")
    stage.emulator.requests.clear()
    workspace = stage.workspace(tmp_path)
    workspace.endpoints()
    workspace.endpoint("diabetes-batch")
    assert sign_ins(stage) == 1


def test_a_token_at_hand_is_used_until_more_is_asked_for(stage: Stage) -> None:
    connection = Connection(stage.outputs())
    scope = connection.cloud.resource_manager_scope
    token = connection.credential.get_token(scope)
    assert connection.credential.get_token(scope) is token
    assert connection.credential.get_token(scope, claims="{}") is not token


def test_a_token_is_renewed_some_minutes_before_its_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection(stage.outputs())
    scope = connection.cloud.resource_manager_scope
    token = connection.credential.get_token(scope)
    now = token.expires_on - 400.0
    monkeypatch.setattr(
        credentials, "time", SimpleNamespace(time=lambda: now, monotonic=time.monotonic)
    )
    assert connection.credential.get_token(scope) is token
    now = token.expires_on - 200.0  # what it is sent with may take longer than that
    assert connection.credential.get_token(scope) is not token


@pytest.mark.parametrize("way", ["the SDK's", "the plugin's"])
def test_signing_in_to_a_private_cloud_asks_nobody_in_the_public_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "the plugin's":
        for name in ("CLIENT_ID", "CLIENT_SECRET", "TENANT_ID"):
            monkeypatch.setenv(f"ARM_{name}", os.environ[f"AZURE_{name}"])
            monkeypatch.delenv(f"AZURE_{name}")
    connection = Connection(stage.outputs())
    assert connection.cloud.private
    stage.emulator.requests.clear()
    assert connection.credential.get_token(connection.cloud.resource_manager_scope)
    assert {request.host for request in stage.emulator.requests} == {"login.azure.test"}


def test_a_token_that_a_service_challenged_is_renewed_once_for_all_who_use_it(
    stage: Stage,
) -> None:
    connection = Connection(stage.outputs())
    tenant = stage.emulator.cloud.application.tenant
    scope = connection.cloud.resource_manager_scope
    refused = connection.credential.get_token(scope)
    stage.emulator.cloud.tokens.expire_all()
    stage.emulator.requests.clear()
    renewed = connection.credential.get_token(scope, tenant_id=tenant)
    assert renewed.token != refused.token
    assert connection.credential.get_token(scope, tenant_id=tenant) is renewed
    assert connection.credential.get_token(scope) is renewed
    assert sign_ins(stage) == 1


def test_a_token_that_expired_on_the_way_is_renewed(stage: Stage, tmp_path: Path) -> None:
    workspace = stage.workspace(tmp_path)
    name = stage.job(stage.batch("diabetes-batch"), "Running")
    workspace.job(name)
    stage.emulator.faults.inject(ExpireTokens(), path=f"*/jobs/{name}")
    assert workspace.job(name).name == name


def test_a_token_that_is_refused_again_and_again_says_to_sign_in(
    stage: Stage, tmp_path: Path
) -> None:
    name = stage.job(stage.batch("diabetes-batch"), "Running")
    stage.emulator.faults.inject(ExpireTokens(), path=f"*/jobs/{name}", times=None)
    with pytest.raises(EnvironmentRefused, match="az login"):
        stage.workspace(tmp_path).job(name)


def test_a_wrong_secret_is_told_in_entras_words_and_never_shown(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "not-the-secret")
    with pytest.raises(EnvironmentRefused, match="AADSTS7000215") as refused:
        stage.workspace(tmp_path).job("any")
    assert "not-the-secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_who_is_not_signed_in_learns_what_was_tried(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    monkeypatch.setenv("PATH", str(tmp_path))  # without az, azd and PowerShell
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")  # no look for a managed identity
    with pytest.raises(EnvironmentRefused) as refused:
        stage.workspace(tmp_path).job("any")
    text = str(refused.value)
    assert text.startswith("not signed in to Azure; tried ")
    assert "azd auth login" in text
    assert "Run `az login`, or set AZURE_TENANT_ID" in text
    assert "\n" not in text
