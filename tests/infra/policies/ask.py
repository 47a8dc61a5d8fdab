"""Asks a rule about a resource, by the road that Pulumi takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_policy import PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.policy import PolicyCustomTimeouts
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from infra.policies.rule import Rule, as_policy

ML = "azure-native:machinelearningservices:"
UNKNOWN = UNKNOWN_STRING_VALUE


def ask(
    rule: Rule,
    resource_type: str,
    properties: dict[str, Any],
    *,
    name: str = "it",
    stack: str = "dev",
    config: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the messages of a rule about one resource, in order."""
    messages: list[str] = []

    def report(message: str, urn: str | None) -> None:
        assert urn is None
        messages.append(message)

    args = ResourceValidationArgs(
        resource_type,
        unknown_checking_proxy(deserialize_properties(properties)),
        f"urn:pulumi:{stack}::scoring::{resource_type}::{name}",
        name,
        PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [], None),
        None,
        config or {},
    )
    validate = as_policy(rule).validate
    validate(args, report)
    return messages
