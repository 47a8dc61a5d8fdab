from __future__ import annotations

from typing import Any

import pytest

from infra.policies.network import NO_KEYS
from infra.policies.watch import ALERTS_TELL, LOGS_KEPT, SCALING_ENDS
from tests.infra.policies.ask import ML, UNKNOWN, ask

MONITOR = "azure-native:monitor:"
ALERT, GROUP = f"{MONITOR}MetricAlert", f"{MONITOR}ActionGroup"
BUDGET = "azure-native:consumption:Budget"
SCALING = f"{MONITOR}AutoscaleSetting"


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        (ALERT, {"actions": [{"actionGroupId": "a"}]}),
        (ALERT, {"actions": UNKNOWN}),
        (GROUP, {"webhookReceivers": [{"name": "a"}]}),
        (BUDGET, {"notifications": {"a": {"contactEmails": [], "contactGroups": ["a"]}}}),
        (BUDGET, {"notifications": {"a": {"contactGroups": UNKNOWN}}}),
        (BUDGET, {"notifications": UNKNOWN}),
    ],
)
def test_what_tells_somebody_passes(kind: str, properties: dict[str, Any]) -> None:
    assert ask(ALERTS_TELL, kind, properties) == []


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        (ALERT, {"actions": []}),
        (GROUP, {"emailReceivers": []}),
        (BUDGET, {"notifications": {}}),
        (BUDGET, {"notifications": {"a": {"contactEmails": []}}}),
    ],
)
def test_what_tells_nobody_fails(kind: str, properties: dict[str, Any]) -> None:
    (message,) = ask(ALERTS_TELL, kind, properties, name="it")
    assert message.endswith("name somebody in scoring:alerts of Pulumi.dev.yaml")


def test_logs_go_to_the_log_workspace() -> None:
    kind = f"{MONITOR}DiagnosticSetting"
    assert ask(LOGS_KEPT, kind, {"workspaceId": UNKNOWN}) == []
    (message,) = ask(LOGS_KEPT, kind, {"storageAccountId": "a"}, name="logs")
    assert message.startswith("logs sends logs elsewhere")


def test_a_deployment_grows_to_an_end_that_is_configured() -> None:
    properties = {"profiles": [{"capacity": {"maximum": "11"}}]}
    (message,) = ask(SCALING_ENDS, SCALING, properties, name="blue")
    assert message.startswith("blue may grow to 11 instances; set scale_settings.max_instances to")
    assert ask(SCALING_ENDS, SCALING, properties, config={"most": 11}) == []
    assert ask(SCALING_ENDS, SCALING, {"profiles": UNKNOWN}) == []


def test_in_production_a_datastore_has_no_key() -> None:
    kind = ML + "Datastore"
    keyed = {"properties": {"credentials": {"credentialsType": "AccountKey"}}}
    plain = {"properties": {"credentials": {"credentialsType": "None"}}}
    (message,) = ask(NO_KEYS, kind, keyed, stack="prod", name="share")
    assert message.startswith("share reads with AccountKey; take it out of scoring:datastoreKeys")
    assert ask(NO_KEYS, kind, plain, stack="prod") == []
    assert ask(NO_KEYS, kind, keyed) == []
