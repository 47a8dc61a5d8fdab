from __future__ import annotations

from typing import Any

import pytest

from infra.policies.access import PUSHED_BY_BUILDER
from tests.infra.policies.ask import UNKNOWN, ask

ROLE = "azure-native:authorization:RoleAssignment"
PULL, PUSH = "7f951dda-4ed3-4680-a7ca-43fe172d538d", "8311e382-0749-4cb8-b61a-304f252e45ec"


def about(name: str, role: Any, **config: Any) -> list[str]:
    definition = f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": UNKNOWN if role is UNKNOWN else definition}
    return ask(PUSHED_BY_BUILDER, ROLE, properties, name=name, config=config)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("builder-acr-push-on-registry", PUSH),
        ("clusters-acr-pull-on-registry", PULL),
        ("clusters-acr-pull-on-registry", UNKNOWN),
    ],
)
def test_the_builder_pushes_and_others_pull(name: str, role: Any) -> None:
    assert about(name, role) == []


@pytest.mark.parametrize("role", [PUSH, PUSH.upper()])
def test_nobody_else_pushes(role: str) -> None:
    (message,) = about("clusters-acr-push-on-registry", role)
    assert "clusters-acr-push-on-registry lets somebody push" in message


def test_who_pushes_is_configured() -> None:
    assert about("team-acr-push-on-registry", PUSH, pushers=["team"]) == []
    assert about("builder-acr-push-on-registry", PUSH, pushers=["team"])
