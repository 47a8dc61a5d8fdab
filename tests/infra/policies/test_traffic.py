from __future__ import annotations

from typing import Any

import pytest

from infra.dynamic.routing import Routing, split_text
from infra.policies.traffic import WHOLE_TRAFFIC
from tests.infra.policies.ask import ML, UNKNOWN, ask

ENDPOINT = ML + "OnlineEndpoint"
ROUTING = f"pulumi-python:{Routing._resource_type_name}"


def about_endpoint(traffic: Any) -> list[str]:
    return ask(WHOLE_TRAFFIC, ENDPOINT, {"properties": {"traffic": traffic}}, stack="prod")


def about_routing(traffic: str | None) -> list[str]:
    return ask(WHOLE_TRAFFIC, ROUTING, {"endpoint": "id", "traffic": traffic}, stack="prod")


@pytest.mark.parametrize(
    "traffic",
    [
        {"blue": 90.0, "green": 10.0},
        {"blue": 100},
        {"blue": 0, "green": 0},
        {},
        None,
        {"blue": UNKNOWN, "green": 10},
        UNKNOWN,
    ],
)
def test_an_endpoint_whose_split_makes_100_or_0_passes(traffic: Any) -> None:
    assert about_endpoint(traffic) == []


@pytest.mark.parametrize(
    "traffic", [split_text({"blue": 90, "green": 10}), split_text({"blue": 0}), None, UNKNOWN]
)
def test_what_routes_an_endpoint_passes_with_such_a_split(traffic: str | None) -> None:
    assert about_routing(traffic) == []


@pytest.mark.parametrize(
    ("traffic", "text"),
    [
        ({"blue": 90, "green": 20}, "(blue: 90, green: 20) makes neither 100 nor 0"),
        ({"blue": 10}, "(blue: 10) makes neither 100 nor 0"),
        ({"blue": 150, "green": -50}, "(blue: 150, green: -50) has shares outside 0 to 100"),
        (
            {"blue": 60, "green": 50, "red": -10},
            "(blue: 60, green: 50, red: -10) has shares outside 0 to 100",
        ),
    ],
)
def test_any_other_split_fails_wherever_it_stands(traffic: dict[str, int], text: str) -> None:
    for messages in (about_endpoint(traffic), about_routing(split_text(traffic))):
        (message,) = messages
        assert text in message
        assert message.endswith("in Pulumi.prod.yaml")


def test_a_share_that_is_no_number_fails() -> None:
    (message,) = about_endpoint({"blue": "all"})
    assert "(blue: all) has shares outside 0 to 100" in message


def test_what_has_no_traffic_is_left_alone() -> None:
    assert ask(WHOLE_TRAFFIC, "azure-native:storage:StorageAccount", {"traffic": {"a": 3}}) == []
