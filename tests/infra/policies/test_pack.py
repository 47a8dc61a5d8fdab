"""The pack as Pulumi meets it: a process that prints a port and answers questions there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
import yaml
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from infra.policies.__main__ import RULES
from tests.infra.policies.ask import ML, UNKNOWN
from tests.projects import ROOT

PACK = ROOT / "infra" / "policies"


@pytest.fixture(scope="module")
def pack() -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, str(PACK)], cwd=PACK, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        port = process.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def analyze(pack: Any, kind: str, name: str, stack: str, properties: dict[str, Any]) -> Any:
    values = struct_pb2.Struct()
    values.update(properties)
    return pack.Analyze(
        analyzer_pb2.AnalyzeRequest(
            type=kind,
            name=name,
            urn=f"urn:pulumi:{stack}::scoring::{kind}::{name}",
            properties=values,
        )
    ).diagnostics


def test_every_policy_is_mandatory_and_says_what_it_is(pack: Any) -> None:
    policies = pack.GetAnalyzerInfo(empty_pb2.Empty()).policies
    assert [policy.name for policy in policies] == [rule.name for rule in RULES]
    assert {policy.enforcementLevel for policy in policies} == {analyzer_pb2.MANDATORY}
    assert all(policy.description.endswith(".") for policy in policies)


def test_every_setting_has_a_type_a_default_and_a_description(pack: Any) -> None:
    policies = pack.GetAnalyzerInfo(empty_pb2.Empty()).policies
    settings = {
        (policy.name, key): dict(schema)
        for policy in policies
        for key, schema in policy.configSchema.properties.items()
    }
    assert len(settings) == sum(len(rule.settings) for rule in RULES)
    for schema in settings.values():
        assert {"type", "default", "description"} <= schema.keys()


def test_a_violation_stops_the_update_and_names_the_key_to_change(pack: Any) -> None:
    pack.Configure(analyzer_pb2.ConfigureAnalyzerRequest())
    (found,) = analyze(
        pack,
        ML + "OnlineEndpoint",
        "diabetes-online",
        "dev",
        {
            "properties": {"traffic": {"blue": 90, "green": 20}},
            "tags": {"project": "p", "environment": "dev", "commit": "c"},
        },
    )
    assert found.policyName == "traffic-makes-100-or-0"
    assert found.enforcementLevel == analyzer_pb2.MANDATORY
    assert "in Pulumi.dev.yaml" in found.message


def test_a_preview_in_which_nothing_is_known_yet_passes_without_a_word(pack: Any) -> None:
    pack.Configure(analyzer_pb2.ConfigureAnalyzerRequest())
    for kind in ("Workspace", "Compute", "OnlineEndpoint", "OnlineDeployment", "BatchDeployment"):
        names = ("properties", "tags", "publicNetworkAccess", "systemDatastoresAuthMode")
        properties = dict.fromkeys(names, UNKNOWN)
        assert list(analyze(pack, ML + kind, "it", "prod", properties)) == [], kind


def test_a_resource_of_which_nothing_is_said_is_answered_all_the_same(pack: Any) -> None:
    pack.Configure(analyzer_pb2.ConfigureAnalyzerRequest())
    for kind in ("Workspace", "Compute", "OnlineEndpoint", "OnlineDeployment", "BatchDeployment"):
        (last, *_) = reversed(analyze(pack, ML + kind, "it", "prod", {}))
        assert last.policyName == "resources-have-tags"


def test_the_configuration_of_a_policy_reaches_its_rule(pack: Any) -> None:
    settings = struct_pb2.Struct()
    settings.update({"allowed": ["Standard_NC6s_v3"]})
    config = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.MANDATORY, properties=settings)
    request = analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={"no-gpu-unless-allowed": config})
    deployment = {
        "properties": {"instanceType": "Standard_NC6s_v3"},
        "tags": {"project": "p", "environment": "dev", "commit": "c"},
    }
    pack.Configure(request)
    assert list(analyze(pack, ML + "OnlineDeployment", "blue", "dev", deployment)) == []
    pack.Configure(analyzer_pb2.ConfigureAnalyzerRequest())
    (found,) = analyze(pack, ML + "OnlineDeployment", "blue", "dev", deployment)
    assert found.policyName == "no-gpu-unless-allowed"


def test_the_configuration_in_use_names_policies_and_their_settings() -> None:
    settings = {rule.name: {setting.key for setting in rule.settings} for rule in RULES}
    for policy, config in json.loads((PACK / "config.json").read_text()).items():
        assert config.keys() <= settings[policy] | {"enforcementLevel"}


def test_the_pack_runs_in_the_projects_environment() -> None:
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert project["runtime"]["name"] == "python"
    virtualenv = PACK / project["runtime"]["options"]["virtualenv"]
    assert virtualenv.resolve() == ROOT / ".venv"
