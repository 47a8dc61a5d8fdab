"""Pulumi's list of what would be made, cut down to what is taken over."""

from __future__ import annotations

from typing import Any

from runner.stacks.adoption import Adopted, import_list

ONLINE = "azure-native:machinelearningservices:OnlineEndpoint"
DEPLOYMENT = "azure-native:machinelearningservices:OnlineDeployment"
BRANCH = {"type": "scoring:infra:Endpoint", "name": "live", "component": True}
# As Pulumi 3.226 writes it: names that are taken get the type behind them.
ENDPOINT = {
    "type": ONLINE,
    "name": "liveOnlineEndpoint",
    "id": "<PLACEHOLDER>",
    "parent": "live",
    "version": "3.24.0",
    "logicalName": "live",
}
BLUE = {"type": DEPLOYMENT, "name": "live-blue", "id": "<PLACEHOLDER>", "parent": ENDPOINT["name"]}
GREEN = {**BLUE, "name": "live-green"}
OTHER = {"type": "scoring:infra:Access", "name": "access", "component": True}


def listed(*adopted: Adopted) -> list[dict[str, Any]]:
    given = {"nameTable": {}, "resources": [OTHER, BRANCH, ENDPOINT, BLUE, GREEN]}
    found = import_list(adopted, given)
    assert found["nameTable"] == {}
    return list(found["resources"])


def test_what_is_taken_over_has_its_id_and_is_where_the_program_has_it() -> None:
    adopted = (Adopted(ONLINE, "live", "/live"), Adopted(DEPLOYMENT, "live-blue", "/live/blue"))
    assert listed(*adopted) == [BRANCH, {**ENDPOINT, "id": "/live"}, {**BLUE, "id": "/live/blue"}]


def test_where_nothing_is_taken_over_the_list_is_empty() -> None:
    assert listed() == []
