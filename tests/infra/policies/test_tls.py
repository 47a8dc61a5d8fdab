from __future__ import annotations

from typing import Any

import pytest

from infra.policies.tls import MINIMUM_TLS
from tests.infra.policies.ask import ML, UNKNOWN, ask

STORAGE = "azure-native:storage:StorageAccount"


@pytest.mark.parametrize("version", ["TLS1_2", "TLS1_3", UNKNOWN])
def test_a_storage_account_with_tls_1_2_or_newer_passes(version: str) -> None:
    assert ask(MINIMUM_TLS, STORAGE, {"minimumTlsVersion": version}) == []


@pytest.mark.parametrize("properties", [{}, {"minimumTlsVersion": "TLS1_0"}])
def test_a_storage_account_with_older_tls_fails(properties: dict[str, Any]) -> None:
    (message,) = ask(MINIMUM_TLS, STORAGE, properties)
    assert "set it to TLS1_2" in message


def test_a_storage_account_with_plain_http_fails() -> None:
    properties = {"minimumTlsVersion": "TLS1_2", "enableHttpsTrafficOnly": False}
    (message,) = ask(MINIMUM_TLS, STORAGE, properties)
    assert "enable_https_traffic_only=True" in message


@pytest.mark.parametrize(
    ("kind", "properties", "problems"),
    [
        ("azure-native:sql:Server", {"minimalTlsVersion": "1.1"}, 1),
        ("azure-native:sql:Server", {"minimalTlsVersion": "1.2"}, 0),
        ("azure-native:sql:Server", {"minimalTlsVersion": "None"}, 1),
        (ML + "Workspace", {}, 0),
    ],
)
def test_any_service_that_names_a_version_is_held_to_it(
    kind: str, properties: dict[str, Any], problems: int
) -> None:
    assert len(ask(MINIMUM_TLS, kind, properties)) == problems
