"""A rule is about a type, whichever API version of it a program names."""

from __future__ import annotations

import pytest

from infra.policies.network import DOORS, NO_PUBLIC_NETWORK
from infra.policies.tags import REQUIRED_TAGS
from tests.infra.policies.ask import ask

VERSIONS = ("", "/v20241001", "/v20250101preview")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", DOORS)
def test_a_rule_holds_for_a_type_with_a_version_in_its_name(kind: str, version: str) -> None:
    module, _, name = kind.partition(":")
    type_ = f"azure-native:{module}{version}:{name}"
    assert ask(NO_PUBLIC_NETWORK, type_, {}, stack="prod")
    assert ask(REQUIRED_TAGS, type_, {})
