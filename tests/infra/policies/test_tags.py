from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

from infra.policies.tags import REQUIRED_TAGS, UNTAGGED
from tests.infra.policies.ask import ML, UNKNOWN, ask

GROUP = "azure-native:resources:ResourceGroup"
ALL = {"project": "scoring", "environment": "dev", "commit": "0123456"}


@pytest.mark.parametrize("tags", [ALL, {**ALL, "model": "3"}, {**ALL, "commit": UNKNOWN}, UNKNOWN])
def test_what_has_the_required_tags_passes(tags: Any) -> None:
    assert ask(REQUIRED_TAGS, GROUP, {"tags": tags}) == []


@pytest.mark.parametrize(
    ("properties", "missing"),
    [
        ({}, "project, environment, commit"),
        ({"tags": {}}, "project, environment, commit"),
        ({"tags": {**ALL, "commit": ""}}, "commit"),
        ({"tags": {"project": "scoring", "commit": "0123456"}}, "environment"),
    ],
)
def test_what_lacks_one_fails(properties: dict[str, Any], missing: str) -> None:
    (message,) = ask(REQUIRED_TAGS, GROUP, properties, name="group")
    assert message.startswith(f"group has no tag {missing}; add it to scoring:tags in Pulumi.dev")


def test_which_tags_are_required_is_configured() -> None:
    config = {"required": ["owner"]}
    assert ask(REQUIRED_TAGS, GROUP, {"tags": {"owner": "scoring"}}, config=config) == []
    assert len(ask(REQUIRED_TAGS, GROUP, {"tags": ALL}, config=config)) == 1


@pytest.mark.parametrize(
    "kind",
    [
        "azure-native:authorization:RoleAssignment",
        ML + "EnvironmentVersion",
        "pulumi:pulumi:Stack",
        "pulumi:providers:azure-native",
        "pulumi-python:dynamic:Resource",
        "scoring:infra:Platform",
    ],
)
def test_what_takes_no_tags_is_left_alone(kind: str) -> None:
    assert ask(REQUIRED_TAGS, kind, {}) == []


@pytest.mark.parametrize("kind", sorted(UNTAGGED))
def test_what_is_exempt_really_takes_no_tags(kind: str) -> None:
    module, _, name = kind.partition(":")
    resource = getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name)
    assert "tags" not in inspect.signature(resource._internal_init).parameters
